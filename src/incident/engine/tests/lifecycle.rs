//! From the first observation to the end, and back.

use std::time::{Duration, SystemTime};

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::input::*;
use crate::incident::{Broadcast, Ending, Matcher, Shared, TellAfter};
use crate::observation::{DropReason, Kind, Rule, Status};

fn policy() -> IncidentPolicy {
    IncidentPolicy::default()
}

fn at_three() -> IncidentPolicy {
    let rule = TellAfter { kind: Kind::Failed, route: None, count: 3, window: MINUTE };
    IncidentPolicy { tell_after: vec![rule], ..policy() }
}

#[test]
fn a_webhook_tells_the_first_at_once_and_the_rest_by_the_series() {
    let mut bench = Bench::new(policy(), WEBHOOK);
    let key = failed("/a");
    bench.observe(&key, 1);
    assert_eq!(bench.briefs(), ["post First 1"]);
    let told = bench.go_on(&key, 1, SECOND, 1200);
    let minutes: Vec<u64> = told.iter().map(|(second, _)| second / 60).collect();
    assert_eq!(minutes, [1, 3, 7, 15]);
    assert!(told.iter().all(|(_, said)| said.view.moment == Moment::Progress));
    assert_eq!(bench.account(0).delivered(), 1);
    assert_eq!(bench.account(0).coalesced() + bench.account(0).pending(), 1200);
}

#[test]
fn a_bot_edits_at_2_5_10_seconds_and_then_each_30() {
    let mut bench = Bench::new(policy(), BOT);
    let key = failed("/a");
    bench.observe(&key, 1);
    assert_eq!(bench.briefs(), ["post First 1"]);
    let told = bench.go_on(&key, 1, SECOND, 120);
    let edits: Vec<(u64, String)> =
        told.iter().map(|(second, said)| (*second, said.brief())).collect();
    let expected = [2, 5, 10, 40, 70, 100].map(|n| (n, format!("edit Progress {}", n + 1)));
    assert_eq!(edits, expected);
    // Nothing changed, nothing is edited; the trailing edit says the rest.
    let told = bench.go_on(&key, 0, SECOND, 120);
    let edits: Vec<String> = told.iter().map(|(_, said)| said.brief()).collect();
    assert_eq!(edits, ["edit Progress 121"]);
}

#[test]
fn ten_times_as_many_is_seen_after_five_minutes() {
    let mut bench = Bench::new(policy(), BOT);
    let key = failed("/a");
    bench.observe(&key, 1);
    bench.deliver();
    let told = visible(&bench.go_on(&key, 10, SECOND, 1500));
    assert_eq!(
        told,
        [(300, "broadcast Grown 3001".to_owned()), (1000, "broadcast Grown 10001".into())]
    );
}

#[test]
fn a_bot_reminds_after_1_and_4_hours_and_then_each_day() {
    // Tenfold counts would be seen as well.
    let mut bench = Bench::new(policy().escalate_every(300 * HOUR), BOT);
    let key = failed("/a");
    bench.observe(&key, 1);
    bench.deliver();
    let told = visible(&bench.go_on(&key, 1, MINUTE, 96 * 60));
    let told: Vec<(u64, String)> =
        told.into_iter().map(|(second, said)| (second / 60, said)).collect();
    let minutes: Vec<u64> = told.iter().map(|(minute, _)| *minute).collect();
    assert_eq!(minutes, [60, 300, 300 + 1440, 300 + 2 * 1440, 300 + 3 * 1440], "{told:?}");
    assert!(told.iter().all(|(_, said)| said.contains("Reminder")));
}

#[test]
fn what_may_be_over_is_not_said_to_go_on() {
    let mut bench = Bench::new(policy().close_after(2 * HOUR), BOT);
    let key = failed("/a");
    bench.observe(&key, 1);
    bench.deliver();
    bench.observe(&key, 50);
    // Neither that it grew nor that it still goes on, until it does.
    assert_eq!(visible(&bench.go_on(&key, 0, SECOND, 5400)), []);
    bench.observe(&key, 1);
    assert_eq!(bench.briefs()[0], "broadcast Grown 52");
}

#[test]
fn a_single_failure_ends_as_once_without_another_message() {
    for (roles, expected) in [(BOT, vec!["edit Ended 1"]), (WEBHOOK, vec![])] {
        let mut bench = Bench::new(policy(), roles);
        bench.observe(&failed("/a"), 1);
        bench.deliver();
        bench.succeed("/a", 214);
        let told = bench.go_on(&failed("/a"), 0, SECOND, 400);
        let briefs: Vec<String> = told.iter().map(|(_, said)| said.brief()).collect();
        assert_eq!(briefs, expected);
        if let Some((second, said)) = told.first() {
            assert_eq!(*second, 300);
            let proof = Some(Ending::Recovered { requests: 214, failed: 0 });
            assert_eq!(said.view.ending(), proof);
        }
    }
}

#[test]
fn recovery_is_proven_or_not_claimed() {
    let mut bench = Bench::new(policy(), BOT);
    let (key, other) = (failed("/a"), request(Kind::Failed, "/a", Some(Status::Http(503))));
    bench.observe(&key, 5);
    bench.deliver();
    bench.succeed("/a", 100);
    bench.observe(&key, 5);
    // What came before the last failure proves nothing.
    let told = bench.go_on(&key, 0, SECOND, 310);
    let since = SystemTime::UNIX_EPOCH;
    assert_eq!(told.last().unwrap().1.view.ending(), Some(Ending::Quiet { since }));
    // Another failure on the same route is no recovery.
    bench.observe(&failed("/b"), 2);
    bench.deliver();
    let mut bench = Bench::new(policy(), BOT);
    bench.observe(&key, 2);
    bench.deliver();
    bench.pass(SECOND);
    bench.observe(&other, 3);
    bench.succeed("/a", 7);
    bench.deliver();
    let told = bench.go_on(&key, 0, SECOND, 310);
    let ended = told.iter().find(|(_, said)| said.view.key == key && said.view.ending.is_some());
    let ending = ended.unwrap().1.view.ending();
    assert_eq!(ending, Some(Ending::Recovered { requests: 10, failed: 3 }));
}

#[test]
fn a_panic_has_no_route_to_prove_anything() {
    let mut bench = Bench::new(policy(), BOT);
    let key = Key::Panic { site: crate::observation::Site::new("a.rs", 1, None) };
    bench.observe(&key, 2);
    bench.deliver();
    let told = bench.go_on(&key, 0, SECOND, 310);
    let ending = told.last().unwrap().1.view.ending();
    assert!(matches!(ending, Some(Ending::Unseen { .. })), "{ending:?}");
}

#[test]
fn the_end_is_seen_if_it_lasted_or_was_told_again() {
    // Four minutes, seen once: an edit will do.
    let mut bench = Bench::new(policy(), BOT);
    let key = failed("/a");
    bench.observe(&key, 1);
    bench.deliver();
    bench.go_on(&key, 1, 30 * SECOND, 8);
    assert_eq!(visible(&bench.go_on(&key, 0, SECOND, 400)), []);
    // Eleven minutes: the end is seen, and then the message is green.
    let mut bench = Bench::new(policy(), BOT);
    bench.observe(&key, 1);
    bench.deliver();
    bench.go_on(&key, 1, 150 * SECOND, 5);
    let told = bench.go_on(&key, 0, SECOND, 400);
    let briefs: Vec<String> = told.iter().map(|(_, said)| said.brief()).collect();
    assert_eq!(briefs[briefs.len() - 2..], ["broadcast Ended 6", "edit Ended 6"]);
}

#[test]
fn a_webhook_closes_what_was_held_or_lasted() {
    let mut bench = Bench::new(policy(), WEBHOOK);
    let key = failed("/a");
    bench.observe(&key, 1);
    bench.deliver();
    bench.observe(&key, 41);
    let told = bench.go_on(&key, 0, SECOND, 400);
    let briefs: Vec<String> = told.iter().map(|(_, said)| said.brief()).collect();
    assert_eq!(briefs, ["post Progress 42"]);
    assert_eq!(bench.account(0).pending(), 0);
    // What the last digest did not carry, the closing does; it comes soon, so
    // there is no digest of what has been over for a minute.
    let mut bench = Bench::new(policy(), WEBHOOK);
    bench.observe(&key, 1);
    bench.deliver();
    bench.go_on(&key, 1, SECOND, 100);
    let told = visible(&bench.go_on(&key, 0, SECOND, 400));
    assert_eq!(told, [(300, "post Ended 101".to_owned())]);
    let mut bench = Bench::new(policy(), WEBHOOK);
    bench.observe(&key, 1);
    bench.deliver();
    bench.go_on(&key, 1, 10 * SECOND, 66);
    let told = visible(&bench.go_on(&key, 0, SECOND, 400));
    assert_eq!(told, [(300, "post Ended 67".to_owned())]);
}

#[test]
fn what_comes_back_is_the_same_incident_and_waits_longer_each_time() {
    for (roles, again) in [(BOT, "broadcast Again 1"), (WEBHOOK, "post Again 1")] {
        let mut bench = Bench::new(policy(), roles);
        let key = failed("/a");
        bench.observe(&key, 20);
        bench.deliver();
        let mut closes = 5;
        for round in 1..=5 {
            bench.go_on(&key, 0, SECOND, closes * 60 + 10);
            let id = bench.engine.live[&key];
            assert!(bench.engine.incidents[&id].is_over(), "round {round}");
            bench.observe(&key, 1);
            let told = bench.deliver();
            assert_eq!(told[0].brief(), again, "round {round}");
            assert_eq!(
                (told[0].view.round, told[0].view.counts.total),
                (round, 20 + u64::from(round))
            );
            // And its message is no longer green.
            if roles == BOT {
                assert_eq!(told.last().unwrap().brief(), "edit Progress 1");
            }
            closes = (closes * 2).min(40);
            let left = bench.engine.incidents[&id].close_after;
            assert_eq!(left, closes * MINUTE);
        }
    }
}

#[test]
fn after_half_an_hour_it_is_another_one_and_after_an_hour_all_is_as_at_first() {
    let mut bench = Bench::new(policy(), BOT);
    let key = failed("/a");
    bench.observe(&key, 1);
    bench.deliver();
    bench.go_on(&key, 0, SECOND, 310);
    bench.observe(&key, 1);
    bench.deliver();
    bench.go_on(&key, 0, SECOND, 610);
    // 31 minutes after its end: another message, and it still waits longer.
    bench.go_on(&key, 0, MINUTE, 31);
    bench.observe(&key, 1);
    assert_eq!(bench.briefs()[0], "post First 1");
    let id = bench.engine.live[&key];
    assert_eq!(bench.engine.incidents[&id].close_after, 10 * MINUTE);
    bench.go_on(&key, 0, MINUTE, 11 + 61);
    assert!(bench.engine.incidents.is_empty());
    bench.observe(&key, 1);
    let id = bench.engine.live[&key];
    assert_eq!(bench.engine.incidents[&id].close_after, 5 * MINUTE);
}

#[test]
fn a_vanished_message_is_posted_anew() {
    let mut bench = Bench::new(policy(), BOT);
    let key = failed("/a");
    bench.observe(&key, 1);
    bench.deliver();
    bench.pass(MINUTE);
    bench.observe(&key, 5);
    let action = bench.actions()[0];
    let (_, carried, placement) = bench.view(action).unwrap();
    assert!(matches!(placement, Placement::Edit(_)));
    bench.sent(action, carried, SentOutcome::Stale);
    let told = bench.deliver();
    assert_eq!(told[0].brief(), "post Progress 6");
    // The new one is edited from now on.
    let told = bench.go_on(&key, 1, MINUTE, 1);
    assert_eq!(told[0].1.placement, Placement::Edit(MessageRef::new("C1", "2")));
}

#[test]
fn a_destination_that_edits_and_does_not_reply_posts_anew_instead() {
    let mut bench = Bench::new(policy(), &[Role { can_edit: true, ..Role::default() }]);
    let key = failed("/a");
    bench.observe(&key, 1);
    bench.deliver();
    let told = bench.go_on(&key, 10, SECOND, 301);
    let seen: Vec<_> = told.iter().filter(|(_, said)| said.is_visible()).collect();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].1.brief(), "post Grown 3001");
}

#[test]
fn broadcast_never_stays_in_the_thread_and_always_tells_each_end() {
    let key = failed("/a");
    let mut bench = Bench::new(policy().broadcast(Broadcast::Never), BOT);
    bench.observe(&key, 1);
    bench.deliver();
    let told = bench.go_on(&key, 10, SECOND, 301);
    assert!(told.iter().any(|(_, said)| said.brief() == "reply Grown 3001"), "{told:#?}");
    let mut bench = Bench::new(policy().broadcast(Broadcast::Always), BOT);
    bench.observe(&key, 1);
    bench.deliver();
    let told = visible(&bench.go_on(&key, 0, SECOND, 310));
    assert_eq!(told, [(300, "broadcast Ended 1".to_owned())]);
}

#[test]
fn every_event_is_told_and_paced_by_nothing_but_the_lane() {
    for roles in [WEBHOOK, BOT] {
        let mut bench = Bench::new(IncidentPolicy::every_event(), roles);
        let mut told = 0;
        for n in 0..100 {
            bench.observe(&failed(&format!("/{}", n % 12)), 1);
            let said = bench.deliver();
            assert!(said.iter().all(|said| said.view.moment == Moment::First), "{said:#?}");
            told += said.iter().filter(|said| said.is_visible()).count();
            bench.pass(SECOND);
        }
        assert_eq!(told, 100);
        assert_eq!(bench.account(0).delivered(), 100);
    }
}

#[test]
fn a_threshold_holds_back_and_then_tells_all() {
    let mut bench = Bench::new(at_three(), WEBHOOK);
    let key = failed("/a");
    bench.observe(&key, 2);
    assert!(bench.deliver().is_empty());
    bench.pass(MINUTE);
    assert_eq!(bench.account(0).suppressed(Rule::BelowThreshold), 2);
    assert_eq!(bench.engine.take_ended(), std::slice::from_ref(&key));

    bench.observe(&key, 2);
    bench.pass(MINUTE / 2);
    bench.observe(&key, 1);
    assert_eq!(bench.briefs(), ["post First 3"]);
    assert_eq!((bench.account(0).delivered(), bench.account(0).coalesced()), (1, 2));
}

#[test]
fn what_comes_back_has_to_reach_its_threshold_again() {
    let mut bench = Bench::new(at_three(), BOT);
    let key = failed("/a");
    bench.observe(&key, 3);
    bench.deliver();
    bench.go_on(&key, 0, SECOND, 310);
    bench.observe(&key, 1);
    assert!(bench.deliver().is_empty());
    bench.go_on(&key, 0, SECOND, 61);
    assert_eq!(bench.account(0).suppressed(Rule::BelowThreshold), 1);
    bench.observe(&key, 3);
    assert_eq!(bench.briefs()[0], "broadcast Again 3");
    assert_eq!(bench.account(0).accounted(), 7);
}

#[test]
fn the_threshold_of_a_route_wins() {
    let rule = |route: Option<&str>, count| TellAfter {
        kind: Kind::Failed,
        route: route.map(str::to_owned),
        count,
        window: MINUTE,
    };
    let tell_after = vec![rule(None, 5), rule(Some("/a"), 2), rule(Some("/b"), 1)];
    let mut bench = Bench::new(IncidentPolicy { tell_after, ..policy() }, WEBHOOK);
    for (route, expected) in [("/a", false), ("/b", true), ("/c", false)] {
        bench.observe(&failed(route), 1);
        assert_eq!(!bench.deliver().is_empty(), expected, "{route}");
    }
    bench.observe(&failed("/a"), 1);
    assert_eq!(bench.briefs(), ["post First 2"]);
}

#[test]
fn a_request_that_ends_worse_is_moved_and_counted_once() {
    let mut bench = Bench::new(policy(), WEBHOOK);
    bench.observe(&slow("/a"), 1);
    bench.deliver();
    let at = bench.now.mono;
    let mut out = observed(slow("/a"), 0, at);
    out.moved_out = 1;
    bench.handle(Input::Observed(vec![out, observed(failed("/a"), 1, at)]));
    assert_eq!(bench.briefs(), ["post First 1"]);
    assert_eq!(bench.account(0).accounted(), 1);
    assert_eq!(bench.account(0).delivered(), 1);
}

#[test]
fn nothing_is_over_while_a_request_hangs() {
    let mut bench = Bench::new(policy(), BOT);
    let key = slow("/a");
    bench.observe(&key, 1);
    bench.hang(&[(&key, 1)]);
    let told = bench.deliver();
    assert_eq!(
        (told[0].view.kind(), told[0].view.hanging()),
        (Kind::Hung, Some((1, Duration::ZERO)))
    );
    // Its age is told at 1, 2, 5, 10 minutes and each 10 after that; never as over.
    let since = bench.now.mono;
    let mut edits = Vec::new();
    for second in 1..=3_700 {
        bench.pass(SECOND);
        let still = StillRunning { key: key.clone(), count: 1, since };
        bench.handle(Input::Hanging(vec![still]));
        for said in bench.deliver() {
            assert!(said.view.ending().is_none());
            edits.push((second, said.is_visible()));
        }
    }
    let ages: Vec<u64> = edits.iter().filter(|(_, seen)| !seen).map(|(age, _)| *age).collect();
    assert_eq!(ages, [60, 120, 300, 600, 1200, 1800, 2400, 3000, 3600]);
    // One reminder after an hour.
    assert_eq!(edits.iter().filter(|(_, seen)| *seen).count(), 1);
    bench.hang(&[]);
    bench.pass(SECOND);
    let briefs = bench.briefs();
    assert_eq!(briefs, ["broadcast Ended 1", "edit Ended 1"]);
}

#[test]
fn a_silence_counts_and_its_end_is_told() {
    let mut bench = Bench::new(policy(), WEBHOOK);
    bench.silence(Matcher::all().route("/a"), MINUTE);
    bench.observe(&failed("/a"), 34);
    bench.observe(&failed("/b"), 1);
    assert_eq!(bench.deliver().len(), 1);
    assert_eq!(bench.account(0).suppressed(Rule::Silence), 34);
    assert_eq!(bench.engine.silences(bench.now)[0].held(), 34);
    bench.pass(MINUTE);
    let told = bench.deliver();
    assert_eq!((told[0].view.moment, told[0].view.silenced), (Moment::SilenceOver, 34));
    assert!(bench.engine.silences(bench.now).is_empty());
    bench.observe(&failed("/a"), 1);
    assert_eq!(bench.briefs(), ["post First 1"]);
    // One that held nothing has nothing to say.
    bench.silence(Matcher::all().route("/c"), MINUTE);
    bench.pass(MINUTE);
    assert!(bench.deliver().iter().all(|said| said.view.moment != Moment::SilenceOver));
}

#[test]
fn an_incident_is_not_over_while_a_silence_holds_it() {
    let mut bench = Bench::new(policy(), BOT);
    let key = failed("/a");
    bench.observe(&key, 2);
    bench.deliver();
    bench.silence(Matcher::all(), HOUR);
    let told = bench.go_on(&key, 1, MINUTE, 30);
    assert!(told.iter().all(|(_, said)| said.view.ending().is_none()), "{told:#?}");
    let told = bench.go_on(&key, 0, SECOND, 310);
    let ended = &told.last().unwrap().1.view;
    assert!(ended.ending().is_some());
    assert_eq!((ended.silenced(), ended.round_total()), (30, 2));
}

#[test]
fn a_dead_destination_keeps_no_incident_open_for_the_others() {
    let mut bench = Bench::new(policy(), &[POSTS, POSTS]);
    let key = failed("/a");
    let mut dead = Vec::new();
    for round in 0..5 {
        bench.observe(&key, 3);
        // The first destination takes it, the second never answers.
        for action in bench.actions() {
            if action.destination == 1 {
                dead.push(action);
                continue;
            }
            let (view, carried, _) = bench.view(action).unwrap();
            assert_eq!((view.moment, view.round_total), (Moment::First, 3), "round {round}");
            bench.sent(action, carried, SentOutcome::Posted(None));
        }
        bench.pass(10 * MINUTE);
        bench.pass(10 * MINUTE);
        bench.pass(21 * MINUTE);
    }
    assert_eq!(bench.account(0).pending(), 0);
    assert_eq!(bench.account(1).pending(), 15);
    // When it lives again, what is long over is one message, and what may come
    // back another.
    let mut told = Vec::new();
    for action in dead {
        if let Some((view, carried, _)) = bench.view(action) {
            told.push(view.counts.total);
            bench.sent(action, carried, SentOutcome::Posted(None));
        }
    }
    assert_eq!(told, [12, 3]);
    assert_eq!((bench.account(1).pending(), bench.account(1).accounted()), (0, 15));
}

#[test]
fn a_flush_waits_for_what_came_while_a_message_was_on_its_way() {
    let mut bench = Bench::new(policy(), WEBHOOK);
    let key = failed("/a");
    bench.observe(&key, 1);
    let action = bench.actions()[0];
    let (_, carried, _) = bench.view(action).unwrap();
    bench.observe(&key, 1);
    bench.handle(Input::Flush);
    assert!(!bench.engine.is_flushed());
    bench.sent(action, carried, SentOutcome::Posted(None));
    assert!(!bench.engine.is_flushed());
    assert_eq!(bench.briefs(), ["post Progress 2"]);
    assert!(bench.engine.is_flushed());
    // What comes later is not waited for.
    bench.observe(&key, 1);
    assert!(bench.engine.is_flushed());
}

#[test]
fn what_is_refused_keeps_the_series_pace() {
    let mut bench = Bench::new(policy(), WEBHOOK);
    let mut refused = 0;
    for _ in 0..600 {
        bench.pass(SECOND);
        bench.observe(&failed("/a"), 1);
        for action in bench.actions() {
            let Some((_, carried, _)) = bench.view(action) else { continue };
            bench.sent(action, carried, SentOutcome::Dropped(DropReason::Refused));
            refused += 1;
        }
    }
    assert_eq!(refused, 4);
    assert_eq!(bench.account(0).accounted(), 600);
}

#[test]
fn another_replicas_message_is_edited_in_place_of_a_new_one() {
    let mut bench = Bench::new(policy(), BOT);
    bench.observe(&failed("/a"), 1);
    let action = bench.actions()[0];
    let Subject::Incident(id) = action.subject else { panic!("an incident") };
    let mut shared = Shared::default();
    shared.set_message(1, MessageRef::new("C1", "theirs"));
    bench.handle(Input::Merged(id, shared));
    let (_, carried, placement) = bench.view(action).unwrap();
    assert_eq!(placement, Placement::Edit(MessageRef::new("C1", "theirs")));
    bench.sent(action, carried, SentOutcome::Adopted(MessageRef::new("C1", "theirs")));
    assert_eq!(bench.account(0).coalesced() + bench.account(0).delivered(), 1);
}

#[test]
fn a_fallback_stands_by_and_takes_over() {
    let mut bench = Bench::new(policy(), &[POSTS, FALLBACK]);
    bench.observe(&failed("/a"), 3);
    assert_eq!(bench.deliver().len(), 1);
    assert_eq!(bench.account(1).suppressed(Rule::Standby), 3);
    // The next one does not get through.
    bench.observe(&failed("/b"), 2);
    assert_eq!(bench.actions().len(), 1);
    bench.handle(Input::Standby { destination: 1, stands_by: false });
    let told = bench.deliver();
    assert_eq!((told.len(), told[0].destination, told[0].view.counts.total), (1, 1, 2));
    assert_eq!(bench.account(1).accounted(), 5);
}

#[test]
fn what_was_never_told_is_still_pending_when_more_comes_below_the_threshold() {
    let mut bench = Bench::new(at_three(), &[POSTS, EDITS, FALLBACK]);
    let key = failed("/a");
    bench.observe(&key, 3);
    bench.pass(5 * MINUTE);
    bench.observe(&key, 1);
    for destination in 0..3 {
        assert_eq!(bench.account(destination).accounted(), 4, "{:?}", bench.account(destination));
    }
}
