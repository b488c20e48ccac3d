//! What is told, at the moment it is told.

use std::sync::Arc;

use crate::observation::{Counts, Key, Kind, Samples, Time};

use super::{Carried, DestinationIndex, Engine, IncidentView, Moment, Placement, Subject};

impl Engine {
    /// Whether a message about `subject` would replace an older one.
    pub(crate) fn is_edit(&self, destination: DestinationIndex, subject: Subject) -> bool {
        let can_edit = self.destinations.get(destination).is_some_and(|place| place.can_edit);
        let telling = match subject {
            Subject::Incident(id) => {
                self.incidents.get(&id).and_then(|incident| incident.tellings.get(destination))
            }
            Subject::Farewell => None,
        };
        can_edit && telling.is_some_and(|telling| telling.message.is_some())
    }

    /// What a message about `subject` says now, which totals it carries, and
    /// where it goes; `None` when there is nothing to say any more.
    pub(crate) fn view(
        &self,
        now: Time,
        destination: DestinationIndex,
        subject: Subject,
    ) -> Option<(IncidentView, Carried, Placement)> {
        let place = self.destinations.get(destination)?;
        if place.stands_by {
            return None;
        }
        match subject {
            Subject::Farewell => self.farewell(now, destination),
            Subject::Incident(id) => {
                let incident = self.incidents.get(&id)?;
                let telling = incident.tellings.get(destination)?;
                let moment = match (telling.is_known, self.stopping) {
                    (false, _) if incident.held(destination) == 0 => return None,
                    (false, _) => Moment::First,
                    (true, false) => Moment::Progress,
                    (true, true) if place.can_edit => Moment::Stopped,
                    // The farewell tells it.
                    (true, true) => return None,
                };
                let placement = match &telling.message {
                    Some(message) if place.can_edit => Placement::Edit(message.clone()),
                    _ => Placement::New,
                };
                let mut view = self.view_of(now, moment, incident.key.clone());
                view.id = Some(id);
                view.counts = incident.counts;
                view.moved_in = incident.moved_in;
                view.moved_out = incident.moved_out;
                view.fresh = incident.held(destination);
                view.samples = incident.samples.clone();
                Some((view, vec![(id, incident.counts.total)], placement))
            }
        }
    }

    pub(super) fn view_of(&self, now: Time, moment: Moment, key: Key) -> IncidentView {
        IncidentView {
            id: None,
            moment,
            key,
            counts: Counts::default(),
            fresh: 0,
            moved_in: 0,
            moved_out: 0,
            samples: Samples::default(),
            identity: Arc::clone(&self.identity),
            now,
            uptime: now.mono.saturating_duration_since(self.started.mono),
            rows: Vec::new(),
            more: 0,
            more_total: 0,
            outage: None,
            maybe_repeat: false,
            stopped: self.stopping,
        }
    }

    /// A view that tells nothing but that it arrives.
    pub(crate) fn test_view(&self, now: Time) -> IncidentView {
        self.view_of(now, Moment::Test, Key::Other { kind: Kind::Logged })
    }
}
