//! A lane at its edges: what comes first, exact instants, replicas.

use super::tests::{EDIT, POST, action, seconds, sent, subject};
use super::*;

fn lane() -> (Lane, Instant) {
    (Lane::new(&IncidentPolicy::default()), Instant::now())
}

fn replicas(replicas: u32) -> (Lane, Instant) {
    (Lane::new(&IncidentPolicy { replicas, ..IncidentPolicy::default() }), Instant::now())
}

/// Uses up the posts that may go at once.
fn exhaust(lane: &mut Lane, now: Instant) {
    for n in 100..103 {
        lane.push(now, action(n, Urgency::First));
        sent(lane, now, POST).unwrap();
        lane.done(now, Ok(()), 0.0);
    }
}

const FIRST_IS_AN_EDIT: fn(Subject) -> Manner =
    |about| if about == subject(1) { Manner::Edit } else { Manner::Post };

#[test]
fn of_the_same_urgency_who_came_first_goes_first() {
    let (mut lane, now) = lane();
    for n in [3, 1, 2] {
        lane.push(now, action(n, Urgency::First));
    }
    for expected in [3, 1, 2] {
        assert_eq!(sent(&mut lane, now, POST), Some(subject(expected)));
        lane.done(now, Ok(()), 0.0);
    }
}

#[test]
fn of_the_same_urgency_a_post_goes_before_an_edit() {
    let (mut lane, now) = lane();
    lane.push(now, action(1, Urgency::First));
    lane.push(now, action(2, Urgency::First));
    assert_eq!(sent(&mut lane, now, FIRST_IS_AN_EDIT), Some(subject(2)));
}

#[test]
fn what_can_not_go_yet_stands_back_until_the_very_moment_it_can() {
    let (mut lane, now) = lane();
    exhaust(&mut lane, now);
    lane.push(now, action(2, Urgency::First));
    lane.push(now, action(1, Urgency::Progress));
    let mut early = now + Duration::from_millis(999);
    assert_eq!(sent(&mut lane, early, FIRST_IS_AN_EDIT), Some(subject(1)));
    lane.done(early, Ok(()), 0.0);
    lane.push(early, action(1, Urgency::Progress));
    early += Duration::from_millis(1);
    assert_eq!(sent(&mut lane, early, FIRST_IS_AN_EDIT), Some(subject(2)));
}

#[test]
fn who_is_skipped_is_gone_and_the_next_one_goes() {
    let (mut lane, now) = lane();
    lane.push(now, action(1, Urgency::First));
    lane.push(now, action(2, Urgency::First));
    assert_eq!(sent(&mut lane, now, POST), Some(subject(1)));
    lane.skip(subject(1));
    assert_eq!(sent(&mut lane, now, POST), Some(subject(2)));
    lane.skip(subject(2));
    assert!(lane.is_empty());
}

#[test]
fn as_many_test_messages_as_were_asked_for() {
    let (mut lane, now) = lane();
    (0..2).for_each(|_| lane.ask_test());
    for second in 0..20 {
        let at = now + seconds(second);
        let expected = (second < 2).then_some(Dispatch::Test);
        assert_eq!(lane.poll(at, POST), expected, "after {second} s");
        if expected.is_some() {
            lane.done(at, Ok(()), 0.0);
        }
    }
    assert_eq!(lane.deadline(now, POST), None);
}

#[test]
fn a_429_takes_a_turn_of_one_process_and_none_of_replicas() {
    let limited = DeliveryError::rate_limited(Some(Duration::ZERO));
    let (mut alone, now) = lane();
    exhaust(&mut alone, now);
    let at = now + seconds(1);
    alone.push(at, action(1, Urgency::First));
    sent(&mut alone, at, POST).unwrap();
    alone.done(at, Err(&limited), 0.0);
    assert_eq!(sent(&mut alone, at + Duration::from_millis(999), POST), None);
    assert!(sent(&mut alone, at + seconds(1), POST).is_some());

    // Theirs is longer, since all of them are told to wait.
    let (mut one, now) = replicas(4);
    one.push(now, action(1, Urgency::First));
    sent(&mut one, now, POST).unwrap();
    one.done(now, Err(&limited), 0.0);
    assert_eq!(sent(&mut one, now + Duration::from_millis(999), POST), None);
    assert!(sent(&mut one, now + seconds(1), POST).is_some());
}

#[test]
fn pauses_are_lengthened_and_never_shortened_by_chance() {
    let limited = DeliveryError::rate_limited(Some(seconds(10)));
    for (count, jitter) in [(1, Duration::from_millis(250)), (5, seconds(4))] {
        let (mut lane, now) = replicas(count);
        lane.push(now, action(1, Urgency::First));
        sent(&mut lane, now, POST).unwrap();
        lane.done(now, Err(&limited), 1.0);
        let over = now + seconds(10) + jitter;
        assert_eq!(sent(&mut lane, over - Duration::from_millis(1), POST), None, "{count}");
        assert!(sent(&mut lane, over, POST).is_some(), "{count}");
    }
}

#[test]
fn replicas_probe_one_after_the_other() {
    let revoked = DeliveryError::revoked();
    let (mut lane, mut now) = replicas(5);
    lane.push(now, action(1, Urgency::First));
    sent(&mut lane, now, POST).unwrap();
    lane.done(now, Err(&revoked), 1.0);
    for _ in 0..2 {
        let early = now + seconds(604) - Duration::from_millis(1);
        assert_eq!(lane.poll(early, POST), None);
        now += seconds(604);
        assert_eq!(lane.poll(now, POST), Some(Dispatch::Probe));
        lane.probed(now, Err(&revoked), 1.0);
    }
}

#[test]
fn replicas_that_fail_wait_for_a_turn_of_all_and_not_together() {
    let (mut lane, now) = replicas(5);
    lane.push(now, action(1, Urgency::First));
    sent(&mut lane, now, POST).unwrap();
    lane.done(now, Err(&DeliveryError::transient()), 0.5);
    // Four turns, and half of four more.
    assert_eq!(sent(&mut lane, now + Duration::from_millis(5_999), POST), None);
    assert!(sent(&mut lane, now + seconds(6), POST).is_some());
}

/// Two posts of which nobody knows whether they arrived.
fn in_doubt(lane: &mut Lane, now: Instant) -> Instant {
    lane.push(now, action(1, Urgency::First));
    let mut at = now;
    for _ in 0..2 {
        assert!(matches!(lane.poll(at, POST), Some(Dispatch::Send { .. })));
        lane.done(at, Err(&DeliveryError::unknown_outcome()), 0.0);
        at += seconds(60);
    }
    assert_eq!(lane.poll(at, POST), Some(Dispatch::Probe));
    at
}

#[test]
fn a_probe_in_doubt_that_finds_us_revoked_opens_the_circuit() {
    let (mut lane, now) = replicas(5);
    let at = in_doubt(&mut lane, now);
    lane.probed(at, Err(&DeliveryError::revoked()), 1.0);
    assert_eq!(lane.health(at), Health::Open);
    assert_eq!(lane.poll(at + seconds(604) - Duration::from_millis(1), POST), None);
    assert_eq!(lane.poll(at + seconds(604), POST), Some(Dispatch::Probe));
}

#[test]
fn after_three_posts_without_an_answer_the_next_one_waits_ten_minutes() {
    let (mut lane, now) = lane();
    lane.push(now, action(1, Urgency::First));
    let mut posts = Vec::new();
    for second in 0..2_400 {
        let at = now + seconds(second);
        match lane.poll(at, POST) {
            Some(Dispatch::Send { .. }) => {
                posts.push(second);
                lane.done(at, Err(&DeliveryError::unknown_outcome()), 0.0);
            }
            Some(Dispatch::Probe) => lane.probed(at, Ok(()), 0.0),
            _ => {}
        }
    }
    // A second apart at least, by the pace; then at a probe's.
    let apart: Vec<u64> = posts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(apart[..3].iter().all(|apart| *apart < 60), "{posts:?}");
    assert!(apart[3..].iter().all(|apart| *apart >= 600), "{posts:?}");
    assert!(apart.len() >= 5, "{posts:?}");
}

#[test]
fn a_deadline_that_comes_first_is_too_early() {
    let (mut lane, now) = lane();
    lane.push(now, action(1, Urgency::First));
    sent(&mut lane, now, EDIT).unwrap();
    lane.done(now, Err(&DeliveryError::transient()), 1.0);
    let back = now + seconds(1);
    assert!(!lane.can_progress_by(back - Duration::from_millis(1), POST));
    assert!(!lane.can_progress_by(back, POST));
    assert!(lane.can_progress_by(back + Duration::from_millis(1), POST));
}

#[test]
fn what_it_says_of_itself() {
    let (mut lane, now) = lane();
    assert!(lane.is_empty() && !lane.is_failing() && !lane.is_busy());
    assert_eq!((lane.late(now), lane.down_at(), lane.deadline(now, POST)), (None, None, None));
    assert_eq!(lane.health(now), Health::Ready);

    lane.push(now, action(1, Urgency::First));
    assert!(!lane.is_empty() && !lane.is_busy());
    assert_eq!(lane.deadline(now, POST), Some(now));
    sent(&mut lane, now, POST).unwrap();
    assert!(!lane.is_empty() && lane.is_busy() && !lane.is_failing());
    assert_eq!(lane.deadline(now, POST), None);

    lane.done(now, Err(&DeliveryError::rate_limited(Some(seconds(5)))), 0.0);
    assert!(lane.is_failing() && !lane.is_busy());
    assert_eq!(lane.down_at(), Some(now + seconds(60)));
    // Not the pace, which lets go first.
    assert_eq!(lane.deadline(now, POST), Some(now + seconds(5)));
    let paused_until = now + seconds(5);
    assert_eq!(lane.health(paused_until - Duration::from_millis(1)), Health::Paused);
    assert_eq!(lane.health(paused_until), Health::Ready);
    assert_eq!(lane.late(now + seconds(59)), None);
    assert_eq!(lane.late(now + seconds(60)), Some(seconds(60)));

    let at = now + seconds(70);
    sent(&mut lane, at, POST).unwrap();
    lane.done(at, Ok(()), 0.0);
    assert!(lane.is_empty() && !lane.is_failing());
    assert_eq!((lane.late(at), lane.down_at()), (None, None));
}

#[test]
fn who_is_being_told_something_else_is_not_empty() {
    let (mut lane, now) = lane();
    lane.ask_test();
    assert_eq!(lane.poll(now, POST), Some(Dispatch::Test));
    assert!(!lane.is_empty());
}

#[test]
fn an_edit_that_fails_holds_up_no_replicas_posts_for_long() {
    let (mut lane, now) = replicas(50);
    lane.push(now, action(1, Urgency::Progress));
    sent(&mut lane, now, EDIT).unwrap();
    lane.done(now, Err(&DeliveryError::transient()), 1.0);
    lane.push(now, action(2, Urgency::First));
    assert!(sent(&mut lane, now + seconds(1), FIRST_IS_AN_EDIT).is_some());
}

#[test]
fn a_probe_in_doubt_is_put_off_by_turns() {
    let put_off = |error: &DeliveryError, random| {
        let (mut lane, mut at) = replicas(4);
        lane.push(at, action(1, Urgency::First));
        // Twice nobody answered: the next call asks first.
        for _ in 0..2 {
            sent(&mut lane, at, POST).unwrap();
            lane.done(at, Err(&DeliveryError::unknown_outcome()), 0.0);
            at = lane.deadline(at, POST).unwrap();
        }
        assert_eq!(lane.poll(at, POST), Some(Dispatch::Probe));
        lane.probed(at, Err(error), random);
        lane.deadline(at, POST).unwrap() - at
    };
    let limited = DeliveryError::rate_limited(Some(seconds(30)));
    assert_eq!([0.0, 1.0].map(|random| put_off(&limited, random)), [30, 33].map(seconds));
    let alone = {
        let mut backoff = Backoff::default();
        [(); 3].map(|()| backoff.failed(1.0))[2]
    };
    assert_eq!(put_off(&DeliveryError::transient(), 1.0), alone + seconds(3));
}
