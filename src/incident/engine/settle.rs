//! Where observations go: told, kept from being told, moved, lost.

use std::collections::VecDeque;
use std::time::Instant;

use crate::observation::{DropReason, Fate, Key, Rule, Time};

use super::super::incident::{Incident, Phase};
use super::{Asked, Carried, DestinationIndex, Engine, IncidentId, Manner, SentOutcome, Subject};

impl Engine {
    /// An attempt to tell something came to its end.
    pub(super) fn sent(
        &mut self,
        now: Time,
        destination: DestinationIndex,
        subject: Subject,
        carried: &Carried,
        outcome: &SentOutcome,
    ) {
        let is_posted = matches!(outcome, SentOutcome::Posted(_) | SentOutcome::Adopted(_));
        let seen = is_posted && carried.manner != Manner::Edit;
        self.answered(now.mono, destination, subject, seen);
        for (id, total) in &carried.totals {
            let in_detail = carried.in_detail && subject == Subject::Incident(*id);
            self.settle(destination, *id, *total, outcome, in_detail);
        }
        if is_posted {
            self.said(now.mono, destination, carried);
        }
        match subject {
            Subject::Incident(id) => self.told_of(now.mono, destination, id, carried, outcome),
            Subject::Farewell => {
                if !matches!(outcome, SentOutcome::Stale) {
                    for (id, _) in &carried.totals {
                        let incident = self.incidents.get_mut(id);
                        let telling = incident.and_then(|one| one.tellings.get_mut(destination));
                        if let Some(telling) = telling {
                            telling.told.last_word = true;
                        }
                    }
                }
            }
            Subject::Holding => self.told_holding(now.mono, destination, carried, outcome),
            // Settled when it was answered.
            Subject::Details(_) => {}
            Subject::Outage => self.told_outage(destination),
            Subject::SilenceOver(id) => self.told_silence(destination, id),
        }
    }

    /// An action is done: its place in the budget is settled.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        destination: DestinationIndex,
        subject: Subject,
        seen: bool,
    ) {
        let Some(place) = self.destinations.get_mut(destination) else { return };
        let asked: Option<Asked> = match subject {
            Subject::Incident(id) => {
                let incident = self.incidents.get_mut(&id);
                incident.and_then(|one| one.tellings.get_mut(destination)?.asked.take())
            }
            Subject::Details(id) => {
                self.told_details(destination, id);
                return;
            }
            Subject::Farewell => place.farewell.take(),
            Subject::Holding => place.holding.asked.take(),
            Subject::Outage => place.outage.as_mut().and_then(|outage| outage.asked.take()),
            Subject::SilenceOver(id) => {
                let over = self.silences_over.iter_mut().find(|over| over.quiet.id == id);
                over.and_then(|over| over.asked.get_mut(destination)?.take())
            }
        };
        if let Some(weight) = asked.and_then(|asked| asked.weight) {
            place.budget.settle(now, weight, seen);
        }
        // What can't be told any more may have been tried before.
        if let Some(weight) = place.of_gone.remove(&subject) {
            place.budget.settle(now, weight, true);
        }
    }

    /// Who was mentioned, and what else needs not be said again.
    fn said(&mut self, now: Instant, destination: DestinationIndex, carried: &Carried) {
        let Some(place) = self.destinations.get_mut(destination) else { return };
        for mention in &carried.mentions {
            let severity = carried.told.severity.unwrap_or_default();
            place.mentioned.insert(mention.clone(), (now, severity));
        }
        if carried.gap {
            place.gap = None;
        }
    }

    /// Counts what a message carried.
    fn settle(
        &mut self,
        destination: DestinationIndex,
        id: IncidentId,
        total: u64,
        outcome: &SentOutcome,
        in_detail: bool,
    ) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        let settled = total.min(incident.counts.total);
        let Some(telling) = incident.tellings.get_mut(destination) else { return };
        let Some(place) = self.destinations.get_mut(destination) else { return };
        let new = telling.left_of(settled);
        match outcome {
            SentOutcome::Posted(_) | SentOutcome::Adopted(_) => {
                let detailed = u64::from(in_detail).min(new);
                telling.settle(&mut place.account, Fate::Delivered, detailed);
                telling.settle(&mut place.account, Fate::Coalesced, new - detailed);
                if !place.stands_by {
                    self.relieve_fallbacks(id, settled);
                }
            }
            SentOutcome::Stale => {}
            SentOutcome::Dropped(reason) => {
                telling.settle(&mut place.account, Fate::Dropped(*reason), new);
            }
        }
    }

    /// A message about an incident came to its end.
    fn told_of(
        &mut self,
        now: Instant,
        destination: DestinationIndex,
        id: IncidentId,
        carried: &Carried,
        outcome: &SentOutcome,
    ) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        let round = incident.round.number;
        let Some(telling) = incident.tellings.get_mut(destination) else { return };
        let was_known = telling.is_known && telling.began.is_some();
        // An end that was on its way when it came back begins nothing.
        let begins = carried.round == round || !carried.shown.is_end;
        match outcome {
            // Nothing was said.
            SentOutcome::Stale => {}
            _ if carried.round == round => {
                let before = std::mem::replace(&mut telling.told, carried.told.clone());
                telling.told.again |= before.again;
                if let SentOutcome::Dropped(_) = outcome {
                    // Nobody was called.
                    telling.told.mention_rules = before.mention_rules;
                }
            }
            // It came back meanwhile, and nobody had heard that it was over.
            _ if !carried.shown.is_end => telling.told.round = round,
            _ => {}
        }
        telling.catches_up = false;
        match outcome {
            SentOutcome::Posted(reference) => {
                telling.is_known = true;
                if begins {
                    telling.began.get_or_insert(now);
                }
                telling.reminders += usize::from(carried.is_reminder);
                if carried.manner == Manner::Edit {
                    telling.last_message = Some(now);
                } else {
                    // The first of a round is where its series begins.
                    match was_known {
                        true => telling.advance(now),
                        false => telling.last_message = Some(now),
                    }
                    telling.last_visible = Some(now);
                    // The message that is edited does not show a reply, nor
                    // does it follow one.
                    telling.told.again |= was_known || carried.manner == Manner::Reply;
                }
                if carried.manner != Manner::Reply {
                    telling.message = reference.clone().or(telling.message.take());
                    telling.shows(now, carried.shown);
                    telling.is_lost = false;
                }
                if carried.manner == Manner::Post {
                    self.posted(destination, id);
                }
            }
            SentOutcome::Adopted(message) => {
                telling.is_known = true;
                telling.began.get_or_insert(now);
                telling.message = Some(message.clone());
                telling.shows(now, carried.shown);
            }
            SentOutcome::Stale => {
                telling.message = None;
                telling.is_lost = true;
            }
            SentOutcome::Dropped(_) => {
                // It keeps the series' pace also when nothing gets through.
                telling.advance(now);
                telling.last_visible = Some(now);
                telling.shows(now, carried.shown);
            }
        }
    }

    /// What another destination told, a fallback need not tell.
    pub(super) fn relieve_fallbacks(&mut self, id: IncidentId, settled: u64) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        for (telling, place) in incident.tellings.iter_mut().zip(&mut self.destinations) {
            if place.stands_by {
                let new = telling.left_of(settled);
                telling.settle(&mut place.account, Fate::Suppressed(Rule::Standby), new);
            }
        }
    }

    /// Requests counted under `key` ended under a worse one, where they are
    /// counted now: whatever was settled for them is unsettled.
    pub(super) fn move_out(&mut self, key: &Key, count: u64) {
        if count == 0 {
            return;
        }
        self.forget_nearby(key, count);
        let live = self.live.get(key).copied();
        let is_over = |one: &&Incident| one.is_over() && one.key == *key && Some(one.id) != live;
        let over = self.incidents.values().filter(is_over).map(|one| one.id);
        let own: Vec<IncidentId> = live.into_iter().chain(over).collect();
        let rest = self.move_out_of_each(&own, count);
        let rest = self.move_out_of_none(key, rest);
        // Its incident went into one of many routes or keys.
        let kind = key.kind();
        let many = [Key::RollUp { kind }, Key::Other { kind }];
        let hosts = self.incidents.values().filter(|one| many.contains(&one.key));
        let hosts: Vec<IncidentId> = hosts.map(|one| one.id).collect();
        self.move_out_of_each(&hosts, rest);
    }

    /// Moves up to `count` requests out of these; returns how many are left.
    fn move_out_of_each(&mut self, ids: &[IncidentId], mut count: u64) -> u64 {
        for id in ids {
            let moved = self.move_out_of(*id, count);
            count -= moved;
            if moved > 0 {
                self.changed(*id);
            }
        }
        count
    }

    /// Moves up to `count` out of those that are in no incident: below their
    /// threshold, silenced, or told and forgotten. Which of these they were is
    /// not known, but what is likely. Returns how many are left, which is the
    /// same for every destination.
    fn move_out_of_none(&mut self, key: &Key, count: u64) -> u64 {
        let mut left = 0;
        if count == 0 {
            return left;
        }
        let below = self.policy.threshold(key).map(|_| Rule::BelowThreshold);
        let likely = below.into_iter().chain([Rule::Silence]).map(Fate::Suppressed);
        for (at, place) in self.destinations.iter_mut().enumerate() {
            left = count;
            for fate in likely.clone().chain(Fate::all()) {
                let tellings = self.incidents.values().filter_map(|one| one.tellings.get(at));
                let of_incidents: u64 = tellings.map(|telling| telling.settled.of(fate)).sum();
                let free = place.account.of(fate).saturating_sub(of_incidents);
                left -= place.account.unsettle(fate, free.min(left));
            }
        }
        left
    }

    /// Moves up to `count` requests out of an incident; returns how many.
    fn move_out_of(&mut self, id: IncidentId, count: u64) -> u64 {
        let Some(incident) = self.incidents.get_mut(&id) else { return 0 };
        let moved = count.min(incident.counts.total);
        incident.counts.total -= moved;
        incident.moved_out += moved;
        incident.nearby.own = incident.nearby.own.saturating_sub(moved);
        for (telling, place) in incident.tellings.iter_mut().zip(&mut self.destinations) {
            let over = telling.settled.accounted().saturating_sub(incident.counts.total);
            telling.unsettle(&mut place.account, over);
        }
        if let Phase::Below { seen, .. } = &mut incident.phase {
            take_back(seen, moved);
        }
        moved
    }

    pub(super) fn abandon(&mut self) {
        for incident in self.incidents.values_mut() {
            for (telling, place) in incident.tellings.iter_mut().zip(&mut self.destinations) {
                let rest = telling.left_of(incident.counts.total);
                let fate = match place.stands_by {
                    true => Fate::Suppressed(Rule::Standby),
                    false => Fate::Dropped(DropReason::Shutdown),
                };
                telling.settle(&mut place.account, fate, rest);
            }
        }
        self.actions.clear();
    }
}

/// Takes `count` out of the latest entries.
fn take_back(seen: &mut VecDeque<(Time, u64)>, mut count: u64) {
    while count > 0 {
        let Some((_, last)) = seen.back_mut() else { return };
        let taken = count.min(*last);
        *last -= taken;
        count -= taken;
        if *last == 0 {
            seen.pop_back();
        }
    }
}
