//! [`Input`] and [`Action`]: what goes into the engine and what comes out.

use std::time::Duration;

use crate::observation::{Counts, DropReason, Key, Samples};

use super::{IncidentId, Matcher, MessageRef, Shared};

/// A destination, by its place in the configuration.
pub(crate) type DestinationIndex = usize;

/// A fact for the engine.
#[derive(Debug)]
pub(crate) enum Input {
    /// What requests counted since the last time.
    Observed(Vec<Observed>),
    /// An attempt to tell something came to an end.
    Sent {
        destination: DestinationIndex,
        subject: Subject,
        carried: Carried,
        /// The message said that nobody watches any more.
        last_word: bool,
        outcome: SentOutcome,
    },
    /// What another replica knows of an incident.
    #[cfg_attr(not(test), expect(dead_code, reason = "replicas share no store yet"))]
    Merged(IncidentId, Shared),
    /// Keep quiet about something for a while.
    Silence { matcher: Matcher, lasting: Duration },
    /// A fallback takes over, or stands by again.
    Standby { destination: DestinationIndex, stands_by: bool },
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

/// How an attempt to tell ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SentOutcome {
    /// It is in the channel; with a reference if it can be edited.
    Posted(Option<MessageRef>),
    /// Another replica's message stands for it.
    #[cfg_attr(not(test), expect(dead_code, reason = "replicas share no store yet"))]
    Adopted(MessageRef),
    /// The message to edit is gone; a new one is needed.
    Stale,
    /// It will not be tried again.
    Dropped(DropReason),
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Subject {
    /// The last words about everything that was open, for a destination that
    /// can't edit.
    Farewell,
    /// One incident.
    Incident(IncidentId),
}

/// Which totals a rendered message carries.
pub(crate) type Carried = Vec<(IncidentId, u64)>;

/// What the engine wants told. How it reads is decided when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Action {
    pub(crate) destination: DestinationIndex,
    pub(crate) subject: Subject,
    /// It replaces nothing in the channel: a message of its own.
    pub(crate) urgency: Urgency,
}

/// What goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// "No longer watched": the process is about to end.
    Last,
    /// The first word about an incident.
    First,
    /// More about one that is known.
    Progress,
}
