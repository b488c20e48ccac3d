//! What requests did: observed, gone well, still running.

use std::collections::VecDeque;

use crate::observation::{Counts, Endpoint, Key, Kind, Rule, Samples, Time, later};

use super::super::incident::{Hanging, Incident, Phase};
use super::super::input::{Observed, StillRunning};
use super::{Engine, IncidentId, Quiet};

/// How an observation opens an incident.
#[derive(Clone, Copy, Debug)]
enum Opens {
    New,
    /// It had ended; so many are new.
    Again(u64),
}

impl Engine {
    pub(super) fn observe(&mut self, now: Time, observed: Observed) {
        let Observed { key, counts, moved_in, moved_out, samples } = observed;
        let key = self.bounded(key);
        let silence = self.silences.iter_mut().find(|quiet| quiet.matcher.covers(&key));
        if let Some(silence) = silence {
            silence.held += counts.total;
            for destination in &mut self.destinations {
                destination.account.suppress(Rule::Silence, counts.total);
            }
            self.silenced(now, &key, counts.total);
        } else if counts.total == 0 && moved_out == 0 {
            self.renew(now, &key, &counts, &samples);
        } else if counts.total > 0 {
            let is_new = !self.live.contains_key(&key);
            let (id, mut opens) = self.incident_for(now, &key);
            let threshold = self.policy.threshold(&key).map(|rule| rule.count);
            let pick = self.random.u64(..);
            let Some(incident) = self.incidents.get_mut(&id) else { return };
            incident.counts.merge(&counts);
            incident.moved_in += moved_in;
            incident.samples.merge(&samples, pick);
            incident.last_seen = now;
            incident.nearby.restart();
            // What came together with the first one is not compared: what went
            // well was not counted then.
            if incident.phase == Phase::Open && !is_new && opens.is_none() {
                incident.nearby.own += counts.total;
            }
            if let Phase::Below { seen, closed } = &mut incident.phase {
                seen.push_back((now.mono, counts.total));
                let within: u64 = seen.iter().map(|(_, count)| count).sum();
                if within >= threshold.unwrap_or(0) {
                    opens = Some(if closed.is_some() { Opens::Again(within) } else { Opens::New });
                    incident.phase = Phase::Open;
                }
            } else if let Some(Opens::Again(fresh)) = &mut opens {
                *fresh = counts.total;
            }
            if let Some(opens) = opens {
                self.opened(now, id, opens);
            }
            self.changed(id);
            self.count_nearby(&key, counts.total);
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
        incident.samples.merge(samples, pick);
        incident.last_seen = now;
        if let Some(id) = live {
            self.changed(id);
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
    fn count_nearby(&mut self, key: &Key, count: u64) {
        let Some(endpoint) = Endpoint::of(key) else { return };
        let failed = matches!(key.kind(), Kind::Failed | Kind::BodyFailed);
        for incident in self.incidents.values_mut().filter(|i| i.phase == Phase::Open) {
            if incident.key != *key && Endpoint::of(&incident.key).as_ref() == Some(&endpoint) {
                incident.nearby.others += count;
                incident.nearby.others_since += count;
                incident.nearby.failed_since += if failed { count } else { 0 };
            }
        }
    }

    /// Requests went well.
    pub(super) fn succeeded(&mut self, counts: &[(Endpoint, u64)]) {
        for (endpoint, count) in counts {
            for incident in self.incidents.values_mut().filter(|i| i.phase == Phase::Open) {
                if Endpoint::of(&incident.key).as_ref() == Some(endpoint) {
                    incident.nearby.fine += count;
                    incident.nearby.fine_since += count;
                }
            }
        }
    }

    /// Requests that were told as hung and still run; of all others none do.
    pub(super) fn hanging(&mut self, running: &[StillRunning]) {
        let mut changed = Vec::new();
        for incident in self.incidents.values() {
            let now = running.iter().find(|running| running.key == incident.key);
            let hanging = match now.filter(|_| self.live.get(&incident.key) == Some(&incident.id)) {
                Some(running) => Hanging {
                    count: running.count,
                    since: Some(self.engine_instant(running.since)),
                },
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
            if hanging.count > 0 && !incident.is_over() {
                incident.worst = Kind::Hung;
            }
            if differs {
                self.changed(id);
            }
        }
    }

    /// The incident that takes an observation of `key`: a new one, the one that
    /// is open, or the one that comes back; and whether that opens it.
    fn incident_for(&mut self, now: Time, key: &Key) -> (IncidentId, Option<Opens>) {
        let threshold = self.policy.threshold(key).is_some();
        let mut close_after = self.policy.close_after;
        if let Some(id) = self.live.get(key).copied() {
            let reopen_within = self.policy.reopen_within;
            let Some(incident) = self.incidents.get_mut(&id) else { return (id, None) };
            let Phase::Closed { at } = incident.phase else { return (id, None) };
            let comes_back = now.mono < later(at, reopen_within);
            if comes_back && threshold {
                incident.phase = Phase::Below { seen: VecDeque::new(), closed: Some(at) };
                return (id, None);
            }
            if comes_back {
                return (id, Some(Opens::Again(0)));
            }
            close_after = incident.close_after;
            self.retire(id);
        }
        let id = self.new_id(key);
        let (phase, opens) = match threshold {
            true => (Phase::Below { seen: VecDeque::new(), closed: None }, None),
            false => (Phase::Open, Some(Opens::New)),
        };
        let count = self.destinations.len();
        let incident = Incident::new(id, key.clone(), now, phase, close_after, count);
        self.incidents.insert(id, incident);
        self.live.insert(key.clone(), id);
        (id, opens)
    }

    pub(super) fn new_id(&mut self, key: &Key) -> IncidentId {
        self.epoch += 1;
        IncidentId::new(key.fingerprint(&self.identity), self.epoch)
    }

    /// An incident opens, or opens again: its message may be another one's.
    fn opened(&mut self, now: Time, id: IncidentId, opens: Opens) {
        self.endpoints_changed = true;
        match opens {
            Opens::Again(fresh) => self.reopen(now, id, fresh),
            Opens::New => {
                if let Some(incident) = self.incidents.get_mut(&id) {
                    incident.opened = now.mono;
                }
            }
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
