//! What is told that is no incident: what the budget holds, an outage, the end
//! of a silence.

use std::cmp::Reverse;
use std::time::Instant;

use crate::observation::{Key, Kind, Time};

use super::super::budget::Weight;
use super::super::incident::{Incident, Phase};
use super::super::telling::Asked;
use super::{
    Action, Carried, DestinationIndex, Engine, IncidentView, Manner, Moment, Placement, Quiet,
    SentOutcome, Subject, Urgency, ViewRow,
};

/// A silence that is over, until everybody has heard so.
#[derive(Debug)]
pub(super) struct SilenceOver {
    pub(super) quiet: Quiet,
    /// By destination: whether it has to be told, and whether that is under way.
    due: Vec<bool>,
    pub(super) asked: Vec<Option<Asked>>,
}

impl Engine {
    /// Ends the silences whose time has come.
    pub(super) fn end_silences(&mut self, now: Instant) {
        let (over, rest): (Vec<Quiet>, Vec<Quiet>) =
            std::mem::take(&mut self.silences).into_iter().partition(|quiet| quiet.until <= now);
        self.silences = rest;
        over.into_iter().for_each(|quiet| self.silence_is_over(quiet));
        let ends: Vec<Instant> = self.silences.iter().map(|quiet| quiet.until).collect();
        ends.into_iter().for_each(|at| self.wake_at(at));
    }

    /// What a silence held is told, if it held anything.
    pub(super) fn silence_is_over(&mut self, quiet: Quiet) {
        if quiet.held > 0 {
            let due = self.destinations.iter().map(|place| !place.stands_by).collect();
            let asked = vec![None; self.destinations.len()];
            self.silences_over.push(SilenceOver { quiet, due, asked });
        }
        // Who can't be told for so long has more to hear of than these.
        const MAX_OVER: usize = 64;
        while self.silences_over.len() > MAX_OVER {
            let oldest = self.silences_over.remove(0);
            for (asked, place) in oldest.asked.iter().zip(&mut self.destinations) {
                place.keep_place(Subject::SilenceOver(oldest.quiet.id), *asked);
            }
        }
    }

    /// A destination that stands by needs not hear of silences.
    pub(super) fn spare(&mut self, destination: DestinationIndex) {
        for over in &mut self.silences_over {
            if let Some(due) = over.due.get_mut(destination) {
                *due = false;
            }
        }
        self.forget_silences();
    }

    pub(super) fn ask_silences(&mut self, now: Instant, destination: DestinationIndex) {
        let Some(place) = self.destinations.get_mut(destination) else { return };
        let mut wake = None;
        for over in &mut self.silences_over {
            let is_due = over.due.get(destination).copied().unwrap_or_default();
            let Some(asked) = over.asked.get_mut(destination).filter(|_| is_due) else { continue };
            if asked.is_some() {
                continue;
            }
            if let Some(at) = place.budget.free_at(now, Weight::Minor) {
                wake = Some(at);
                break;
            }
            *asked = Some(place.ask(Weight::Minor));
            let (subject, urgency) = (Subject::SilenceOver(over.quiet.id), Urgency::Progress);
            self.actions.push_back(Action { destination, subject, urgency });
        }
        if let Some(at) = wake {
            self.wake_at(at);
        }
    }

    pub(super) fn told_silence(&mut self, destination: DestinationIndex, id: u64) {
        for over in self.silences_over.iter_mut().filter(|over| over.quiet.id == id) {
            if let Some(due) = over.due.get_mut(destination) {
                *due = false;
            }
        }
        self.forget_silences();
    }

    /// Everybody who was to hear of them has.
    fn forget_silences(&mut self) {
        self.silences_over
            .retain(|over| over.due.contains(&true) || over.asked.iter().any(Option::is_some));
    }

    pub(super) fn view_of_silence(
        &self,
        now: Time,
        destination: DestinationIndex,
        id: u64,
    ) -> Option<(IncidentView, Carried, Placement)> {
        let over = self.silences_over.iter().find(|over| over.quiet.id == id)?;
        over.due.get(destination).filter(|due| **due)?;
        let kind = over.quiet.matcher.kind_and_route().0.unwrap_or(Kind::Logged);
        let mut view = self.view_of(now, Moment::SilenceOver, Key::Other { kind });
        view.silence = Some(over.quiet.matcher.clone());
        view.silenced = over.quiet.held;
        view.since = over.quiet.began.wall;
        Some((view, Carried::default(), Placement::New))
    }

    /// How many incidents the budget holds for a destination, and how many
    /// observations of theirs.
    pub(super) fn held_by_budget(&self, destination: DestinationIndex) -> (usize, u64) {
        let held = self.held_incidents(destination);
        let total = held.iter().map(|incident| self.counts_of(incident).total).sum();
        (held.len(), total)
    }

    fn held_incidents(&self, destination: DestinationIndex) -> Vec<&Incident> {
        let place = self.destinations.get(destination);
        let ids = place.map(|place| place.holding.incidents.as_slice()).unwrap_or_default();
        let mut held: Vec<&Incident> = ids.iter().filter_map(|id| self.incidents.get(id)).collect();
        held.sort_by_key(|one| (Reverse(self.severity(one)), Reverse(self.counts_of(one).total)));
        held
    }

    pub(super) fn view_of_holding(
        &self,
        now: Time,
        destination: DestinationIndex,
    ) -> Option<(IncidentView, Carried, Placement)> {
        let place = self.destinations.get(destination)?;
        let held = self.held_incidents(destination);
        let message = place.holding.message.clone().filter(|_| place.can_edit);
        if held.is_empty() && message.is_none() {
            return None;
        }
        let kind = held.first().map_or(Kind::Logged, |one| one.key.kind());
        let mut view = self.view_of(now, Moment::Holding, Key::Other { kind });
        let mut carried = Carried::default();
        for incident in &held {
            view.counts.merge(&self.counts_of(incident));
            view.fresh += self.held_of(incident, destination);
            carried.totals.extend(self.totals_of(incident));
        }
        self.list(&mut view, &held, now);
        let placement = match message {
            Some(message) => {
                carried.manner = Manner::Edit;
                Placement::Edit(message)
            }
            None => Placement::New,
        };
        carried.held = self.held_by_budget(destination);
        Some((view, carried, placement))
    }

    pub(super) fn told_holding(
        &mut self,
        now: Instant,
        destination: DestinationIndex,
        carried: &Carried,
        outcome: &SentOutcome,
    ) {
        let Some(place) = self.destinations.get_mut(destination) else { return };
        let holding = &mut place.holding;
        match outcome {
            SentOutcome::Stale => {
                holding.message = None;
                holding.shown = None;
            }
            outcome => {
                holding.last = Some(now);
                holding.shown = Some(carried.held);
                if let SentOutcome::Posted(message) = outcome {
                    holding.message = message.clone().or(holding.message.take());
                }
                if carried.held.0 == 0 {
                    // Over; the next time needs a message of its own.
                    holding.message = None;
                }
            }
        }
    }

    /// For how long nothing could be delivered, and what was counted.
    pub(super) fn view_of_outage(
        &self,
        now: Time,
        destination: DestinationIndex,
    ) -> Option<(IncidentView, Carried, Placement)> {
        let outage = self.destinations.get(destination)?.outage?;
        let mut held: Vec<&Incident> = self
            .incidents
            .values()
            .filter(|one| one.host.is_none() && self.is_told(one))
            .filter(|one| self.held_of(one, destination) > 0)
            .collect();
        let new = |one: &Incident| self.held_of(one, destination);
        // What is over is told here or never.
        held.sort_by_key(|one| (Reverse((one.is_over(), self.severity(one), new(one))), one.id));
        let mut view = self.view_of(now, Moment::Outage, Key::Other { kind: Kind::Logged });
        view.outage = Some(now.mono.saturating_duration_since(outage.since));
        let mut carried = Carried::default();
        for incident in &held {
            view.counts.merge(&self.counts_of(incident));
            view.fresh += new(incident);
            // What still goes on is told by messages of its own.
            if incident.is_over() {
                carried.totals.extend(self.totals_of(incident));
            }
        }
        let row = |one: &&Incident| ViewRow { total: new(one), ..self.row(one, now) };
        view.list(held.iter().map(row));
        Some((view, carried, Placement::New))
    }

    /// An outage was told: now the present state of everything that is open.
    pub(super) fn told_outage(&mut self, destination: DestinationIndex) {
        if let Some(place) = self.destinations.get_mut(destination) {
            place.outage = None;
        }
        let open = self.incidents.values().filter(|one| one.phase == Phase::Open);
        let roots = open.filter(|one| one.host.is_none());
        let behind = roots.filter(|one| self.held_of(one, destination) > 0);
        let behind: Vec<_> = behind.map(|one| one.id).collect();
        for id in behind {
            let incident = self.incidents.get_mut(&id);
            if let Some(telling) = incident.and_then(|one| one.tellings.get_mut(destination)) {
                telling.catches_up = true;
            }
        }
    }
}
