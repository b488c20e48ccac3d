//! [`Time`]: a moment on both clocks.

use std::time::{Duration, Instant, SystemTime};

use super::Clock;

/// A moment on both clocks: `mono` decides, `wall` is only shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// The monotonic clock.
    pub mono: Instant,
    /// The wall clock.
    pub wall: SystemTime,
}

impl Time {
    /// This moment on `clock`.
    #[must_use]
    pub fn now(clock: &Clock) -> Self {
        Time { mono: clock.now(), wall: clock.wall() }
    }

    /// What the wall clock read at `earlier`, or at this moment if `earlier`
    /// lies ahead.
    #[must_use]
    pub fn wall_at(&self, earlier: Instant) -> SystemTime {
        let ago = self.mono.saturating_duration_since(earlier);
        self.wall.checked_sub(ago).unwrap_or(self.wall)
    }

    /// This moment, `by` later.
    #[must_use]
    pub fn after(&self, by: Duration) -> Self {
        Time { mono: later(self.mono, by), wall: self.wall.checked_add(by).unwrap_or(self.wall) }
    }
}

/// `at + by`, or a day later where that can't be expressed.
#[inline]
pub(crate) fn later(at: Instant, by: Duration) -> Instant {
    const DAY: Duration = Duration::from_secs(86_400);
    at.checked_add(by).or_else(|| at.checked_add(DAY)).unwrap_or(at)
}
