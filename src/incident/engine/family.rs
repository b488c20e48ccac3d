//! What an incident tells together with the ones that joined it.

use std::time::{Duration, Instant};

use crate::observation::{Counts, Key, Kind, Time, later};

use super::super::incident::{Hanging, Incident, Phase};
use super::{DestinationIndex, Engine, IncidentId};

impl Engine {
    /// The incident that tells this one: itself, or its host's.
    pub(super) fn root(&self, id: IncidentId) -> IncidentId {
        let mut root = id;
        // A guest of a failure that is part of several routes: no deeper.
        for _ in 0..3 {
            match self.incidents.get(&root).and_then(|incident| incident.host) {
                Some(host) if self.incidents.contains_key(&host) => root = host,
                _ => break,
            }
        }
        root
    }

    /// It changed in a way that a reader could see.
    pub(super) fn changed(&mut self, id: IncidentId) {
        let root = self.root(id);
        for id in [Some(id), (root != id).then_some(root)].into_iter().flatten() {
            if let Some(incident) = self.incidents.get_mut(&id) {
                incident.version += 1;
            }
        }
    }

    /// An incident and everything that it tells, but for what is below its
    /// threshold.
    pub(super) fn family<'a>(&'a self, incident: &'a Incident) -> Vec<&'a Incident> {
        let mut family = vec![incident];
        let mut next = 0;
        while let Some(one) = family.get(next) {
            let members = one.members.iter().filter_map(|id| self.incidents.get(id));
            let members: Vec<&Incident> = members.filter(|one| !one.is_below()).collect();
            family.extend(members);
            next += 1;
        }
        family
    }

    /// The incidents that its count is of: itself, or its routes. Milder ones
    /// that joined a failure are not in its count.
    pub(super) fn counted<'a>(&'a self, incident: &'a Incident) -> Vec<&'a Incident> {
        match incident.key {
            Key::RollUp { .. } => {
                let members = incident.members.iter().filter_map(|id| self.incidents.get(id));
                members.filter(|one| !one.is_below()).collect()
            }
            _ => vec![incident],
        }
    }

    /// Those of [`counted`](Engine::counted) that have something in this round:
    /// from others all of it may have ended worse.
    pub(super) fn told_of_round<'a>(&'a self, incident: &'a Incident) -> Vec<&'a Incident> {
        let mut told = self.counted(incident);
        if told.iter().any(|one| self.round_total(one) > 0) {
            told.retain(|one| self.round_total(one) > 0);
        }
        told
    }

    /// The milder ones that joined a failure.
    pub(super) fn guests<'a>(&'a self, incident: &'a Incident) -> Vec<&'a Incident> {
        let counted = self.counted(incident);
        let guests = counted.iter().flat_map(|one| one.members.as_slice());
        guests.filter_map(|id| self.incidents.get(id)).collect()
    }

    pub(super) fn counts_of(&self, incident: &Incident) -> Counts {
        // A roll-up's own are those of its earlier rounds.
        let own = match incident.key {
            Key::RollUp { .. } => incident.counts,
            _ => Counts::default(),
        };
        self.counted(incident).iter().fold(own, |mut sum, one| {
            sum.merge(&one.counts);
            sum
        })
    }

    /// How many since it came back, or began.
    pub(super) fn round_total(&self, incident: &Incident) -> u64 {
        let own = |one: &Incident| one.counts.total.saturating_sub(one.round.before);
        match incident.key {
            Key::RollUp { .. } => {
                let routes = self.counted(incident);
                own(incident) + routes.into_iter().map(own).sum::<u64>()
            }
            _ => own(incident),
        }
    }

    /// What a destination has not been told of it and what it tells.
    pub(super) fn held_of(&self, incident: &Incident, destination: DestinationIndex) -> u64 {
        self.family(incident).iter().map(|one| one.held(destination)).sum()
    }

    pub(super) fn last_seen(&self, incident: &Incident) -> Time {
        let counted = self.counted(incident);
        let last = counted.iter().map(|one| one.last_seen).max_by_key(|time| time.mono);
        last.unwrap_or(incident.last_seen)
    }

    pub(super) fn hanging_of(&self, incident: &Incident) -> Hanging {
        self.counted(incident).iter().fold(Hanging::default(), |sum, one| Hanging {
            count: sum.count + one.hanging.count,
            began: sum.began.into_iter().chain(one.hanging.began).min(),
        })
    }

    /// The worst kind in this round.
    pub(super) fn worst_of(&self, incident: &Incident) -> Kind {
        let worst = self.counted(incident).iter().map(|one| one.worst).max_by_key(|k| k.severity());
        worst.unwrap_or(incident.worst)
    }

    /// From the first observation of this round to the last.
    pub(super) fn lasted(&self, incident: &Incident) -> Duration {
        let last = self.last_seen(incident).mono;
        last.saturating_duration_since(incident.round.began.mono)
    }

    /// When it ends, if nothing more is observed; never while a request hangs.
    pub(super) fn quiet_at(&self, incident: &Incident) -> Option<Instant> {
        let hangs = self.hanging_of(incident).count > 0;
        (!hangs).then(|| later(self.last_seen(incident).mono, incident.close_after))
    }

    /// Whether somebody waits for what is held of it.
    pub(super) fn is_wanted(&self, incident: &Incident, destination: DestinationIndex) -> bool {
        let wanted = |one: &&Incident| {
            one.tellings.get(destination).is_some_and(|telling| {
                telling.flush_to.is_some_and(|to| telling.left_of(to.min(one.counts.total)) > 0)
            })
        };
        self.family(incident).iter().any(wanted)
    }

    /// Lets `host` tell `id` from now on.
    pub(super) fn attach(&mut self, id: IncidentId, host: IncidentId) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        incident.host = Some(host);
        incident.version += 1;
        // Who was called for it is not called again for its host.
        let called: Vec<_> =
            (incident.tellings.iter()).map(|telling| telling.told.mention_rules.clone()).collect();
        if let Some(host) = self.incidents.get_mut(&host) {
            if !host.members.contains(&id) {
                host.members.push(id);
            }
            for (telling, called) in host.tellings.iter_mut().zip(called) {
                telling.told.mention_rules.extend(called);
            }
        }
        self.changed(host);
    }

    /// Lets an incident tell itself again.
    pub(super) fn detach(&mut self, id: IncidentId) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        let host = incident.host.take();
        incident.version += 1;
        for telling in &mut incident.tellings {
            telling.told.joined = false;
        }
        if let Some(host) = host.and_then(|host| self.incidents.get_mut(&host)) {
            host.members.retain(|member| *member != id);
            host.version += 1;
        }
    }

    /// Slow requests on an endpoint that fails are part of that: whether the
    /// incident joined another one.
    pub(super) fn join_failure(&mut self, id: IncidentId) -> bool {
        let Some(incident) = self.incidents.get(&id) else { return false };
        // What blocks the runtime is no part of a route's failure.
        let is_slow = matches!(incident.key, Key::Request { kind: Kind::Slow, .. });
        if self.policy.each || !is_slow || incident.host.is_some() {
            return incident.host.is_some();
        }
        let (Some(method), Some(route)) = (incident.key.method(), incident.key.route()) else {
            return false;
        };
        let fails = |other: &&Incident| {
            other.phase == Phase::Open
                && other.key.kind() == Kind::Failed
                && other.key.method() == Some(method)
                && other.key.route() == Some(route)
        };
        // The busiest one, if it fails in several ways.
        let host = self.incidents.values().filter(fails).max_by_key(|other| other.counts.total);
        let Some(host) = host.map(|host| host.id) else { return false };
        self.attach(id, host);
        true
    }
}
