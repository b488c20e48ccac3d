//! [`Age`]: the time since a request came.

use std::time::Duration;

/// The time since a request came, in nanoseconds: cheaper to keep, to compare
/// and to share among threads than a [`Duration`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Age(u64);

impl Age {
    /// When it came.
    pub(crate) const ZERO: Age = Age(0);

    #[inline]
    pub(crate) fn nanos(self) -> u64 {
        self.0
    }
}

impl From<Duration> for Age {
    #[inline]
    fn from(age: Duration) -> Self {
        // Cheaper than by way of 128 bits.
        Age(age.as_secs().saturating_mul(1_000_000_000).saturating_add(age.subsec_nanos().into()))
    }
}

impl From<Age> for Duration {
    fn from(age: Age) -> Self {
        Duration::from_nanos(age.0)
    }
}
