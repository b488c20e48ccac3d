//! [`Request`]: what became of a request.

use std::time::{Duration, Instant};

/// Of a request's path, so many characters are kept.
const MAX_PATH: usize = 200;

/// A request that the inbox took, whatever became of it.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) at: Instant,
    pub(crate) path: String,
    pub(crate) outcome: String,
}

impl Request {
    /// What of a path is kept.
    pub(crate) fn path_of(path: &str) -> String {
        path.chars().take(MAX_PATH).collect()
    }

    /// When it was complete.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `ok`, the error string it was refused with, or the fault played.
    #[must_use]
    pub fn outcome(&self) -> &str {
        &self.outcome
    }
}

/// The most requests within any window of this length.
#[must_use]
pub fn busiest(requests: &[Request], window: Duration) -> usize {
    let times: Vec<Instant> = requests.iter().map(Request::at).collect();
    let within = |start: &Instant| {
        times.iter().filter(|at| **at >= *start && at.duration_since(*start) <= window).count()
    };
    times.iter().map(within).max().unwrap_or(0)
}
