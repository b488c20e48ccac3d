//! [`Input`] and [`Action`]: what goes into the engine and what comes out.

use std::time::{Duration, Instant};

use crate::observation::{Counts, DropReason, Endpoint, Key, Samples};

use super::telling::{Shown, Told};
use super::{IncidentId, Matcher, Mention, MessageRef, Shared};

/// A destination, by its place in the configuration.
pub(crate) type DestinationIndex = usize;

/// A fact for the engine.
#[derive(Debug)]
pub(crate) enum Input {
    /// What requests counted since the last time.
    Observed(Vec<Observed>),
    /// Requests that went well, on endpoints of open incidents.
    Succeeded(Vec<(Endpoint, u64)>),
    /// All requests told as hung that still run, by key.
    Hanging(Vec<StillRunning>),
    /// An attempt to tell something came to an end.
    Sent { destination: DestinationIndex, subject: Subject, carried: Carried, outcome: SentOutcome },
    /// What another replica knows of an incident.
    #[cfg_attr(not(test), expect(dead_code, reason = "replicas share no store yet"))]
    Merged(IncidentId, Shared),
    /// Keep quiet about something for a while.
    Silence { id: u64, matcher: Matcher, lasting: Duration },
    /// A fallback takes over, or stands by again.
    Standby { destination: DestinationIndex, stands_by: bool },
    /// Nothing could be delivered since then.
    Outage { destination: DestinationIndex, since: Instant },
    /// Our own thread did not run for so long.
    Gap(Duration),
    /// Tell now what is held.
    Flush,
    /// The process stops: tell what is no longer watched.
    Stop,
    /// What is not told by now never will be.
    Abandon,
}

/// What was counted of one key since the last time.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) key: Key,
    pub(crate) counts: Counts,
    /// How many of these had been counted under a milder key before.
    pub(crate) moved_in: u64,
    /// How many counted before ended under a worse key.
    pub(crate) moved_out: u64,
    pub(crate) samples: Samples,
}

/// Requests of one key that were told as hung and still run.
#[derive(Clone, Debug)]
pub(crate) struct StillRunning {
    pub(crate) key: Key,
    pub(crate) count: u64,
    /// When the oldest of them began.
    pub(crate) since: Instant,
}

/// How an attempt to tell ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SentOutcome {
    /// It is in the channel; with a reference if it can be edited.
    Posted(Option<MessageRef>),
    /// Another replica's message stands for it.
    #[cfg_attr(not(test), expect(dead_code, reason = "replicas share no store yet"))]
    Adopted(MessageRef),
    /// The message to edit or reply to is gone; a new one is needed.
    Stale,
    /// It will not be tried again.
    Dropped(DropReason),
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// For how long nothing could be delivered, and what was counted.
    Outage,
    /// The last words about everything that was open, for a destination that
    /// can't edit.
    Farewell,
    /// What the budget holds.
    Holding,
    /// What a silence held.
    SilenceOver(u64),
    /// One incident.
    Incident(IncidentId),
    /// What has no room in an incident's message.
    Details(IncidentId),
}

/// What a rendered message carries: once it is sent, this is told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carried {
    /// The totals in it.
    pub(super) totals: Vec<(IncidentId, u64)>,
    /// What it shows of an incident.
    pub(super) shown: Shown,
    /// In which round it was rendered.
    pub(super) round: u32,
    /// How it was placed.
    pub(super) manner: Manner,
    pub(super) is_reminder: bool,
    /// One request was told in detail.
    pub(super) in_detail: bool,
    pub(super) told: Told,
    pub(super) mentions: Vec<Mention>,
    /// It said that our own thread had not run for a while.
    pub(super) gap: bool,
    /// How many incidents and observations it said the budget holds.
    pub(super) held: (usize, u64),
}

/// What the engine wants told. How it reads is decided when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) destination: DestinationIndex,
    pub(crate) subject: Subject,
    pub(crate) urgency: Urgency,
}

/// What goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Nothing could be delivered for a while: that is said before all else.
    Outage,
    /// "No longer watched": the process is about to end.
    Last,
    /// The first word about an incident.
    First,
    /// More about one that is known.
    Progress,
    /// What goes below a message.
    Beside,
}

/// How a message is placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    /// A message of its own.
    #[default]
    Post,
    /// In a message's thread.
    Reply,
    /// In place of an older one.
    Edit,
}
