//! Faults that readers found who attacked the engine; each test is named after
//! what went wrong.

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::input::*;
use crate::incident::{Ending, Matcher, Mention, MentionRule};
use crate::observation::{DropReason, Kind, Site};

fn at_three(kind: Kind) -> IncidentPolicy {
    told_after(kind, 3, MINUTE)
}
fn routes(n: usize) -> Vec<Key> {
    (0..n).map(|n| failed(&format!("/r{n}"))).collect()
}
fn over(bench: &Bench, key: &Key) -> Option<bool> {
    let id = bench.engine.live.get(key)?;
    Some(bench.engine.incidents.get(id)?.is_over())
}

#[test]
fn a_stray_member_retires_the_open_roll_up() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let keys = routes(5);
    bench.observe_all(&keys);
    bench.deliver();
    bench.go_on(&keys[0], 0, SECOND, 310);
    // One route comes back and keeps failing for 40 minutes.
    bench.go_on(&keys[0], 1, 30 * SECOND, 80);
    let roll_up = Key::RollUp { kind: Kind::Failed };
    assert_eq!(over(&bench, &roll_up), Some(false));
    // Another one of the five fails once.
    bench.observe(&keys[1], 1);
    bench.observe(&keys[0], 1);
    let told = bench.deliver();
    assert!(told.iter().all(|said| said.view.ending().is_none()), "{told:#?}");
    assert_eq!(over(&bench, &roll_up), Some(false));
}

#[test]
fn a_stray_guest_retires_its_open_host() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 5);
    bench.deliver();
    bench.pass(2 * SECOND);
    bench.observe(&slow("/a"), 31);
    bench.deliver();
    bench.go_on(&failed("/a"), 0, SECOND, 310);
    bench.go_on(&failed("/a"), 1, 30 * SECOND, 80);
    assert_eq!(over(&bench, &failed("/a")), Some(false));
    bench.observe(&failed("/a"), 1);
    bench.observe(&slow("/a"), 1);
    let told = bench.deliver();
    let green: Vec<_> =
        told.iter().filter(|s| s.view.ending().is_some()).map(Said::brief).collect();
    assert_eq!((over(&bench, &failed("/a")), green), (Some(false), vec![]));
}

#[test]
fn stop_after_a_refusal_spins() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(&failed("/a"), 1);
    let action = bench.actions()[0];
    let (_, carried, _) = bench.view(action).unwrap();
    bench.sent(action, carried, SentOutcome::Dropped(DropReason::Refused));
    bench.pass(SECOND);
    bench.observe(&failed("/a"), 1);
    bench.handle(Input::Stop);
    // As the driver's step does.
    let mut rounds = 0;
    loop {
        let actions = bench.actions();
        let mut skipped = false;
        for action in actions {
            match bench.view(action) {
                None => skipped = true,
                Some((_, carried, _)) => bench.sent(action, carried, SentOutcome::Posted(None)),
            }
        }
        if !skipped {
            break;
        }
        bench.engine.tick(bench.now);
        rounds += 1;
        assert!(rounds < 1000, "spins");
    }
    assert_eq!(bench.account(0).pending(), 0);
}

#[test]
fn last_words_stale_are_lost() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 1);
    bench.deliver();
    bench.observe(&failed("/a"), 5);
    bench.handle(Input::Stop);
    let action = bench.actions()[0];
    let (_, carried, _) = bench.view(action).unwrap();
    bench.sent(action, carried, SentOutcome::Stale);
    let told = bench.briefs();
    assert_eq!((told.len(), bench.account(0).pending()), (1, 0), "{told:?}");
}

#[test]
fn a_mention_in_a_stale_reply_is_lost() {
    let rule = MentionRule::new(Mention::here()).at_count(10);
    let policy = IncidentPolicy { mentions: vec![rule], ..IncidentPolicy::default() };
    let mut bench = Bench::new(policy, BOT);
    bench.observe(&failed("/a"), 1);
    bench.deliver();
    bench.pass(MINUTE);
    bench.observe(&failed("/a"), 20);
    let action = bench.actions().pop().unwrap();
    let (view, carried, _) = bench.view(action).unwrap();
    assert_eq!(view.mentions.len(), 1);
    bench.sent(action, carried, SentOutcome::Stale);
    let mut told = bench.deliver();
    told.extend(bench.go_on(&failed("/a"), 1, MINUTE, 60).into_iter().map(|(_, s)| s));
    assert!(told.iter().any(|s| !s.view.mentions.is_empty()), "nobody is ever mentioned");
}

#[test]
fn a_mention_in_a_refused_first_is_lost() {
    let rule = MentionRule::new(Mention::here());
    let policy = IncidentPolicy { mentions: vec![rule], ..IncidentPolicy::default() };
    let mut bench = Bench::new(policy, BOT);
    bench.observe(&failed("/a"), 1);
    let action = bench.actions().pop().unwrap();
    let (_, carried, _) = bench.view(action).unwrap();
    bench.sent(action, carried, SentOutcome::Dropped(DropReason::Refused));
    let told = bench.go_on(&failed("/a"), 1, MINUTE, 60);
    assert!(told.iter().any(|(_, s)| !s.view.mentions.is_empty()), "nobody is ever mentioned");
}

#[test]
fn proof_of_an_earlier_round() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let keys = routes(12);
    bench.observe_all(&keys);
    bench.deliver();
    for n in 0..12 {
        bench.succeed(&format!("/r{n}"), 10);
    }
    bench.go_on(&keys[0], 0, SECOND, 310);
    bench.pass(10 * MINUTE);
    bench.observe(&keys[3], 2);
    bench.deliver();
    let told = bench.go_on(&keys[3], 0, SECOND, 610);
    let ending = told.last().unwrap().1.view.ending();
    assert!(matches!(ending, Some(Ending::Quiet { .. })), "{ending:?}");
}

#[test]
fn recovered_while_it_panics() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 2);
    bench.deliver();
    let told = bench.go_on(&request(Kind::Panicked, "/a", None), 5, 10 * SECOND, 31);
    let ended = told.iter().find(|(_, s)| s.view.key == failed("/a") && s.view.ending().is_some());
    let ending = ended.unwrap().1.view.ending();
    assert!(!matches!(ending, Some(Ending::Recovered { failed: 0, .. })), "{ending:?}");
}

#[test]
fn a_hung_guest_vanishes_when_its_host_ends() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 5);
    bench.deliver();
    bench.pass(2 * SECOND);
    bench.observe(&slow("/a"), 1);
    bench.hang(&[(&slow("/a"), 1)]);
    bench.deliver();
    let since = bench.now.mono;
    let mut told = Vec::new();
    for _ in 0..240 {
        bench.pass(30 * SECOND);
        let key = slow("/a");
        bench.handle(Input::Hanging(vec![StillRunning { key, count: 1, since }]));
        told.extend(bench.deliver());
    }
    let green = told.iter().any(|s| s.view.key == failed("/a") && s.view.ending().is_some());
    let hangs = told.iter().any(|s| s.view.hanging().is_some());
    assert!(!green || hangs, "green, and two hours of hanging are told nowhere");
}

#[test]
fn green_while_it_hangs_below_its_threshold() {
    let mut bench = Bench::new(at_three(Kind::Slow), BOT);
    let key = slow("/a");
    bench.observe(&key, 3);
    bench.deliver();
    bench.go_on(&key, 0, SECOND, 310);
    bench.observe(&key, 1);
    let since = bench.now.mono;
    let mut told = Vec::new();
    for _ in 0..20 {
        bench.pass(10 * SECOND);
        let still = StillRunning { key: key.clone(), count: 1, since };
        bench.handle(Input::Hanging(vec![still]));
        told.extend(bench.deliver());
    }
    assert!(told.iter().all(|s| s.view.ending().is_none() || s.view.hanging().is_none()));
}

#[test]
fn green_while_a_silenced_one_hangs() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let key = slow("/a");
    bench.observe(&key, 3);
    bench.deliver();
    bench.go_on(&key, 0, SECOND, 310);
    bench.silence(Matcher::all(), HOUR);
    bench.observe(&key, 1);
    bench.hang(&[(&key, 1)]);
    let told = bench.deliver();
    assert!(told.iter().all(|s| s.view.ending().is_none() || s.view.hanging().is_none()));
}

#[test]
fn one_below_the_threshold_takes_the_proof_back_and_broadcasts() {
    let mut bench = Bench::new(at_three(Kind::Failed), BOT);
    let key = failed("/a");
    bench.observe(&key, 3);
    bench.deliver();
    bench.succeed("/a", 100);
    let told = bench.go_on(&key, 0, SECOND, 310);
    assert_eq!(
        told.last().unwrap().1.view.ending(),
        Some(Ending::Recovered { requests: 100, failed: 0 })
    );
    bench.go_on(&key, 0, SECOND, 900);
    bench.observe(&key, 1);
    let told = bench.go_on(&key, 0, SECOND, 70);
    let said: Vec<_> =
        told.iter().map(|(_, s)| (s.brief(), s.view.ending(), s.view.lasted())).collect();
    assert!(said.is_empty(), "{said:#?}");
}

#[test]
fn since_when_for_a_trickle() {
    let mut bench = Bench::new(at_three(Kind::Failed), BOT);
    let key = failed("/a");
    let told = bench.go_on(&key, 1, 40 * SECOND, 90);
    assert!(told.is_empty());
    bench.observe(&key, 3);
    let told = bench.deliver();
    let view = &told[0].view;
    let age = bench.now.wall.duration_since(view.since).unwrap();
    assert!(age <= MINUTE, "{} since {age:?} ago", view.round_total);
}

#[test]
fn a_roll_up_that_comes_back_counts_what_expired_against_itself() {
    let mut bench = Bench::new(at_three(Kind::Failed), BOT);
    let keys = routes(4);
    for key in &keys {
        bench.observe(key, 3);
    }
    bench.deliver();
    bench.go_on(&keys[0], 0, SECOND, 310);
    bench.observe(&keys[0], 2);
    let told = bench.deliver();
    println!(
        "below: {:?}",
        told.iter().map(|s| (s.brief(), s.view.counts.total)).collect::<Vec<_>>()
    );
    bench.observe(&keys[1], 3);
    bench.deliver();
    let told = bench.go_on(&keys[1], 1, SECOND, 100);
    println!("{:?}", told.iter().map(|(n, s)| (*n, s.brief())).collect::<Vec<_>>());
    let told = bench.go_on(&keys[1], 0, SECOND, 700);
    assert_eq!(told.last().unwrap().1.view.round_total, 103, "wrong count");
}

#[test]
fn a_fallback_whose_lane_was_stuck_is_mute_for_ever() {
    let mut bench = Bench::new(IncidentPolicy::default(), &[POSTS, FALLBACK]);
    bench.handle(Input::Standby { destination: 1, stands_by: false });
    let keys: Vec<Key> =
        (0..30).map(|line| Key::Panic { site: Site::new("a.rs", line, None) }).collect();
    bench.observe_all(&keys);
    let (first, second): (Vec<_>, Vec<_>) =
        bench.actions().into_iter().partition(|a| a.destination == 0);
    bench.handle(Input::Standby { destination: 1, stands_by: true });
    for action in first {
        if let Some((_, carried, _)) = bench.view(action) {
            bench.sent(action, carried, SentOutcome::Posted(None));
        }
    }
    for _ in 0..200 {
        bench.pass(MINUTE);
        for action in bench.actions() {
            if let Some((_, carried, _)) = bench.view(action) {
                bench.sent(action, carried, SentOutcome::Posted(None));
            }
        }
    }
    assert!(bench.engine.incidents.is_empty());
    for action in second {
        assert!(bench.view(action).is_none());
    }
    bench.pass(2 * HOUR);
    bench.handle(Input::Standby { destination: 1, stands_by: false });
    bench.observe(&failed("/a"), 1);
    let told: Vec<_> = bench.deliver().iter().map(|s| (s.destination, s.brief())).collect();
    assert_eq!(told, [(0, "post First 1".to_owned()), (1, "post First 1".to_owned())]);
}

#[test]
fn flush_and_a_request_that_moved() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(&slow("/a"), 2);
    bench.handle(Input::Flush);
    let at = bench.now.mono;
    let mut out = observed(slow("/a"), 0, at);
    out.moved_out = 1;
    bench.handle(Input::Observed(vec![out, observed(failed("/a"), 1, at)]));
    bench.deliver();
    assert_eq!(bench.account(0).pending(), 0);
    assert!(bench.engine.is_flushed());
}

#[test]
fn a_guest_of_an_earlier_round_is_listed_again() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 5);
    bench.deliver();
    bench.pass(2 * SECOND);
    bench.observe(&slow("/a"), 31);
    bench.deliver();
    bench.go_on(&failed("/a"), 0, SECOND, 310);
    bench.observe(&failed("/a"), 1);
    let told = bench.deliver();
    let joined: Vec<u64> = told[0].view.joined().iter().map(|row| row.total()).collect();
    assert_eq!(joined, [0u64; 0]);
}

#[test]
fn silenced_failures_do_not_void_the_proof() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let key = failed("/a");
    bench.observe(&key, 2);
    bench.deliver();
    bench.succeed("/a", 100);
    bench.pass(MINUTE);
    bench.silence(Matcher::all(), 2 * MINUTE);
    bench.observe(&key, 5);
    let told = bench.go_on(&key, 0, SECOND, 310);
    let ended = told.iter().rev().find_map(|(_, s)| s.view.ending());
    assert!(matches!(ended, Some(Ending::Quiet { .. })), "{ended:?}");
}

#[test]
fn an_open_one_hosted_by_one_that_is_over() {
    let mut bench = Bench::new(at_three(Kind::Failed), &[EDITS, POSTS]);
    let keys = routes(4);
    let deliver = |bench: &mut Bench| {
        let mut told = Vec::new();
        for action in bench.actions() {
            // The second destination never answers.
            if action.destination == 1 {
                continue;
            }
            if let Some((view, carried, placement)) = bench.view(action) {
                told.push(Said { destination: 0, placement, view });
                let reference = MessageRef::new("C1", "1");
                bench.sent(action, carried, SentOutcome::Posted(Some(reference)));
            }
        }
        told
    };
    for key in &keys {
        bench.observe(key, 3);
    }
    for _ in 0..330 {
        bench.pass(SECOND);
        deliver(&mut bench);
    }
    // A trickle that begins within half an hour.
    for _ in 0..100 {
        bench.observe(&keys[0], 1);
        bench.pass(40 * SECOND);
        deliver(&mut bench);
    }
    let mut told = Vec::new();
    for _ in 0..120 {
        bench.observe(&keys[0], 3);
        bench.pass(SECOND);
        told.extend(deliver(&mut bench));
    }
    let green: Vec<_> =
        told.iter().filter(|s| s.view.ending().is_some()).map(Said::brief).collect();
    let red = told.iter().any(|s| s.view.ending().is_none());
    assert!(green.is_empty() && red, "green: {green:?}, red: {red}");
}

#[test]
fn again_for_what_is_over() {
    let policy = IncidentPolicy::default().roll_up_at(0).budget(4, 2);
    let mut bench = Bench::new(policy, WEBHOOK);
    bench.observe(&failed("/a"), 1);
    bench.deliver();
    bench.go_on(&failed("/a"), 0, SECOND, 660);
    let keys: Vec<Key> =
        (0..6).map(|line| Key::Panic { site: Site::new("a.rs", line, None) }).collect();
    bench.observe_all(&keys);
    bench.deliver();
    bench.observe(&failed("/a"), 1);
    bench.deliver();
    let told = bench.go_on(&failed("/a"), 0, SECOND, 3000);
    let wrong: Vec<_> = told
        .iter()
        .filter(|(_, s)| s.view.moment == Moment::Again && s.view.ending().is_some())
        .map(|(second, s)| (*second, s.brief()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn again_hours_later() {
    let mut bench = Bench::new(at_three(Kind::Failed), BOT);
    let key = failed("/a");
    bench.observe(&key, 3);
    bench.deliver();
    bench.go_on(&key, 0, SECOND, 310);
    bench.go_on(&key, 1, 40 * SECOND, 450);
    bench.observe(&key, 3);
    let told = bench.briefs();
    assert!(told[0].starts_with("post First"), "five hours later: {told:?}");
}

#[test]
fn silences_over_of_a_fallback_never_leave() {
    let mut bench = Bench::new(IncidentPolicy::default(), &[POSTS, FALLBACK]);
    bench.handle(Input::Standby { destination: 1, stands_by: false });
    bench.silence(Matcher::all(), MINUTE);
    bench.observe(&failed("/a"), 34);
    bench.now = bench.now.after(MINUTE);
    bench.engine.tick(bench.now);
    bench.handle(Input::Standby { destination: 1, stands_by: true });
    bench.deliver();
    bench.pass(48 * HOUR);
    bench.deliver();
    bench.handle(Input::Standby { destination: 1, stands_by: false });
    assert_eq!(bench.briefs(), Vec::<String>::new());
}

#[test]
fn a_roll_ups_worst_is_of_an_earlier_round() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let keys: Vec<Key> = (0..4).map(|n| slow(&format!("/s{n}"))).collect();
    bench.observe_all(&keys);
    bench.hang(&[(&keys[0], 1)]);
    bench.deliver();
    bench.hang(&[]);
    bench.go_on(&keys[0], 0, SECOND, 310);
    bench.observe(&keys[1], 1);
    let id = bench.engine.live[&Key::RollUp { kind: Kind::Slow }];
    let incident = &bench.engine.incidents[&id];
    assert!(!incident.is_over());
    assert_eq!(bench.engine.worst_of(incident), Kind::Slow);
}

/// A mention that rests falls due without anything else happening.
#[test]
fn no_wake_for_a_mention() {
    let rule = MentionRule::new(Mention::here());
    let policy = IncidentPolicy { mentions: vec![rule], ..IncidentPolicy::default() }
        .close_after(2 * HOUR)
        .close_after_max(2 * HOUR);
    let mut bench = Bench::new(policy, WEBHOOK);
    bench.observe(&failed("/a"), 1);
    bench.deliver();
    bench.pass(25 * MINUTE);
    bench.observe(&failed("/b"), 1);
    bench.deliver();
    let due = bench.now.mono + 5 * MINUTE;
    assert!(
        bench.engine.deadline().unwrap() <= due,
        "{:?}",
        bench.engine.deadline().unwrap() - bench.now.mono
    );
}

/// Two hung: the slow ones are counted once as others and once as failures.
#[test]
fn share_counts_a_moved_request_twice() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 1);
    bench.observe(&failed("/a"), 10);
    bench.observe(&slow("/a"), 10);
    let at = bench.now.mono;
    let mut out = observed(slow("/a"), 0, at);
    out.moved_out = 10;
    let mut into = observed(failed("/a"), 10, at);
    into.moved_in = 10;
    bench.handle(Input::Observed(vec![out, into]));
    let told = bench.deliver();
    let view = &told.iter().find(|s| s.view.key == failed("/a")).unwrap().view;
    // Without the one that began it.
    assert_eq!(view.share(), Some((20, 20)));
}

/// Stop with a bot whose holding message and unknown incidents.
#[test]
fn stop_while_the_budget_holds() {
    for roles in [WEBHOOK, BOT] {
        let mut bench = Bench::new(IncidentPolicy::default(), roles);
        let keys: Vec<Key> =
            (0..30).map(|line| Key::Panic { site: Site::new("a.rs", line, None) }).collect();
        bench.observe_all(&keys);
        let told = bench.deliver();
        assert_eq!(told.len(), 20);
        bench.handle(Input::Stop);
        let told = bench.deliver();
        let listed: usize = told.iter().map(|s| (s.view.rows.len() + s.view.more).max(1)).sum();
        assert_eq!(listed, 30);
    }
}

/// Without notice: a fallback that spoke before has to say that it is green.
#[test]
fn a_fallback_that_stands_by_again_leaves_its_message_red() {
    let mut bench =
        Bench::new(IncidentPolicy::default(), &[EDITS, Role { is_fallback: true, ..EDITS }]);
    bench.handle(Input::Standby { destination: 1, stands_by: false });
    bench.observe(&failed("/a"), 3);
    bench.deliver();
    bench.handle(Input::Standby { destination: 1, stands_by: true });
    let told = bench.go_on(&failed("/a"), 0, SECOND, 310);
    let green: Vec<usize> = told
        .iter()
        .filter(|(_, s)| s.view.ending().is_some())
        .map(|(_, s)| s.destination)
        .collect();
    assert!(green.contains(&0) && green.contains(&1), "{green:?}");
}

/// A roll-up whose members had waited longer each time forgets so.
#[test]
fn a_roll_up_forgets_the_decay() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let keys = routes(4);
    for key in &keys[..3] {
        bench.observe(key, 1);
    }
    bench.deliver();
    bench.go_on(&keys[0], 0, SECOND, 310);
    for key in &keys[..3] {
        bench.observe(key, 1);
    }
    bench.deliver();
    bench.go_on(&keys[0], 0, SECOND, 610);
    bench.observe_all(&keys);
    bench.deliver();
    let id = bench.engine.live[&Key::RollUp { kind: Kind::Failed }];
    assert_eq!(bench.engine.incidents[&id].close_after, 20 * MINUTE);
}

/// Several hosted by one that is over: after let_one_go.
#[test]
fn reopened_roll_up_with_fresh_members_counts_their_past() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let keys = routes(8);
    bench.observe_all(&keys[..4]);
    bench.deliver();
    bench.go_on(&keys[0], 0, SECOND, 310);
    // Four others, all new: the closed roll-up comes back for them.
    bench.observe_all(&keys[4..8]);
    let told = bench.deliver();
    let view = &told.iter().find(|s| matches!(s.view.key, Key::RollUp { .. })).unwrap().view;
    assert_eq!((view.round_total, view.routes()), (4, Some((4, 4))));
}

#[test]
fn a_roll_up_that_comes_back_for_others_hides_those_that_began_before() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let keys = routes(8);
    bench.observe_all(&keys[..4]);
    bench.deliver();
    bench.go_on(&keys[0], 0, SECOND, 310);
    let mut told = Vec::new();
    for key in &keys[4..] {
        bench.observe(key, 5);
        told = bench.deliver();
        bench.pass(20 * SECOND);
    }
    let view = &told.iter().find(|s| matches!(s.view.key, Key::RollUp { .. })).unwrap().view;
    assert_eq!((view.round_total, view.rows.len()), (20, 4));
}

#[test]
fn age_of_what_began_within_a_gap() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let key = slow("/a");
    bench.observe(&key, 1);
    bench.pass(30 * SECOND);
    bench.now = bench.now.after(HOUR);
    let since = bench.now.mono - 30 * MINUTE;
    bench.handle(Input::Gap(HOUR));
    let mut ages = Vec::new();
    for _ in 0..20 {
        bench.handle(Input::Hanging(vec![StillRunning { key: key.clone(), count: 1, since }]));
        ages.extend(
            bench.deliver().iter().filter_map(|s| s.view.hanging()).map(|(_, age)| age.as_secs()),
        );
        bench.pass(MINUTE);
    }
    assert!(ages.last() >= Some(&600), "{ages:?}");
}

/// As a lane does: what is urgent first.
fn in_order(bench: &mut Bench) -> Vec<Said> {
    let mut told = Vec::new();
    loop {
        let mut actions = bench.actions();
        if actions.is_empty() {
            return told;
        }
        actions.sort_by_key(|action| action.urgency);
        for action in actions {
            let Some((view, carried, placement)) = bench.view(action) else { continue };
            told.push(Said { destination: action.destination, placement, view });
            let reference = MessageRef::new("C1", "1");
            bench.sent(action, carried, SentOutcome::Posted(Some(reference)));
        }
        bench.engine.tick(bench.now);
    }
}

#[test]
fn again_is_swallowed_by_the_edit_that_stands_in_for_it() {
    let policy = IncidentPolicy::default().roll_up_at(0).budget(4, 2);
    let mut bench = Bench::new(policy, BOT);
    let key = failed("/a");
    bench.observe(&key, 1);
    bench.deliver();
    bench.go_on(&key, 0, SECOND, 660);
    let keys: Vec<Key> =
        (0..6).map(|line| Key::Panic { site: Site::new("a.rs", line, None) }).collect();
    bench.observe_all(&keys);
    bench.deliver();
    bench.observe(&key, 1);
    let told = bench.go_on(&key, 1, 30 * SECOND, 60);
    let again: Vec<_> = told.iter().filter(|(_, s)| s.view.moment == Moment::Again).collect();
    assert!(!again.is_empty(), "{:?}", visible(&told));
}

#[test]
fn the_joined_edits_eat_the_roll_up() {
    let policy = IncidentPolicy::default().roll_up_open_within(SECOND).budget(5, 5);
    let mut bench = Bench::new(policy, BOT);
    let keys = routes(4);
    for key in &keys {
        bench.observe(key, 1000);
        bench.deliver();
        bench.go_on(key, 0, SECOND, 15);
    }
    bench.go_on(&keys[0], 0, SECOND, 320);
    bench.observe_all(&keys);
    let mut told = in_order(&mut bench);
    for _ in 0..1000 {
        bench.pass(SECOND);
        told.extend(in_order(&mut bench));
    }
    let said: Vec<_> = told.iter().map(|s| (s.view.key.to_string(), s.brief())).collect();
    assert!(told.iter().any(|s| matches!(s.view.key, Key::RollUp { .. })), "{said:#?}");
}

#[test]
fn the_count_of_a_roll_up_of_returned_ones() {
    let policy = IncidentPolicy::default().roll_up_open_within(SECOND);
    let mut bench = Bench::new(policy, BOT);
    let keys = routes(4);
    for key in &keys {
        bench.observe(key, 1000);
        bench.deliver();
        bench.go_on(key, 0, SECOND, 15);
    }
    bench.go_on(&keys[0], 0, SECOND, 320);
    bench.observe_all(&keys);
    let told = in_order(&mut bench);
    let view = &told.iter().find(|s| matches!(s.view.key, Key::RollUp { .. })).unwrap().view;
    let rows: u64 = view.rows.iter().map(|row| row.total()).sum();
    assert_eq!((view.round_total, rows), (4, 4));
}
