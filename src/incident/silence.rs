//! [`Matcher`] and [`Silence`]: what is kept quiet, and until when.

use std::fmt;
use std::time::{Duration, Instant};

use crate::observation::{Key, Kind, Route, Time};

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

    /// Only this kind. Slow requests and those that hang are one: either kind
    /// covers both.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = Some(kind.of_key());
        self
    }

    /// Only the route with this template.
    #[must_use]
    pub fn route(mut self, template: impl Into<String>) -> Self {
        self.route = Some(template.into());
        self
    }

    /// Whether it covers observations of `key` on `route`.
    pub(crate) fn covers(&self, key: &Key, route: Option<&Route>) -> bool {
        self.kind.is_none_or(|kind| kind == key.kind())
            && self
                .route
                .as_deref()
                .is_none_or(|wanted| route.is_some_and(|route| route.as_str() == wanted))
    }

    pub(crate) fn kind_and_route(&self) -> (Option<Kind>, Option<&str>) {
        (self.kind, self.route.as_deref())
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, &self.route) {
            (None, None) => f.write_str("everything"),
            (Some(kind), None) => write!(f, "{kind}"),
            (None, Some(route)) => f.write_str(route),
            (Some(kind), Some(route)) => write!(f, "{kind} on {route}"),
        }
    }
}

/// A silence in force, as [`AlertHandle::silences`](crate::AlertHandle::silences)
/// lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    pub(crate) matcher: Matcher,
    pub(crate) remaining: Duration,
    pub(crate) held: u64,
}

impl Silence {
    /// What it covers.
    #[must_use]
    pub fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// For how long it will last.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.remaining
    }

    /// How many observations it has held so far.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held
    }
}

/// A silence from its beginning until its end has been told.
#[derive(Clone, Debug)]
pub(super) struct Quiet {
    pub(super) id: u64,
    pub(super) matcher: Matcher,
    pub(super) began: Time,
    pub(super) until: Instant,
    pub(super) held: u64,
}
