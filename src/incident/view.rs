//! [`IncidentView`]: an incident's state at the moment it is told.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::observation::{Blocked, Counts, Identity, InFlight, Key, Kind, Samples, Time};

use super::{Ending, IncidentId, Matcher, Mention, MessageRef, Moment};

/// An incident's state at the moment a message about it is sent: what a
/// [`Transport`](crate::Transport) delivers and a [`Render`](crate::Render)
/// renders.
#[derive(Clone, Debug)]
pub struct IncidentView {
    pub(crate) id: Option<IncidentId>,
    pub(crate) moment: Moment,
    pub(crate) key: Key,
    pub(crate) kind: Kind,
    pub(crate) counts: Counts,
    pub(crate) since: SystemTime,
    pub(crate) last_seen: SystemTime,
    pub(crate) round: u32,
    pub(crate) round_total: u64,
    pub(crate) share: Option<(u64, u64)>,
    pub(crate) hanging: Option<(u64, Duration)>,
    /// When the oldest that hangs began, by the clock of the samples.
    pub(crate) oldest_began: Option<Instant>,
    pub(crate) ending: Option<Ending>,
    pub(crate) lasted: Duration,
    pub(crate) joined: Vec<ViewRow>,
    pub(crate) routes: Option<(usize, usize)>,
    pub(crate) common: Option<(String, usize, usize)>,
    pub(crate) host: Option<ViewRow>,
    pub(crate) silenced: u64,
    pub(crate) silence: Option<Matcher>,
    pub(crate) mentions: Vec<Mention>,
    pub(crate) gap: Option<Duration>,
    pub(crate) names_instance: bool,
    pub(crate) fresh: u64,
    pub(crate) moved_in: u64,
    pub(crate) moved_out: u64,
    pub(crate) samples: Samples,
    pub(crate) identity: Arc<Identity>,
    pub(crate) now: Time,
    pub(crate) started: Instant,
    pub(crate) uptime: Duration,
    pub(crate) rows: Vec<ViewRow>,
    pub(crate) more: usize,
    pub(crate) more_total: u64,
    pub(crate) outage: Option<Duration>,
    pub(crate) maybe_repeat: bool,
    pub(crate) has_thread: bool,
    pub(crate) is_new: bool,
    pub(crate) oldest: Vec<InFlight>,
    pub(crate) gauges: Vec<(String, String)>,
    /// The last block by its endpoint, and how many there were in this round.
    pub(crate) block: Option<(Blocked, usize)>,
    pub(crate) stopped: bool,
}

/// A line about one of several incidents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewRow {
    pub(crate) key: Key,
    pub(crate) kind: Kind,
    pub(crate) total: u64,
    pub(crate) hanging: u64,
    pub(crate) is_proven: bool,
    pub(crate) is_active: bool,
}

impl ViewRow {
    /// What the incident's requests have in common.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// [`Kind::Hung`] while some of them still run, else the key's kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How many there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many of them still run.
    #[must_use]
    pub fn hanging(&self) -> u64 {
        self.hanging
    }

    /// Whether requests on its route were answered since its last observation.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// Whether it still goes on, as far as is known.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.is_active
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

    /// Counts since it began; what joined it is in
    /// [`joined`](IncidentView::joined).
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The worst kind of its requests: [`Kind::Hung`] while some of its slow
    /// ones still run, else the key's kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How often it has come back after it had ended.
    #[must_use]
    pub fn round(&self) -> u32 {
        self.round
    }

    /// Counts since it came back, or since it began.
    #[must_use]
    pub fn round_total(&self) -> u64 {
        self.round_total
    }

    /// How many requests are its own, and of how many on its route, from when
    /// they are counted to its last one; `None` where that is not known, or
    /// there were fewer than 20.
    #[must_use]
    pub fn share(&self) -> Option<(u64, u64)> {
        self.share
    }

    /// How many of its requests still run, and for how long the oldest has.
    #[must_use]
    pub fn hanging(&self) -> Option<(u64, Duration)> {
        self.hanging
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// From its first observation, since it came back or began, to its last.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        self.lasted
    }

    /// The oldest requests without an answer in this process, at most 5, when a
    /// slow or hung request is told; else none.
    #[must_use]
    pub fn oldest(&self) -> &[InFlight] {
        &self.oldest
    }

    /// The values of [`gauge`](crate::AlertConfigBuilder::gauge), by name, when
    /// a slow or hung request is told; else none.
    pub fn gauges(&self) -> impl Iterator<Item = (&str, &str)> {
        self.gauges.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether its key has not been seen before since this process started.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Milder incidents on the same route that are told here.
    #[must_use]
    pub fn joined(&self) -> &[ViewRow] {
        &self.joined
    }

    /// For several routes told as one: how many there are, and on how many it
    /// still goes on.
    #[must_use]
    pub fn routes(&self) -> Option<(usize, usize)> {
        self.routes
    }

    /// A reason that several incidents have in common, how many of them, and
    /// of how many.
    #[must_use]
    pub fn common_reason(&self) -> Option<(&str, usize, usize)> {
        self.common.as_ref().map(|(text, with, of)| (text.as_str(), *with, *of))
    }

    /// The incident that tells this one from now on.
    #[must_use]
    pub fn host(&self) -> Option<&ViewRow> {
        self.host.as_ref()
    }

    /// How many observations a silence kept from being told: of this incident,
    /// or in all when the silence is over.
    #[must_use]
    pub fn silenced(&self) -> u64 {
        self.silenced
    }

    /// The silence that is over.
    #[must_use]
    pub fn silence(&self) -> Option<&Matcher> {
        self.silence.as_ref()
    }

    /// Who is to be mentioned. Messages to Slack do so by themselves.
    #[must_use]
    pub fn mentions(&self) -> &[Mention] {
        &self.mentions
    }

    /// For how long this process did not run; taken off all ages.
    #[must_use]
    pub fn gap(&self) -> Option<Duration> {
        self.gap
    }

    /// Whether several replicas speak, so that each names itself.
    #[must_use]
    pub fn names_instance(&self) -> bool {
        self.names_instance
    }

    /// How many of its own this destination has not been told of.
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

    /// When it began, or came back, by the wall clock.
    #[must_use]
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// When it was last observed, by the wall clock.
    #[must_use]
    pub fn last_seen(&self) -> SystemTime {
        self.last_seen
    }

    /// How long the process has been watched.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.uptime
    }

    /// How long the process had been watched at an earlier moment.
    pub(crate) fn uptime_at(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.started)
    }

    /// The wall clock at an earlier moment.
    pub(crate) fn wall_at(&self, at: Instant) -> SystemTime {
        self.now.wall_at(at)
    }

    /// The incidents of a message about several, worst first.
    #[must_use]
    pub fn rows(&self) -> &[ViewRow] {
        &self.rows
    }

    /// Lists incidents, the first ones by name and the rest by their number.
    pub(crate) fn list(&mut self, rows: impl Iterator<Item = ViewRow>) {
        const LISTED: usize = 10;
        self.rows = rows.collect();
        let rest = self.rows.split_off(LISTED.min(self.rows.len()));
        self.more = rest.len();
        self.more_total = rest.iter().map(ViewRow::total).sum();
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
    /// In this one's thread, maybe shown to the whole channel.
    Reply { parent: MessageRef, broadcast: bool },
}
