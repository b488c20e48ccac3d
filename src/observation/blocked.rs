//! [`Blocked`]: that requests kept an async runtime from everybody else.

use std::time::Duration;

/// That requests kept an async runtime from everybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub(crate) lasted: Duration,
    pub(crate) threads: u32,
    pub(crate) waited: u32,
}

impl Blocked {
    /// For how long, as far as it was seen.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        self.lasted
    }

    /// How many threads were blocked at once, at the most.
    #[must_use]
    pub fn threads(&self) -> u32 {
        self.threads
    }

    /// How many other requests were in flight meanwhile, at the most.
    #[must_use]
    pub fn waited(&self) -> u32 {
        self.waited
    }
}
