//! How incidents end: below their threshold, quiet, or for good.

use std::time::{Duration, Instant};

use crate::observation::{Endpoint, Fate, Key, Kind, Rule, Time, later};

use super::super::incident::{Incident, Phase};
use super::{Ending, Engine, IncidentId, Subject};

impl Engine {
    /// Thresholds that were not reached in time.
    pub(super) fn expire_below(&mut self, now: Instant) {
        let (mut gone, mut wakes) = (Vec::new(), Vec::new());
        for incident in self.incidents.values_mut() {
            let hangs = incident.hanging.count > 0;
            let Phase::Below { seen, after } = &mut incident.phase else { continue };
            let window = self
                .policy
                .threshold(&incident.key)
                .map_or(Duration::ZERO, |threshold| threshold.window);
            let mut expired = 0;
            while seen.front().is_some_and(|(at, _)| !hangs && now >= later(at.mono, window)) {
                expired += seen.pop_front().map_or(0, |(_, count)| count);
            }
            let expired = expired.min(incident.counts.total);
            incident.counts.total -= expired;
            for destination in &mut self.destinations {
                destination.account.settle(Fate::Suppressed(Rule::BelowThreshold), expired);
            }
            match seen.front() {
                Some((at, _)) if !hangs => wakes.push(later(at.mono, window)),
                Some(_) => {}
                None => gone.push((incident.id, incident.key.clone(), *after)),
            }
        }
        wakes.into_iter().for_each(|at| self.wake_at(at));
        for (id, key, after) in gone {
            self.remove(id);
            // It had ended before, and stays so.
            if let Some(after) = after.filter(|after| self.incidents.contains_key(after)) {
                self.live.insert(key, after);
            }
        }
    }

    /// Ends incidents that are quiet.
    pub(super) fn end_quiet(&mut self, now: Time) {
        let (mut quiet, mut wakes) = (Vec::new(), Vec::new());
        for incident in self.incidents.values() {
            let by_itself = incident.host.is_none() && incident.key != Key::Cut;
            if incident.phase != Phase::Open || !by_itself {
                continue;
            }
            match self.quiet_at(incident) {
                Some(at) if now.mono >= at => quiet.push(incident.id),
                Some(at) => wakes.push(at),
                None => {}
            }
        }
        wakes.into_iter().for_each(|at| self.wake_at(at));
        for id in quiet {
            self.close(now, id);
        }
    }

    /// Ends an incident with everything that it tells; what joined it and still
    /// goes on tells itself from now on.
    pub(super) fn close(&mut self, now: Time, id: IncidentId) {
        let Some(incident) = self.incidents.get(&id) else { return };
        let guests: Vec<IncidentId> = self
            .guests(incident)
            .into_iter()
            .filter(|guest| guest.phase == Phase::Open && self.goes_on(guest, now))
            .map(|guest| guest.id)
            .collect();
        for guest in guests {
            self.detach(guest);
        }
        let Some(incident) = self.incidents.get(&id) else { return };
        let family: Vec<IncidentId> = self.family(incident).iter().map(|one| one.id).collect();
        for id in family {
            let Some(incident) = self.incidents.get_mut(&id) else { continue };
            incident.phase = Phase::Closed { at: now.mono };
            incident.samples.settle_running();
            incident.samples.keep_last();
            incident.version += 1;
            self.ended.push(incident.key.clone());
        }
        self.endpoints_changed = true;
    }

    /// Whether it has been observed within the last minute, or a request of it
    /// still runs.
    fn goes_on(&self, incident: &Incident, now: Time) -> bool {
        let seen = self.last_seen(incident).mono;
        now.mono < later(seen, self.policy.quiet_for) || self.hanging_of(incident).count > 0
    }

    /// How an incident ended.
    pub(super) fn ending(&self, incident: &Incident) -> Option<Ending> {
        if !incident.is_over() || self.hanging_of(incident).count > 0 {
            return None;
        }
        let since = self.last_seen(incident).wall;
        let mut endpoints: Vec<(Endpoint, u64, u64)> = Vec::new();
        let (mut unproven, mut others) = (0, false);
        for one in self.told_of_round(incident) {
            let Some(endpoint) = one.proof() else {
                return Some(Ending::Unseen { since });
            };
            let (requests, failed) = (self.answered_since(one), one.nearby.failed_since);
            unproven += usize::from(requests == 0);
            others |= one.nearby.others_since > 0;
            // Of two keys on one endpoint, the one that was seen last knows less.
            match endpoints.iter_mut().find(|(known, ..)| *known == endpoint) {
                Some((_, known, was)) if requests < *known => (*known, *was) = (requests, failed),
                Some(_) => {}
                None => endpoints.push((endpoint, requests, failed)),
            }
        }
        let requests: u64 = endpoints.iter().map(|(_, requests, _)| requests).sum();
        let failed = endpoints.iter().map(|(.., failed)| failed).sum();
        Some(match (requests, unproven) {
            (0, _) if others => Ending::Unseen { since },
            (0, _) => Ending::Quiet { since },
            (requests, 0) => Ending::Recovered { requests, failed },
            (requests, unproven) => Ending::Partly { requests, failed, unproven },
        })
    }

    /// How many requests on its endpoint were answered since its last
    /// observation: not those that hang, nor those that were given up.
    pub(super) fn answered_since(&self, incident: &Incident) -> u64 {
        let Some(Endpoint { method, route }) = incident.proof() else { return 0 };
        let slow = Key::Request { kind: Kind::Slow, method, route, status: None };
        let slow = self.live.get(&slow).and_then(|id| self.incidents.get(id));
        let hanging = slow.map_or(0, |slow| slow.hanging.count);
        let nearby = &incident.nearby;
        nearby.fine_since + nearby.failed_since + nearby.slow_since.saturating_sub(hanging)
    }

    /// Forgets what has been over for long; what some destination could not be
    /// told of yet stays for it alone.
    pub(super) fn forget_calm(&mut self, now: Instant) {
        let (mut calm, mut told, mut wakes) = (Vec::new(), Vec::new(), Vec::new());
        for incident in self.incidents.values().filter(|incident| incident.host.is_none()) {
            match incident.phase {
                Phase::Closed { at } => {
                    let forget = later(at, self.policy.calm_after);
                    if now >= forget { calm.push(incident.id) } else { wakes.push(forget) }
                }
                Phase::Over if self.is_settled(incident) => told.push(incident.id),
                _ => {}
            }
        }
        wakes.into_iter().for_each(|at| self.wake_at(at));
        for id in calm {
            self.retire(id);
        }
        for id in told {
            self.remove_family(id);
        }
    }

    /// Whether every destination that speaks was told everything.
    pub(super) fn is_settled(&self, incident: &Incident) -> bool {
        self.family(incident).iter().all(|one| {
            let mut tellings = one.tellings.iter().enumerate();
            tellings.all(|(at, telling)| {
                !self.speaks(at) || (telling.asked.is_none() && one.held(at) == 0)
            })
        })
    }

    /// Lets go of the keys of an incident that is over, and of the incident if
    /// everybody was told.
    pub(super) fn retire(&mut self, id: IncidentId) {
        let root = self.root(id);
        // What goes on is not to be forgotten with one of its parts.
        let id = match self.incidents.get(&root).is_some_and(Incident::is_over) {
            true => root,
            false => {
                self.detach(id);
                id
            }
        };
        let Some(incident) = self.incidents.get(&id) else { return };
        for below in incident.members.clone() {
            if self.incidents.get(&below).is_some_and(Incident::is_below) {
                self.detach(below);
            }
        }
        let Some(incident) = self.incidents.get(&id) else { return };
        let is_settled = self.is_settled(incident);
        let family: Vec<(IncidentId, Key)> =
            self.family(incident).iter().map(|one| (one.id, one.key.clone())).collect();
        for (id, key) in family {
            if self.live.get(&key) == Some(&id) {
                self.live.remove(&key);
                self.ended.push(key);
            }
            if let Some(incident) = self.incidents.get_mut(&id) {
                incident.phase = Phase::Over;
            }
        }
        if is_settled {
            self.remove_family(id);
        } else {
            self.absorb_earlier(id);
        }
    }

    /// Takes in what was left of an earlier incident of the same key.
    fn absorb_earlier(&mut self, id: IncidentId) {
        let Some(incident) = self.incidents.get(&id) else { return };
        if !incident.members.is_empty() || incident.host.is_some() {
            return;
        }
        let key = incident.key.clone();
        let is_earlier = |other: &&Incident| {
            other.phase == Phase::Over
                && other.key == key
                && other.id != id
                && other.host.is_none()
                && other.members.is_empty()
        };
        let earlier = self.incidents.values().find(is_earlier).map(|other| other.id);
        if let Some(earlier) = earlier {
            self.merge_into(earlier, id);
        }
    }

    /// Lets `into` tell what is left of `from`.
    pub(super) fn merge_into(&mut self, from: IncidentId, into: IncidentId) {
        let pick = self.random.u64(..);
        #[cfg(test)]
        self.merged.push((from, into));
        let Some(from) = self.incidents.remove(&from) else { return };
        self.keep_places(&from);
        if let Some(host) = from.host.and_then(|host| self.incidents.get_mut(&host)) {
            host.members.retain(|member| *member != from.id);
        }
        if self.live.get(&from.key) == Some(&from.id) {
            self.live.remove(&from.key);
            self.ended.push(from.key.clone());
        }
        if let Some(into) = self.incidents.get_mut(&into) {
            into.absorb(&from, pick);
            if into.is_over() {
                into.samples.keep_last();
            }
        }
    }

    /// An incident goes while messages about it are on their way: they keep
    /// their places in the budget until they are answered or skipped.
    fn keep_places(&mut self, gone: &Incident) {
        for (telling, place) in gone.tellings.iter().zip(&mut self.destinations) {
            place.keep_place(Subject::Incident(gone.id), telling.asked);
        }
    }

    pub(super) fn remove_family(&mut self, id: IncidentId) {
        let Some(incident) = self.incidents.get(&id) else { return };
        let family: Vec<IncidentId> = self.family(incident).iter().map(|one| one.id).collect();
        family.into_iter().for_each(|id| self.remove(id));
    }

    pub(super) fn remove(&mut self, id: IncidentId) {
        let Some(incident) = self.incidents.remove(&id) else { return };
        self.keep_places(&incident);
        // What is left of it, below its threshold, stands by itself.
        for member in &incident.members {
            if self.incidents.get(member).is_some_and(|one| one.host == Some(id)) {
                self.detach(*member);
            }
        }
        // A fallback that stood by all the time was never asked.
        for (at, place) in self.destinations.iter_mut().enumerate() {
            place.account.settle(Fate::Suppressed(Rule::Standby), incident.held(at));
        }
        if self.live.get(&incident.key) == Some(&id) {
            self.live.remove(&incident.key);
            self.ended.push(incident.key);
        }
    }
}
