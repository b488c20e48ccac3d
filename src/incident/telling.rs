//! [`Telling`]: what one destination knows of an incident.

use std::time::Instant;

use crate::observation::{Account, Fate};

use super::MessageRef;
use super::budget::Weight;

/// What one destination knows of an incident.
#[derive(Clone, Debug, Default)]
pub(super) struct Telling {
    /// What became of those that need not be told any more.
    pub(super) settled: Account,
    /// Some message of ours about it is in the channel.
    pub(super) is_known: bool,
    /// The message that can be edited.
    pub(super) message: Option<MessageRef>,
    /// That message is gone; another one has to take its place.
    pub(super) is_lost: bool,
    /// What that message shows, and since when.
    pub(super) shown: Shown,
    pub(super) shown_at: Option<Instant>,
    pub(super) asked: Option<Asked>,
    /// Somebody waits until this total is settled.
    pub(super) flush_to: Option<u64>,
    /// Its present state is to be told after an outage.
    pub(super) catches_up: bool,
    /// Places in the digest and reminder series.
    pub(super) step: usize,
    pub(super) reminders: usize,
    /// When this round was first told; series count from here.
    pub(super) began: Option<Instant>,
    pub(super) last_message: Option<Instant>,
    pub(super) last_visible: Option<Instant>,
    pub(super) told: Told,
    pub(super) details: Details,
}

/// Whether there is more to say below its message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Details {
    #[default]
    Nothing,
    Due,
    /// It is on its way.
    Asked,
}

/// What a message in place shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// Which version of the incident.
    pub(super) version: u64,
    /// That it is over.
    pub(super) is_end: bool,
}

/// A message that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// It may be more than an edit.
    pub(super) is_visible: bool,
    /// What it takes of the budget.
    pub(super) weight: Option<Weight>,
}

impl Asked {
    /// An edit, which takes nothing of the budget.
    pub(super) fn edit() -> Self {
        Asked { is_visible: false, weight: None }
    }
}

/// What was said already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The worst kind so far.
    pub(super) severity: Option<u8>,
    /// The largest power of ten of the count in a visible message.
    pub(super) decade: u32,
    /// Which round.
    pub(super) round: u32,
    /// That this round is over, and for how many the end was seen.
    pub(super) end: bool,
    pub(super) visible_end: bool,
    /// How many of its requests still run.
    pub(super) hanging: u64,
    /// Something was visible in this round besides the message that is edited.
    pub(super) again: bool,
    /// By their place in the policy.
    pub(super) mention_rules: Vec<usize>,
    /// That it goes on as part of another one.
    pub(super) joined: bool,
    /// That nobody watches any more.
    pub(super) last_word: bool,
}

impl Telling {
    /// How many of `total` are not told, nor settled otherwise.
    pub(super) fn left_of(&self, total: u64) -> u64 {
        total.saturating_sub(self.settled.accounted())
    }

    /// So many more came to `fate`, which the destination's account says as well.
    pub(super) fn settle(&mut self, account: &mut Account, fate: Fate, count: u64) {
        self.settled.settle(fate, count);
        account.settle(fate, count);
    }

    /// So many are told elsewhere: takes them out of both, the mildest first.
    pub(super) fn unsettle(&mut self, account: &mut Account, mut count: u64) {
        for fate in Fate::all() {
            let taken = self.settled.unsettle(fate, count);
            account.unsettle(fate, taken);
            count -= taken;
        }
    }

    /// A visible message came to its end: the next one waits longer.
    pub(super) fn advance(&mut self, now: Instant) {
        if self.last_message.is_some() {
            self.step += 1;
        }
        self.last_message = Some(now);
    }

    /// What the message in place says from now on.
    pub(super) fn shows(&mut self, now: Instant, shown: Shown) {
        self.shown = shown;
        self.shown_at = Some(now);
    }

    /// A new round begins.
    pub(super) fn begin_round(&mut self) {
        self.began = None;
        self.step = 0;
        self.reminders = 0;
        self.told.end = false;
        self.told.visible_end = false;
        self.told.again = false;
        // Also where it is not told that it is back, but goes on.
        self.told.decade = 0;
        self.last_message = None;
    }
}
