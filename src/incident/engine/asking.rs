//! Asks for what is due, as far as the budget goes.

use std::cmp::Reverse;
use std::time::Instant;

use crate::observation::later;

use super::super::budget::Weight;
use super::super::incident::Incident;
use super::super::telling::Asked;
use super::cadence::What;
use super::{Action, Broadcast, DestinationIndex, Engine, IncidentId, Manner, Subject, Urgency};

/// Something to be said now.
struct Wish {
    id: IncidentId,
    what: What,
    weight: Weight,
    severity: u8,
    /// Somebody waits for it.
    wanted: bool,
    /// Nothing else will say it.
    only_so: bool,
    /// Whether an edit will do for now.
    edit: bool,
}

impl Engine {
    /// Asks for everything that is due.
    pub(super) fn ask_due(&mut self, now: Instant) {
        self.ask_corrections(now);
        for destination in self.speaking() {
            self.ask_outage(destination);
            let wishes = self.wishes(now, destination);
            let mut held = Vec::new();
            for wish in wishes {
                if !self.grant(now, destination, &wish) {
                    if wish.only_so {
                        held.push(wish.id);
                    }
                    if wish.edit {
                        self.ask(destination, wish.id, Urgency::Progress, None);
                    }
                }
            }
            self.hold(destination, held);
            self.ask_holding(now, destination);
            self.ask_silences(now, destination);
            self.ask_details(destination);
        }
    }

    /// What stands by keeps the messages true that it posted while it spoke.
    fn ask_corrections(&mut self, now: Instant) {
        for destination in 0..self.destinations.len() {
            if self.speaks(destination) {
                continue;
            }
            let due = |incident: &&Incident| {
                let telling = incident.tellings.get(destination);
                let is_free = telling.is_some_and(|telling| telling.asked.is_none());
                let edit = self.edit_due(now, incident, destination);
                is_free && edit.is_some_and(|at| at <= now)
            };
            let due: Vec<_> = self.incidents.values().filter(due).map(|one| one.id).collect();
            for id in due {
                self.ask(destination, id, Urgency::Progress, None);
            }
        }
    }

    /// What is due now for a destination, worst first; what is due later wakes
    /// us then.
    fn wishes(&mut self, now: Instant, destination: DestinationIndex) -> Vec<Wish> {
        let mut wishes: Vec<Wish> = Vec::new();
        let (mut edits, mut wakes) = (Vec::new(), Vec::new());
        for incident in self.incidents.values() {
            let Some(telling) = incident.tellings.get(destination) else { continue };
            if telling.asked.is_some_and(|asked| asked.is_visible) {
                continue;
            }
            let edit = self.edit_due(now, incident, destination);
            let edit = edit.filter(|_| telling.asked.is_none());
            let may_edit = edit.is_some_and(|at| at <= now);
            let visible = self.visible_due(now, incident, destination);
            wakes.extend(visible.map(|due| due.at).filter(|at| *at > now));
            wakes.extend(edit.filter(|at| *at > now));
            wakes.extend(self.mention_rests(now, incident, destination));
            match visible.filter(|due| due.at <= now) {
                Some(due) => wishes.push(Wish {
                    id: incident.id,
                    what: due.what,
                    weight: self.weight(incident, due.what),
                    severity: self.severity(incident),
                    wanted: self.is_wanted(incident, destination),
                    only_so: !self.is_editable(destination, telling),
                    edit: may_edit,
                }),
                None if may_edit => edits.push(incident.id),
                None => {}
            }
        }
        wakes.into_iter().for_each(|at| self.wake_at(at));
        for id in edits {
            self.ask(destination, id, Urgency::Progress, None);
        }
        wishes.sort_by_key(|wish| (Reverse(wish.severity), wish.id));
        wishes
    }

    /// Asks for a message that is seen, if the budget has room for it.
    fn grant(&mut self, now: Instant, destination: DestinationIndex, wish: &Wish) -> bool {
        let is_seen = wish.only_so || self.policy.broadcast != Broadcast::Never;
        let Some(place) = self.destinations.get_mut(destination) else { return false };
        let asked = if is_seen {
            let free = place.budget.free_at(now, wish.weight);
            if let Some(at) = free.filter(|_| !wish.wanted) {
                self.wake_at(at);
                return false;
            }
            place.ask(wish.weight)
        } else {
            Asked { is_visible: true, weight: None }
        };
        let urgency = match wish.what {
            What::First | What::Anew | What::Again | What::Worse => Urgency::First,
            _ => Urgency::Progress,
        };
        self.ask(destination, wish.id, urgency, Some(asked));
        true
    }

    /// Wants an incident told: seen, or by an edit.
    pub(super) fn ask(
        &mut self,
        destination: DestinationIndex,
        id: IncidentId,
        urgency: Urgency,
        asked: Option<Asked>,
    ) {
        let telling = self.incidents.get_mut(&id).and_then(|i| i.tellings.get_mut(destination));
        let Some(telling) = telling else { return };
        let asked = asked.unwrap_or(Asked::edit());
        telling.asked = Some(asked);
        self.actions.push_back(Action { destination, subject: Subject::Incident(id), urgency });
    }

    /// Says before all else for how long nothing could be delivered.
    fn ask_outage(&mut self, destination: DestinationIndex) {
        let Some(place) = self.destinations.get_mut(destination) else { return };
        if place.outage.is_none_or(|outage| outage.asked.is_some()) {
            return;
        }
        // Not held by the budget: what follows can't be understood without it.
        let asked = place.ask(Weight::Holding);
        if let Some(outage) = &mut place.outage {
            outage.asked = Some(asked);
        }
        let (subject, urgency) = (Subject::Outage, Urgency::Outage);
        self.actions.push_back(Action { destination, subject, urgency });
    }

    /// The budget holds these, and what it held before that was not told by
    /// itself since.
    fn hold(&mut self, destination: DestinationIndex, held: Vec<IncidentId>) {
        let Some(place) = self.destinations.get_mut(destination) else { return };
        let incidents = &self.incidents;
        let is_untold = |id: &IncidentId| {
            incidents.get(id).is_some_and(|one| {
                let telling = one.tellings.get(destination);
                !one.is_over()
                    && one.host.is_none()
                    && telling.is_some_and(|telling| !telling.is_known)
            })
        };
        place.holding.incidents.retain(is_untold);
        for id in held {
            if !place.holding.incidents.contains(&id) {
                place.holding.incidents.push(id);
            }
        }
    }

    /// Says what the budget holds, and that it holds nothing any more.
    fn ask_holding(&mut self, now: Instant, destination: DestinationIndex) {
        let held = self.held_by_budget(destination);
        let (window, every) = (self.policy.budget_window, self.policy.holding_every);
        let Some(place) = self.destinations.get_mut(destination) else { return };
        let can_edit = place.can_edit && place.holding.message.is_some();
        let holding = &mut place.holding;
        if !can_edit && holding.last.is_some_and(|last| now >= later(last, window)) {
            // Long enough ago to be said again.
            holding.shown = None;
        }
        if holding.asked.is_some() || holding.shown == Some(held) {
            return;
        }
        if held.0 == 0 && !can_edit {
            return;
        }
        let asked = if can_edit {
            let at = holding.last.map_or(now, |last| later(last, every));
            if at > now && held.0 > 0 {
                self.wake_at(at);
                return;
            }
            Asked::edit()
        } else {
            let again = holding.last.map(|last| later(last, window)).filter(|at| *at > now);
            let free = place.budget.free_at(now, Weight::Holding);
            if let Some(at) = again.max(free) {
                self.wake_at(at);
                return;
            }
            place.ask(Weight::Holding)
        };
        place.holding.asked = Some(asked);
        let (subject, urgency) = (Subject::Holding, Urgency::Progress);
        self.actions.push_back(Action { destination, subject, urgency });
    }

    /// How a message about `subject` would be placed.
    pub(crate) fn manner(&self, destination: DestinationIndex, subject: Subject) -> Manner {
        let Some(place) = self.destinations.get(destination) else { return Manner::Post };
        match subject {
            Subject::Holding if place.can_edit && place.holding.message.is_some() => Manner::Edit,
            Subject::Incident(id) => {
                let incident = self.incidents.get(&id);
                let telling = incident.and_then(|incident| incident.tellings.get(destination));
                match telling {
                    Some(telling) if telling.is_known && self.is_editable(destination, telling) => {
                        let asked = telling.asked.is_some_and(|asked| asked.is_visible);
                        match (asked && !self.stopping, place.can_reply) {
                            (true, true) => Manner::Reply,
                            (true, false) => Manner::Post,
                            (false, _) => Manner::Edit,
                        }
                    }
                    // Another replica's message stands for ours.
                    Some(telling)
                        if place.can_edit && telling.message.is_some() && !telling.is_known =>
                    {
                        Manner::Edit
                    }
                    _ => Manner::Post,
                }
            }
            Subject::Details(_) => Manner::Reply,
            _ => Manner::Post,
        }
    }
}
