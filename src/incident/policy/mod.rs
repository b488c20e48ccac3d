//! [`IncidentPolicy`]: the numbers by which incidents are told.

mod check;
mod edit_series;
mod tell_after;

use std::time::Duration;

use crate::observation::{Key, Route};

use super::{Broadcast, MentionRule};

pub(crate) use edit_series::EditSeries;
pub(crate) use tell_after::TellAfter;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The numbers by which incidents are told.
///
/// The defaults are the result of some thought; change them for tests, or when
/// you know your channel better. The configuration checks them when it is
/// built, and names what does not fit as `policy.digests` and so on.
///
/// ```
/// use std::time::Duration;
/// use tower_slack_alert::{AlertConfig, Destination, IncidentPolicy};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = IncidentPolicy::new().close_after(Duration::from_secs(120));
/// let config = AlertConfig::builder(Destination::log()).policy(policy).build()?;
/// # let _ = config;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentPolicy {
    pub(crate) close_after: Duration,
    pub(crate) close_after_max: Option<Duration>,
    pub(crate) reopen_within: Duration,
    pub(crate) calm_after: Duration,
    pub(crate) edits: EditSeries,
    pub(crate) digests: Vec<Duration>,
    pub(crate) reminders: Vec<Duration>,
    pub(crate) running_ages: Vec<Duration>,
    pub(crate) quiet_for: Duration,
    pub(crate) escalate_every: Duration,
    pub(crate) long_after: Duration,
    pub(crate) roll_up_at: usize,
    pub(crate) roll_up_within: Duration,
    pub(crate) roll_up_open_within: Duration,
    pub(crate) roll_up_joins_within: Duration,
    pub(crate) posts_every: Duration,
    pub(crate) posts_burst: u32,
    pub(crate) edits_per_minute: u32,
    pub(crate) budget_window: Duration,
    pub(crate) budget: u32,
    pub(crate) budget_minor: u32,
    pub(crate) budget_hourly: u32,
    pub(crate) holding_every: Duration,
    pub(crate) outage_after: Duration,
    pub(crate) mention_every: Duration,
    pub(crate) late_tick: Duration,
    pub(crate) broadcast: Broadcast,
    pub(crate) each: bool,
    pub(crate) replicas: u32,
    pub(crate) mentions: Vec<MentionRule>,
    pub(crate) mention_environments: Vec<String>,
    pub(crate) tell_after: Vec<TellAfter>,
}

impl Default for IncidentPolicy {
    fn default() -> Self {
        let minutes = [1, 2, 4, 8, 15, 30].map(|n| n * MINUTE);
        let hours = [1, 4, 24].map(|n| n * HOUR);
        IncidentPolicy {
            close_after: 5 * MINUTE,
            close_after_max: None,
            reopen_within: 30 * MINUTE,
            calm_after: HOUR,
            edits: EditSeries::default(),
            digests: minutes.into_iter().chain(hours).collect(),
            reminders: hours.to_vec(),
            running_ages: [1, 2, 5, 10].map(|n| n * MINUTE).to_vec(),
            quiet_for: MINUTE,
            escalate_every: 5 * MINUTE,
            long_after: 10 * MINUTE,
            roll_up_at: 4,
            roll_up_within: 10 * SECOND,
            roll_up_open_within: 5 * MINUTE,
            roll_up_joins_within: 5 * MINUTE,
            posts_every: SECOND,
            posts_burst: 3,
            edits_per_minute: 40,
            budget_window: 10 * MINUTE,
            budget: 20,
            budget_minor: 12,
            budget_hourly: 60,
            holding_every: 30 * SECOND,
            outage_after: MINUTE,
            mention_every: 30 * MINUTE,
            late_tick: 5 * SECOND,
            broadcast: Broadcast::default(),
            each: false,
            replicas: 1,
            mentions: Vec::new(),
            mention_environments: ["production", "prod"].map(str::to_owned).to_vec(),
            tell_after: Vec::new(),
        }
    }
}

impl IncidentPolicy {
    /// The default numbers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells each observation as soon as the pace of one message per second
    /// lets it: nothing is rolled up, digested, edited or held by the budget.
    /// What comes faster than that is told by one message with its count.
    #[must_use]
    pub fn every_event() -> Self {
        IncidentPolicy { each: true, ..Self::default() }
    }

    /// How long without observations ends an incident. Default: 5 minutes.
    #[must_use]
    pub fn close_after(mut self, quiet: Duration) -> Self {
        self.close_after = quiet;
        self
    }

    /// Each return of an incident doubles its `close_after`, up to this.
    /// Default: 40 minutes, or `close_after` if that is longer.
    #[must_use]
    pub fn close_after_max(mut self, quiet: Duration) -> Self {
        self.close_after_max = Some(quiet);
        self
    }

    /// For how long after its end an incident that returns is the same one.
    /// Default: 30 minutes.
    #[must_use]
    pub fn reopen_within(mut self, span: Duration) -> Self {
        self.reopen_within = span;
        self
    }

    /// For how long after its end a doubled `close_after` is remembered; at
    /// least `reopen_within`. Default: 1 hour.
    #[must_use]
    pub fn calm_after(mut self, span: Duration) -> Self {
        self.calm_after = span;
        self
    }

    /// When a message that can be edited is brought up to date, if it changed:
    /// first at these ages. Default: 2, 5, 10 seconds.
    #[must_use]
    pub fn first_edits(mut self, ages: impl IntoIterator<Item = Duration>) -> Self {
        self.edits.first = ages.into_iter().collect();
        self
    }

    /// When a message that can be edited is brought up to date after
    /// [`first_edits`](IncidentPolicy::first_edits): from each age on, how
    /// often. Default: every 30 seconds, from 10 minutes every minute, from 1
    /// hour every 5 minutes, from 6 hours every 15 minutes.
    #[must_use]
    pub fn later_edits(mut self, steps: impl IntoIterator<Item = (Duration, Duration)>) -> Self {
        self.edits.later = steps.into_iter().collect();
        self
    }

    /// How long after each message about an incident the next one may follow
    /// where messages can't be edited, if something was held; the last step
    /// repeats. Default: 1, 2, 4, 8, 15, 30 minutes, 1, 4, 24 hours.
    #[must_use]
    pub fn digests(mut self, steps: impl IntoIterator<Item = Duration>) -> Self {
        self.digests = steps.into_iter().collect();
        self
    }

    /// How long after the last visible message an incident that goes on is
    /// told again where messages can be edited; the last step repeats.
    /// Default: 1, 4, 24 hours.
    #[must_use]
    pub fn reminders(mut self, steps: impl IntoIterator<Item = Duration>) -> Self {
        self.reminders = steps.into_iter().collect();
        self
    }

    /// At which ages a request that still runs is told again where messages can
    /// be edited; after the last one, each time so much has passed again.
    /// Default: 1, 2, 5, 10 minutes.
    #[must_use]
    pub fn running_ages(mut self, ages: impl IntoIterator<Item = Duration>) -> Self {
        self.running_ages = ages.into_iter().collect();
        self
    }

    /// After so long without observations an incident may be over: nothing
    /// says then that it grew or still goes on, and a digest is left to its
    /// end. Default: 1 minute.
    #[must_use]
    pub fn quiet_for(mut self, span: Duration) -> Self {
        self.quiet_for = span;
        self
    }

    /// How long after the last visible message a tenfold count is one again.
    /// Default: 5 minutes.
    #[must_use]
    pub fn escalate_every(mut self, span: Duration) -> Self {
        self.escalate_every = span;
        self
    }

    /// An incident that lasted longer is told to be over also where nothing
    /// else would have been told. Default: 10 minutes.
    #[must_use]
    pub fn long_after(mut self, span: Duration) -> Self {
        self.long_after = span;
        self
    }

    /// At how many routes with the same kind of trouble they become one
    /// message. 0: never. Default: 4.
    #[must_use]
    pub fn roll_up_at(mut self, routes: usize) -> Self {
        self.roll_up_at = routes;
        self
    }

    /// Within which span so many new routes become one message. Default: 10
    /// seconds.
    #[must_use]
    pub fn roll_up_within(mut self, span: Duration) -> Self {
        self.roll_up_within = span;
        self
    }

    /// Within which span so many routes that are all still in trouble become
    /// one message. Default: 5 minutes.
    #[must_use]
    pub fn roll_up_open_within(mut self, span: Duration) -> Self {
        self.roll_up_open_within = span;
        self
    }

    /// For how long further routes join such a message; with the same reason
    /// they always do. Default: 5 minutes.
    #[must_use]
    pub fn roll_up_joins_within(mut self, span: Duration) -> Self {
        self.roll_up_joins_within = span;
        self
    }

    /// The pace of messages: one in each span, after a burst. Slack asks for
    /// one a second in each channel. Default: 1 second, 3 at once.
    #[must_use]
    pub fn pace(mut self, every: Duration, burst: u32) -> Self {
        self.posts_every = every;
        self.posts_burst = burst;
        self
    }

    /// How many edits a minute; Slack allows 50 for the whole workspace.
    /// Default: 40.
    #[must_use]
    pub fn edits_per_minute(mut self, edits: u32) -> Self {
        self.edits_per_minute = edits;
        self
    }

    /// How many visible messages one destination gets within 10 minutes, and
    /// how many of them may be slow or cancelled requests, reminders and
    /// digests. Beyond that, one message says what is held. What somebody asks
    /// for ([`flush`](crate::AlertHandle::flush), a shutdown, a test message)
    /// and the message after an outage are not held back. Default: 20, 12.
    #[must_use]
    pub fn budget(mut self, messages: u32, minor: u32) -> Self {
        self.budget = messages;
        self.budget_minor = minor;
        self
    }

    /// How many visible messages one destination gets within an hour.
    /// Default: 60.
    #[must_use]
    pub fn budget_hourly(mut self, messages: u32) -> Self {
        self.budget_hourly = messages;
        self
    }

    /// How often the message that says what is held is brought up to date,
    /// where it can be edited. Default: 30 seconds.
    #[must_use]
    pub fn holding_every(mut self, span: Duration) -> Self {
        self.holding_every = span;
        self
    }

    /// After how long without a delivery that worked a destination counts as
    /// away: it is logged, fallbacks speak, and the first message afterwards
    /// says how long it was. Default: 1 minute.
    #[must_use]
    pub fn outage_after(mut self, span: Duration) -> Self {
        self.outage_after = span;
        self
    }

    /// Within which span [`budget`](IncidentPolicy::budget) counts. Default:
    /// 10 minutes.
    #[must_use]
    pub fn budget_window(mut self, span: Duration) -> Self {
        self.budget_window = span;
        self
    }

    /// How often one person or group is mentioned at most, unless it gets
    /// worse. Default: 30 minutes.
    #[must_use]
    pub fn mention_every(mut self, span: Duration) -> Self {
        self.mention_every = span;
        self
    }

    /// How late our own thread may wake before the time it missed is taken off
    /// the ages of incidents, as after a closed lid or a frozen container.
    /// Default: 5 seconds.
    #[must_use]
    pub fn late_tick(mut self, late: Duration) -> Self {
        self.late_tick = late;
        self
    }

    /// What is shown to the whole channel where there are threads. Default:
    /// [`Broadcast::Escalations`].
    #[must_use]
    pub fn broadcast(mut self, broadcast: Broadcast) -> Self {
        self.broadcast = broadcast;
        self
    }

    pub(crate) fn longest_close_after(&self) -> Duration {
        self.close_after_max.unwrap_or(40 * MINUTE).max(self.close_after)
    }

    pub(crate) fn digest_after(&self, step: usize) -> Duration {
        at_step(&self.digests, step)
    }

    /// The next age at which a request that still runs is told again.
    pub(crate) fn next_running_age(&self, age: Duration) -> Duration {
        let early = self.running_ages.iter().find(|mark| **mark > age).copied();
        let last = self.running_ages.last().copied().unwrap_or(10 * MINUTE);
        let passed = age.as_nanos() / last.as_nanos().max(1);
        let times = u32::try_from(passed).unwrap_or(u32::MAX).saturating_add(1);
        early.unwrap_or_else(|| last.saturating_mul(times))
    }

    pub(crate) fn reminder_after(&self, step: usize) -> Duration {
        at_step(&self.reminders, step)
    }

    /// The threshold for a key; the one of its route wins.
    pub(crate) fn threshold(&self, key: &Key) -> Option<&TellAfter> {
        if matches!(key, Key::Blocked { .. }) {
            // Not for the few it takes to block a runtime.
            return None;
        }
        let kind = key.kind().of_key();
        let on_route = |rule: &&TellAfter| match (&rule.route, key.route()) {
            (Some(wanted), Some(Route::Known(route))) => **wanted == **route,
            _ => false,
        };
        let mut rules = self.tell_after.iter().rev().filter(|rule| rule.kind.of_key() == kind);
        let own = rules.clone().find(on_route);
        own.or_else(|| rules.find(|rule| rule.route.is_none())).filter(|rule| rule.count > 1)
    }

    /// One process's share of a number that is for all replicas.
    pub(crate) fn share(&self, of: u32, at_least: u32) -> u32 {
        (of / self.replicas.max(1)).max(at_least)
    }
}

fn at_step(steps: &[Duration], step: usize) -> Duration {
    steps.get(step).or(steps.last()).copied().unwrap_or(24 * HOUR)
}
