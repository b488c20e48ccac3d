//! How much one channel is told.

use super::bench::*;
use crate::incident::Matcher;
use crate::incident::engine::*;
use crate::incident::input::*;
use crate::observation::{DropReason, Kind, Site};

fn panics(n: u32) -> Vec<Key> {
    (0..n).map(|line| Key::Panic { site: Site::new("a.rs", line, None) }).collect()
}

#[test]
fn beyond_twenty_one_message_says_what_is_held() {
    for roles in [WEBHOOK, BOT] {
        let mut bench = Bench::new(IncidentPolicy::default(), roles);
        bench.observe_all(&panics(31));
        let told = bench.deliver();
        assert_eq!(told.len(), 20);
        let holding: Vec<_> =
            told.iter().filter(|said| said.view.moment == Moment::Holding).collect();
        assert_eq!(holding.len(), 1);
        let view = &holding[0].view;
        assert_eq!((view.rows().len() + view.more(), view.counts().total()), (12, 12));
        // They are told by it; nothing is pending.
        assert_eq!((bench.account(0).pending(), bench.account(0).accounted()), (0, 31));
        // More of them waits for the budget, and is told then.
        bench.observe_all(&panics(31));
        let mut seen = Vec::new();
        for second in 0..700 {
            bench.pass(SECOND);
            let told = bench.deliver();
            seen.extend(told.iter().filter(|said| said.is_visible()).map(|_| second));
        }
        assert!(seen.iter().all(|second| *second >= 599), "{seen:?}");
        assert!(seen.len() <= 20);
        assert_eq!(bench.account(0).accounted(), 62);
    }
}

#[test]
fn what_is_slow_leaves_room_for_what_fails() {
    let policy = IncidentPolicy::default().roll_up_at(0);
    let mut bench = Bench::new(policy, WEBHOOK);
    let slow: Vec<Key> = (0..30).map(|n| slow(&format!("/s{n}"))).collect();
    bench.observe_all(&slow);
    let told = bench.deliver();
    // Twelve, and one that says that the rest is held.
    assert_eq!(told.len(), 13);
    bench.observe(&failed("/a"), 1);
    assert_eq!(bench.briefs(), ["post First 1"]);
}

#[test]
fn the_worst_goes_first() {
    let policy = IncidentPolicy::default().roll_up_at(0).budget(3, 3);
    let mut bench = Bench::new(policy, WEBHOOK);
    let keys =
        [slow("/a"), failed("/b"), request(Kind::Cancelled, "/c", None), panics(1)[0].clone()];
    bench.observe_all(&keys);
    let told: Vec<Key> = bench.deliver().iter().map(|said| said.view.key.clone()).collect();
    assert_eq!(told[..2], [panics(1)[0].clone(), failed("/b")]);
}

#[test]
fn what_is_said_to_be_held_is_kept_true() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe_all(&panics(25));
    bench.deliver();
    bench.pass(SECOND);
    bench.observe_all(&panics(28));
    let mut edits = Vec::new();
    for second in 1..700 {
        bench.pass(SECOND);
        for said in bench.deliver() {
            if said.view.moment == Moment::Holding {
                assert!(!said.is_visible());
                edits.push((second, said.view.rows().len() + said.view.more()));
            }
        }
    }
    assert_eq!(edits.first().map(|(_, held)| *held), Some(9), "{edits:?}");
    assert_eq!(edits.last().map(|(_, held)| *held), Some(0), "{edits:?}");
}

#[test]
fn sixty_an_hour() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let mut seen = Vec::new();
    let mut line = 0;
    for second in 0..3600 {
        bench.pass(SECOND);
        if second % 10 == 0 {
            line += 1;
            bench.observe(&Key::Panic { site: Site::new("b.rs", line, None) }, 1);
        }
        seen.extend(bench.deliver().iter().filter(|said| said.is_visible()).map(|_| second));
    }
    assert_eq!(seen.len(), 60);
    for from in &seen {
        let within = seen.iter().filter(|at| (*from..*from + 600).contains(*at)).count();
        assert!(within <= 20, "{within}");
    }
    assert_eq!(bench.account(0).accounted(), 360);
}

#[test]
fn a_flush_is_not_held() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe_all(&panics(40));
    bench.handle(Input::Flush);
    bench.deliver();
    assert!(bench.engine.is_flushed());
    assert_eq!(bench.account(0).pending(), 0);
}

#[test]
fn after_an_outage_one_message_and_then_the_present_state() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let begun = bench.now.mono;
    bench.observe(&failed("/a"), 1);
    bench.deliver();
    // Nothing gets through for an hour.
    let mut stuck = Vec::new();
    for second in 0..3600 {
        bench.pass(SECOND);
        if second < 60 {
            bench.observe(&failed("/b"), 1);
        }
        bench.observe(&failed("/a"), 1);
        if second == 61 {
            bench.handle(Input::Outage { destination: 0, since: begun });
        }
        stuck.extend(bench.actions());
    }
    assert_eq!(stuck.iter().filter(|action| action.subject == Subject::Outage).count(), 1);
    stuck.sort_by_key(|action| action.urgency);
    let mut told = Vec::new();
    for action in stuck {
        let Some((view, carried, placement)) = bench.view(action) else { continue };
        told.push(Said { destination: 0, placement, view });
        bench.sent(action, carried, SentOutcome::Posted(Some(MessageRef::new("C1", "x"))));
    }
    told.extend(bench.deliver());
    let first = &told[0].view;
    assert_eq!(first.moment, Moment::Outage);
    assert_eq!(first.outage(), Some(HOUR));
    assert_eq!(first.fresh(), 3660);
    // The one that is over is told by it, the one that goes on by its own.
    let open: Vec<_> = told[1..].iter().map(|said| said.view.key.clone()).collect();
    assert!(open.contains(&failed("/a")), "{open:?}");
    assert_eq!(bench.account(0).pending(), 0);
    assert_eq!(bench.account(0).accounted(), 3661);
}

#[test]
fn a_digest_leaves_room_for_what_is_new() {
    let policy = IncidentPolicy::default().budget(20, 3);
    let mut bench = Bench::new(policy, WEBHOOK);
    let keys = panics(11);
    bench.observe_all(&keys);
    assert_eq!(bench.deliver().len(), 11);
    bench.pass(MINUTE);
    bench.observe_all(&keys);
    let told = bench.briefs();
    assert_eq!(told.iter().filter(|said| *said == "post Progress 2").count(), 3, "{told:?}");
    bench.observe(&failed("/a"), 1);
    assert_eq!(bench.briefs(), ["post First 1"]);
}

#[test]
fn what_is_refused_takes_nothing_of_the_budget() {
    let policy = IncidentPolicy::default().budget(4, 4);
    let mut bench = Bench::new(policy, WEBHOOK);
    bench.observe_all(&panics(3));
    for action in bench.actions() {
        let (_, carried, _) = bench.view(action).unwrap();
        bench.sent(action, carried, SentOutcome::Dropped(DropReason::Refused));
    }
    bench.pass(SECOND);
    let keys: Vec<Key> = (10..13).map(|n| failed(&format!("/{n}"))).collect();
    bench.observe_all(&keys);
    assert_eq!(bench.briefs(), ["post First 1"; 3]);
}

#[test]
fn a_flush_is_over_once_it_is_told() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(&failed("/a"), 1);
    bench.deliver();
    bench.observe(&failed("/a"), 1);
    bench.handle(Input::Flush);
    assert_eq!(bench.briefs(), ["post Progress 2"]);
    // What comes later keeps the pace of the series again.
    bench.pass(SECOND);
    bench.observe(&failed("/a"), 1);
    assert_eq!(bench.briefs(), [""; 0]);
}

#[test]
fn what_is_held_all_the_time_is_said_again_after_a_while() {
    let mut bench = Bench::new(IncidentPolicy::default().budget(3, 1), WEBHOOK);
    // It hangs, and each time worse ones take what there is.
    let hangs = slow("/hangs");
    let (mut line, mut said) = (0, Vec::new());
    let mut worse = |bench: &mut Bench| {
        let keys: Vec<Key> = (line..line + 2)
            .map(|line| Key::Panic { site: Site::new("a.rs", line, None) })
            .collect();
        line += 2;
        bench.observe_all(&keys);
    };
    worse(&mut bench);
    bench.deliver();
    bench.observe(&hangs, 1);
    bench.hang(&[(&hangs, 1)]);
    bench.deliver().iter().for_each(|told| said.push((0, told.brief())));
    for second in 1..1_250 {
        bench.now = bench.now.after(SECOND);
        if second % 600 == 0 {
            worse(&mut bench);
        }
        bench.engine.tick(bench.now);
        let told = bench.deliver();
        said.extend(told.iter().map(|told| (second, told.brief())));
    }
    let holding = said.iter().filter(|(_, said)| said == "post Holding 0");
    assert_eq!(holding.map(|(at, _)| *at).collect::<Vec<_>>(), [0, 600, 1_200], "{said:?}");
}

#[test]
fn that_nothing_is_held_any_more_is_said_at_once() {
    let mut bench = Bench::new(IncidentPolicy::default().budget(3, 3), BOT);
    let held = &panics(3)[2];
    bench.observe_all(&panics(3));
    bench.deliver();
    for wait in [250, 250, 90] {
        bench.go_on(held, 0, SECOND, wait);
        bench.observe(held, 1);
        assert_eq!(bench.briefs().last().unwrap(), "edit Holding 0");
    }
    // Ten seconds later there is room, and that is no reason to wait for more.
    let told = bench.go_on(held, 0, SECOND, 12);
    let told: Vec<_> = told.iter().map(|(at, said)| (*at, said.brief())).collect();
    let expected = ["post First 4", "edit Holding 0"].map(|said| (10, said.to_owned()));
    assert_eq!(told, expected);
}

#[test]
fn several_routes_go_before_one() {
    let mut bench = Bench::new(IncidentPolicy::default().budget(4, 3), WEBHOOK);
    let early = slow("/early");
    for told in ["post First 1", "post Progress 2"] {
        bench.observe(&early, 1);
        assert_eq!(bench.briefs(), [told]);
        bench.pass(3 * MINUTE);
    }
    // Its digest is due, and so is the first word about the others.
    let mut keys: Vec<Key> = (0..4).map(|n| slow(&format!("/r{n}"))).collect();
    keys.push(early);
    bench.observe_all(&keys);
    let told = bench.deliver();
    assert_eq!(told[0].view.key(), &Key::RollUp { kind: Kind::Slow }, "{told:?}");
}

/// A message that is on its way for so long that a later incident takes in what
/// it tells of.
fn on_its_way_and_gone() -> (Bench, Action, Carried) {
    let policy = IncidentPolicy::default().roll_up_at(0).budget(3, 3);
    let mut bench = Bench::new(policy, WEBHOOK);
    bench.observe(&failed("/a"), 1);
    let [action] = bench.actions()[..] else { panic!("one message") };
    let (_, carried, _) = bench.view(action).unwrap();
    bench.pass(2 * HOUR);
    bench.pass(2 * HOUR);
    bench.observe(&failed("/a"), 1);
    bench.pass(2 * HOUR);
    bench.pass(2 * HOUR);
    assert_eq!(bench.engine.merged.len(), 1);
    (bench, action, carried)
}

#[test]
fn a_message_is_counted_when_it_is_seen_though_its_incident_is_gone() {
    let (mut bench, action, carried) = on_its_way_and_gone();
    bench.sent(action, carried, SentOutcome::Posted(None));
    bench.observe_all(&panics(4));
    assert_eq!(bench.briefs(), ["post Ended 2", "post Holding 0"]);
}

#[test]
fn what_may_have_been_seen_is_counted_though_its_incident_is_gone() {
    // It was tried, nobody knows what came of it, and it can't be tried again.
    let (mut bench, action, _) = on_its_way_and_gone();
    assert!(bench.view(action).is_none());
    bench.observe_all(&panics(4));
    assert_eq!(bench.briefs(), ["post Ended 2", "post Holding 0"]);
}

#[test]
fn what_a_silence_held_is_counted_when_it_is_seen() {
    let mut bench = Bench::new(IncidentPolicy::default().roll_up_at(0).budget(3, 3), WEBHOOK);
    let silence = |bench: &mut Bench, id| {
        let matcher = Matcher::all().route("/s");
        bench.handle(Input::Silence { id, matcher, lasting: 10 * SECOND });
        bench.observe(&slow("/s"), 1);
        bench.pass(MINUTE);
    };
    silence(&mut bench, 1);
    silence(&mut bench, 2);
    let on_their_way = bench.actions();
    let carried: Vec<_> =
        on_their_way.iter().map(|action| bench.view(*action).unwrap().1).collect();
    // More of them than are kept.
    for id in 3..75 {
        silence(&mut bench, id);
    }
    let before = on_their_way.len();
    for (action, carried) in on_their_way.into_iter().zip(carried) {
        bench.sent(action, carried, SentOutcome::Posted(None));
    }
    bench.observe_all(&[failed("/a"), failed("/b"), failed("/c"), failed("/d")]);
    assert_eq!((before, bench.deliver().len()), (2, 1));
}
