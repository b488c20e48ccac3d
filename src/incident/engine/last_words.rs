//! The process stops: what nobody watches any more.

use super::super::incident::{Incident, Phase};
use super::{
    Action, Carried, DestinationIndex, Engine, IncidentView, Moment, Placement, Rule, Subject,
    Time, Urgency, ViewRow,
};
use std::time::Instant;

/// A message about several incidents lists so many of them.
const LISTED: usize = 10;

impl Engine {
    pub(super) fn stop(&mut self) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        // What never reached its threshold is not told.
        for incident in self.incidents.values_mut() {
            if let Phase::Below(_) = incident.phase {
                for (telling, place) in incident.tellings.iter_mut().zip(&mut self.destinations) {
                    let rest = incident.counts.total.saturating_sub(telling.settled);
                    place.account.suppress(Rule::BelowThreshold, rest);
                    telling.settled += rest;
                }
            }
        }
    }

    /// Asks for what is left to say before the process ends: that nobody
    /// watches any more, then what was never told.
    pub(super) fn ask_last_words(&mut self, now: Instant) {
        for destination in
            (0..self.destinations.len()).filter(|at| self.speaks(*at)).collect::<Vec<_>>()
        {
            let can_edit = self.destinations.get(destination).is_some_and(|place| place.can_edit);
            if !can_edit {
                self.ask_farewell(destination);
            }
            let mut due = Vec::new();
            for incident in self.incidents.values().filter(|incident| self.is_told(incident)) {
                let Some(telling) = incident.tellings.get(destination) else { continue };
                if can_edit && telling.is_known && !telling.had_last_word {
                    due.push((incident.id, Urgency::Last));
                } else if !telling.is_known && incident.held(destination) > 0 {
                    due.push((incident.id, Urgency::First));
                }
            }
            for (id, urgency) in due {
                self.ask(now, id, destination, urgency);
            }
        }
    }

    /// Wants the last words said, if there are any left to say.
    fn ask_farewell(&mut self, destination: DestinationIndex) {
        let due = self.incidents.values().any(|incident| incident.lacks_last_word(destination));
        let Some(place) = self.destinations.get_mut(destination) else { return };
        if due && !place.stands_by && !place.asked_farewell {
            place.asked_farewell = true;
            let (subject, urgency) = (Subject::Farewell, Urgency::Last);
            self.actions.push_back(Action { destination, subject, urgency });
        }
    }

    pub(super) fn farewell(
        &self,
        now: Time,
        destination: DestinationIndex,
    ) -> Option<(IncidentView, Carried, Placement)> {
        let mut known: Vec<&Incident> = self
            .incidents
            .values()
            .filter(|incident| incident.lacks_last_word(destination))
            .collect();
        known.sort_by_key(|incident| {
            (
                std::cmp::Reverse(incident.key.kind().severity()),
                std::cmp::Reverse(incident.counts.total),
            )
        });
        let mut view = self.view_of(now, Moment::Stopped, known.first()?.key.clone());
        for incident in &known {
            view.counts.merge(&incident.counts);
            view.fresh += incident.held(destination);
        }
        if let [one] = known.as_slice() {
            view.id = Some(one.id);
            view.samples = one.samples.clone();
        }
        let row = |incident: &&Incident| ViewRow {
            key: incident.key.clone(),
            total: incident.counts.total,
        };
        view.more_total = known.iter().skip(LISTED).map(|incident| incident.counts.total).sum();
        view.rows = known.iter().take(LISTED).map(row).collect();
        view.more = known.len().saturating_sub(LISTED);
        let carried = known.iter().map(|incident| (incident.id, incident.counts.total)).collect();
        Some((view, carried, Placement::New))
    }
}
