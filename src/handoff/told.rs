//! [`Told`]: what was counted of a request so far.

use std::sync::Arc;

use crate::observation::{Endpoint, Kind, Rule, Status};

/// What was counted of a request so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Told {
    #[default]
    Nothing,
    Suppressed(Rule),
    /// Under which key; `other` where that found no room.
    Counted {
        kind: Kind,
        status: Option<Status>,
        as_other: bool,
        /// Not under its own route, but as blocking or blocked by this one.
        by: Option<Arc<Endpoint>>,
    },
}

impl Told {
    /// Whether it was told while it ran.
    pub(crate) fn is_hung(&self) -> bool {
        matches!(self, Told::Counted { kind: Kind::Hung, .. })
    }
}
