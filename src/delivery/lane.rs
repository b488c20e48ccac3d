//! [`Lane`]: one destination's pending actions, pace, pauses and circuit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::incident::{Action, Subject, Urgency};
use crate::observation::later;

use super::error::Class;
use super::pace::Pace;
use super::retry::{Backoff, DEFAULT_PAUSE, LONGEST_PAUSE};
use super::{DeliveryError, Form};

/// How often a destination with an open circuit is probed.
const PROBE_EVERY: Duration = Duration::from_secs(600);
/// Undelivered for so long is worth a warning, and a fallback.
pub(super) const LATE_AFTER: Duration = Duration::from_secs(60);

/// One destination's pending actions, pace, pauses and circuit.
#[derive(Debug)]
pub(super) struct Lane {
    pending: BTreeMap<Subject, Pending>,
    arrivals: u64,
    busy: Option<Busy>,
    posts: Method,
    edits: Method,
    backoff: Backoff,
    retry_at: Option<Instant>,
    circuit: Option<Instant>,
    failing_since: Option<Instant>,
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    /// Sending about this subject, as a post or an edit.
    Sending(Subject, bool),
    Probing,
}

/// What a lane wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dispatch {
    /// Render the subject and deliver it.
    Send { subject: Subject, form: Form, maybe_repeat: bool },
    /// Find out whether the destination works again.
    Probe,
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
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
    pub(super) fn new() -> Self {
        Lane {
            pending: BTreeMap::new(),
            arrivals: 0,
            busy: None,
            posts: Method { pace: Pace::new(Duration::from_secs(1), 3), paused_until: None },
            // 40 a minute: Slack allows 50 for the whole workspace.
            edits: Method { pace: Pace::new(Duration::from_millis(1500), 1), paused_until: None },
            backoff: Backoff::default(),
            retry_at: None,
            circuit: None,
            failing_since: None,
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
            });
    }

    /// What to do now, if anything. `is_edit` says whether a subject would be
    /// told by an edit.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        is_edit: impl Fn(Subject) -> bool,
    ) -> Option<Dispatch> {
        if self.busy.is_some() {
            return None;
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
        let (subject, edit, pending) = self.next(is_edit)?;
        let method = if edit { &self.edits } else { &self.posts };
        if !method.is_ready(now) {
            return None;
        }
        self.busy = Some(Busy::Sending(subject, edit));
        Some(Dispatch::Send { subject, form: pending.form, maybe_repeat: pending.maybe_repeat })
    }

    /// Posts before edits, the last words before first ones, then by age;
    /// what can't go yet stands back for what can.
    fn next(&self, is_edit: impl Fn(Subject) -> bool) -> Option<(Subject, bool, Pending)> {
        let candidates = self.pending.iter().map(|(subject, pending)| {
            let edit = is_edit(*subject);
            (*subject, edit, *pending)
        });
        candidates.min_by_key(|(_, edit, pending)| {
            let method = if *edit { &self.edits } else { &self.posts };
            (method.ready_at(), pending.urgency, *edit, pending.arrival)
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
    ) -> Verdict {
        let (subject, edit) = match self.busy.take() {
            Some(Busy::Sending(subject, edit)) => (Some(subject), edit),
            _ => (None, false),
        };
        let method = if edit { &mut self.edits } else { &mut self.posts };
        if subject.is_some() {
            method.pace.ended(now);
        }
        let Err(error) = result else {
            self.recovered();
            if let Some(subject) = subject {
                self.pending.remove(&subject);
            }
            return Verdict::Delivered;
        };
        match error.class() {
            Class::RateLimited(wait) => {
                let wait = wait.unwrap_or(DEFAULT_PAUSE).min(LONGEST_PAUSE);
                // Upwards only: nobody comes back before it was said.
                let jitter = Duration::from_millis(250).mul_f64(random.clamp(0.0, 1.0));
                method.paused_until = Some(later(now, wait + jitter));
                self.failing_since.get_or_insert(now);
            }
            Class::Transient | Class::UnknownOutcome => {
                if error.class() == Class::UnknownOutcome {
                    if let Some(entry) = self.entry(subject) {
                        entry.maybe_repeat = true;
                    }
                }
                self.failing_since.get_or_insert(now);
                self.retry_at = Some(later(now, self.backoff.failed(random)));
            }
            Class::Revoked => {
                self.failing_since.get_or_insert(now);
                self.circuit = Some(later(now, PROBE_EVERY));
            }
            Class::Refused => {
                self.recovered();
                match self.entry(subject) {
                    Some(entry) if entry.form == Form::Full => entry.form = Form::TextOnly,
                    _ => {
                        if let Some(subject) = subject {
                            self.pending.remove(&subject);
                        }
                        return Verdict::Refused;
                    }
                }
            }
            Class::StaleRef => {
                self.recovered();
                if let Some(subject) = subject {
                    self.pending.remove(&subject);
                }
                return Verdict::Stale;
            }
        }
        Verdict::Again
    }

    fn entry(&mut self, subject: Option<Subject>) -> Option<&mut Pending> {
        self.pending.get_mut(&subject?)
    }

    /// A message went out past the lane, such as a test.
    pub(super) fn charge(&mut self, now: Instant) {
        self.posts.pace.ended(now);
    }

    /// Whether something that waits can still go, or come back, by `deadline`.
    pub(super) fn can_progress_by(
        &self,
        deadline: Instant,
        is_edit: impl Fn(Subject) -> bool,
    ) -> bool {
        if self.busy.is_some() {
            return true;
        }
        let waits_for = |subject: &Subject| {
            let method = if is_edit(*subject) { &self.edits } else { &self.posts };
            method.ready_at().max(self.retry_at)
        };
        self.circuit.is_none()
            && self.pending.keys().any(|subject| waits_for(subject).is_none_or(|at| at < deadline))
    }

    /// A probe came to an end.
    pub(super) fn probed(&mut self, now: Instant, works: bool) {
        self.busy = None;
        if works {
            self.recovered();
        } else {
            self.circuit = Some(later(now, PROBE_EVERY));
        }
    }

    fn recovered(&mut self) {
        self.backoff.succeeded();
        self.retry_at = None;
        self.circuit = None;
        self.failing_since = None;
    }

    /// When [`poll`](Lane::poll) has something to do.
    pub(super) fn deadline(&self, is_edit: impl Fn(Subject) -> bool) -> Option<Instant> {
        if self.busy.is_some() {
            return None;
        }
        if self.circuit.is_some() {
            return self.circuit;
        }
        let (_, edit, pending) = self.next(is_edit)?;
        let method = if edit { &self.edits } else { &self.posts };
        method.ready_at().max(self.retry_at).or(Some(pending.since))
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
            || self.failing_since.is_some_and(|since| now >= later(since, LATE_AFTER))
    }

    /// When it will count as down if nothing gets better.
    pub(super) fn down_at(&self) -> Option<Instant> {
        self.failing_since.map(|since| later(since, LATE_AFTER))
    }

    /// How long its oldest action has been waiting.
    pub(super) fn oldest(&self, now: Instant) -> Duration {
        let waits = |pending: &Pending| now.saturating_duration_since(pending.since);
        self.pending.values().map(waits).max().unwrap_or_default()
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
