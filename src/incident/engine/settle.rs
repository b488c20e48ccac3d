//! Where observations go: told, kept from being told, moved, lost.

use std::collections::VecDeque;
use std::time::Instant;

use crate::observation::{Account, DropReason, Key, Rule, Time};

use super::super::incident::{Incident, Phase};
use super::{DestinationIndex, Engine, IncidentId, SentOutcome};

impl Engine {
    pub(super) fn settle(
        &mut self,
        now: Time,
        destination: DestinationIndex,
        id: IncidentId,
        total: u64,
        outcome: &SentOutcome,
        last_word: bool,
    ) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        let settled = total.min(incident.counts.total);
        let Some(telling) = incident.tellings.get_mut(destination) else { return };
        let Some(place) = self.destinations.get_mut(destination) else { return };
        let new = settled.saturating_sub(telling.settled);
        match outcome {
            SentOutcome::Posted(_) | SentOutcome::Adopted(_) => {
                // The first message tells one request in detail.
                let detailed = u64::from(!telling.is_known).min(new);
                place.account.delivered += detailed;
                place.account.coalesced += new - detailed;
                telling.advance(now.mono);
                telling.is_known = true;
                telling.settled += new;
                telling.had_last_word |= last_word;
                match outcome {
                    SentOutcome::Posted(Some(message)) | SentOutcome::Adopted(message) => {
                        telling.message = Some(message.clone());
                    }
                    _ => {}
                }
                if !place.stands_by {
                    self.relieve_fallbacks(id, settled);
                }
            }
            SentOutcome::Stale => telling.message = None,
            SentOutcome::Dropped(reason) => {
                // It keeps the series' pace also when nothing gets through.
                telling.advance(now.mono);
                place.account.lose(*reason, new);
                telling.settled += new;
                telling.had_last_word |= last_word;
            }
        }
    }

    /// What another destination told, a fallback need not tell.
    pub(super) fn relieve_fallbacks(&mut self, id: IncidentId, settled: u64) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        for (telling, place) in incident.tellings.iter_mut().zip(&mut self.destinations) {
            if place.stands_by {
                let new = settled.saturating_sub(telling.settled);
                place.account.suppress(Rule::Standby, new);
                telling.settled += new;
            }
        }
    }

    /// Requests counted under `key` ended under a worse one, where they are
    /// counted now: whatever was settled for them is unsettled.
    pub(super) fn move_out(&mut self, key: &Key, mut count: u64) {
        let live = self.live.get(key).copied();
        let is_over = |incident: &&Incident| incident.phase == Phase::Over && incident.key == *key;
        let over = self.incidents.values().find(is_over).map(|incident| incident.id);
        for id in live.into_iter().chain(over) {
            count -= self.move_out_of(id, count);
        }
        // The incident is gone, and all of it was settled.
        for destination in &mut self.destinations {
            unsettle(&mut destination.account, count);
        }
    }

    /// Moves up to `count` requests out of an incident; returns how many.
    fn move_out_of(&mut self, id: IncidentId, count: u64) -> u64 {
        let Some(incident) = self.incidents.get_mut(&id) else { return 0 };
        let moved = count.min(incident.counts.total);
        incident.counts.total -= moved;
        incident.moved_out += moved;
        for (telling, place) in incident.tellings.iter_mut().zip(&mut self.destinations) {
            let over = telling.settled.saturating_sub(incident.counts.total);
            telling.settled -= over;
            unsettle(&mut place.account, over);
        }
        if let Phase::Below(seen) = &mut incident.phase {
            take_back(seen, moved);
        }
        moved
    }

    pub(super) fn abandon(&mut self) {
        for incident in self.incidents.values_mut() {
            for (telling, place) in incident.tellings.iter_mut().zip(&mut self.destinations) {
                let rest = incident.counts.total.saturating_sub(telling.settled);
                if place.stands_by {
                    place.account.suppress(Rule::Standby, rest);
                } else {
                    place.account.lose(DropReason::Shutdown, rest);
                }
                telling.settled += rest;
            }
        }
        self.actions.clear();
    }
}

/// Takes `count` out of the latest entries.
fn take_back(seen: &mut VecDeque<(Instant, u64)>, mut count: u64) {
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

/// Takes `count` back out of what an account has settled, mildest first.
fn unsettle(account: &mut Account, mut count: u64) {
    let mut from = |cell: &mut u64| {
        let taken = count.min(*cell);
        *cell -= taken;
        count -= taken;
    };
    from(&mut account.coalesced);
    from(&mut account.delivered);
    account.suppressed.iter_mut().for_each(&mut from);
    account.dropped.iter_mut().for_each(from);
}
