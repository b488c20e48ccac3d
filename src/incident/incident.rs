//! [`Incident`]: a key in trouble, and what each destination knows of it.

use std::collections::VecDeque;
use std::time::Instant;

use crate::observation::{Counts, Key, Samples, Time, later};

use super::{IncidentId, IncidentPolicy, MessageRef};

/// A key in trouble.
#[derive(Debug)]
pub(super) struct Incident {
    pub(super) id: IncidentId,
    pub(super) key: Key,
    pub(super) counts: Counts,
    pub(super) moved_in: u64,
    pub(super) moved_out: u64,
    pub(super) samples: Samples,
    pub(super) last_seen: Instant,
    pub(super) phase: Phase,
    pub(super) tellings: Vec<Telling>,
}

/// Whether it is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Below `tell_after`: what was seen when.
    Below(VecDeque<(Instant, u64)>),
    Open,
    /// It is over, and some destination could not be told yet. A new
    /// observation of its key opens another incident.
    Over,
}

/// What one destination knows of an incident.
#[derive(Clone, Debug, Default)]
pub(super) struct Telling {
    /// The total that it was told, or that was settled otherwise.
    pub(super) settled: u64,
    /// Some message of ours about it is in the channel.
    pub(super) is_known: bool,
    pub(super) message: Option<MessageRef>,
    /// An action is out and not answered, since when.
    pub(super) asked: Option<Instant>,
    /// Somebody waits until this total is settled.
    pub(super) flush_to: Option<u64>,
    /// Place in the digest series, and when the last message was.
    pub(super) step: usize,
    pub(super) last_message: Option<Instant>,
    /// It was told that nobody watches any more.
    pub(super) had_last_word: bool,
}

impl Telling {
    /// A message came to its end: the next one waits longer.
    pub(super) fn advance(&mut self, now: Instant) {
        if self.last_message.is_some() {
            self.step += 1;
        }
        self.last_message = Some(now);
    }
}

impl Incident {
    pub(super) fn new(id: IncidentId, key: Key, now: Time, phase: Phase, tellings: usize) -> Self {
        Incident {
            id,
            key,
            counts: Counts::default(),
            moved_in: 0,
            moved_out: 0,
            samples: Samples::default(),
            last_seen: now.mono,
            phase,
            tellings: vec![Telling::default(); tellings],
        }
    }

    /// Whether a destination is to be told now; the first word at once, more
    /// by the digest series, and the rest when it is over or quiet.
    pub(super) fn is_due(&self, destination: usize, policy: &IncidentPolicy, now: Instant) -> bool {
        let Some(telling) = self.tellings.get(destination) else { return false };
        let wanted = telling.flush_to.is_some_and(|wanted| telling.settled < wanted);
        let due = || self.next_word(destination, policy).is_none_or(|next| now >= next);
        telling.asked.is_none() && self.held(destination) > 0 && (wanted || due())
    }

    /// When a destination may be told the next time; `None` for at once.
    pub(super) fn next_word(&self, destination: usize, policy: &IncidentPolicy) -> Option<Instant> {
        let telling = self.tellings.get(destination)?;
        let next = later(telling.last_message?, policy.digest_after(telling.step));
        Some(next.min(self.quiet_at(policy)))
    }

    /// When it ends, if nothing more is observed.
    pub(super) fn quiet_at(&self, policy: &IncidentPolicy) -> Instant {
        later(self.last_seen, policy.close_after)
    }

    /// Whether a destination knows of it, and not yet that nobody watches it
    /// any more.
    pub(super) fn lacks_last_word(&self, destination: usize) -> bool {
        self.tellings.get(destination).is_some_and(|telling| {
            (telling.is_known || self.key == Key::Cut) && !telling.had_last_word
        })
    }

    /// Takes in what is left to tell of an earlier one.
    pub(super) fn absorb(&mut self, earlier: &Incident, pick: u64) {
        self.counts.merge(&earlier.counts);
        self.moved_in += earlier.moved_in;
        self.moved_out += earlier.moved_out;
        let mut samples = earlier.samples.clone();
        samples.merge(&self.samples, pick);
        self.samples = samples;
        for (telling, before) in self.tellings.iter_mut().zip(&earlier.tellings) {
            telling.settled += before.settled;
            telling.is_known |= before.is_known;
            telling.flush_to = telling.flush_to.or(before.flush_to);
            telling.message = telling.message.take().or_else(|| before.message.clone());
        }
    }

    /// What a destination has not been told of.
    pub(super) fn held(&self, destination: usize) -> u64 {
        let settled = self.tellings.get(destination).map_or(0, |telling| telling.settled);
        self.counts.total.saturating_sub(settled)
    }
}
