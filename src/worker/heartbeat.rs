//! [`Heartbeat`]: notices when our own thread did not run for a while.

use std::time::{Duration, Instant};

use crate::observation::{Clock, later};

/// How often our thread wakes: nobody else can tell it when a request hangs, or
/// that time was lost.
const EVERY: Duration = Duration::from_secs(1);

/// Notices when our own thread did not run for a while, as after SIGSTOP or in a
/// frozen container. (Where the monotonic clock stands still while the machine
/// sleeps, as on Linux, ages leave that out by themselves.)
#[derive(Debug)]
pub(super) struct Heartbeat {
    late: Duration,
    /// When it is to beat again, while it has to.
    due: Option<Instant>,
}

impl Heartbeat {
    pub(super) fn new(late: Duration) -> Self {
        Heartbeat { late, due: None }
    }

    /// When our thread has to wake: by what it has to do then, and soon, so that
    /// a gap is noticed. From now on it is expected then.
    pub(super) fn expect(
        &mut self,
        clock: &Clock,
        now: Instant,
        wake: Option<Instant>,
    ) -> Option<Instant> {
        // A clock moved by hand jumps, and nothing was missed.
        let own = clock.runs_by_itself();
        let beat = own.then(|| later(now, EVERY));
        let wake = wake.into_iter().chain(beat).min();
        self.due = wake.filter(|_| own);
        wake
    }

    /// Our thread runs: for how long it did not when it should have, if that
    /// is worth a word.
    pub(super) fn beat(&mut self, clock: &Clock, now: Instant) -> Option<Duration> {
        let due = self.due.take().filter(|_| clock.runs_by_itself())?;
        let gap = now.saturating_duration_since(due);
        (gap >= self.late).then_some(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_late_beat_is_a_gap() {
        let (clock, start) = (Clock::default(), Instant::now());
        let mut heartbeat = Heartbeat::new(Duration::from_secs(5));
        let second = Duration::from_secs(1);
        assert_eq!(heartbeat.expect(&clock, start, None), Some(start + second));
        assert_eq!(heartbeat.beat(&clock, start + 5 * second), None);
        // Once it has beaten, nothing is expected until it is said again.
        assert_eq!(heartbeat.beat(&clock, start + 500 * second), None);
        heartbeat.expect(&clock, start, Some(start + 30 * second));
        assert_eq!(heartbeat.beat(&clock, start + 61 * second), Some(60 * second));
    }

    #[test]
    fn a_clock_moved_by_hand_misses_nothing() {
        let clock = Clock::manual(std::time::SystemTime::UNIX_EPOCH);
        let mut heartbeat = Heartbeat::new(Duration::from_secs(5));
        let now = clock.now();
        assert_eq!(heartbeat.expect(&clock, now, None), None);
        assert_eq!(heartbeat.beat(&clock, now + Duration::from_secs(600)), None);
    }
}
