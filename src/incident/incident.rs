//! [`Incident`]: a key in trouble.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::observation::{Counts, Endpoint, Key, Kind, Sample, Samples, Time};

use super::IncidentId;
use super::telling::Telling;

/// A key in trouble, or several that are told as one.
#[derive(Debug)]
pub(super) struct Incident {
    pub(super) id: IncidentId,
    pub(super) key: Key,
    /// Where its requests went, if its key does not say so.
    pub(super) place: Place,
    /// The first of its key since this process started.
    pub(super) is_new: bool,
    pub(super) counts: Counts,
    pub(super) moved_in: u64,
    pub(super) moved_out: u64,
    pub(super) samples: Samples,
    pub(super) phase: Phase,
    /// When it opened, or opened again.
    pub(super) opened: Instant,
    pub(super) round: Round,
    pub(super) last_seen: Time,
    /// How long without observations ends it; grows each time it comes back.
    pub(super) close_after: Duration,
    pub(super) hanging: Hanging,
    /// The worst that was seen in this round.
    pub(super) worst: Kind,
    pub(super) nearby: Nearby,
    /// Observations that a silence keeps from being told.
    pub(super) silenced: u64,
    /// The incident that tells this one.
    pub(super) host: Option<IncidentId>,
    /// The incidents that this one tells.
    pub(super) members: Vec<IncidentId>,
    /// Grows with whatever a reader could see.
    pub(super) version: u64,
    pub(super) tellings: Vec<Telling>,
}

/// Where in its life an incident is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Below `tell_after`: what was seen when, and the incident of the same key
    /// that had ended before.
    Below {
        seen: VecDeque<(Time, u64)>,
        after: Option<IncidentId>,
    },
    Open,
    /// It is over. If it comes back soon, it is the same one.
    Closed {
        at: Instant,
    },
    /// It is over for good, and some destination could not be told yet.
    Over,
}

/// Where requests went, as far as their samples tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Unknown,
    One(Endpoint),
    Several,
}

/// Which time round it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) number: u32,
    pub(super) began: Time,
    /// What had been counted before.
    pub(super) before: u64,
}

/// Its requests that still run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hanging {
    pub(super) count: u64,
    /// When the oldest of them began, by the clock that samples are taken by.
    pub(super) began: Option<Instant>,
}

/// What else happened on its endpoint in this round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Nearby {
    /// Its own requests since the others are counted.
    pub(super) own: u64,
    /// Requests that went well, and those of them since its last observation.
    pub(super) fine: u64,
    pub(super) fine_since: u64,
    /// Requests told under other keys, those of them since its last
    /// observation, and how many of those failed, or were slow or still are.
    pub(super) others: u64,
    pub(super) others_since: u64,
    pub(super) failed_since: u64,
    pub(super) slow_since: u64,
}

impl Nearby {
    /// It was observed again: what came before proves nothing.
    pub(super) fn restart(&mut self) {
        self.fine_since = 0;
        self.others_since = 0;
        self.failed_since = 0;
        self.slow_since = 0;
    }
}

impl Incident {
    pub(super) fn new(
        id: IncidentId,
        key: Key,
        now: Time,
        phase: Phase,
        close_after: Duration,
        tellings: usize,
    ) -> Self {
        Incident {
            id,
            worst: key.kind(),
            key,
            place: Place::Unknown,
            is_new: false,
            counts: Counts::default(),
            moved_in: 0,
            moved_out: 0,
            samples: Samples::default(),
            phase,
            opened: now.mono,
            round: Round { number: 0, began: now, before: 0 },
            last_seen: now,
            close_after,
            hanging: Hanging::default(),
            nearby: Nearby::default(),
            silenced: 0,
            host: None,
            members: Vec::new(),
            version: 1,
            tellings: vec![Telling::default(); tellings],
        }
    }

    /// The endpoint of all of its requests, if there is one.
    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        Endpoint::of(&self.key).or(match &self.place {
            Place::One(endpoint) => Some(endpoint.clone()),
            Place::Unknown | Place::Several => None,
        })
    }

    /// Where requests that go well prove that it is over. One that logs an error
    /// may have gone well all the same.
    pub(super) fn proof(&self) -> Option<Endpoint> {
        let is_provable =
            self.key.kind() != Kind::Logged && !matches!(self.key, Key::Blocked { .. });
        self.endpoint().filter(|_| is_provable)
    }

    /// Takes in samples, and where their requests went.
    /// Whether that changed.
    pub(super) fn take_samples(&mut self, later: &Samples, pick: u64) -> bool {
        let before = self.endpoint();
        if later.are_of_several() {
            self.place = Place::Several;
        }
        for endpoint in
            [later.first(), later.last()].into_iter().flatten().filter_map(Sample::endpoint)
        {
            match &self.place {
                Place::Unknown => self.place = Place::One(endpoint.clone()),
                Place::One(known) if known != endpoint => self.place = Place::Several,
                Place::One(_) | Place::Several => {}
            }
        }
        self.samples.merge(later, pick);
        before != self.endpoint()
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Closed { .. } | Phase::Over)
    }

    pub(super) fn is_below(&self) -> bool {
        matches!(self.phase, Phase::Below { .. })
    }

    /// What a destination has not been told of.
    pub(super) fn held(&self, destination: usize) -> u64 {
        let total = self.counts.total;
        self.tellings.get(destination).map_or(total, |telling| telling.left_of(total))
    }

    /// It comes back: a new round of the same incident.
    pub(super) fn reopen(&mut self, now: Time, before: u64, longest: Duration) {
        self.phase = Phase::Open;
        self.is_new = false;
        self.opened = now.mono;
        self.close_after = self.close_after.saturating_mul(2).min(longest);
        self.round = Round { number: self.round.number + 1, began: now, before };
        self.nearby = Nearby::default();
        self.worst = self.key.kind();
        self.silenced = 0;
        self.version += 1;
        self.tellings.iter_mut().for_each(Telling::begin_round);
    }

    /// Takes in what is left to tell of an earlier one.
    pub(super) fn absorb(&mut self, earlier: &Incident, pick: u64) {
        self.counts.merge(&earlier.counts);
        self.moved_in += earlier.moved_in;
        self.moved_out += earlier.moved_out;
        self.version += 1;
        let mut samples = earlier.samples.clone();
        samples.merge(&self.samples, pick);
        self.samples = samples;
        for (telling, before) in self.tellings.iter_mut().zip(&earlier.tellings) {
            telling.settled.merge(&before.settled);
            telling.flush_to = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::observation::{Account, Fate};

    fn incident() -> Incident {
        let now = Time { mono: Instant::now(), wall: SystemTime::UNIX_EPOCH };
        let (id, minute) = (IncidentId::new([0; 16], 1), Duration::from_secs(60));
        Incident::new(id, Key::Cut, now, Phase::Open, minute, 1)
    }

    #[test]
    fn a_reader_sees_that_it_came_back() {
        let (mut it, hour) = (incident(), Duration::from_secs(3600));
        let now = it.round.began;
        for round in 1..=9 {
            let before = it.version;
            it.reopen(now, 7, hour);
            assert!(it.version > before);
            assert_eq!((it.round.number, it.round.before), (round, 7));
        }
        // Twice as long each time, and no longer than that.
        assert_eq!(it.close_after, hour);
    }

    #[test]
    fn it_takes_in_all_of_an_earlier_one() {
        let (mut it, mut earlier) = (incident(), incident());
        (it.counts.total, it.moved_in, it.moved_out) = (2, 3, 5);
        (earlier.counts.total, earlier.moved_in, earlier.moved_out) = (70, 110, 130);
        it.tellings[0].settled.settle(Fate::Delivered, 1);
        it.tellings[0].flush_to = Some(9);
        earlier.tellings[0].settled.settle(Fate::Delivered, 40);
        let before = it.version;
        it.absorb(&earlier, 0);
        assert_eq!((it.counts.total, it.moved_in, it.moved_out), (72, 113, 135));
        assert_eq!(it.tellings[0].settled, Account { delivered: 41, ..Account::default() });
        assert_eq!(it.tellings[0].flush_to, None);
        assert!(it.version > before);
    }
}
