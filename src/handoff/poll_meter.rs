//! [`PollMeter`]: measures a request's polls.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::observation::{Age, Polls, ThreadName};

use super::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// It is not being polled.
const IDLE: u64 = 0;
/// It has been called, and its future not been polled yet.
const CALLED: u64 = u64::MAX - 2;
/// It is being called, or polled for the first time at once after that, and
/// our thread has not looked meanwhile: since it came.
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
    /// Where what ended last had run, of what is added.
    ended_on: AtomicU32,
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
        self.start(ThreadName::here(), FIRST);
    }

    /// The call is over.
    #[inline]
    pub(crate) fn end_call(&self) -> Began {
        self.ran_here();
        self.since.store(CALLED, Ordering::Relaxed);
        Began(stamp(Age::ZERO))
    }

    /// Whether this thread has called it, and nobody has polled it.
    #[inline]
    pub(crate) fn is_called_here(&self) -> bool {
        self.since.load(Ordering::Relaxed) == CALLED
            && self.thread.load(Ordering::Relaxed) == ThreadName::here().number()
    }

    /// The first poll begins, at once after the call: they are one.
    #[inline]
    pub(crate) fn go_on(&self) {
        self.since.store(FIRST, Ordering::Relaxed);
    }

    /// A poll begins.
    #[inline]
    pub(crate) fn begin(&self, age: Age) {
        let now = stamp(age);
        let waited = now.saturating_sub(self.ended());
        if waited > self.longest_wait.load(Ordering::Relaxed) {
            self.longest_wait.store(waited, Ordering::Relaxed);
        }
        self.start(ThreadName::here(), now);
    }

    /// When the last timed poll ended, or when it came.
    #[inline]
    fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed).max(stamp(Age::ZERO))
    }

    /// A poll begins that is not timed.
    #[inline]
    pub(crate) fn begin_untimed(&self) {
        self.start(ThreadName::here(), UNTIMED);
    }

    #[inline]
    fn start(&self, thread: ThreadName, since: u64) {
        self.thread.store(thread.number(), Ordering::Relaxed);
        self.since.store(since, Ordering::Relaxed);
    }

    /// The poll is over. What it took is in the meter once it is added, before
    /// which nothing else that is added may end.
    #[inline]
    pub(crate) fn end(&self) -> Began {
        self.ran_here();
        let since = self.since.load(Ordering::Relaxed);
        self.since.store(IDLE, Ordering::Relaxed);
        Began(if since == FIRST { stamp(Age::ZERO) } else { since })
    }

    /// A poll that was not timed is over: when it began, if our thread has seen
    /// it. It [ran here](PollMeter::ran_here).
    #[inline]
    pub(crate) fn end_untimed(&self) -> Option<Began> {
        let since = self.since.load(Ordering::Relaxed);
        // Rarely it is stamped just now; then it was short, and is not counted.
        self.since.store(IDLE, Ordering::Relaxed);
        (since != UNTIMED).then_some(Began(since))
    }

    /// What is added next is what ran last.
    #[inline]
    pub(crate) fn ran_here(&self) {
        self.ended_on.store(self.thread.load(Ordering::Relaxed), Ordering::Relaxed);
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
            self.longest_thread.store(self.ended_on.load(Ordering::Relaxed), Ordering::Relaxed);
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
            IDLE | CALLED => return None,
            FIRST => stamp(Age::ZERO),
            UNTIMED => now,
            since => since,
        };
        if seen != since {
            let exchanged =
                self.since.compare_exchange(since, seen, Ordering::Relaxed, Ordering::Relaxed);
            exchanged.ok()?;
        }
        Some(Duration::from_nanos(now.saturating_sub(seen)))
    }

    /// What it has measured by now; `None` if it has measured nothing.
    pub(crate) fn read(&self, age: Age) -> Option<Polls> {
        let current = self.current(age).map(|polled| Age::from(polled).nanos());
        let (busy, longest) =
            (self.busy.load(Ordering::Relaxed), self.longest.load(Ordering::Relaxed));
        // Short, or our thread had seen it.
        let is_called = self.since.load(Ordering::Relaxed) == CALLED;
        let count = self.count.load(Ordering::Relaxed).saturating_add(u32::from(is_called));
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
            self.begin(ms(from));
            self.add(self.end(), || ms(to));
        }

        fn call(&self, to: u32) {
            self.begin_call();
            self.add(self.end_call(), || ms(to));
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
    fn a_call_and_the_poll_that_follows_at_once_are_one() {
        let meter = PollMeter::default();
        meter.begin_call();
        assert_eq!(meter.current(ms(10)), Some(10 * MS));
        let _of_both = meter.end_call();
        assert!(meter.is_called_here());
        meter.go_on();
        assert_eq!(meter.current(ms(20)), Some(20 * MS));
        meter.add(meter.end(), || ms(30));
        let polls = meter.read(ms(40)).unwrap();
        assert_eq!((polls.count(), polls.busy(), polls.longest()), (1, 30 * MS, 30 * MS));
        assert_eq!(meter.longest_wait(ms(40)), 10 * MS);
        assert!(!meter.is_called_here());
    }

    #[test]
    fn a_poll_some_time_after_the_call_is_another_one() {
        let meter = PollMeter::default();
        meter.call(3);
        assert_eq!(meter.longest_wait(ms(8)), 5 * MS);
        assert_eq!(meter.current(ms(8)), None);
        meter.poll(10, 14);
        let polls = meter.read(ms(20)).unwrap();
        assert_eq!((polls.count(), polls.busy(), polls.longest()), (2, 7 * MS, 4 * MS));
        assert_eq!(meter.longest_wait(ms(20)), 7 * MS);
    }

    #[test]
    fn what_is_called_and_not_polled_waits() {
        let meter = PollMeter::default();
        meter.begin_call();
        let call = meter.end_call();
        let polls = meter.read(ms(30)).unwrap();
        assert_eq!((polls.count(), polls.busy(), polls.current()), (1, Duration::ZERO, None));
        let elsewhere = std::thread::Builder::new().name("elsewhere".into());
        std::thread::scope(|scope| {
            let is_called_here = || meter.is_called_here();
            let elsewhere = elsewhere.spawn_scoped(scope, is_called_here).unwrap();
            assert!(!elsewhere.join().unwrap());
        });
        meter.add(call, || ms(2));
        assert_eq!(meter.longest_wait(ms(30)), 28 * MS);
    }

    #[test]
    fn what_is_added_late_ran_where_it_ran() {
        let meter = PollMeter::default();
        let name = std::thread::current().name().map(Into::into);
        meter.begin(ms(0));
        let began = meter.end();
        let reader = std::thread::Builder::new().name("reader".into());
        std::thread::scope(|scope| {
            let body = || {
                meter.begin_untimed();
                assert_eq!(meter.end_untimed(), None);
            };
            reader.spawn_scoped(scope, body).unwrap().join().unwrap();
        });
        meter.add(began, || ms(10));
        assert_eq!(meter.read(ms(20)).unwrap().thread(), name);
    }
}
