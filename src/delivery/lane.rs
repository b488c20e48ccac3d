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
        let (subject, manner) = match self.busy.take() {
            Some(Busy::Sending(subject, manner)) => (Some(subject), manner),
            _ => (None, Manner::Post),
        };
        let is_edit = manner == Manner::Edit;
        let method = if is_edit { &mut self.edits } else { &mut self.posts };
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
                // An edit can't be there twice.
                if error.class() == Class::UnknownOutcome && !is_edit {
                    if let Some(entry) = self.entry(subject) {
                        let repeated = std::mem::replace(&mut entry.maybe_repeat, true);
                        self.in_doubt |= repeated;
                    }
                }
                self.failing_since.get_or_insert(now);
                self.retry_at = Some(later(now, self.backoff.failed(random)));
            }
            Class::Revoked => {
                self.failing_since.get_or_insert(now);
                self.circuit = Some(later(now, PROBE_EVERY));
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

    /// How a kind of call fares: edits, or posts and replies.
    fn method(&self, manner: Manner) -> &Method {
        if manner == Manner::Edit { &self.edits } else { &self.posts }
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

    /// A probe came to an end.
    pub(super) fn probed(&mut self, now: Instant, works: bool, random: f64) {
        self.busy = None;
        if self.circuit.is_none() {
            self.in_doubt = !works;
            if !works {
                self.retry_at = Some(later(now, self.backoff.failed(random)));
            }
            return;
        }
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
        if self.circuit.is_some() && self.tests == 0 {
            return self.circuit;
        }
        if self.tests > 0 {
            return self.posts.ready_at().or(Some(now));
        }
        let (_, manner, pending) = self.next(now, manner)?;
        self.method(manner).ready_at().max(self.retry_at).or(Some(pending.since))
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

    /// Since when nothing could be delivered, if that is worth a word.
    pub(super) fn outage(&self, now: Instant) -> Option<Instant> {
        self.failing_since.filter(|since| now >= later(*since, LATE_AFTER))
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
mod tests {
    use super::*;
    use crate::incident::IncidentId;

    fn subject(n: u64) -> Subject {
        Subject::Incident(IncidentId::new([0; 16], n))
    }

    fn action(n: u64, urgency: Urgency) -> Action {
        Action { destination: 0, subject: subject(n), urgency }
    }

    const POST: fn(Subject) -> Manner = |_| Manner::Post;
    const REPLY: fn(Subject) -> Manner = |_| Manner::Reply;
    const EDIT: fn(Subject) -> Manner = |_| Manner::Edit;

    fn sent(lane: &mut Lane, now: Instant, manner: fn(Subject) -> Manner) -> Option<Subject> {
        match lane.poll(now, manner)? {
            Dispatch::Send { subject, .. } => Some(subject),
            Dispatch::Probe | Dispatch::Test => None,
        }
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn one_at_a_time_last_words_first_and_one_entry_per_subject() {
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
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
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
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
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
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
            let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
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
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
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
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
        lane.push(now, action(1, Urgency::First));
        assert!(matches!(lane.poll(now, POST), Some(Dispatch::Send { form: Form::Full, .. })));
        assert_eq!(lane.done(now, Err(&DeliveryError::refused()), 0.0), Resolution::Again);
        assert!(matches!(lane.poll(now, POST), Some(Dispatch::Send { form: Form::TextOnly, .. })));
        assert_eq!(lane.done(now, Err(&DeliveryError::refused()), 0.0), Resolution::Refused);
        assert!(lane.is_empty());
    }

    #[test]
    fn revoked_opens_the_circuit_until_a_probe_works() {
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
        lane.push(now, action(1, Urgency::First));
        sent(&mut lane, now, POST).unwrap();
        lane.done(now, Err(&DeliveryError::revoked()), 0.0);
        assert_eq!(lane.health(now), Health::Open);
        assert!(lane.is_down(now));
        assert_eq!(lane.poll(now + seconds(599), POST), None);
        assert_eq!(lane.poll(now + seconds(600), POST), Some(Dispatch::Probe));
        lane.probed(now + seconds(600), false, 0.0);
        assert_eq!(lane.poll(now + seconds(601), POST), None);
        assert_eq!(lane.poll(now + seconds(1200), POST), Some(Dispatch::Probe));
        lane.probed(now + seconds(1200), true, 0.0);
        // A probe proves little: the fallback speaks on until a delivery.
        assert!(lane.is_down(now + seconds(1200)));
        // What waited is still there, in its latest state.
        assert_eq!(sent(&mut lane, now + seconds(1200), POST), Some(subject(1)));
    }

    #[test]
    fn a_stale_reference_goes_back_to_the_engine() {
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
        lane.push(now, action(1, Urgency::Progress));
        sent(&mut lane, now, EDIT).unwrap();
        assert_eq!(lane.done(now, Err(&DeliveryError::stale_ref()), 0.0), Resolution::Stale);
        assert!(lane.is_empty());
    }

    #[test]
    fn a_stale_reference_on_a_post_is_a_refusal() {
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
        lane.push(now, action(1, Urgency::First));
        sent(&mut lane, now, POST).unwrap();
        assert_eq!(lane.done(now, Err(&DeliveryError::stale_ref()), 0.0), Resolution::Again);
        sent(&mut lane, now, POST).unwrap();
        assert_eq!(lane.done(now, Err(&DeliveryError::stale_ref()), 0.0), Resolution::Refused);
        assert!(lane.is_empty());
    }

    #[test]
    fn last_words_and_posts_go_before_edits_whenever_both_could_go() {
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
        lane.push(now, action(0, Urgency::First));
        sent(&mut lane, now, POST).unwrap();
        lane.done(now, Ok(()), 0.0);
        let now = now + seconds(10);
        lane.push(now, action(1, Urgency::Progress));
        lane.push(now, action(2, Urgency::Last));
        let manner = |about: Subject| if about == subject(1) { Manner::Edit } else { Manner::Post };
        let Some(Dispatch::Send { subject: first, .. }) = lane.poll(now, manner) else {
            panic!("something to send");
        };
        assert_eq!(first, subject(2));
    }

    #[test]
    fn test_messages_keep_the_pace() {
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
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
    fn an_outage_counts_from_the_first_failure() {
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
        lane.push(now, action(1, Urgency::First));
        sent(&mut lane, now, POST).unwrap();
        lane.done(now, Err(&DeliveryError::transient()), 0.0);
        assert_eq!(lane.outage(now + seconds(59)), None);
        assert_eq!(lane.outage(now + seconds(60)), Some(now));
        lane.push(now, action(2, Urgency::Outage));
        let later = now + seconds(600);
        assert_eq!(sent(&mut lane, later, POST), Some(subject(2)));
        lane.done(later, Ok(()), 0.0);
        assert_eq!(lane.outage(later), None);
    }

    #[test]
    fn a_post_of_unknown_outcome_is_repeated_once_and_then_only_when_somebody_answers() {
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
        lane.push(now, action(1, Urgency::First));
        let unknown = DeliveryError::unknown_outcome();
        let mut posts = 0;
        let mut at = now;
        // An hour of silence from the other side.
        for second in 0..3600 {
            at = now + seconds(second);
            match lane.poll(at, POST) {
                Some(Dispatch::Send { maybe_repeat, .. }) => {
                    assert_eq!(maybe_repeat, posts > 0);
                    posts += 1;
                    lane.done(at, Err(&unknown), 1.0);
                }
                Some(Dispatch::Probe) => lane.probed(at, false, 1.0),
                Some(Dispatch::Test) => unreachable!(),
                None => {}
            }
        }
        assert_eq!(posts, 2);
        // It answers again: once more, said to be possibly a repeat.
        let at = at + seconds(61);
        assert_eq!(lane.poll(at, POST), Some(Dispatch::Probe));
        lane.probed(at, true, 1.0);
        let again = lane.poll(at, POST);
        assert!(matches!(again, Some(Dispatch::Send { maybe_repeat: true, .. })), "{again:?}");
        lane.done(at, Ok(()), 0.0);
        lane.push(at, action(2, Urgency::First));
        assert!(matches!(lane.poll(at, POST), Some(Dispatch::Send { maybe_repeat: false, .. })));
    }

    #[test]
    fn an_edit_of_unknown_outcome_is_simply_repeated() {
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
        lane.push(now, action(1, Urgency::Progress));
        for n in 0..5 {
            let at = now + seconds(100 * n);
            let sent = lane.poll(at, EDIT);
            assert!(matches!(sent, Some(Dispatch::Send { maybe_repeat: false, .. })), "{sent:?}");
            lane.done(at, Err(&DeliveryError::unknown_outcome()), 1.0);
        }
    }

    #[test]
    fn a_stale_parent_of_a_reply_goes_back_to_the_engine() {
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
        lane.push(now, action(1, Urgency::First));
        sent(&mut lane, now, REPLY).unwrap();
        assert_eq!(lane.done(now, Err(&DeliveryError::stale_ref()), 0.0), Resolution::Stale);
    }

    #[test]
    fn replicas_share_the_pace() {
        let policy = IncidentPolicy { replicas: 4, ..IncidentPolicy::default() };
        let (mut lane, now) = (Lane::new(&policy), Instant::now());
        for n in 0..20 {
            lane.push(now, action(n, Urgency::First));
        }
        let (mut posts, mut edits) = (0, 0);
        for second in 0..60 {
            let at = now + seconds(second);
            while lane.poll(at, POST).is_some() {
                lane.done(at, Ok(()), 0.0);
                posts += 1;
            }
        }
        for n in 0..20 {
            lane.push(now, action(n, Urgency::Progress));
        }
        for second in 60..120 {
            let at = now + seconds(second);
            while lane.poll(at, EDIT).is_some() {
                lane.done(at, Ok(()), 0.0);
                edits += 1;
            }
        }
        assert!((14..=16).contains(&posts), "{posts}");
        assert!((9..=10).contains(&edits), "{edits}");
    }

    #[test]
    fn hopeless_before_a_deadline_is_known_at_once() {
        let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
        lane.push(now, action(1, Urgency::First));
        assert!(lane.can_progress_by(now + seconds(5), POST));
        sent(&mut lane, now, POST).unwrap();
        assert!(lane.can_progress_by(now + seconds(5), POST));
        lane.done(now, Err(&DeliveryError::rate_limited(Some(seconds(600)))), 0.0);
        assert!(!lane.can_progress_by(now + seconds(5), POST));
    }
}
