//! The process stops: what nobody watches any more.

use super::super::incident::{Incident, Phase};
use super::{
    Action, Carried, DestinationIndex, Engine, IncidentId, IncidentView, Moment, Placement, Rule,
    Subject, Time, Urgency, ViewRow,
};

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
        for destination in 0..self.destinations.len() {
            let Some(place) = self.destinations.get(destination) else { continue };
            if place.stands_by {
                continue;
            }
            if place.can_edit {
                self.ask_where(Urgency::Last, |incident, at| {
                    at == destination && incident.tellings.get(at).is_some_and(|t| t.is_known)
                });
            } else {
                self.ask_farewell(destination);
            }
        }
        self.ask_where(Urgency::First, |incident, at| incident.held(at) > 0);
    }

    pub(super) fn lacks_last_word(&self, id: IncidentId, destination: DestinationIndex) -> bool {
        let incident = self.incidents.get(&id);
        incident.is_some_and(|incident| incident.lacks_last_word(destination))
    }

    /// Wants the last words said, if there are any left to say.
    pub(super) fn ask_farewell(&mut self, destination: DestinationIndex) {
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
        view.rows = known.iter().take(LISTED).map(row).collect();
        view.more = known.len().saturating_sub(LISTED);
        let carried = known.iter().map(|incident| (incident.id, incident.counts.total)).collect();
        Some((view, carried, Placement::New))
    }
}
