//! [`Incident`]: a key in trouble, and what each destination knows of it.

use std::collections::VecDeque;
use std::time::Instant;

use crate::observation::{Counts, Key, Samples, Time};

use super::{IncidentId, MessageRef};

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
}

/// What one destination knows of an incident.
#[derive(Clone, Debug, Default)]
pub(super) struct Telling {
    /// The total that it was told, or that was settled otherwise.
    pub(super) settled: u64,
    /// Some message of ours about it is in the channel.
    pub(super) is_known: bool,
    pub(super) message: Option<MessageRef>,
    /// An action is out and not answered.
    pub(super) asked: bool,
    /// Place in the digest series, and when the last message was.
    pub(super) step: usize,
    pub(super) last_message: Option<Instant>,
    /// It was told that nobody watches any more.
    pub(super) had_last_word: bool,
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

    /// Whether a destination knows of it, and not yet that nobody watches it
    /// any more.
    pub(super) fn lacks_last_word(&self, destination: usize) -> bool {
        self.tellings.get(destination).is_some_and(|telling| {
            (telling.is_known || self.key == Key::Cut) && !telling.had_last_word
        })
    }

    /// What a destination has not been told of.
    pub(super) fn held(&self, destination: usize) -> u64 {
        let settled = self.tellings.get(destination).map_or(0, |telling| telling.settled);
        self.counts.total.saturating_sub(settled)
    }
}
