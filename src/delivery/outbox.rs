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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{IncidentId, Urgency};

    const POST: fn(Subject) -> Manner = |_| Manner::Post;

    fn about(n: u64) -> Subject {
        Subject::Incident(IncidentId::new([0; 16], n))
    }

    /// Two destinations, each of which has something to be told.
    fn outbox(now: Instant) -> Outbox {
        let mut outbox = Outbox::new(2, &IncidentPolicy::default(), 1);
        for destination in 0..2 {
            outbox.push(
                now,
                Action { destination, subject: about(destination as u64), urgency: Urgency::First },
            );
        }
        outbox
    }

    fn sent(outbox: &mut Outbox, now: Instant, destination: usize) -> Option<Subject> {
        match outbox.poll(now, destination, POST)? {
            Dispatch::Send { subject, .. } => Some(subject),
            Dispatch::Test | Dispatch::Probe => None,
        }
    }

    #[test]
    fn one_that_fails_delays_no_other() {
        let now = Instant::now();
        let mut outbox = outbox(now);
        assert!((0..2).all(|at| !outbox.is_empty(at) && !outbox.is_busy(at)));
        assert_eq!(outbox.deadline(now, 0, POST), Some(now));
        assert_eq!(sent(&mut outbox, now, 0), Some(about(0)));
        assert!(outbox.is_busy(0) && !outbox.is_busy(1));
        let failed = outbox.done(now, 0, Err(&DeliveryError::transient()));
        assert_eq!(failed, Resolution::Again);
        assert_eq!(sent(&mut outbox, now, 1), Some(about(1)));
        assert_eq!(outbox.done(now, 1, Ok(())), Resolution::Delivered);

        assert!(!outbox.is_empty(0) && outbox.is_empty(1));
        assert!(outbox.is_failing(0) && !outbox.is_failing(1));
        assert_eq!(outbox.health(now, 0), Health::Retrying);
        assert_eq!(outbox.health(now, 1), Health::Ready);
        assert!(outbox.can_progress_by(0, now + Duration::from_secs(9), POST));
        assert!(!outbox.can_progress_by(1, now + Duration::from_secs(9), POST));
        assert_eq!(outbox.deadline(now, 1, POST), None);
        let later = now + Duration::from_secs(60);
        assert!(outbox.is_down(later, 0) && !outbox.is_down(later, 1));
        assert_eq!((outbox.outage(later, 0), outbox.outage(later, 1)), (Some(now), None));
        assert_eq!(outbox.late(later, 0), Some(Duration::from_secs(60)));
        assert_eq!(outbox.late(later, 1), None);
    }

    #[test]
    fn wakes_when_it_will_count_as_down_and_only_until_then() {
        let now = Instant::now();
        let mut outbox = outbox(now);
        sent(&mut outbox, now, 0).unwrap();
        outbox.done(now, 0, Err(&DeliveryError::rate_limited(Some(Duration::from_secs(600)))));
        let down_at = now + Duration::from_secs(60);
        assert_eq!(outbox.deadline(now, 0, POST), Some(down_at));
        assert_eq!(outbox.deadline(down_at - Duration::from_nanos(1), 0, POST), Some(down_at));
        assert!(outbox.deadline(down_at, 0, POST) >= Some(now + Duration::from_secs(600)));
    }

    #[test]
    fn what_is_skipped_asked_or_probed_is_that_destinations() {
        let now = Instant::now();
        let mut outbox = outbox(now);
        sent(&mut outbox, now, 0).unwrap();
        outbox.skip(0, about(0));
        assert!(outbox.is_empty(0) && !outbox.is_empty(1));
        outbox.ask_test(0);
        assert_eq!(outbox.poll(now, 0, POST), Some(Dispatch::Test));
        assert_eq!(sent(&mut outbox, now, 1), Some(about(1)));
        outbox.done(now, 1, Err(&DeliveryError::revoked()));
        assert_eq!(outbox.health(now, 1), Health::Open);
        let probe = now + Duration::from_secs(600);
        assert_eq!(outbox.poll(probe, 1, POST), Some(Dispatch::Probe));
        outbox.probed(probe, 1, Ok(()));
        assert_eq!(sent(&mut outbox, probe + Duration::from_secs(1), 1), Some(about(1)));
    }
}
