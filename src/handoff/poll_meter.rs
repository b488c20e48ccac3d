//! [`PollMeter`]: measures a request's polls.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::observation::{Age, Polls, ThreadName};

use super::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// It is not being polled.
const IDLE: u64 = 0;
/// It has been called, its future not polled yet, and nobody looked meanwhile.
const CALLED: u64 = u64::MAX - 2;
/// It is being called, or polled for the first time right after that, and
/// nobody looked meanwhile: since it came.
const FIRST: u64 = u64::MAX - 1;
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
    /// The last part of it that ran.
    part: AtomicU32,
    count: AtomicU32,
    longest_thread: AtomicU32,
    busy: AtomicU64,
    longest: AtomicU64,
    /// When the last timed poll ended.
    ended: AtomicU64,
    longest_wait: AtomicU64,
}

/// When a poll began that is over, and is not in the meter yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Began(u64);

impl Began {
    /// Nothing is left to add.
    const NOTHING: Began = Began(IDLE);
}

impl PollMeter {
    /// It is being called, as it comes.
    #[inline]
    pub(crate) fn begin_call(&self) {
        self.start(ThreadName::begin_part(), FIRST);
    }

    /// The call is over. It is measured with the first poll, if that follows at
    /// once; if our thread has seen it, by itself.
    #[inline]
    pub(crate) fn end_call(&self) -> Began {
        if self.since.load(Ordering::Relaxed) == FIRST {
            self.since.store(CALLED, Ordering::Relaxed);
            return Began::NOTHING;
        }
        self.end()
    }

    /// A poll begins; `age` is asked for unless it is the first one, right
    /// after the call.
    #[inline]
    pub(crate) fn begin(&self, age: impl FnOnce() -> Age) {
        let (thread, part) = ThreadName::begin_part();
        let is_first = self.since.load(Ordering::Relaxed) == CALLED
            && self.part.load(Ordering::Relaxed).wrapping_add(1) == part;
        if is_first {
            self.start((thread, part), FIRST);
            return;
        }
        let now = stamp(age());
        let waited = now.saturating_sub(self.ended());
        if waited > self.longest_wait.load(Ordering::Relaxed) {
            self.longest_wait.store(waited, Ordering::Relaxed);
        }
        self.start((thread, part), now);
    }

    /// When the last timed poll ended, or when it came.
    #[inline]
    fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed).max(stamp(Age::ZERO))
    }

    /// A poll begins that is not timed.
    #[inline]
    pub(crate) fn begin_untimed(&self) {
        self.start(ThreadName::begin_part(), UNTIMED);
    }

    #[inline]
    fn start(&self, (thread, part): (ThreadName, u32), since: u64) {
        self.thread.store(thread.number(), Ordering::Relaxed);
        self.part.store(part, Ordering::Relaxed);
        self.since.store(since, Ordering::Relaxed);
    }

    /// The poll is over. What it took is in the meter once it is added.
    #[inline]
    pub(crate) fn end(&self) -> Began {
        let since = self.since.load(Ordering::Relaxed);
        self.since.store(IDLE, Ordering::Relaxed);
        Began(if since >= CALLED { stamp(Age::ZERO) } else { since })
    }

    /// A poll that was not timed is over: when it began, if our thread has seen
    /// it.
    #[inline]
    pub(crate) fn end_untimed(&self) -> Option<Began> {
        let since = self.since.load(Ordering::Relaxed);
        // Rarely it is stamped just now; then it was short, and is not counted.
        self.since.store(IDLE, Ordering::Relaxed);
        (since != UNTIMED).then_some(Began(since))
    }

    /// Adds a poll that began then and was over at `age`.
    #[inline]
    pub(crate) fn add(&self, began: Began, age: impl FnOnce() -> Age) {
        if began == Began::NOTHING {
            return;
        }
        let now = stamp(age());
        self.ended.store(now.max(self.ended.load(Ordering::Relaxed)), Ordering::Relaxed);
        let took = now.saturating_sub(began.0);
        let busy = self.busy.load(Ordering::Relaxed);
        self.busy.store(busy.saturating_add(took), Ordering::Relaxed);
        let count = self.count.load(Ordering::Relaxed);
        self.count.store(count.saturating_add(1), Ordering::Relaxed);
        if took > self.longest.load(Ordering::Relaxed) {
            self.longest.store(took, Ordering::Relaxed);
            self.longest_thread.store(self.thread.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// The longest time without a poll, up to now.
    pub(crate) fn longest_wait(&self, age: Age) -> Duration {
        let running = match self.since.load(Ordering::Relaxed) {
            IDLE | CALLED => stamp(age).saturating_sub(self.ended()),
            _ => 0,
        };
        Duration::from_nanos(running.max(self.longest_wait.load(Ordering::Relaxed)))
    }

    /// For how long it has been polled without a break, if it is being polled.
    /// Gives a time to a poll that has none.
    pub(crate) fn current(&self, age: Age) -> Option<Duration> {
        let now = stamp(age);
        let since = self.since.load(Ordering::Relaxed);
        let seen = match since {
            IDLE => return None,
            CALLED => IDLE,
            FIRST => stamp(Age::ZERO),
            UNTIMED => now,
            since => since,
        };
        if seen != since {
            let exchanged =
                self.since.compare_exchange(since, seen, Ordering::Relaxed, Ordering::Relaxed);
            exchanged.ok()?;
        }
        (seen != IDLE).then(|| Duration::from_nanos(now.saturating_sub(seen)))
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

/// Never one of the marks.
#[inline]
fn stamp(age: Age) -> u64 {
    age.nanos().min(CALLED - 2) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn ms(age: u32) -> Age {
        Age::from(age * MS)
    }

    impl PollMeter {
        fn poll(&self, from: u32, to: u32) {
            self.begin(|| ms(from));
            self.add(self.end(), || ms(to));
        }
    }

    #[test]
    fn busy_and_longest_and_the_poll_under_way() {
        let meter = PollMeter::default();
        assert_eq!(meter.read(Age::ZERO), None);
        meter.poll(0, 3);
        meter.poll(10, 50);
        let polls = meter.read(ms(60)).unwrap();
        assert_eq!((polls.count(), polls.busy(), polls.longest()), (2, 43 * MS, 40 * MS));
        assert_eq!(polls.current(), None);
        assert_eq!(meter.longest_wait(ms(55)), 7 * MS);
        assert_eq!(meter.longest_wait(ms(60)), 10 * MS);

        meter.begin(|| ms(100));
        let polls = meter.read(ms(300)).unwrap();
        assert_eq!((polls.count(), polls.busy(), polls.longest()), (3, 243 * MS, 200 * MS));
        assert_eq!(polls.current(), Some(200 * MS));
        assert_eq!(polls.thread(), std::thread::current().name().map(Into::into));
    }

    #[test]
    fn what_is_not_timed_counts_from_when_it_was_seen() {
        let meter = PollMeter::default();
        meter.begin_untimed();
        assert_eq!(meter.end_untimed(), None);
        assert_eq!(meter.read(ms(1)), None);

        meter.begin_untimed();
        assert_eq!(meter.current(ms(10)), Some(Duration::ZERO));
        assert_eq!(meter.current(ms(30)), Some(20 * MS));
        meter.add(meter.end_untimed().unwrap(), || ms(35));
        assert_eq!(meter.read(ms(90)).unwrap().longest(), 25 * MS);
        assert_eq!(meter.current(ms(90)), None);
    }

    #[test]
    fn a_poll_right_after_the_call_is_one_with_it() {
        let meter = PollMeter::default();
        meter.begin_call();
        assert_eq!(meter.end_call(), Began::NOTHING);
        meter.begin(|| unreachable!("nothing ran in between"));
        assert_eq!(meter.current(ms(20)), Some(20 * MS));
        meter.add(meter.end(), || ms(30));
        let polls = meter.read(ms(40)).unwrap();
        assert_eq!((polls.count(), polls.busy(), polls.longest()), (1, 30 * MS, 30 * MS));
        assert_eq!(meter.longest_wait(ms(40)), 10 * MS);
    }

    #[test]
    fn a_poll_some_time_after_the_call_is_not() {
        let called = || {
            let meter = PollMeter::default();
            meter.begin_call();
            assert_eq!(meter.end_call(), Began::NOTHING);
            meter
        };
        let is_apart = |meter: PollMeter| {
            meter.begin(|| ms(10));
            assert_eq!(meter.current(ms(12)), Some(2 * MS));
            meter.add(meter.end(), || ms(13));
            assert_eq!(meter.read(ms(20)).unwrap().busy(), 3 * MS);
            assert_eq!(meter.longest_wait(ms(20)), 10 * MS);
        };
        // Another request was polled in between.
        let meter = called();
        PollMeter::default().poll(0, 1);
        is_apart(meter);
        // Another thread polls it.
        let meter = called();
        std::thread::scope(|scope| scope.spawn(|| is_apart(meter)).join().unwrap());
        // Our thread has seen it wait.
        let meter = called();
        assert_eq!(meter.longest_wait(ms(8)), 8 * MS);
        assert_eq!(meter.current(ms(8)), None);
        is_apart(meter);
    }

    #[test]
    fn a_call_that_is_seen_is_measured_by_itself() {
        let meter = PollMeter::default();
        meter.begin_call();
        assert_eq!(meter.current(ms(700)), Some(700 * MS));
        meter.add(meter.end_call(), || ms(900));
        meter.begin(|| ms(1_000));
        meter.add(meter.end(), || ms(1_001));
        let polls = meter.read(ms(1_100)).unwrap();
        assert_eq!((polls.count(), polls.busy(), polls.longest()), (2, 901 * MS, 900 * MS));
    }

    #[test]
    fn a_poll_that_is_added_late_does_not_end_later_ones_before() {
        let meter = PollMeter::default();
        meter.begin(|| ms(0));
        let first = meter.end();
        meter.poll(20, 30);
        meter.add(first, || ms(10));
        assert_eq!(meter.read(ms(40)).unwrap().busy(), 20 * MS);
        assert_eq!(meter.longest_wait(ms(31)), 20 * MS);
    }
}
