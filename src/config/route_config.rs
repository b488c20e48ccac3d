//! [`RouteConfig`]: settings of one route.

use std::time::Duration;

use crate::incident::{Mention, MentionRule, TellAfter};
use crate::observation::Kind;
use crate::service::RouteRules;

/// Settings of one route, given to the closure of
/// [`AlertConfigBuilder::route`](crate::AlertConfigBuilder::route).
#[derive(Clone, Debug, Default)]
pub struct RouteConfig {
    pub(super) rules: RouteRules,
    pub(super) tell_after: Vec<TellAfter>,
    pub(super) mentions: Vec<MentionRule>,
    pub(super) runbook: Option<String>,
}

impl RouteConfig {
    /// When a response counts as slow on this route.
    #[must_use]
    pub fn slow_after(mut self, threshold: Duration) -> Self {
        self.rules.slow_after = Some(threshold);
        self
    }

    /// When a request that has no response yet is told on this route, while it
    /// still runs; never before it is slow.
    #[must_use]
    pub fn hung_after(mut self, threshold: Duration) -> Self {
        self.rules.hung_after = Some(threshold);
        self
    }

    /// From which age on a dropped request counts as cancelled on this route.
    /// Default: its `slow_after`, if that is set.
    #[must_use]
    pub fn cancelled_after(mut self, threshold: Duration) -> Self {
        self.rules.cancelled_after = Some(threshold);
        self
    }

    /// Never tells this kind on this route.
    #[must_use]
    pub fn never(mut self, kind: Kind) -> Self {
        self.rules.never.push(kind);
        self
    }

    /// Tells the route's template and never the path.
    #[must_use]
    pub fn hide_path(mut self) -> Self {
        self.rules.hide_path = true;
        self
    }

    /// What to do when this route is in trouble: the first button of its
    /// alerts.
    #[must_use]
    pub fn runbook(mut self, url: impl Into<String>) -> Self {
        self.runbook = Some(url.into());
        self
    }

    /// As [`AlertConfigBuilder::mention`](crate::AlertConfigBuilder::mention),
    /// on this route.
    #[must_use]
    pub fn mention(mut self, kind: Kind, mention: Mention) -> Self {
        self.mentions.push(MentionRule::new(mention).kind(kind));
        self
    }

    /// As [`AlertConfigBuilder::tell_after`](crate::AlertConfigBuilder::tell_after),
    /// on this route.
    #[must_use]
    pub fn tell_after(mut self, kind: Kind, count: u64, window: Duration) -> Self {
        self.tell_after.push(TellAfter { kind, route: None, count, window });
        self
    }
}
