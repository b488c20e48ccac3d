//! [`Event`]: what the page is told while it is open.

use serde_json::Value;

/// A change, as `GET /events` sends it.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) data: String,
}

impl Event {
    /// Everything there is: the first event, and the one after some were missed.
    pub(crate) fn snapshot(everything: &Value) -> Self {
        Event { name: "snapshot", data: everything.to_string() }
    }

    /// A message is new or edited.
    pub(crate) fn message(message: &Value) -> Self {
        Event { name: "message", data: message.to_string() }
    }

    /// A request brought no message.
    pub(crate) fn refused(refused: &Value) -> Self {
        Event { name: "refused", data: refused.to_string() }
    }

    /// A fault is switched on or off, or has been played once more.
    pub(crate) fn fault(playing: &Value) -> Self {
        Event { name: "fault", data: playing.to_string() }
    }
}
