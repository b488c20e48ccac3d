//! [`PollMeter`]: measures a request's polls.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::observation::{Age, Polls, ThreadName};

use super::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// It is not being polled.
const IDLE: u64 = 0;
/// It is being polled, and nobody has looked at a clock.
const UNTIMED: u64 = u64::MAX;

/// Measures a request's polls, in nanoseconds since it came.
///
/// Only who polls the request writes to it, so that no write has to be a
/// read-modify-write; our thread reads. One exception: a poll that nobody
/// timed is given its time by our thread when that first sees it, so short
/// ones cost no look at a clock and long ones are measured all the same.
#[derive(Debug, Default)]
pub(crate) struct PollMeter {
    /// When the poll under way began, plus one.
    since: AtomicU64,
    thread: AtomicU32,
    count: AtomicU32,
    busy: AtomicU64,
    longest: AtomicU64,
    longest_thread: AtomicU32,
    /// When the last timed poll ended.
    ended: AtomicU64,
    longest_wait: AtomicU64,
}

impl PollMeter {
    /// A poll begins.
    #[inline]
    pub(crate) fn begin(&self, age: Age) {
        let now = stamp(age);
        let waited = now.saturating_sub(self.ended.load(Ordering::Relaxed));
        if waited > self.longest_wait.load(Ordering::Relaxed) {
            self.longest_wait.store(waited, Ordering::Relaxed);
        }
        self.start(now);
    }

    /// A poll begins that is not timed.
    #[inline]
    pub(crate) fn begin_untimed(&self) {
        self.start(UNTIMED);
    }

    #[inline]
    fn start(&self, since: u64) {
        self.thread.store(ThreadName::here().number(), Ordering::Relaxed);
        self.since.store(since, Ordering::Relaxed);
    }

    /// The poll is over.
    #[inline]
    pub(crate) fn end(&self, age: Age) {
        let since = self.since.load(Ordering::Relaxed);
        self.since.store(IDLE, Ordering::Relaxed);
        let now = stamp(age);
        self.ended.store(now, Ordering::Relaxed);
        self.add(since, now);
    }

    /// The longest time without a poll, up to now.
    pub(crate) fn longest_wait(&self, age: Age) -> Duration {
        let running = match self.since.load(Ordering::Relaxed) {
            IDLE => stamp(age).saturating_sub(self.ended.load(Ordering::Relaxed)),
            _ => 0,
        };
        Duration::from_nanos(running.max(self.longest_wait.load(Ordering::Relaxed)))
    }

    /// A poll that was not timed is over; `age` is asked for only if our
    /// thread has seen it. Whether it has.
    #[inline]
    pub(crate) fn end_untimed(&self, age: impl FnOnce() -> Age) -> bool {
        let since = self.since.load(Ordering::Relaxed);
        // Rarely it is stamped just now; then it was short, and is not counted.
        self.since.store(IDLE, Ordering::Relaxed);
        let is_seen = since != UNTIMED;
        if is_seen {
            let now = stamp(age());
            self.ended.store(now, Ordering::Relaxed);
            self.add(since, now);
        }
        is_seen
    }

    /// When the last timed poll ended.
    #[inline]
    pub(crate) fn ended(&self) -> Age {
        Age::from_nanos(self.ended.load(Ordering::Relaxed).saturating_sub(1))
    }

    #[inline]
    fn add(&self, since: u64, now: u64) {
        let took = now.saturating_sub(since);
        let raise = |cell: &AtomicU64, by: u64| {
            cell.store(cell.load(Ordering::Relaxed).saturating_add(by), Ordering::Relaxed);
        };
        raise(&self.busy, took);
        let count = self.count.load(Ordering::Relaxed);
        self.count.store(count.saturating_add(1), Ordering::Relaxed);
        if took > self.longest.load(Ordering::Relaxed) {
            self.longest.store(took, Ordering::Relaxed);
            self.longest_thread.store(self.thread.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// For how long it has been polled without a break, if it is being polled.
    /// Gives a time to a poll that has none.
    pub(crate) fn current(&self, age: Age) -> Option<Duration> {
        let now = stamp(age);
        let since = match self.since.load(Ordering::Relaxed) {
            IDLE => return None,
            UNTIMED => {
                let stamped =
                    self.since.compare_exchange(UNTIMED, now, Ordering::Relaxed, Ordering::Relaxed);
                stamped.ok()?;
                now
            }
            since => since,
        };
        Some(Duration::from_nanos(now.saturating_sub(since)))
    }

    /// What it has measured by now; `None` if it has measured nothing.
    pub(crate) fn read(&self, age: Age) -> Option<Polls> {
        let current = self.current(age).map(|polled| Age::from(polled).nanos());
        let (busy, longest) =
            (self.busy.load(Ordering::Relaxed), self.longest.load(Ordering::Relaxed));
        let count = self.count.load(Ordering::Relaxed);
        let under_way = current.unwrap_or(0);
        let thread = match under_way > longest {
            true => &self.thread,
            false => &self.longest_thread,
        };
        (count > 0 || current.is_some()).then(|| Polls {
            count: count.saturating_add(u32::from(current.is_some())),
            thread: ThreadName::from_number(thread.load(Ordering::Relaxed)),
            busy: busy.saturating_add(under_way),
            longest: longest.max(under_way),
            current: current.and_then(NonZeroU64::new),
        })
    }

    pub(super) fn clear(&mut self) {
        *self = PollMeter::default();
    }
}

/// Never one of the two marks.
#[inline]
fn stamp(age: Age) -> u64 {
    age.nanos().min(UNTIMED - 2) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn ms(age: u32) -> Age {
        Age::from(age * MS)
    }

    #[test]
    fn busy_and_longest_and_the_poll_under_way() {
        let meter = PollMeter::default();
        assert_eq!(meter.read(Age::ZERO), None);
        meter.begin(Age::ZERO);
        meter.end(ms(3));
        meter.begin(ms(10));
        meter.end(ms(50));
        let polls = meter.read(ms(60)).unwrap();
        assert_eq!((polls.count(), polls.busy(), polls.longest()), (2, 43 * MS, 40 * MS));
        assert_eq!(polls.current(), None);
        assert_eq!(meter.longest_wait(ms(55)), 7 * MS);
        assert_eq!(meter.longest_wait(ms(60)), 10 * MS);

        meter.begin(ms(100));
        let polls = meter.read(ms(300)).unwrap();
        assert_eq!((polls.count(), polls.busy(), polls.longest()), (3, 243 * MS, 200 * MS));
        assert_eq!(polls.current(), Some(200 * MS));
        assert_eq!(polls.thread(), std::thread::current().name().map(Into::into));
    }

    #[test]
    fn what_is_not_timed_counts_from_when_it_was_seen() {
        let meter = PollMeter::default();
        meter.begin_untimed();
        meter.end_untimed(|| unreachable!("nobody saw it"));
        assert_eq!(meter.read(ms(1)), None);

        meter.begin_untimed();
        assert_eq!(meter.current(ms(10)), Some(Duration::ZERO));
        assert_eq!(meter.current(ms(30)), Some(20 * MS));
        meter.end_untimed(|| ms(35));
        assert_eq!(meter.read(ms(90)).unwrap().longest(), 25 * MS);
        assert_eq!(meter.current(ms(90)), None);
    }
}
