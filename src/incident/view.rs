//! [`IncidentView`]: an incident's state at the moment it is told.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::observation::{Counts, Identity, Key, Samples, Time};

use super::{IncidentId, MessageRef};

/// An incident's state at the moment a message about it is sent: what a
/// [`Transport`](crate::Transport) delivers and a [`Render`](crate::Render)
/// renders.
#[derive(Clone, Debug)]
pub struct IncidentView {
    pub(crate) id: Option<IncidentId>,
    pub(crate) moment: Moment,
    pub(crate) key: Key,
    pub(crate) counts: Counts,
    pub(crate) fresh: u64,
    pub(crate) moved_in: u64,
    pub(crate) moved_out: u64,
    pub(crate) samples: Samples,
    pub(crate) identity: Arc<Identity>,
    pub(crate) now: Time,
    pub(crate) uptime: Duration,
    pub(crate) rows: Vec<ViewRow>,
    pub(crate) more: usize,
    pub(crate) more_total: u64,
    pub(crate) outage: Option<Duration>,
    pub(crate) maybe_repeat: bool,
    pub(crate) stopped: bool,
}

/// At which moment of its life an incident is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Moment {
    /// The first word about it, in full.
    First,
    /// More of the same since the last message: a digest or an edit.
    Progress,
    /// The process stops watching it.
    Stopped,
    /// A message that somebody asked for to see that it arrives.
    Test,
}

/// A line about one of several incidents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewRow {
    pub(crate) key: Key,
    pub(crate) total: u64,
}

impl ViewRow {
    /// What the incident's requests have in common.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// How many there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }
}

impl IncidentView {
    /// Which incident; `None` for a message about several, or a test.
    #[must_use]
    pub fn id(&self) -> Option<IncidentId> {
        self.id
    }

    /// At which moment it is told.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.moment
    }

    /// What its requests have in common.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Counts since it began.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How many of them this destination has not been told of.
    #[must_use]
    pub fn fresh(&self) -> u64 {
        self.fresh
    }

    /// How many of them had been counted under a milder key before they ended.
    #[must_use]
    pub fn moved_in(&self) -> u64 {
        self.moved_in
    }

    /// How many requests once counted here ended worse, under another key.
    #[must_use]
    pub fn moved_out(&self) -> u64 {
        self.moved_out
    }

    /// A few of its requests.
    #[must_use]
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// Which process speaks.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// When this state was taken.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// When its first request ended, by the wall clock.
    #[must_use]
    pub fn since(&self) -> SystemTime {
        self.counts.first().map_or(self.now.wall, |first| self.now.wall_at(first))
    }

    /// How long the process has been watched.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.uptime
    }

    /// The incidents of a message about several, worst first.
    #[must_use]
    pub fn rows(&self) -> &[ViewRow] {
        &self.rows
    }

    /// How many incidents found no place in [`rows`](IncidentView::rows).
    #[must_use]
    pub fn more(&self) -> usize {
        self.more
    }

    /// How many requests those incidents have together.
    #[must_use]
    pub fn more_total(&self) -> u64 {
        self.more_total
    }

    /// For how long nothing could be delivered before this message.
    #[must_use]
    pub fn outage(&self) -> Option<Duration> {
        self.outage
    }

    /// An earlier attempt may have arrived without us knowing.
    #[must_use]
    pub fn maybe_repeat(&self) -> bool {
        self.maybe_repeat
    }

    /// The process is about to stop, so nothing will follow.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stopped
    }
}

/// What to do with a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// A message of its own.
    New,
    /// In place of this one.
    Edit(MessageRef),
}
