//! How incidents end: below their threshold, quiet, or quiet for some.

use std::time::{Duration, Instant};

use crate::observation::{Key, Rule, later};

use super::super::incident::{Incident, Phase, Telling};
use super::{Engine, IncidentId, STUCK_AFTER};

impl Engine {
    /// Thresholds that were not reached in time.
    pub(super) fn expire_below(&mut self, now: Instant) {
        let mut gone = Vec::new();
        for incident in self.incidents.values_mut() {
            let Phase::Below(seen) = &mut incident.phase else { continue };
            let window = self
                .policy
                .threshold(&incident.key)
                .map_or(Duration::ZERO, |threshold| threshold.window);
            let mut expired = 0;
            while seen.front().is_some_and(|(at, _)| now >= later(*at, window)) {
                expired += seen.pop_front().map_or(0, |(_, count)| count);
            }
            let expired = expired.min(incident.counts.total);
            incident.counts.total -= expired;
            for destination in &mut self.destinations {
                destination.account.suppress(Rule::BelowThreshold, expired);
            }
            if incident.counts.total == 0 && seen.is_empty() {
                gone.push(incident.id);
            }
        }
        self.remove(gone);
    }

    /// Ends incidents that are quiet: those that are told go, those that some
    /// destination could not be told of yet stay for it alone.
    pub(super) fn end_quiet(&mut self, now: Instant) {
        let (mut gone, mut over) = (Vec::new(), Vec::new());
        for incident in self.incidents.values() {
            let is_quiet = match incident.phase {
                Phase::Below(_) => false,
                Phase::Open => incident.key != Key::Cut && now >= incident.quiet_at(&self.policy),
                Phase::Over => true,
            };
            let tellings = || {
                let all = incident.tellings.iter().enumerate();
                all.filter(|(destination, _)| self.speaks(*destination))
            };
            let is_settled =
                tellings().all(|(at, telling)| telling.asked.is_none() && incident.held(at) == 0);
            let is_stuck = |telling: &Telling| {
                telling.asked.is_some_and(|asked| now >= later(asked, STUCK_AFTER))
            };
            if is_quiet && is_settled {
                gone.push(incident.id);
            } else if is_quiet
                && incident.phase == Phase::Open
                && tellings().all(|(at, telling)| is_stuck(telling) || incident.held(at) == 0)
            {
                over.push(incident.id);
            }
        }
        for id in &gone {
            let total = self.incidents.get(id).map_or(0, |incident| incident.counts.total);
            self.relieve_fallbacks(*id, total);
        }
        self.remove(gone);
        for id in over {
            self.keep_for_later(id);
        }
    }

    /// Lets go of an incident's key and keeps what is left to tell, together
    /// with what was left of an earlier incident of the same key.
    pub(super) fn keep_for_later(&mut self, id: IncidentId) {
        let Some(key) = self.incidents.get(&id).map(|incident| incident.key.clone()) else {
            return;
        };
        self.live.remove(&key);
        self.ended.push(key.clone());
        let is_earlier =
            |other: &Incident| other.phase == Phase::Over && other.key == key && other.id != id;
        let earlier = self.incidents.values().find(|other| is_earlier(other)).map(|other| other.id);
        let earlier = earlier.and_then(|earlier| self.incidents.remove(&earlier));
        let pick = self.random.u64(..);
        if let Some(incident) = self.incidents.get_mut(&id) {
            incident.phase = Phase::Over;
            if let Some(earlier) = earlier {
                incident.absorb(&earlier, pick);
            }
        }
    }

    pub(super) fn remove(&mut self, ids: Vec<IncidentId>) {
        for id in ids {
            if let Some(incident) = self.incidents.remove(&id) {
                if self.live.get(&incident.key) == Some(&id) {
                    self.live.remove(&incident.key);
                    self.ended.push(incident.key);
                }
            }
        }
    }
}
