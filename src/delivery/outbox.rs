//! [`Outbox`]: decides when each destination is told. No clock, no I/O.

use std::time::{Duration, Instant};

use crate::incident::{Action, DestinationIndex, IncidentPolicy, Manner, Subject};

use super::DeliveryError;
use super::lane::{Dispatch, Health, Lane, Resolution};

/// Decides when each destination is told: a lane for each, so that a dead one
/// delays none of the others. At most one action per subject is pending in a
/// lane, and at most one attempt is under way.
#[derive(Debug)]
pub(crate) struct Outbox {
    lanes: Vec<Lane>,
    random: fastrand::Rng,
}

impl Outbox {
    pub(crate) fn new(destinations: usize, policy: &IncidentPolicy, seed: u64) -> Self {
        Outbox {
            lanes: (0..destinations).map(|_| Lane::new(policy)).collect(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Takes an action of the engine.
    pub(crate) fn push(&mut self, now: Instant, action: Action) {
        if let Some(lane) = self.lanes.get_mut(action.destination) {
            lane.push(now, action);
        }
    }

    /// What a destination can be told now.
    pub(crate) fn poll(
        &mut self,
        now: Instant,
        destination: DestinationIndex,
        manner: impl Fn(Subject) -> Manner,
    ) -> Option<Dispatch> {
        self.lanes.get_mut(destination)?.poll(now, manner)
    }

    /// There was nothing to say about a subject after all.
    pub(crate) fn skip(&mut self, destination: DestinationIndex, subject: Subject) {
        if let Some(lane) = self.lanes.get_mut(destination) {
            lane.skip(subject);
        }
    }

    /// An attempt came to an end.
    pub(crate) fn done(
        &mut self,
        now: Instant,
        destination: DestinationIndex,
        result: Result<(), &DeliveryError>,
    ) -> Resolution {
        let random = self.random.f64();
        match self.lanes.get_mut(destination) {
            Some(lane) => lane.done(now, result, random),
            None => Resolution::Again,
        }
    }

    /// Somebody wants a test message; it keeps the pace of all others.
    pub(crate) fn ask_test(&mut self, destination: DestinationIndex) {
        if let Some(lane) = self.lanes.get_mut(destination) {
            lane.ask_test();
        }
    }

    /// Whether something that waits can still go, or come back, by `deadline`.
    pub(crate) fn can_progress_by(
        &self,
        destination: DestinationIndex,
        deadline: Instant,
        manner: impl Fn(Subject) -> Manner,
    ) -> bool {
        let lane = self.lanes.get(destination);
        lane.is_some_and(|lane| lane.can_progress_by(deadline, manner))
    }

    /// A probe came to an end.
    pub(crate) fn probed(
        &mut self,
        now: Instant,
        destination: DestinationIndex,
        result: Result<(), &DeliveryError>,
    ) {
        let random = self.random.f64();
        if let Some(lane) = self.lanes.get_mut(destination) {
            lane.probed(now, result, random);
        }
    }

    /// When [`poll`](Outbox::poll) has something to do for a destination, or
    /// it will count as down.
    pub(crate) fn deadline(
        &self,
        now: Instant,
        destination: DestinationIndex,
        manner: impl Fn(Subject) -> Manner,
    ) -> Option<Instant> {
        let lane = self.lanes.get(destination)?;
        let down_at = lane.down_at().filter(|at| *at > now);
        [lane.deadline(now, manner), down_at].into_iter().flatten().min()
    }

    pub(crate) fn health(&self, now: Instant, destination: DestinationIndex) -> Health {
        self.lanes.get(destination).map_or(Health::Ready, |lane| lane.health(now))
    }

    /// Whether a fallback shall speak in this destination's place.
    pub(crate) fn is_down(&self, now: Instant, destination: DestinationIndex) -> bool {
        self.lanes.get(destination).is_some_and(|lane| lane.is_down(now))
    }

    /// Since when nothing could be delivered, if that is worth a word.
    pub(crate) fn outage(&self, now: Instant, destination: DestinationIndex) -> Option<Instant> {
        self.lanes.get(destination)?.outage(now)
    }

    /// Whether the last attempt at this destination failed.
    pub(crate) fn is_failing(&self, destination: DestinationIndex) -> bool {
        self.lanes.get(destination).is_some_and(Lane::is_failing)
    }

    /// How long something has been undelivered, once that is worth a warning.
    pub(crate) fn late(&self, now: Instant, destination: DestinationIndex) -> Option<Duration> {
        self.lanes.get(destination)?.late(now)
    }

    /// Whether an attempt is under way.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn is_busy(&self, destination: DestinationIndex) -> bool {
        self.lanes.get(destination).is_some_and(Lane::is_busy)
    }

    /// Whether nothing waits and nothing is under way.
    pub(crate) fn is_empty(&self, destination: DestinationIndex) -> bool {
        self.lanes.get(destination).is_none_or(Lane::is_empty)
    }
}
