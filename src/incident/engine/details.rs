//! What has no room in an incident's message goes below it, in its thread.

use crate::observation::{Sample, Time};

use super::super::telling::Details;
use super::{
    Action, Carried, DestinationIndex, Engine, IncidentId, IncidentView, Manner, Moment, Placement,
    Subject, Urgency,
};

impl Engine {
    /// A message of its own was posted: what has no room in it is due.
    pub(super) fn posted(&mut self, destination: DestinationIndex, id: IncidentId) {
        let can_reply = self.destinations.get(destination).is_some_and(|place| place.can_reply);
        // Where each is told, each has them in its own message.
        let can_reply = can_reply && !self.policy.each;
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        let samples = [incident.samples.first(), incident.samples.last()];
        let has_more = samples.into_iter().flatten().any(Sample::has_more);
        if let Some(telling) = incident.tellings.get_mut(destination) {
            let is_due = can_reply && has_more && telling.message.is_some();
            telling.details = if is_due { Details::Due } else { Details::Nothing };
        }
        self.let_go_of_details(id);
    }

    /// Asks for the replies that are due.
    pub(super) fn ask_details(&mut self, destination: DestinationIndex) {
        for incident in self.incidents.values_mut() {
            let Some(telling) = incident.tellings.get_mut(destination) else { continue };
            if telling.details == Details::Due && incident.host.is_none() {
                telling.details = Details::Asked;
                let (subject, urgency) = (Subject::Details(incident.id), Urgency::Beside);
                self.actions.push_back(Action { destination, subject, urgency });
            }
        }
    }

    pub(super) fn view_of_details(
        &self,
        now: Time,
        destination: DestinationIndex,
        id: IncidentId,
    ) -> Option<(IncidentView, Carried, Placement)> {
        let incident = self.incidents.get(&id)?;
        let telling = incident.tellings.get(destination).filter(|_| incident.host.is_none())?;
        let parent = telling.message.clone().filter(|_| telling.details == Details::Asked)?;
        let view = self.view_of_incident(now, incident, Moment::Details);
        let carried = Carried { manner: Manner::Reply, ..Carried::default() };
        Some((view, carried, Placement::Reply { parent, broadcast: false }))
    }

    /// A reply came to its end, whichever it was.
    pub(super) fn told_details(&mut self, destination: DestinationIndex, id: IncidentId) {
        let incident = self.incidents.get_mut(&id);
        if let Some(telling) = incident.and_then(|one| one.tellings.get_mut(destination)) {
            telling.details = Details::Nothing;
        }
        self.let_go_of_details(id);
    }

    /// Once every destination has what the first request said, it is not kept.
    fn let_go_of_details(&mut self, id: IncidentId) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        let mut tellings = incident.tellings.iter().zip(&self.destinations);
        let is_told = tellings.all(|(telling, place)| {
            place.stands_by || (telling.is_known && telling.details == Details::Nothing)
        });
        if is_told {
            incident.samples.forget_first_detail();
        }
    }
}
