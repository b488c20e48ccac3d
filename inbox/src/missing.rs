//! [`Missing`]: the awaited message did not come.

use std::fmt;
use std::time::Duration;

/// The awaited message did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    limit: Duration,
    came: Vec<String>,
}

impl Missing {
    pub(crate) fn new(limit: Duration, came: Vec<String>) -> Self {
        Missing { limit, came }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message did not come within {:?}; what came: {:?}", self.limit, self.came)
    }
}

impl std::error::Error for Missing {}
