//! [`Place`]: where a message goes.

use crate::via::Via;

/// Where a message goes.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The channel, by name or id.
    pub(crate) channel: String,
    pub(crate) via: Via,
    /// Any message of the thread that it belongs to.
    pub(crate) thread_ts: Option<String>,
}
