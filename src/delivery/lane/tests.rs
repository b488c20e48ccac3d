//! A lane by example.

use super::*;
use crate::incident::IncidentId;

pub(super) fn subject(n: u64) -> Subject {
    Subject::Incident(IncidentId::new([0; 16], n))
}

pub(super) fn action(n: u64, urgency: Urgency) -> Action {
    Action { destination: 0, subject: subject(n), urgency }
}

pub(super) const POST: fn(Subject) -> Manner = |_| Manner::Post;
pub(super) const REPLY: fn(Subject) -> Manner = |_| Manner::Reply;
pub(super) const EDIT: fn(Subject) -> Manner = |_| Manner::Edit;

pub(super) fn sent(
    lane: &mut Lane,
    now: Instant,
    manner: fn(Subject) -> Manner,
) -> Option<Subject> {
    match lane.poll(now, manner)? {
        Dispatch::Send { subject, .. } => Some(subject),
        Dispatch::Probe | Dispatch::Test => None,
    }
}

pub(super) fn seconds(n: u64) -> Duration {
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
    assert!(lane.is_down(now + seconds(60)));
    lane.done(at, Ok(()), 0.0);
    assert!(!lane.is_down(now + seconds(60)));
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
    lane.probed(now + seconds(600), Err(&DeliveryError::revoked()), 0.0);
    assert_eq!(lane.poll(now + seconds(601), POST), None);
    assert_eq!(lane.poll(now + seconds(1200), POST), Some(Dispatch::Probe));
    lane.probed(now + seconds(1200), Ok(()), 0.0);
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
            Some(Dispatch::Probe) => lane.probed(at, Err(&DeliveryError::transient()), 1.0),
            Some(Dispatch::Test) => unreachable!(),
            None => {}
        }
    }
    assert_eq!(posts, 2);
    // It answers again: once more, said to be possibly a repeat.
    let at = at + seconds(61);
    assert_eq!(lane.poll(at, POST), Some(Dispatch::Probe));
    lane.probed(at, Ok(()), 1.0);
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

#[test]
fn who_answers_probes_and_swallows_messages_is_left_alone() {
    let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
    lane.push(now, action(1, Urgency::First));
    let mut posts = 0;
    for second in 0..3600 {
        let at = now + seconds(second);
        match lane.poll(at, POST) {
            Some(Dispatch::Send { .. }) => {
                posts += 1;
                lane.done(at, Err(&DeliveryError::unknown_outcome()), 1.0);
            }
            Some(Dispatch::Probe) => lane.probed(at, Ok(()), 1.0),
            _ => {}
        }
    }
    assert!(posts <= 3 + 6, "{posts} posts in an hour");
}

#[test]
fn a_probe_in_doubt_is_told_to_wait_and_waits() {
    let (mut lane, now) = (Lane::new(&IncidentPolicy::default()), Instant::now());
    lane.push(now, action(1, Urgency::First));
    let (mut probes, limited) = (0, DeliveryError::rate_limited(Some(seconds(900))));
    for second in 0..3600 {
        let at = now + seconds(second);
        match lane.poll(at, POST) {
            Some(Dispatch::Send { .. }) => {
                lane.done(at, Err(&DeliveryError::unknown_outcome()), 1.0);
            }
            Some(Dispatch::Probe) => {
                probes += 1;
                lane.probed(at, Err(&limited), 1.0);
            }
            _ => {}
        }
    }
    assert!((3..=4).contains(&probes), "{probes} probes in an hour");
}

/// Fifty replicas whose Slack comes back take their turns: together they ask
/// for little more than it takes, never all at once, and all are heard.
#[test]
fn a26_fifty_replicas_that_recover_together_take_turns() {
    for seed in 0..20 {
        recover_together(seed, &DeliveryError::transient());
    }
    for seed in 0..5 {
        recover_together(seed, &DeliveryError::unknown_outcome());
        recover_together(seed, &DeliveryError::revoked());
    }
}

fn recover_together(seed: u64, fault: &DeliveryError) {
    let policy = IncidentPolicy { replicas: 50, ..IncidentPolicy::default() };
    let begun = Instant::now();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut lanes: Vec<Lane> = (0..50).map(|_| Lane::new(&policy)).collect();
    for lane in &mut lanes {
        (0..3).for_each(|n| lane.push(begun, action(n, Urgency::First)));
    }
    let back = begun + seconds(600);
    let (mut asked, mut taken): (Vec<Instant>, Vec<Instant>) = Default::default();
    let within = |calls: &[Instant], now: Instant, span: Duration| {
        calls.iter().rev().take_while(|at| now.duration_since(**at) < span).count()
    };
    for tenth in 0..14_000 {
        let now = begun + Duration::from_millis(100) * tenth;
        for lane in &mut lanes {
            let Some(dispatch) = lane.poll(now, POST) else { continue };
            let is_probe = matches!(dispatch, Dispatch::Probe);
            if now < back {
                match is_probe {
                    true => lane.probed(now, Err(fault), random.f64()),
                    false => _ = lane.done(now, Err(fault), random.f64()),
                }
                continue;
            }
            asked.push(now);
            if is_probe {
                lane.probed(now, Ok(()), random.f64());
            } else if within(&taken, now, seconds(1)) == 0 {
                taken.push(now);
                lane.done(now, Ok(()), random.f64());
            } else {
                let limited = DeliveryError::rate_limited(Some(seconds(1)));
                lane.done(now, Err(&limited), random.f64());
            }
            assert!(within(&asked, now, seconds(1)) <= 8, "together, {fault:?}, seed {seed}");
            assert!(within(&asked, now, seconds(60)) <= 120, "too many, {fault:?}, seed {seed}");
        }
    }
    assert!(lanes.iter().all(Lane::is_empty), "somebody was not heard, {fault:?}, seed {seed}");
    assert_eq!(taken.len(), 150);
}
