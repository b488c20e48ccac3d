//! [`Matcher`]: which observations a silence covers.

use std::time::Instant;

use crate::observation::{Key, Kind};

/// Which observations a silence covers: all, or those of a kind, on a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    kind: Option<Kind>,
    route: Option<String>,
}

impl Matcher {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Only this kind.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Only the route with this template.
    #[must_use]
    pub fn route(mut self, template: impl Into<String>) -> Self {
        self.route = Some(template.into());
        self
    }

    pub(crate) fn covers(&self, key: &Key) -> bool {
        self.kind.is_none_or(|kind| kind == key.kind())
            && self
                .route
                .as_deref()
                .is_none_or(|wanted| key.route().is_some_and(|route| route.as_str() == wanted))
    }
}

/// A matcher in force until some time.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    pub(super) matcher: Matcher,
    pub(super) until: Instant,
}
