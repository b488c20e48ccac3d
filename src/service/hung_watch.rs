//! [`HungWatch`]: finds requests that take too long while they still run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::handoff::{Handoff, HungAs, Slot, Watch};
use crate::observation::{Key, KeyRef, Kind, Outcome, Reason, RouteRef, later};

use super::recorder::{Capture, Finding, method_of, suppression};
use super::rules::Rules;

/// How often it looks at the most.
const LOOK_AT_MOST: Duration = Duration::from_millis(250);

/// Finds requests that have no response head long after they came in.
pub(crate) struct HungWatch {
    rules: Arc<Rules>,
    handoff: Arc<Handoff>,
    floor: Duration,
    since: Instant,
    told: Vec<Told>,
    /// When the process had not run, and for how long.
    gaps: Vec<(Instant, Duration)>,
}

struct Told {
    slot: Arc<Slot>,
    key: Key,
}

impl HungWatch {
    pub(crate) fn new(rules: Arc<Rules>, handoff: Arc<Handoff>) -> Self {
        let since = handoff.clock.now();
        HungWatch {
            floor: rules.hung_floor(),
            since,
            rules,
            handoff,
            told: Vec::new(),
            gaps: Vec::new(),
        }
    }

    /// Counts a request as hung, if it is by its route's rule; returns when it
    /// would be.
    fn consider(&mut self, slot: Arc<Slot>, now: Instant) -> Option<Instant> {
        let info = slot.info();
        let (rules, handoff) = (&self.rules, &self.handoff);
        let (key, hung_at) = info.with_route(&handoff.routes, |route| {
            let missed = self.missed_since(info.started());
            let at = later(info.started(), rules.hung_after(route).saturating_add(missed));
            if now < at {
                return (None, Some(at));
            }
            let key = KeyRef::Request {
                kind: Kind::Slow,
                method: method_of(&slot, route),
                route,
                status: None,
            };
            let told = slot.hang().tell(|| self.count(&slot, route, key, now));
            let key = match told {
                Some(HungAs::Counted { as_other: true }) => Some(Key::Other { kind: Kind::Slow }),
                Some(HungAs::Counted { as_other: false }) => Some(key.to_key()),
                _ => None,
            };
            (key, None)
        });
        if let Some(key) = key {
            self.told.push(Told { slot, key });
        }
        hung_at
    }

    /// For how long the process has not run since then.
    fn missed_since(&self, began: Instant) -> Duration {
        let missed =
            self.gaps.iter().map(|(until, gap)| until.saturating_duration_since(began).min(*gap));
        missed.sum()
    }

    fn count(&self, slot: &Slot, route: RouteRef<'_>, key: KeyRef<'_>, now: Instant) -> HungAs {
        let span = (self.since, now);
        if let Some(rule) = suppression(&self.rules, slot, route, span, Kind::Hung) {
            self.handoff.tally.suppress(rule);
            return HungAs::Suppressed(rule);
        }
        let found = Finding {
            reason: Reason::Unknown,
            outcome: Outcome::Plain,
            ..Finding::new(Kind::Hung)
        };
        let capture = Capture { rules: &self.rules, handoff: &self.handoff, slot, route, now };
        let as_other = capture.facts(&found, |facts| self.handoff.tally.record(key, facts));
        HungAs::Counted { as_other }
    }
}

impl Watch for HungWatch {
    fn look(&mut self, now: Instant) -> Instant {
        let (old, young) = self.handoff.registry.older_than(now, self.floor);
        // One that comes in now can't hang before that.
        let mut next = later(young.unwrap_or(now), self.floor);
        for slot in old {
            if let Some(at) = self.consider(slot, now) {
                next = next.min(at);
            }
        }
        // Many that came one after the other are found together.
        next.max(later(now, LOOK_AT_MOST))
    }

    fn missed(&mut self, until: Instant, gap: Duration) {
        // Older requests than the oldest of so many are told a little early.
        const KEPT: usize = 16;
        if self.gaps.len() >= KEPT {
            self.gaps.remove(0);
        }
        self.gaps.push((until, gap));
    }

    fn running(&mut self) -> Vec<(Key, u64, Instant)> {
        self.told.retain(|told| told.slot.hang().is_told());
        let mut running: Vec<(Key, u64, Instant)> = Vec::new();
        for told in &self.told {
            let began = told.slot.info().started();
            match running.iter_mut().find(|(key, ..)| *key == told.key) {
                Some((_, count, since)) => (*count, *since) = (*count + 1, began.min(*since)),
                None => running.push((told.key.clone(), 1, began)),
            }
        }
        running
    }
}
