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
    /// A probe went well, and nothing has been delivered since.
    half_open: bool,
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    /// Sending about this subject, as a post or an edit.
    Sending(Subject, bool),
    Testing,
    Probing,
}

/// What a lane wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dispatch {
    /// Render the subject and deliver it.
    Send {
        subject: Subject,
        form: Form,
        maybe_repeat: bool,
        /// For how long nothing could be delivered, if that is worth a word.
        outage: Option<Duration>,
    },
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
    pub(super) fn new() -> Self {
        Lane {
            pending: BTreeMap::new(),
            arrivals: 0,
            busy: None,
            posts: Method { pace: Pace::new(Duration::from_secs(1), 3), paused_until: None },
            // 40 a minute, 10 of them at once: Slack allows 50 for the whole workspace.
            edits: Method { pace: Pace::new(Duration::from_secs(2), 10), paused_until: None },
            backoff: Backoff::default(),
            retry_at: None,
            circuit: None,
            half_open: false,
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
        let (subject, edit, pending) = self.next(now, is_edit)?;
        if !self.method(edit).is_ready(now) {
            return None;
        }
        self.busy = Some(Busy::Sending(subject, edit));
        let failing = self.failing_since.map(|since| now.saturating_duration_since(since));
        Some(Dispatch::Send {
            subject,
            form: pending.form,
            maybe_repeat: pending.maybe_repeat,
            outage: failing.filter(|failing| *failing >= LATE_AFTER),
        })
    }

    /// The last words before first ones, first ones before more of the same,
    /// posts before edits, then by age; what can't go yet stands back for what
    /// can.
    fn next(
        &self,
        now: Instant,
        is_edit: impl Fn(Subject) -> bool,
    ) -> Option<(Subject, bool, Pending)> {
        let candidates = self.pending.iter().map(|(subject, pending)| {
            let edit = is_edit(*subject);
            (*subject, edit, *pending)
        });
        candidates.min_by_key(|(_, edit, pending)| {
            let not_before = self.method(*edit).ready_at().filter(|ready| *ready > now);
            (not_before, pending.urgency, *edit, pending.arrival)
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
        let (subject, edit) = match self.busy.take() {
            Some(Busy::Sending(subject, edit)) => (Some(subject), edit),
            _ => (None, false),
        };
        let method = if edit { &mut self.edits } else { &mut self.posts };
        method.pace.ended(now);
        let Err(error) = result else {
            self.recovered();
            self.forget(subject);
            return Resolution::Delivered;
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
            Class::StaleRef if edit => {
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

    /// How a kind of call fares: edits, or posts.
    fn method(&self, edit: bool) -> &Method {
        if edit { &self.edits } else { &self.posts }
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
        is_edit: impl Fn(Subject) -> bool,
    ) -> bool {
        if self.busy.is_some() {
            return true;
        }
        let waits_for =
            |subject: &Subject| self.method(is_edit(*subject)).ready_at().max(self.retry_at);
        self.circuit.is_none()
            && self.pending.keys().any(|subject| waits_for(subject).is_none_or(|at| at < deadline))
    }

    /// A probe came to an end.
    pub(super) fn probed(&mut self, now: Instant, works: bool) {
        self.busy = None;
        if works {
            // Only a delivery proves that messages arrive.
            self.circuit = None;
            self.half_open = true;
        } else {
            self.circuit = Some(later(now, PROBE_EVERY));
        }
    }

    fn recovered(&mut self) {
        self.backoff.succeeded();
        self.retry_at = None;
        self.circuit = None;
        self.half_open = false;
        self.failing_since = None;
    }

    /// When [`poll`](Lane::poll) has something to do.
    pub(super) fn deadline(
        &self,
        now: Instant,
        is_edit: impl Fn(Subject) -> bool,
    ) -> Option<Instant> {
        if self.busy.is_some() {
            return None;
        }
        if self.circuit.is_some() && self.tests == 0 {
            return self.circuit;
        }
        if self.tests > 0 {
            return self.posts.ready_at().or(Some(now));
        }
        let (_, edit, pending) = self.next(now, is_edit)?;
        self.method(edit).ready_at().max(self.retry_at).or(Some(pending.since))
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
            || self.failing_since.is_some_and(|since| now >= later(since, LATE_AFTER))
    }

    /// Whether the last attempt failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing_since.is_some()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::IncidentId;

    fn subject(n: u64) -> Subject {
        Subject::Incident(IncidentId::new([0; 16], n))
    }

    fn action(n: u64, urgency: Urgency) -> Action {
        Action { destination: 0, subject: subject(n), urgency }
    }

    const POST: fn(Subject) -> bool = |_| false;
    const EDIT: fn(Subject) -> bool = |_| true;

    fn sent(lane: &mut Lane, now: Instant, is_edit: fn(Subject) -> bool) -> Option<Subject> {
        match lane.poll(now, is_edit)? {
            Dispatch::Send { subject, .. } => Some(subject),
            Dispatch::Probe | Dispatch::Test => None,
        }
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn one_at_a_time_last_words_first_and_one_entry_per_subject() {
        let (mut lane, now) = (Lane::new(), Instant::now());
        lane.push(now, action(1, Urgency::Progress));
        lane.push(now, action(2, Urgency::First));
        lane.push(now, action(2, Urgency::First));
        lane.push(now, action(3, Urgency::Last));
        for expected in [3, 2, 1] {
            assert_eq!(sent(&mut lane, now, POST), Some(subject(expected)));
            assert_eq!(sent(&mut lane, now, POST), None);
            assert_eq!(lane.done(now, Ok(()), 0.0), Resolution::Delivered);
        }
        assert!(lane.is_empty());
    }

    #[test]
    fn posts_keep_their_pace_and_edits_their_own() {
        let (mut lane, now) = (Lane::new(), Instant::now());
        for n in 0..4 {
            lane.push(now, action(n, Urgency::First));
        }
        for _ in 0..3 {
            sent(&mut lane, now, POST).unwrap();
            lane.done(now, Ok(()), 0.0);
        }
        assert_eq!(sent(&mut lane, now, POST), None);
        assert_eq!(lane.deadline(now, POST), Some(now + seconds(1)));
        // An edit is not held up by it.
        assert!(sent(&mut lane, now, EDIT).is_some());
        lane.done(now, Ok(()), 0.0);
        for n in 0..9 {
            lane.push(now, action(n, Urgency::Progress));
            sent(&mut lane, now, EDIT).unwrap();
            lane.done(now, Ok(()), 0.0);
        }
        lane.push(now, action(9, Urgency::Progress));
        assert_eq!(sent(&mut lane, now, EDIT), None);
        assert!(sent(&mut lane, now + seconds(2), EDIT).is_some());
    }

    #[test]
    fn a_429_pauses_its_method_and_no_other() {
        let (mut lane, now) = (Lane::new(), Instant::now());
        lane.push(now, action(1, Urgency::First));
        sent(&mut lane, now, POST).unwrap();
        let limited = DeliveryError::rate_limited(Some(seconds(5)));
        assert_eq!(lane.done(now, Err(&limited), 0.0), Resolution::Again);
        assert_eq!(lane.health(now), Health::Paused);
        assert_eq!(sent(&mut lane, now + seconds(4), POST), None);
        assert!(sent(&mut lane, now + seconds(4), EDIT).is_some());
        lane.done(now + seconds(4), Ok(()), 0.0);
        lane.push(now, action(2, Urgency::First));
        assert!(sent(&mut lane, now + seconds(5), POST).is_some());
    }

    #[test]
    fn a_429_never_pauses_longer_than_15_minutes_and_30_seconds_by_default() {
        for (asked, paused) in [(Some(seconds(3600)), 900), (None, 30), (Some(seconds(0)), 0)] {
            let (mut lane, now) = (Lane::new(), Instant::now());
            lane.push(now, action(1, Urgency::First));
            sent(&mut lane, now, POST).unwrap();
            lane.done(now, Err(&DeliveryError::rate_limited(asked)), 0.0);
            if paused > 0 {
                assert_eq!(sent(&mut lane, now + seconds(paused - 1), POST), None);
            }
            assert!(sent(&mut lane, now + seconds(paused), POST).is_some(), "{asked:?}");
        }
    }

    #[test]
    fn transient_faults_back_off_and_unknown_ones_say_so() {
        let (mut lane, now) = (Lane::new(), Instant::now());
        lane.push(now, action(1, Urgency::First));
        sent(&mut lane, now, POST).unwrap();
        lane.done(now, Err(&DeliveryError::transient()), 1.0);
        assert_eq!(sent(&mut lane, now + Duration::from_millis(999), POST), None);
        let at = now + seconds(1);
        let again = lane.poll(at, POST).unwrap();
        assert!(matches!(again, Dispatch::Send { maybe_repeat: false, .. }));
        lane.done(at, Err(&DeliveryError::unknown_outcome()), 1.0);
        let at = at + seconds(2);
        let again = lane.poll(at, POST).unwrap();
        assert!(matches!(again, Dispatch::Send { maybe_repeat: true, .. }));
        assert!(lane.is_down(now + LATE_AFTER));
        lane.done(at, Ok(()), 0.0);
        assert!(!lane.is_down(now + LATE_AFTER));
    }

    #[test]
    fn refused_once_is_plain_text_refused_twice_is_dropped() {
        let (mut lane, now) = (Lane::new(), Instant::now());
        lane.push(now, action(1, Urgency::First));
        assert!(matches!(lane.poll(now, POST), Some(Dispatch::Send { form: Form::Full, .. })));
        assert_eq!(lane.done(now, Err(&DeliveryError::refused()), 0.0), Resolution::Again);
        assert!(matches!(lane.poll(now, POST), Some(Dispatch::Send { form: Form::TextOnly, .. })));
        assert_eq!(lane.done(now, Err(&DeliveryError::refused()), 0.0), Resolution::Refused);
        assert!(lane.is_empty());
    }

    #[test]
    fn revoked_opens_the_circuit_until_a_probe_works() {
        let (mut lane, now) = (Lane::new(), Instant::now());
        lane.push(now, action(1, Urgency::First));
        sent(&mut lane, now, POST).unwrap();
        lane.done(now, Err(&DeliveryError::revoked()), 0.0);
        assert_eq!(lane.health(now), Health::Open);
        assert!(lane.is_down(now));
        assert_eq!(lane.poll(now + seconds(599), POST), None);
        assert_eq!(lane.poll(now + seconds(600), POST), Some(Dispatch::Probe));
        lane.probed(now + seconds(600), false);
        assert_eq!(lane.poll(now + seconds(601), POST), None);
        assert_eq!(lane.poll(now + seconds(1200), POST), Some(Dispatch::Probe));
        lane.probed(now + seconds(1200), true);
        // A probe proves little: the fallback speaks on until a delivery.
        assert!(lane.is_down(now + seconds(1200)));
        // What waited is still there, in its latest state.
        assert_eq!(sent(&mut lane, now + seconds(1200), POST), Some(subject(1)));
    }

    #[test]
    fn a_stale_reference_goes_back_to_the_engine() {
        let (mut lane, now) = (Lane::new(), Instant::now());
        lane.push(now, action(1, Urgency::Progress));
        sent(&mut lane, now, EDIT).unwrap();
        assert_eq!(lane.done(now, Err(&DeliveryError::stale_ref()), 0.0), Resolution::Stale);
        assert!(lane.is_empty());
    }

    #[test]
    fn a_stale_reference_on_a_post_is_a_refusal() {
        let (mut lane, now) = (Lane::new(), Instant::now());
        lane.push(now, action(1, Urgency::First));
        sent(&mut lane, now, POST).unwrap();
        assert_eq!(lane.done(now, Err(&DeliveryError::stale_ref()), 0.0), Resolution::Again);
        sent(&mut lane, now, POST).unwrap();
        assert_eq!(lane.done(now, Err(&DeliveryError::stale_ref()), 0.0), Resolution::Refused);
        assert!(lane.is_empty());
    }

    #[test]
    fn last_words_and_posts_go_before_edits_whenever_both_could_go() {
        let (mut lane, now) = (Lane::new(), Instant::now());
        lane.push(now, action(0, Urgency::First));
        sent(&mut lane, now, POST).unwrap();
        lane.done(now, Ok(()), 0.0);
        let now = now + seconds(10);
        lane.push(now, action(1, Urgency::Progress));
        lane.push(now, action(2, Urgency::Last));
        let is_edit = |subject_: Subject| subject_ == subject(1);
        let Some(Dispatch::Send { subject: first, .. }) = lane.poll(now, is_edit) else {
            panic!("something to send");
        };
        assert_eq!(first, subject(2));
    }

    #[test]
    fn test_messages_keep_the_pace() {
        let (mut lane, now) = (Lane::new(), Instant::now());
        (0..5).for_each(|_| lane.ask_test());
        for _ in 0..3 {
            assert_eq!(lane.poll(now, POST), Some(Dispatch::Test));
            lane.done(now, Ok(()), 0.0);
        }
        assert_eq!(lane.poll(now, POST), None);
        assert_eq!(lane.deadline(now, POST), Some(now + seconds(1)));
        assert_eq!(lane.poll(now + seconds(1), POST), Some(Dispatch::Test));
    }

    #[test]
    fn an_outage_is_told_with_the_first_message_after_it() {
        let (mut lane, now) = (Lane::new(), Instant::now());
        lane.push(now, action(1, Urgency::First));
        sent(&mut lane, now, POST).unwrap();
        lane.done(now, Err(&DeliveryError::transient()), 0.0);
        let later = now + seconds(600);
        let outage = |dispatch| match dispatch {
            Some(Dispatch::Send { outage, .. }) => outage,
            other => panic!("{other:?}"),
        };
        assert_eq!(outage(lane.poll(later, POST)), Some(seconds(600)));
        lane.done(later, Ok(()), 0.0);
        lane.push(later, action(2, Urgency::First));
        assert_eq!(outage(lane.poll(later, POST)), None);
    }

    #[test]
    fn hopeless_before_a_deadline_is_known_at_once() {
        let (mut lane, now) = (Lane::new(), Instant::now());
        lane.push(now, action(1, Urgency::First));
        assert!(lane.can_progress_by(now + seconds(5), POST));
        sent(&mut lane, now, POST).unwrap();
        assert!(lane.can_progress_by(now + seconds(5), POST));
        lane.done(now, Err(&DeliveryError::rate_limited(Some(seconds(600)))), 0.0);
        assert!(!lane.can_progress_by(now + seconds(5), POST));
    }
}
