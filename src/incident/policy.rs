//! [`IncidentPolicy`]: the numbers by which incidents are told.

use std::time::Duration;

use crate::observation::{Key, Kind, Route};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The numbers by which incidents are told. The defaults are the result of
/// some thought; change them for tests, or when you know your channel better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentPolicy {
    pub(crate) close_after: Duration,
    pub(crate) digests: Vec<Duration>,
    pub(crate) tell_after: Vec<TellAfter>,
}

/// Below `count` within `window` an incident does not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TellAfter {
    pub(crate) kind: Kind,
    /// Only on this route; on every one otherwise.
    pub(crate) route: Option<String>,
    pub(crate) count: u64,
    pub(crate) window: Duration,
}

impl Default for IncidentPolicy {
    fn default() -> Self {
        let minutes = [1, 2, 4, 8, 15, 30].map(|n| Duration::from_secs(n * MINUTE));
        let hours = [1, 4, 24].map(|n| Duration::from_secs(n * HOUR));
        IncidentPolicy {
            close_after: Duration::from_secs(5 * MINUTE),
            digests: minutes.into_iter().chain(hours).collect(),
            tell_after: Vec::new(),
        }
    }
}

impl IncidentPolicy {
    /// The default numbers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long without observations ends an incident. Default: 5 minutes.
    #[must_use]
    pub fn close_after(mut self, quiet: Duration) -> Self {
        self.close_after = quiet;
        self
    }

    /// How long after each message about an incident the next one may follow,
    /// if something was held; the last step repeats. Default: 1, 2, 4, 8, 15,
    /// 30 minutes, 1, 4, 24 hours.
    #[must_use]
    pub fn digests(mut self, steps: impl IntoIterator<Item = Duration>) -> Self {
        self.digests = steps.into_iter().collect();
        self
    }

    pub(crate) fn digest_after(&self, step: usize) -> Duration {
        let step = self.digests.get(step).or(self.digests.last());
        step.copied().unwrap_or(Duration::from_secs(24 * HOUR))
    }

    /// The threshold for a key; the one of its route wins.
    pub(crate) fn threshold(&self, key: &Key) -> Option<&TellAfter> {
        let kind = key.kind();
        let on_route = |rule: &&TellAfter| match (&rule.route, key.route()) {
            (Some(wanted), Some(Route::Known(route))) => **wanted == **route,
            _ => false,
        };
        let mut rules = self.tell_after.iter().rev().filter(|rule| rule.kind == kind);
        let own = rules.clone().find(on_route);
        own.or_else(|| rules.find(|rule| rule.route.is_none())).filter(|rule| rule.count > 1)
    }
}
