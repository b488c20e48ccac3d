//! [`TellAfter`]: from how many on an incident is told.

use std::time::Duration;

use crate::observation::Kind;

/// Below `count` within `window` an incident does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TellAfter {
    pub(crate) kind: Kind,
    /// Only on this route; on every one otherwise.
    pub(crate) route: Option<String>,
    pub(crate) count: u64,
    pub(crate) window: Duration,
}
