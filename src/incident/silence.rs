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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::MethodName;

    fn key(kind: Kind, route: &str) -> Key {
        let method = MethodName::of(&http::Method::GET);
        Key::Request { kind, method, route: Route::Known(route.into()), status: None }
    }

    #[test]
    fn it_covers_all_that_it_names() {
        let route = Route::Known("/a".into());
        let covers = |matcher: &Matcher, kind| matcher.covers(&key(kind, "/a"), Some(&route));
        assert!(covers(&Matcher::all(), Kind::Failed));
        assert!(Matcher::all().covers(&Key::Cut, None));
        let slow = Matcher::all().kind(Kind::Hung);
        assert!(covers(&slow, Kind::Slow) && !covers(&slow, Kind::Failed));
        let here = Matcher::all().route("/a");
        assert!(covers(&here, Kind::Failed) && !here.covers(&Key::Cut, None));
        let elsewhere = Matcher::all().kind(Kind::Failed).route("/b");
        assert!(!covers(&elsewhere, Kind::Failed));
        assert_eq!(elsewhere.kind_and_route(), (Some(Kind::Failed), Some("/b")));
    }

    #[test]
    fn it_is_shown_as_what_it_covers() {
        let said = [
            Matcher::all(),
            Matcher::all().kind(Kind::Slow),
            Matcher::all().route("/a"),
            Matcher::all().kind(Kind::Slow).route("/a"),
        ];
        let said = said.map(|matcher| matcher.to_string());
        assert_eq!(said, ["everything", "slow", "/a", "slow on /a"]);
    }

    #[test]
    fn one_in_force_says_for_how_long() {
        let (matcher, remaining) = (Matcher::all().route("/a"), Duration::from_secs(7));
        let silence = Silence { matcher: matcher.clone(), remaining, held: 34 };
        assert_eq!(silence.matcher(), &matcher);
        assert_eq!((silence.remaining(), silence.held()), (remaining, 34));
    }
}
