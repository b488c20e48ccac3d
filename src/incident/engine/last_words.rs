//! The process stops: what nobody watches any more.

use std::cmp::Reverse;

use crate::observation::{Fate, Key, Rule, Time};

use super::super::budget::Weight;
use super::super::incident::Incident;
use super::{
    Action, Carried, DestinationIndex, Engine, IncidentView, Moment, Placement, Subject, Urgency,
};

impl Engine {
    pub(super) fn stop(&mut self) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        // What never reached its threshold is not told.
        for incident in self.incidents.values_mut().filter(|incident| incident.is_below()) {
            for (telling, place) in incident.tellings.iter_mut().zip(&mut self.destinations) {
                let rest = telling.left_of(incident.counts.total);
                telling.settle(&mut place.account, Fate::Suppressed(Rule::BelowThreshold), rest);
            }
        }
    }

    /// Asks for what is left to say before the process ends: that nobody
    /// watches any more, then what was never told.
    pub(super) fn ask_last_words(&mut self) {
        for destination in self.speaking() {
            let can_edit = self.destinations.get(destination).is_some_and(|place| place.can_edit);
            self.ask_farewell(destination);
            let (mut last, mut first) = (Vec::new(), Vec::new());
            for incident in self.incidents.values().filter(|incident| self.is_told(incident)) {
                let Some(telling) = incident.tellings.get(destination) else { continue };
                if telling.asked.is_some() || incident.host.is_some() {
                    continue;
                }
                let is_known = telling.is_known;
                let is_due = !telling.told.last_word
                    && (!incident.is_over() || telling.shown.version != incident.version);
                if can_edit && is_known && is_due {
                    last.push(incident.id);
                } else if !is_known && self.held_of(incident, destination) > 0 {
                    first.push(incident.id);
                }
            }
            for id in last {
                self.ask(destination, id, Urgency::Last, None);
            }
            for id in first {
                let place = self.destinations.get_mut(destination);
                let asked = place.map(|place| place.ask(Weight::Major));
                self.ask(destination, id, Urgency::First, asked);
            }
        }
    }

    /// Wants the last words said, if there are any left to say.
    fn ask_farewell(&mut self, destination: DestinationIndex) {
        let due = !self.unwatched(destination).is_empty();
        let Some(place) = self.destinations.get_mut(destination) else { return };
        if due && place.farewell.is_none() {
            place.farewell = Some(place.ask(Weight::Major));
            let (subject, urgency) = (Subject::Farewell, Urgency::Last);
            self.actions.push_back(Action { destination, subject, urgency });
        }
    }

    /// What a destination knows of, and not yet that nobody watches it any
    /// more; worst first.
    fn unwatched(&self, destination: DestinationIndex) -> Vec<&Incident> {
        // What only the message about what is held said is known as well.
        let place = self.destinations.get(destination);
        let held = place.map(|place| place.holding.incidents.as_slice()).unwrap_or_default();
        let can_edit = place.is_some_and(|place| place.can_edit);
        let lacks = |incident: &&Incident| {
            let open = !incident.is_over() || self.held_of(incident, destination) > 0;
            incident.host.is_none()
                && open
                && self.is_told(incident)
                && incident.tellings.get(destination).is_some_and(|telling| {
                    let is_held = held.contains(&incident.id) && !telling.is_known;
                    // What can be edited says it in place.
                    let by_name = telling.is_known || incident.key == Key::Cut;
                    (is_held || (by_name && !can_edit)) && !telling.told.last_word
                })
        };
        let mut known: Vec<&Incident> = self.incidents.values().filter(lacks).collect();
        known.sort_by_key(|one| (Reverse(self.severity(one)), Reverse(self.counts_of(one).total)));
        known
    }

    pub(super) fn farewell(
        &self,
        now: Time,
        destination: DestinationIndex,
    ) -> Option<(IncidentView, Carried, Placement)> {
        let known = self.unwatched(destination);
        let first = *known.first()?;
        let mut view = match known.as_slice() {
            [one] => self.view_of_incident(now, one, Moment::Stopped),
            _ => self.view_of(now, Moment::Stopped, first.key.clone()),
        };
        let mut carried = Carried::default();
        view.fresh = 0;
        view.counts = Default::default();
        for incident in &known {
            view.counts.merge(&self.counts_of(incident));
            view.fresh += self.held_of(incident, destination);
            carried.totals.extend(self.totals_of(incident));
        }
        // One that tells several lists these.
        if known.len() > 1 {
            self.list(&mut view, &known, now);
        }
        Some((view, carried, Placement::New))
    }

    /// Lists incidents, the first ones by name and the rest by their number.
    pub(super) fn list(&self, view: &mut IncidentView, listed: &[&Incident], now: Time) {
        view.list(listed.iter().map(|one| self.row(one, now)));
    }
}
