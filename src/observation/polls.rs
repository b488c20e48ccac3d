//! [`Polls`]: how a request spent its time.

use std::sync::Arc;
use std::time::Duration;

use super::ThreadName;

/// How a request spent its time up to its response head: waiting, or being
/// polled, which is when it computes, or blocks its thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Polls {
    pub(crate) count: u32,
    /// Of the longest poll, or of the one under way.
    pub(crate) thread: ThreadName,
    // Nanoseconds, since samples are many.
    pub(crate) busy: u64,
    pub(crate) longest: u64,
    pub(crate) current: Option<std::num::NonZeroU64>,
}

impl Polls {
    /// How often it was polled. The service's `call` counts as one poll, or as
    /// one with the first, if that follows within a millisecond on its thread.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// For how long it was polled in all, the poll under way included.
    #[must_use]
    pub fn busy(&self) -> Duration {
        Duration::from_nanos(self.busy)
    }

    /// How long the longest poll took; so far, if it is still under way.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest)
    }

    /// For how long it was being polled at that moment, if it was.
    #[must_use]
    pub fn current(&self) -> Option<Duration> {
        self.current.map(|nanos| Duration::from_nanos(nanos.get()))
    }

    /// The name of the thread of the longest poll.
    #[must_use]
    pub fn thread(&self) -> Option<Arc<str>> {
        self.thread.name()
    }

    /// Whether it kept its thread from everybody else: a poll that took a
    /// second, or a tenth of one and most of the request's time.
    #[must_use]
    pub fn is_blocking(&self, took: Duration) -> bool {
        let longest = self.longest();
        longest >= Duration::from_secs(1)
            || (longest >= Duration::from_millis(100) && longest * 2 >= took)
    }
}
