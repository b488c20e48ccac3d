//! [`Lane`]: one destination's pending actions, pace, pauses and circuit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::incident::{Action, IncidentPolicy, Manner, Subject, Urgency};
use crate::observation::later;

use super::error::Class;
use super::pace::Pace;
use super::retry::{Backoff, DEFAULT_PAUSE, LONGEST_PAUSE};
use super::{DeliveryError, Form};

/// How often a destination with an open circuit is probed.
const PROBE_EVERY: Duration = Duration::from_secs(600);

/// After so many attempts without an answer the next one waits as long as a
/// probe does, whatever probes say.
const MAX_UNANSWERED: u32 = 3;

/// One destination's pending actions, pace, pauses and circuit.
#[derive(Debug)]
pub(super) struct Lane {
    pending: BTreeMap<Subject, Pending>,
    arrivals: u64,
    busy: Option<Busy>,
    posts: Method,
    edits: Method,
    backoff: Backoff,
    /// Undelivered for so long is worth a warning, and a fallback.
    outage_after: Duration,
    replicas: u32,
    /// Over which span replicas spread what was put off.
    spread: Duration,
    retry_at: Option<Instant>,
    circuit: Option<Instant>,
    /// A probe went well, and nothing has been delivered since.
    half_open: bool,
    /// It is not known whether a post arrived, nor whether its repeat did: no
    /// third one before the destination is known to answer.
    in_doubt: bool,
    failing_since: Option<Instant>,
    /// Test messages that somebody waits for.
    tests: u32,
}

/// A kind of call with a pace and pauses of its own.
#[derive(Debug)]
struct Method {
    pace: Pace,
    paused_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    urgency: Urgency,
    arrival: u64,
    since: Instant,
    form: Form,
    maybe_repeat: bool,
    /// How many attempts were not answered.
    unanswered: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    /// Sending about this subject.
    Sending(Subject, Manner),
    Testing,
    Probing,
}

/// What a lane wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dispatch {
    /// Render the subject and deliver it.
    Send { subject: Subject, form: Form, maybe_repeat: bool },
    /// Deliver a test message.
    Test,
    /// Find out whether the destination works again.
    Probe,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolution {
    Delivered,
    /// It stays pending and is tried again.
    Again,
    /// The message to edit is gone.
    Stale,
    /// It was refused in both forms.
    Refused,
}

/// How a lane fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Ready,
    Paused,
    Retrying,
    Open,
}

impl Lane {
    pub(super) fn new(policy: &IncidentPolicy) -> Self {
        let replicas = policy.replicas.max(1);
        let posts = Pace::new(
            policy.posts_every.saturating_mul(replicas),
            policy.share(policy.posts_burst, 1),
        );
        // A quarter of a minute's edits at once, the rest one by one.
        let edits = policy.share(policy.edits_per_minute, 1);
        let burst = (edits / 4).max(1);
        let rest = edits.saturating_sub(burst).max(1);
        let edits = Pace::new(Duration::from_secs(60) / rest, burst);
        Lane {
            pending: BTreeMap::new(),
            arrivals: 0,
            busy: None,
            posts: Method { pace: posts, paused_until: None },
            edits: Method { pace: edits, paused_until: None },
            backoff: Backoff::default(),
            outage_after: policy.outage_after,
            replicas,
            spread: policy.posts_every.saturating_mul(replicas - 1),
            retry_at: None,
            circuit: None,
            half_open: false,
            in_doubt: false,
            failing_since: None,
            tests: 0,
        }
    }

    /// Takes an action; one about the same subject is already pending at most.
    pub(super) fn push(&mut self, now: Instant, action: Action) {
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.pending
            .entry(action.subject)
            .and_modify(|pending| pending.urgency = pending.urgency.min(action.urgency))
            .or_insert(Pending {
                urgency: action.urgency,
                arrival,
                since: now,
                form: Form::Full,
                maybe_repeat: false,
                unanswered: 0,
            });
    }

    /// What to do now, if anything. `manner` says how a subject would be told.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        manner: impl Fn(Subject) -> Manner,
    ) -> Option<Dispatch> {
        if self.busy.is_some() {
            return None;
        }
        // Somebody wants to know now, also when nothing seems to work.
        if self.tests > 0 && self.posts.is_ready(now) {
            self.tests -= 1;
            self.busy = Some(Busy::Testing);
            return Some(Dispatch::Test);
        }
        if let Some(probe_at) = self.circuit {
            if now >= probe_at {
                self.busy = Some(Busy::Probing);
                return Some(Dispatch::Probe);
            }
            return None;
        }
        if self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        let (subject, manner, pending) = self.next(now, manner)?;
        if !self.method(manner).is_ready(now) {
            return None;
        }
        if self.in_doubt && manner != Manner::Edit {
            self.busy = Some(Busy::Probing);
            return Some(Dispatch::Probe);
        }
        self.busy = Some(Busy::Sending(subject, manner));
        let (form, maybe_repeat) = (pending.form, pending.maybe_repeat);
        Some(Dispatch::Send { subject, form, maybe_repeat })
    }

    /// The last words before first ones, first ones before more of the same,
    /// posts before edits, then by age; what can't go yet stands back for what
    /// can.
    fn next(
        &self,
        now: Instant,
        manner: impl Fn(Subject) -> Manner,
    ) -> Option<(Subject, Manner, Pending)> {
        let candidates = self.pending.iter();
        let candidates =
            candidates.map(|(subject, pending)| (*subject, manner(*subject), *pending));
        candidates.min_by_key(|(_, manner, pending)| {
            let not_before = self.method(*manner).ready_at().filter(|ready| *ready > now);
            (not_before, pending.urgency, *manner == Manner::Edit, pending.arrival)
        })
    }

    /// There was nothing to say about a subject after all.
    pub(super) fn skip(&mut self, subject: Subject) {
        self.pending.remove(&subject);
        self.busy = None;
    }

    /// An attempt came to an end. `random` is in `0.0..1.0`.
    pub(super) fn done(
        &mut self,
        now: Instant,
        result: Result<(), &DeliveryError>,
        random: f64,
    ) -> Resolution {
        let jitter = self.jitter(random);
        let (subject, manner) = match self.busy.take() {
            Some(Busy::Sending(subject, manner)) => (Some(subject), manner),
            _ => (None, Manner::Post),
        };
        let is_edit = manner == Manner::Edit;
        let is_refused =
            matches!(result, Err(error) if matches!(error.class(), Class::RateLimited(_)));
        // What was refused took nobody's turn; its pause is long enough.
        if !(is_refused && self.replicas > 1) {
            self.method_mut(manner).pace.ended(now);
        }
        let Err(error) = result else {
            self.recovered();
            self.forget(subject);
            return Resolution::Delivered;
        };
        match error.class() {
            Class::RateLimited(wait) => {
                let until = self.pause(now, wait, random);
                self.method_mut(manner).paused_until = Some(until);
                self.failing_since.get_or_insert(now);
            }
            Class::Transient | Class::UnknownOutcome => {
                // An edit can't be there twice.
                if error.class() == Class::UnknownOutcome && !is_edit {
                    let unanswered = self.entry(subject).map_or(0, |entry| {
                        entry.maybe_repeat = true;
                        entry.unanswered += 1;
                        entry.unanswered
                    });
                    self.in_doubt |= unanswered > 1;
                    // It answers probes and swallows messages.
                    if unanswered > MAX_UNANSWERED {
                        self.failing_since.get_or_insert(now);
                        self.retry_at = Some(later(now, PROBE_EVERY + jitter));
                        return Resolution::Again;
                    }
                }
                self.failing_since.get_or_insert(now);
                let wait = self.backoff.failed(random);
                // What is posted meanwhile need not wait for an edit's turn.
                let wait = if is_edit { wait } else { wait.max(self.turns()) + jitter };
                self.retry_at = Some(later(now, wait));
            }
            Class::Revoked => {
                self.failing_since.get_or_insert(now);
                self.circuit = Some(later(now, PROBE_EVERY + jitter));
            }
            Class::StaleRef if manner != Manner::Post => {
                self.recovered();
                self.forget(subject);
                return Resolution::Stale;
            }
            // A post refers to nothing that could be stale.
            Class::Refused | Class::StaleRef => {
                self.recovered();
                match self.entry(subject) {
                    Some(entry) if entry.form == Form::Full => entry.form = Form::TextOnly,
                    _ => {
                        self.forget(subject);
                        return Resolution::Refused;
                    }
                }
            }
        }
        Resolution::Again
    }

    /// Until when somebody waits who was asked to: never less, and replicas
    /// don't come back together.
    fn pause(&self, now: Instant, wait: Option<Duration>, random: f64) -> Instant {
        let wait = wait.unwrap_or(DEFAULT_PAUSE).min(LONGEST_PAUSE);
        let spread = Duration::from_millis(250).max(self.spread);
        let jitter = spread.mul_f64(random.clamp(0.0, 1.0));
        later(now, wait.max(self.spread.min(Duration::from_secs(1))) + jitter)
    }

    /// Replicas have the same pace and the same outages: what they put off would
    /// come back together.
    fn jitter(&self, random: f64) -> Duration {
        self.turns().mul_f64(random.clamp(0.0, 1.0))
    }

    /// A turn of each replica, and no longer than any backoff.
    fn turns(&self) -> Duration {
        self.spread.min(Duration::from_secs(60))
    }

    /// How a kind of call fares: edits, or posts and replies.
    fn method(&self, manner: Manner) -> &Method {
        if manner == Manner::Edit { &self.edits } else { &self.posts }
    }

    fn method_mut(&mut self, manner: Manner) -> &mut Method {
        if manner == Manner::Edit { &mut self.edits } else { &mut self.posts }
    }

    fn forget(&mut self, subject: Option<Subject>) {
        if let Some(subject) = subject {
            self.pending.remove(&subject);
        }
    }

    fn entry(&mut self, subject: Option<Subject>) -> Option<&mut Pending> {
        self.pending.get_mut(&subject?)
    }

    /// Somebody wants a test message; it keeps the pace of all others.
    pub(super) fn ask_test(&mut self) {
        self.tests = self.tests.saturating_add(1);
    }

    /// Whether something that waits can still go, or come back, by `deadline`.
    pub(super) fn can_progress_by(
        &self,
        deadline: Instant,
        manner: impl Fn(Subject) -> Manner,
    ) -> bool {
        if self.busy.is_some() {
            return true;
        }
        let waits_for =
            |subject: &Subject| self.method(manner(*subject)).ready_at().max(self.retry_at);
        self.circuit.is_none()
            && self.pending.keys().any(|subject| waits_for(subject).is_none_or(|at| at < deadline))
    }

    /// A probe came to an end. `random` is in `0.0..1.0`.
    pub(super) fn probed(&mut self, now: Instant, result: Result<(), &DeliveryError>, random: f64) {
        let jitter = self.jitter(random);
        self.busy = None;
        // For a webhook it is a call like any other.
        self.posts.pace.ended(now);
        match (result, self.circuit) {
            // Only a delivery proves that messages arrive.
            (Ok(()), Some(_)) => {
                self.circuit = None;
                self.half_open = true;
            }
            (Err(_), Some(_)) => self.circuit = Some(later(now, PROBE_EVERY + jitter)),
            (Ok(()), None) => self.in_doubt = false,
            (Err(error), None) => match error.class() {
                Class::Revoked => self.circuit = Some(later(now, PROBE_EVERY + jitter)),
                Class::RateLimited(wait) => {
                    self.posts.paused_until = Some(self.pause(now, wait, random));
                }
                _ => self.retry_at = Some(later(now, self.backoff.failed(random) + jitter)),
            },
        }
    }

    fn recovered(&mut self) {
        self.backoff.succeeded();
        self.retry_at = None;
        self.circuit = None;
        self.half_open = false;
        self.in_doubt = false;
        self.failing_since = None;
    }

    /// When [`poll`](Lane::poll) has something to do.
    pub(super) fn deadline(
        &self,
        now: Instant,
        manner: impl Fn(Subject) -> Manner,
    ) -> Option<Instant> {
        if self.busy.is_some() {
            return None;
        }
        let test = (self.tests > 0).then(|| self.posts.ready_at().unwrap_or(now));
        let own = match (self.circuit, self.next(now, manner)) {
            (Some(probe_at), _) => Some(probe_at),
            (None, Some((_, manner, pending))) => {
                self.method(manner).ready_at().max(self.retry_at).or(Some(pending.since))
            }
            (None, None) => None,
        };
        test.into_iter().chain(own).min()
    }

    pub(super) fn health(&self, now: Instant) -> Health {
        let paused = |method: &Method| method.paused_until.is_some_and(|until| now < until);
        if self.circuit.is_some() {
            Health::Open
        } else if paused(&self.posts) || paused(&self.edits) {
            Health::Paused
        } else if self.backoff.is_failing() {
            Health::Retrying
        } else {
            Health::Ready
        }
    }

    /// Whether a fallback shall speak in its place.
    pub(super) fn is_down(&self, now: Instant) -> bool {
        self.circuit.is_some()
            || self.half_open
            || self.failing_since.is_some_and(|since| now >= later(since, self.outage_after))
    }

    /// Since when nothing could be delivered, if that is worth a word.
    pub(super) fn outage(&self, now: Instant) -> Option<Instant> {
        self.failing_since.filter(|since| now >= later(*since, self.outage_after))
    }

    /// Whether the last attempt failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }

    /// When it will count as down if nothing gets better.
    pub(super) fn down_at(&self) -> Option<Instant> {
        self.failing_since.map(|since| later(since, self.outage_after))
    }

    /// How long its oldest action has been waiting, once that is worth a
    /// warning.
    pub(super) fn late(&self, now: Instant) -> Option<Duration> {
        let waits = |pending: &Pending| now.saturating_duration_since(pending.since);
        self.pending.values().map(waits).max().filter(|waits| *waits >= self.outage_after)
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(super) fn is_busy(&self) -> bool {
        self.busy.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.busy.is_none()
    }
}

impl Method {
    fn is_ready(&self, now: Instant) -> bool {
        self.ready_at().is_none_or(|ready| now >= ready)
    }

    fn ready_at(&self) -> Option<Instant> {
        self.pace.ready_at().max(self.paused_until)
    }
}

#[cfg(test)]
mod edges;
#[cfg(test)]
mod tests;
