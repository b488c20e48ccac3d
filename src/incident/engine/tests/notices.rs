//! What is told beside incidents: silences that are over, outages, the end.

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::input::*;
use crate::incident::{Ending, Matcher};
use crate::observation::{DropReason, Facts, Kind, MethodName, RouteRef, Site, Status};

#[test]
fn silences_that_end_together_are_told_once_each() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    for (id, route) in [(1, "/a"), (2, "/b")] {
        let matcher = Matcher::all().route(route);
        bench.handle(Input::Silence { id, matcher, lasting: MINUTE });
        bench.observe(&failed(route), id);
    }
    bench.pass(MINUTE);
    let told = bench.deliver();
    let told: Vec<u64> = told.iter().map(|said| said.view.silenced()).collect();
    assert_eq!(told, [1, 2]);
    assert!(bench.engine.silences_over.is_empty());
    bench.pass(MINUTE);
    assert_eq!(bench.briefs(), [""; 0]);
}

#[test]
fn of_silences_that_nobody_heard_of_the_last_ones_are_told() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    for id in 1..=70 {
        bench.handle(Input::Silence { id, matcher: Matcher::all(), lasting: SECOND });
        bench.observe(&failed("/a"), id);
        bench.pass(SECOND);
    }
    let left: Vec<u64> = bench.engine.silences_over.iter().map(|over| over.quiet.id).collect();
    assert_eq!(left, (7..=70).collect::<Vec<_>>());
}

#[test]
fn after_an_outage_the_present_state_is_told_at_once() {
    let policy = told_after(Kind::Slow, 5, HOUR);
    let mut bench = Bench::new(policy, WEBHOOK);
    let since = bench.now.mono;
    bench.observe(&failed("/a"), 1);
    bench.observe(&failed("/told"), 1);
    bench.deliver();
    bench.pass(10 * SECOND);
    bench.observe(&failed("/a"), 5);
    // Nobody was to hear of these.
    bench.observe(&slow("/below"), 2);
    bench.handle(Input::Outage { destination: 0, since });
    let told = bench.deliver();
    let briefs: Vec<String> = told.iter().map(Said::brief).collect();
    assert_eq!(briefs, ["post Outage 0", "post Progress 6"]);
    let rows = told[0].view.rows().iter().map(|row| row.key().clone());
    assert_eq!(rows.collect::<Vec<_>>(), [failed("/a")]);
    assert_eq!(told[0].view.fresh(), 5);
    // What was known to all keeps its pace.
    bench.observe(&failed("/told"), 1);
    assert_eq!(bench.briefs(), [""; 0]);
}

#[test]
fn the_last_words_about_one_name_it() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(&failed("/a"), 3);
    bench.deliver();
    bench.handle(Input::Stop);
    let told = bench.deliver();
    assert_eq!((told.len(), told[0].view.key()), (1, &failed("/a")));
    assert_eq!(
        (told[0].view.id(), told[0].view.round_total()),
        (bench.engine.live.get(&failed("/a")).copied(), 3)
    );
}

#[test]
fn the_last_words_tell_what_is_over_and_was_not_told() {
    let policy = IncidentPolicy::default().budget(2, 1);
    let mut bench = Bench::new(policy, WEBHOOK);
    let site = |line| Key::Panic { site: Site::new("a.rs", line, None) };
    bench.observe_all(&(0..3).map(site).collect::<Vec<_>>());
    bench.deliver();
    // Known by the message about what is held, and once more since.
    bench.pass(SECOND);
    bench.observe(&site(2), 1);
    bench.deliver();
    bench.pass(6 * MINUTE);
    assert_eq!(bench.deliver().len(), 0);
    assert_eq!(bench.account(0).pending(), 1);
    bench.handle(Input::Stop);
    bench.deliver();
    assert_eq!((bench.account(0).pending(), bench.account(0).accounted()), (0, 4));
}

#[test]
fn what_is_below_its_threshold_waits_for_what_still_runs() {
    let policy = told_after(Kind::Slow, 5, MINUTE);
    let key = slow("/a");
    for (hangs, told) in [(true, 1), (false, 0)] {
        let mut bench = Bench::new(policy.clone(), WEBHOOK);
        bench.observe(&key, 4);
        let until = bench.now.mono + MINUTE;
        if hangs {
            bench.hang(&[(&key, 1)]);
            assert_eq!(bench.engine.deadline(), None);
        } else {
            bench.pass(SECOND);
            assert_eq!(bench.engine.deadline(), Some(until));
        }
        bench.pass(2 * MINUTE);
        bench.observe(&key, 1);
        assert_eq!(bench.deliver().len(), told);
    }
}

#[test]
fn a_webhook_hears_at_once_that_nothing_hangs_any_more() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let key = slow("/a");
    bench.observe(&key, 1);
    bench.hang(&[(&key, 1)]);
    bench.deliver();
    bench.pass(5 * SECOND);
    bench.hang(&[]);
    let told = bench.deliver();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].view.hanging(), told[0].view.moment()), (None, Moment::Progress));
}

/// Of two failures on one route the one that was seen last knows what came since.
#[test]
fn what_proves_an_end_is_counted_once_for_each_route() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let on = |route: &str, code| request(Kind::Failed, route, Some(Status::Http(code)));
    for route in ["/a", "/b", "/c", "/d"] {
        bench.observe(&on(route, 500), 1);
        bench.observe(&on(route, 502), 1);
    }
    bench.deliver();
    let well = |bench: &mut Bench, count| {
        ["/a", "/b", "/c", "/d"].iter().for_each(|route| bench.succeed(route, count));
    };
    well(&mut bench, 100);
    bench.pass(SECOND);
    // The second of its keys on one route, and the first one on another.
    bench.observe(&on("/a", 502), 1);
    bench.observe(&on("/b", 500), 1);
    well(&mut bench, 10);
    let told = bench.go_on(&failed("/a"), 0, SECOND, 310);
    let (_, end) = told.last().unwrap();
    let Some(Ending::Recovered { requests, failed: 0 }) = end.view.ending() else {
        panic!("{end:?}");
    };
    assert_eq!(requests, 10 + 10 + 110 + 110);
}

#[test]
fn what_all_ended_worse_is_not_said_to_have_ended() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let key = slow("/a");
    bench.observe(&key, 1);
    bench.hang(&[(&key, 1)]);
    bench.deliver();
    let moved = Observed { moved_out: 1, ..observed(key.clone(), 0, bench.now.mono) };
    bench.handle(Input::Observed(vec![moved]));
    bench.hang(&[]);
    assert_eq!(bench.go_on(&key, 0, SECOND, 280).len(), 0);
}

#[test]
fn only_what_runs_is_recalled() {
    let policy = IncidentPolicy::default().close_after(2 * HOUR);
    let mut bench = Bench::new(policy, WEBHOOK);
    bench.observe(&failed("/a"), 1);
    bench.deliver();
    assert_eq!(bench.go_on(&failed("/a"), 0, MINUTE, 110).len(), 0);
}

#[test]
fn an_end_is_seen_after_more_than_ten_minutes() {
    for (lasted, seen) in [(600, 0), (601, 1)] {
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        bench.observe(&failed("/a"), 1);
        bench.deliver();
        for wait in [200, 200, lasted - 400] {
            bench.go_on(&failed("/a"), 0, SECOND, wait);
            bench.observe(&failed("/a"), 1);
            bench.deliver();
        }
        let told = bench.go_on(&failed("/a"), 0, SECOND, 301);
        assert_eq!(visible(&told).len(), seen, "{told:?}");
    }
}

#[test]
fn what_is_over_is_let_go_of_once_everybody_was_told() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(&failed("/a"), 3);
    let stuck = bench.actions();
    (0..120).for_each(|_| bench.pass(MINUTE));
    assert_eq!((bench.engine.incidents.len(), bench.engine.live.len()), (1, 0));
    let (_, carried, _) = bench.view(stuck[0]).unwrap();
    bench.sent(stuck[0], carried, SentOutcome::Posted(None));
    bench.deliver();
    bench.pass(SECOND);
    assert_eq!(bench.engine.incidents.len(), 0);
    assert_eq!((bench.account(0).pending(), bench.account(0).accounted()), (0, 3));
}

#[test]
fn the_last_words_tell_what_was_known_and_is_over() {
    let mut bench = Bench::new(IncidentPolicy::default().budget(2, 2), WEBHOOK);
    let site = |line| Key::Panic { site: Site::new("a.rs", line, None) };
    bench.observe(&site(0), 1);
    bench.observe(&site(1), 1);
    bench.deliver();
    bench.pass(SECOND);
    bench.observe(&site(0), 4);
    for _ in 0..6 {
        bench.pass(MINUTE);
        bench.deliver();
    }
    assert_eq!(bench.account(0).pending(), 4);
    bench.handle(Input::Stop);
    bench.deliver();
    assert_eq!((bench.account(0).pending(), bench.account(0).accounted()), (0, 6));
}

#[test]
fn part_of_another_one_settles_nothing() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let keys: Vec<Key> = (0..4).map(|n| failed(&format!("/r{n}"))).collect();
    bench.observe(&keys[0], 1);
    bench.deliver();
    bench.observe(&keys[0], 5);
    bench.observe_all(&keys[1..]);
    // Only that is delivered, and not the message that tells them all.
    for action in bench.actions() {
        let Some((view, carried, _)) = bench.view(action) else { continue };
        if view.moment() == Moment::Joined {
            bench.sent(action, carried, SentOutcome::Posted(None));
        }
    }
    assert_eq!(bench.account(0).pending(), 8);
}

#[test]
fn a_route_of_which_all_ended_worse_has_no_row() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let keys: Vec<Key> = (0..5).map(|n| slow(&format!("/r{n}"))).collect();
    let mut batch: Vec<Observed> =
        keys.iter().map(|key| observed(key.clone(), 1, bench.now.mono)).collect();
    batch.push(Observed { moved_out: 1, ..observed(keys[0].clone(), 0, bench.now.mono) });
    bench.handle(Input::Observed(batch));
    let told = bench.deliver();
    assert_eq!((told.len(), told[0].view.rows().len()), (1, 4));
}

#[test]
fn more_about_a_panic_may_name_the_route_that_proves_its_end() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let key = Key::Panic { site: Site::new("a.rs", 1, None) };
    bench.observe(&key, 1);
    bench.deliver();
    bench.engine.take_endpoints();
    let (method, at) = (MethodName::of(&http::Method::GET), bench.now.mono);
    let mut more = observed(key, 0, at);
    more.counts.span = Some((at, at));
    let endpoint = Some((method, RouteRef::Known("/a")));
    more.samples = samples_of(&Facts { endpoint, ..Facts::at(at) });
    bench.handle(Input::Observed(vec![more]));
    let endpoints = bench.engine.take_endpoints();
    assert_eq!(endpoints.map(|all| all.len()), Some(1));
}

#[test]
fn a_silences_end_waits_for_who_has_no_room_for_it() {
    let mut bench = Bench::new(IncidentPolicy::default().budget(3, 2), &[POSTS, POSTS]);
    let mut heard = Vec::new();
    let mut deliver = |bench: &mut Bench, second: u32| {
        for action in bench.actions() {
            let Some((view, carried, _)) = bench.view(action) else { continue };
            // One refuses what it gets, which takes nothing of its budget.
            let is_refused = action.destination == 0 && view.moment() == Moment::First;
            if view.moment() == Moment::SilenceOver {
                heard.push((action.destination, second));
            }
            let outcome = match is_refused {
                true => SentOutcome::Dropped(DropReason::Refused),
                false => SentOutcome::Posted(None),
            };
            bench.sent(action, carried, outcome);
        }
    };
    let site = |line| Key::Panic { site: Site::new("a.rs", line, None) };
    bench.observe_all(&(0..2).map(site).collect::<Vec<_>>());
    deliver(&mut bench, 0);
    bench.silence(Matcher::all(), MINUTE);
    bench.observe(&failed("/a"), 3);
    for second in 1..700 {
        bench.pass(SECOND);
        deliver(&mut bench, second);
    }
    assert_eq!(heard, [(0, 60), (1, 600)]);
}

#[test]
fn after_an_outage_what_is_over_is_named_first_by_what_came_meanwhile() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let noise = failed("/noise");
    bench.observe(&noise, 60);
    bench.deliver();
    let since = bench.now.mono;
    bench.handle(Input::Outage { destination: 0, since });
    bench.observe(&failed("/payments"), 40);
    for _ in 0..8 {
        bench.pass(MINUTE);
        bench.observe(&noise, 1);
    }
    bench.pass(SECOND);
    let told = bench.deliver();
    let outage = told.iter().find(|said| said.view.moment == Moment::Outage).unwrap();
    let rows: Vec<_> = outage.view.rows().iter().map(|row| (row.key(), row.total())).collect();
    assert_eq!(rows, [(&failed("/payments"), 40), (&noise, 8)]);
    assert_eq!(outage.view.fresh(), 48);
}
