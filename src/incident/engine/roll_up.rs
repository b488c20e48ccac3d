//! Several routes with the same trouble are told as one.

use std::time::Duration;

use crate::observation::{Key, Kind, Time, later};

use super::super::incident::{Incident, Phase};
use super::{Engine, IncidentId};

impl Engine {
    /// Lets a fresh incident join others of its kind, if there are enough.
    pub(super) fn roll_up(&mut self, now: Time, id: IncidentId) {
        let Some(incident) = self.incidents.get(&id) else { return };
        if self.policy.roll_up_at == 0 || self.policy.each || !can_join(incident) {
            return;
        }
        let kind = incident.key.kind();
        let known = self.live.get(&Key::RollUp { kind }).and_then(|id| self.incidents.get(id));
        if let Some(roll_up) = known.filter(|roll_up| roll_up.phase == Phase::Open) {
            let in_time = now.mono < later(roll_up.opened, self.policy.roll_up_joins_within);
            let reason = reason(incident);
            let common = self.common_reason(roll_up);
            let same =
                reason.is_some() && reason == common.as_ref().map(|(text, ..)| text.as_str());
            if in_time || same {
                let roll_up = roll_up.id;
                self.attach(id, roll_up);
                return;
            }
        }
        let within = |span: Duration| -> Vec<IncidentId> {
            let fresh = self.incidents.values().filter(|other| {
                can_join(other)
                    && other.key.kind() == kind
                    && now.mono.saturating_duration_since(other.opened) < span
            });
            fresh.map(|other| other.id).collect()
        };
        let at = self.policy.roll_up_at;
        let soon = within(self.policy.roll_up_within);
        let members = if self.routes(&soon) >= at {
            soon
        } else {
            let open = within(self.policy.roll_up_open_within);
            if self.routes(&open) < at {
                return;
            }
            open
        };
        let roll_up = self.roll_up_for(now, kind, &members);
        for member in members {
            self.attach(member, roll_up);
        }
    }

    /// How many different routes these are on.
    fn routes(&self, ids: &[IncidentId]) -> usize {
        let mut routes: Vec<&Key> = Vec::new();
        for incident in ids.iter().filter_map(|id| self.incidents.get(id)) {
            let same = |known: &&&Key| match (known.route(), incident.key.route()) {
                (Some(a), Some(b)) => a == b,
                _ => **known == &incident.key,
            };
            if routes.iter().find(same).is_none() {
                routes.push(&incident.key);
            }
        }
        routes.len()
    }

    /// On how many routes its members are, and on how many it still goes on.
    pub(super) fn routes_of(&self, roll_up: &Incident, now: Time) -> (usize, usize) {
        let counted = self.counted(roll_up);
        // While some hang, those are meant.
        let hangs = self.hanging_of(roll_up).count > 0;
        let is_meant = |one: &&&Incident| match hangs {
            true => one.hanging.count > 0,
            false => self.is_active(one, now),
        };
        let active = counted.iter().filter(is_meant).map(|one| one.id);
        let active: Vec<IncidentId> = active.collect();
        let told: Vec<IncidentId> = self.told_of_round(roll_up).iter().map(|one| one.id).collect();
        (self.routes(&told), self.routes(&active))
    }

    /// Whether it was observed lately, or one of its requests still runs.
    pub(super) fn is_active(&self, incident: &Incident, now: Time) -> bool {
        let quiet = later(incident.last_seen.mono, self.policy.close_after) <= now.mono;
        incident.phase == Phase::Open && (!quiet || incident.hanging.count > 0)
    }

    /// The one that tells them: a new one, or one that had ended and comes back.
    fn roll_up_for(&mut self, now: Time, kind: Kind, members: &[IncidentId]) -> IncidentId {
        let key = Key::RollUp { kind };
        let known = self.live.get(&key).copied();
        if let Some(id) = known {
            match self.incidents.get(&id).map(|incident| &incident.phase) {
                Some(Phase::Open) => return id,
                Some(Phase::Closed { at }) if now.mono < later(*at, self.policy.reopen_within) => {
                    self.reopen(now, id);
                    self.began_with(id, members);
                    return id;
                }
                _ => self.retire(id),
            }
        }
        let id = self.new_id(&key);
        let (close_after, count) = (self.policy.close_after, self.destinations.len());
        let incident = Incident::new(id, key.clone(), now, Phase::Open, close_after, count);
        self.incidents.insert(id, incident);
        self.live.insert(key, id);
        self.began_with(id, members);
        id
    }

    /// A roll-up began with the first of its routes, and waits as long as any.
    fn began_with(&mut self, id: IncidentId, members: &[IncidentId]) {
        let members: Vec<&Incident> =
            members.iter().filter_map(|member| self.incidents.get(member)).collect();
        let began = members.iter().map(|one| one.round.began).min_by_key(|time| time.mono);
        let close_after = members.iter().map(|one| one.close_after).max();
        if let Some(incident) = self.incidents.get_mut(&id) {
            incident.round.began = began.unwrap_or(incident.round.began);
            incident.close_after = incident.close_after.max(close_after.unwrap_or_default());
        }
    }

    /// What has ended begins a new round. The routes of the last one become
    /// part of what had been counted before, and milder ones stand by
    /// themselves.
    pub(super) fn reopen(&mut self, now: Time, id: IncidentId) {
        let Some(incident) = self.incidents.get(&id) else { return };
        let is_roll_up = matches!(incident.key, Key::RollUp { .. });
        for member in incident.members.clone() {
            let is_below = self.incidents.get(&member).is_some_and(Incident::is_below);
            if !is_roll_up || is_below {
                self.detach(member);
                continue;
            }
            for guest in self.incidents.get(&member).map_or(Vec::new(), |one| one.members.clone()) {
                self.detach(guest);
            }
            self.merge_into(member, id);
        }
        let before = self.incidents.get(&id).map(|one| self.counts_of(one).total);
        let longest = self.policy.longest_close_after();
        if let Some(incident) = self.incidents.get_mut(&id) {
            // Who was not told that it was over needs not hear that it is back;
            // what can't be edited said so by its silence.
            let places = self.destinations.iter().map(|place| place.can_edit);
            let heard: Vec<bool> = (incident.tellings.iter().zip(places))
                .map(|(telling, edits)| !edits || telling.told.end || telling.asked.is_some())
                .collect();
            incident.reopen(now, before.unwrap_or_default(), longest);
            let number = incident.round.number;
            for (telling, heard) in incident.tellings.iter_mut().zip(heard) {
                if !heard {
                    telling.told.round = number;
                }
            }
        }
        self.endpoints_changed = true;
    }

    /// A reason that most of its routes have in common: with how many, of how
    /// many.
    pub(super) fn common_reason(&self, roll_up: &Incident) -> Option<(String, usize, usize)> {
        let members = self.counted(roll_up);
        let mut counted: Vec<(&str, usize)> = Vec::new();
        for reason in members.iter().filter_map(|one| reason(one)) {
            match counted.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, count)) => *count += 1,
                None => counted.push((reason, 1)),
            }
        }
        let (text, with) = counted.into_iter().max_by_key(|(_, count)| *count)?;
        (with * 2 > members.len()).then(|| (text.to_owned(), with, members.len()))
    }
}

/// Whether it may be told as one of several: it is open by itself, and of a
/// kind that belongs to a route or a place in the code. A panic never is.
fn can_join(incident: &Incident) -> bool {
    let fits = matches!(incident.key, Key::Request { .. } | Key::Log { .. });
    fits && incident.key.kind() != Kind::Panicked
        && incident.host.is_none()
        && incident.phase == Phase::Open
}

fn reason(incident: &Incident) -> Option<&str> {
    incident.samples.last().or(incident.samples.first())?.causes().next()
}
