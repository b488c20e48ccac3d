//! What requests did: observed, gone well, still running.

use std::collections::VecDeque;
use std::time::Duration;

use crate::observation::{
    Counts, Endpoint, Fate, Key, Kind, Outcome, Rule, Sample, Samples, Time, later,
};

use super::super::incident::{Hanging, Incident, Phase};
use super::super::input::{Observed, StillRunning};
use super::{Engine, IncidentId, Quiet};

impl Engine {
    pub(super) fn observe(&mut self, now: Time, observed: Observed) {
        let Observed { key, counts, moved_in, moved_out, samples } = observed;
        let named = key;
        let key = self.bounded(named.clone());
        if key != named {
            self.ended.push(named);
        }
        let at = samples.first().or(samples.last()).and_then(Sample::endpoint);
        let all_at = at.filter(|_| !samples.are_of_several());
        let route = key.route().or(all_at.map(|endpoint| &endpoint.route));
        let silence = self.silences.iter_mut().find(|quiet| quiet.matcher.covers(&key, route));
        if let Some(silence) = silence {
            silence.held += counts.total;
            for destination in &mut self.destinations {
                destination.account.settle(Fate::Suppressed(Rule::Silence), counts.total);
            }
            self.silenced(now, &key, counts.total);
            // Silenced, but seen.
            self.seen.is_first(key.fingerprint(&self.identity));
        } else if counts.total == 0 && counts.span.is_some() {
            self.renew(now, &key, &counts, &samples);
        } else if counts.total > 0 {
            let is_new = !self.live.contains_key(&key);
            let (id, mut opens) = self.incident_for(now, &key);
            let threshold = self.policy.threshold(&key).map(|rule| rule.count);
            let pick = self.random.u64(..);
            let Some(incident) = self.incidents.get_mut(&id) else { return };
            incident.counts.merge(&counts);
            incident.moved_in += moved_in;
            self.endpoints_changed |= incident.take_samples(&samples, pick);
            incident.last_seen = now;
            incident.nearby.restart();
            // What came together with the first one is not compared: what went
            // well was not counted then.
            if incident.phase == Phase::Open && !is_new && opens.is_none() {
                incident.nearby.own += counts.total;
            }
            if let Phase::Below { seen, after } = &mut incident.phase {
                seen.push_back((now, counts.total));
                if incident.counts.total >= threshold.unwrap_or(0) {
                    // It began with what is still within the window.
                    let began = seen.front().map_or(now, |(at, _)| *at);
                    let after = *after;
                    incident.phase = Phase::Open;
                    incident.round.began = began;
                    let back = after.filter(|after| self.may_come_back(now, *after));
                    match back {
                        Some(after) => {
                            self.come_back(now, after, id);
                            opens = None;
                        }
                        None => {
                            after.into_iter().for_each(|after| self.retire(after));
                            opens = Some(id);
                        }
                    }
                }
            }
            if let Some(id) = opens {
                self.opened(now, id);
            }
            if let Some(id) = self.live.get(&key).copied() {
                self.changed(id);
            }
            self.count_nearby(&key, at, counts.total);
        }
        self.move_out(&key, moved_out);
        let is_needed = self.live.get(&key).and_then(|id| self.incidents.get(id));
        if is_needed.is_none_or(Incident::is_over) {
            self.ended.push(key);
        }
    }

    /// More became known of an observation that is counted already.
    fn renew(&mut self, now: Time, key: &Key, counts: &Counts, samples: &Samples) {
        let pick = self.random.u64(..);
        let live = self.live.get(key).copied();
        let Some(incident) = live.and_then(|id| self.incidents.get_mut(&id)) else { return };
        if incident.is_over() {
            return;
        }
        incident.counts.merge(counts);
        self.endpoints_changed |= incident.take_samples(samples, pick);
        incident.samples.settle_first();
        incident.last_seen = now;
        if let Some(id) = live {
            self.changed(id);
        }
        // How many of them were is not known: none proves anything.
        let given_up = samples.last().is_some_and(|last| last.outcome() == Outcome::GivenUp);
        if let Some(endpoint) = Endpoint::of(key).filter(|_| given_up) {
            for other in self.open_on(&endpoint).filter(|other| other.key != *key) {
                other.nearby.slow_since = 0;
            }
        }
    }

    /// An incident of a key whose observations a silence holds is not over.
    fn silenced(&mut self, now: Time, key: &Key, count: u64) {
        let live = self.live.get(key).copied();
        if let Some(incident) = live.and_then(|id| self.incidents.get_mut(&id)) {
            if incident.phase == Phase::Open {
                incident.silenced += count;
                incident.last_seen = now;
                incident.nearby.restart();
            }
        }
    }

    /// Other incidents on the endpoint learn that requests were told elsewhere.
    fn count_nearby(&mut self, key: &Key, at: Option<&Endpoint>, count: u64) {
        let Some(endpoint) = Endpoint::of(key).or(at.cloned()) else { return };
        // A request that logged an error has gone well, or is told as it ended.
        if key.kind() == Kind::Logged || matches!(key, Key::Blocked { .. }) {
            return;
        }
        for incident in self.open_on(&endpoint).filter(|incident| incident.key != *key) {
            let nearby = &mut incident.nearby;
            nearby.others += count;
            nearby.others_since += count;
            match key.kind() {
                Kind::Failed | Kind::BodyFailed | Kind::Panicked => nearby.failed_since += count,
                Kind::Slow => nearby.slow_since += count,
                _ => {}
            }
        }
    }

    /// Requests that were told under `key` are told under a worse one now.
    pub(super) fn forget_nearby(&mut self, key: &Key, count: u64) {
        let Some(endpoint) = Endpoint::of(key) else { return };
        for incident in self.open_on(&endpoint).filter(|incident| incident.key != *key) {
            let nearby = &mut incident.nearby;
            nearby.others = nearby.others.saturating_sub(count);
            nearby.others_since = nearby.others_since.saturating_sub(count);
            if key.kind() == Kind::Slow {
                nearby.slow_since = nearby.slow_since.saturating_sub(count);
            }
        }
    }

    /// Requests went well.
    pub(super) fn succeeded(&mut self, counts: &[(Endpoint, u64)]) {
        for (endpoint, count) in counts {
            for incident in self.open_on(endpoint) {
                incident.nearby.fine += count;
                incident.nearby.fine_since += count;
            }
        }
    }

    /// The open incidents on an endpoint.
    fn open_on<'a>(&'a mut self, endpoint: &'a Endpoint) -> impl Iterator<Item = &'a mut Incident> {
        self.incidents.values_mut().filter(move |incident| {
            incident.phase == Phase::Open && incident.proof().as_ref() == Some(endpoint)
        })
    }

    /// Requests that were told as hung and still run; of all others none do.
    pub(super) fn hanging(&mut self, running: &[StillRunning]) {
        let mut changed = Vec::new();
        for incident in self.incidents.values() {
            let now = running.iter().find(|running| running.key == incident.key);
            let is_live = self.live.get(&incident.key) == Some(&incident.id);
            let hanging = match now.filter(|_| is_live && !incident.is_over()) {
                Some(running) => Hanging { count: running.count, began: Some(running.since) },
                None => Hanging::default(),
            };
            if hanging != incident.hanging {
                changed.push((incident.id, hanging));
            }
        }
        for (id, hanging) in changed {
            let Some(incident) = self.incidents.get_mut(&id) else { continue };
            let differs = incident.hanging.count != hanging.count;
            incident.hanging = hanging;
            if hanging.count > 0 {
                incident.worst = Kind::Hung;
            }
            if differs {
                self.changed(id);
            }
        }
    }

    /// The incident that takes an observation of `key`: a new one, the one that
    /// is open, or the one that comes back; and which one opens with it.
    fn incident_for(&mut self, now: Time, key: &Key) -> (IncidentId, Option<IncidentId>) {
        let threshold = self.policy.threshold(key).is_some();
        let mut close_after = self.policy.close_after;
        let mut after = None;
        if let Some(id) = self.live.get(key).copied() {
            let Some(incident) = self.incidents.get(&id) else { return (id, None) };
            let Phase::Closed { .. } = incident.phase else { return (id, None) };
            close_after = incident.close_after;
            if threshold {
                // Apart from what has ended, until it is known to be back.
                after = Some(id);
            } else if self.may_come_back(now, id) {
                return self.begin_again(now, id);
            } else {
                self.retire(id);
            }
        }
        let phase = match threshold {
            true => Phase::Below { seen: VecDeque::new(), after },
            false => Phase::Open,
        };
        let is_open = phase == Phase::Open;
        let id = self.insert(now, key, phase, close_after);
        (id, is_open.then_some(id))
    }

    /// A new incident of `key`.
    fn insert(&mut self, now: Time, key: &Key, phase: Phase, close_after: Duration) -> IncidentId {
        let id = self.new_id(key);
        let count = self.destinations.len();
        let mut incident = Incident::new(id, key.clone(), now, phase, close_after, count);
        incident.is_new = self.seen.is_first(key.fingerprint(&self.identity));
        self.incidents.insert(id, incident);
        self.live.insert(key.clone(), id);
        id
    }

    /// Whether what has ended is still the same incident if it comes back now.
    fn may_come_back(&self, now: Time, id: IncidentId) -> bool {
        let root = self.incidents.get(&self.root(id));
        root.is_some_and(|root| match root.phase {
            Phase::Closed { at } => now.mono < later(at, self.policy.reopen_within),
            _ => false,
        })
    }

    /// What has ended comes back: as itself, or as a route of the one that told
    /// it. Returns the incident that takes the observation, and the one to
    /// open, if that is new.
    fn begin_again(&mut self, now: Time, id: IncidentId) -> (IncidentId, Option<IncidentId>) {
        let root = self.root(id);
        if !self.is_route_of(id, root) {
            self.detach(id);
            self.reopen(now, id);
            // Its route may fail by now, or others with it.
            if !self.join_failure(id) {
                self.roll_up(now, id);
            }
            return (id, None);
        }
        let Some(incident) = self.incidents.get(&id) else { return (id, None) };
        let (key, close_after) = (incident.key.clone(), incident.close_after);
        self.reopen(now, root);
        let fresh = self.insert(now, &key, Phase::Open, close_after);
        self.attach(fresh, root);
        self.endpoints_changed = true;
        (fresh, None)
    }

    /// Whether `root` tells the incident as one of its routes, and not as what
    /// happened beside them.
    fn is_route_of(&self, id: IncidentId, root: IncidentId) -> bool {
        let kind = self.incidents.get(&id).map(|incident| incident.key.kind());
        let key = self.incidents.get(&root).map(|root| &root.key);
        matches!(key, Some(Key::RollUp { kind: many }) if Some(*many) == kind)
    }

    /// What was below its threshold has reached it, and goes on where an
    /// earlier incident of its key had ended.
    fn come_back(&mut self, now: Time, earlier: IncidentId, fresh: IncidentId) {
        let key = self.incidents.get(&fresh).map(|incident| incident.key.clone());
        let root = self.root(earlier);
        if self.is_route_of(earlier, root) {
            self.reopen(now, root);
            self.attach(fresh, root);
            self.endpoints_changed = true;
            return;
        }
        self.detach(earlier);
        self.reopen(now, earlier);
        self.merge_into(fresh, earlier);
        if let Some(incident) = self.incidents.get_mut(&earlier) {
            incident.last_seen = now;
        }
        if let Some(key) = key {
            self.live.insert(key, earlier);
        }
        self.join_failure(earlier);
    }

    pub(super) fn new_id(&mut self, key: &Key) -> IncidentId {
        self.epoch += 1;
        IncidentId::new(key.fingerprint(&self.identity), self.epoch)
    }

    /// An incident opens: its message may be another one's.
    fn opened(&mut self, now: Time, id: IncidentId) {
        self.endpoints_changed = true;
        if let Some(incident) = self.incidents.get_mut(&id) {
            incident.opened = now.mono;
        }
        if !self.join_failure(id) {
            self.roll_up(now, id);
        }
    }

    /// Begins to keep quiet about something.
    pub(super) fn silence(&mut self, quiet: Quiet) {
        /// At most so many are in force; the first of more gives way.
        const MAX_SILENCES: usize = 64;
        if self.silences.len() >= MAX_SILENCES {
            let oldest = self.silences.remove(0);
            self.silence_is_over(oldest);
        }
        self.silences.push(quiet);
    }
}
