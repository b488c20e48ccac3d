//! Several routes, one message.

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::input::*;
use crate::observation::{Kind, Status};

fn routes(n: usize) -> Vec<Key> {
    (0..n).map(|n| failed(&format!("/r{n}"))).collect()
}

#[test]
fn a_storm_on_twelve_routes_is_one_message_at_once() {
    for roles in [BOT, WEBHOOK] {
        let mut bench = Bench::new(IncidentPolicy::default(), roles);
        bench.observe_all(&routes(12));
        let told = bench.deliver();
        assert_eq!(told.len(), 1);
        let view = &told[0].view;
        assert_eq!(view.key, Key::RollUp { kind: Kind::Failed });
        assert_eq!((view.routes(), view.rows().len(), view.more()), (Some((12, 12)), 10, 2));
        assert_eq!((view.counts().total(), bench.account(0).pending()), (12, 0));
    }
}

#[test]
fn what_was_posted_before_joins() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    for key in &routes(3) {
        bench.observe(key, 2);
        assert_eq!(bench.briefs(), ["post First 2"]);
        bench.pass(SECOND);
    }
    bench.deliver();
    bench.observe(&routes(4)[3], 1);
    let told = bench.deliver();
    let briefs: Vec<String> = told.iter().map(Said::brief).collect();
    assert_eq!(briefs.iter().filter(|said| said.starts_with("edit Joined")).count(), 3);
    assert_eq!(briefs.iter().filter(|said| *said == "post First 7").count(), 1);
    assert_eq!(briefs.len(), 4);
    // From now on there is one message.
    let told = bench.go_on(&routes(1)[0], 1, SECOND, 60);
    assert!(told.iter().all(|(_, said)| said.view.routes() == Some((4, 4))), "{told:#?}");
}

#[test]
fn a_webhooks_joined_routes_have_no_digests_or_closings_of_their_own() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    for key in &routes(3) {
        bench.observe(key, 1);
        bench.deliver();
    }
    bench.observe_all(&routes(6));
    assert_eq!(bench.briefs(), ["post First 9"]);
    let told = bench.go_on(&routes(1)[0], 1, SECOND, 900);
    assert!(told.iter().all(|(_, said)| said.view.routes().is_some()), "{told:#?}");
    let told = bench.go_on(&routes(1)[0], 0, SECOND, 400);
    assert_eq!(told.len(), 1);
    assert_eq!(bench.account(0).pending(), 0);
    assert_eq!(bench.account(0).accounted(), 909);
}

#[test]
fn the_fourth_within_five_minutes_joins_three_that_are_open() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let mut posts = 0;
    for key in routes(12) {
        bench.observe(&key, 1);
        let told = bench.deliver();
        posts += told.iter().filter(|said| said.is_visible()).count();
        bench.pass(15 * SECOND);
    }
    // Three, and the one that tells them all.
    assert_eq!(posts, 4);
}

#[test]
fn two_failures_of_one_route_are_one_route() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    for code in [500, 502, 503, 504, 505] {
        bench.observe(&request(Kind::Failed, "/a", Some(Status::Http(code))), 1);
    }
    assert!(bench.deliver().iter().all(|said| said.view.routes().is_none()));
}

#[test]
fn panics_never_join() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let site = |n| Key::Panic { site: crate::observation::Site::new("a.rs", n, None) };
    let keys: Vec<Key> = (0..6).map(site).collect();
    bench.observe_all(&keys);
    assert_eq!(bench.deliver().len(), 6);
    let keys: Vec<Key> = (0..6).map(|n| request(Kind::Panicked, &format!("/p{n}"), None)).collect();
    bench.observe_all(&keys);
    assert!(bench.deliver().iter().all(|said| said.view.routes().is_none()));
}

#[test]
fn later_ones_join_for_five_minutes_or_with_the_same_reason() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    for key in &routes(4) {
        bench.observe_because(key, 1, "connection refused");
    }
    bench.deliver();
    let keep = |bench: &mut Bench| {
        bench.observe_because(&routes(1)[0], 1, "connection refused");
        bench.deliver()
    };
    bench.pass(4 * MINUTE);
    keep(&mut bench);
    bench.observe_because(&failed("/other"), 1, "out of memory");
    let told = bench.deliver();
    assert!(told.iter().all(|said| !said.is_visible()), "{told:#?}");
    bench.pass(2 * MINUTE);
    keep(&mut bench);
    bench.observe_because(&failed("/later"), 1, "connection refused");
    assert!(bench.deliver().iter().all(|said| !said.is_visible()));
    bench.observe_because(&failed("/apart"), 1, "out of memory");
    let told = bench.deliver();
    let posted: Vec<_> = told.iter().filter(|said| said.is_visible()).collect();
    assert_eq!((posted.len(), posted[0].view.key()), (1, &failed("/apart")));
}

#[test]
fn the_common_reason_is_told() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let batch = (0..12).map(|n| {
        let mut one = observed(routes(12)[n].clone(), 1, bench.now.mono);
        let reason = if n == 3 { "something else" } else { "connection refused" };
        one.samples = samples(reason, bench.now.mono);
        one
    });
    let batch = batch.collect();
    bench.handle(Input::Observed(batch));
    let told = bench.deliver();
    assert_eq!(told[0].view.common_reason(), Some(("connection refused", 11, 12)));
}

#[test]
fn it_ends_and_comes_back_as_one() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let keys = routes(12);
    for _ in 0..100 {
        bench.observe_all(&keys);
        bench.deliver();
        bench.pass(SECOND);
    }
    for n in 0..12 {
        bench.succeed(&format!("/r{n}"), 10);
    }
    let told = bench.go_on(&keys[0], 0, SECOND, 310);
    let last = &told.last().unwrap().1.view;
    let proof = crate::incident::Ending::Recovered { requests: 120, failed: 0 };
    assert_eq!((last.ending(), last.round_total()), (Some(proof), 1200));
    bench.pass(10 * MINUTE);
    bench.observe(&keys[3], 2);
    let told = bench.deliver();
    assert_eq!(told[0].brief(), "broadcast Again 2");
    assert_eq!(told[0].view.routes(), Some((1, 1)));
    // Then all of them again: still that one message.
    bench.observe_all(&keys);
    let told = bench.go_on(&keys[0], 0, SECOND, 20);
    assert!(told.iter().all(|(_, said)| !said.is_visible()), "{told:#?}");
    assert_eq!(bench.account(0).pending(), 0);
}

#[test]
fn slow_requests_join_the_failure_of_their_route() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 5);
    bench.deliver();
    bench.pass(2 * SECOND);
    bench.observe(&slow("/a"), 31);
    let told = bench.deliver();
    assert_eq!(told.len(), 1);
    let view = &told[0].view;
    assert_eq!((view.key(), view.counts().total()), (&failed("/a"), 5));
    assert_eq!(view.joined()[0].total(), 31);
    assert_eq!(bench.account(0).pending(), 0);
    // When the failure is over and it is still slow, that is told by itself.
    let told = bench.go_on(&slow("/a"), 1, MINUTE / 2, 12);
    let last = visible(&told);
    assert_eq!(last, [(300, "post First 41".to_owned())]);
}

#[test]
fn what_joined_ends_with_its_host_if_it_is_quiet_as_well() {
    for roles in [BOT, WEBHOOK] {
        let mut bench = Bench::new(IncidentPolicy::default(), roles);
        bench.observe(&failed("/a"), 5);
        bench.deliver();
        bench.pass(5 * SECOND);
        bench.observe(&slow("/a"), 31);
        let told = bench.go_on(&slow("/a"), 0, SECOND, 400);
        assert!(told.iter().all(|(_, said)| said.view.key() == &failed("/a")), "{told:#?}");
        assert_eq!(bench.account(0).pending(), 0);
    }
}

#[test]
fn slow_on_another_route_or_method_stays_apart() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 5);
    bench.deliver();
    bench.observe(&slow("/b"), 1);
    assert_eq!(bench.briefs(), ["post First 1"]);
}

#[test]
fn what_is_on_its_way_when_it_joins_is_not_lost() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let keys = routes(4);
    for key in &keys[..3] {
        bench.observe(key, 1);
    }
    let actions = bench.actions();
    let sending: Vec<_> =
        actions.iter().map(|action| (*action, bench.view(*action).unwrap())).collect();
    // While those are under way, the fourth makes them one.
    bench.observe(&keys[3], 1);
    let told = bench.deliver();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].view.counts().total(), 4);
    for (n, (action, (_, carried, _))) in sending.into_iter().enumerate() {
        let reference = MessageRef::new("C1", format!("late-{n}"));
        bench.sent(action, carried, SentOutcome::Posted(Some(reference)));
    }
    // They are in the channel after all, and say whose part they are.
    let told = bench.briefs();
    assert_eq!(told, ["edit Joined 1"; 3]);
    assert_eq!((bench.account(0).pending(), bench.account(0).accounted()), (0, 4));
}

/// What four routes with this reason, fresh this long after others were told as
/// one, are told as.
fn four_more(bench: &mut Bench, because: &str) -> Vec<String> {
    let mut batch = Vec::new();
    for n in 0..4 {
        let mut one = observed(failed(&format!("/more{n}")), 1, bench.now.mono);
        one.samples = samples(because, bench.now.mono);
        batch.push(one);
    }
    bench.handle(Input::Observed(batch));
    let told = bench.deliver();
    told.iter().filter(|said| said.is_visible()).map(Said::brief).collect()
}

#[test]
fn others_together_become_part_of_what_goes_on() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    for key in &routes(4) {
        bench.observe_because(key, 1, "connection refused");
    }
    bench.deliver();
    bench.pass(4 * MINUTE);
    bench.observe_because(&routes(1)[0], 1, "connection refused");
    bench.deliver();
    bench.pass(2 * MINUTE);
    assert_eq!(four_more(&mut bench, "out of memory"), [""; 0]);
    let told = bench.go_on(&failed("/more0"), 1, SECOND, 60);
    assert_eq!(told.last().unwrap().1.view.routes(), Some((8, 5)));
}

#[test]
fn what_is_over_comes_back_with_other_routes_for_half_an_hour() {
    for (pause, told) in
        [(30 * MINUTE - SECOND, "broadcast Again 4"), (30 * MINUTE, "post First 4")]
    {
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        bench.observe_all(&routes(4));
        bench.deliver();
        bench.go_on(&routes(1)[0], 0, SECOND, 300);
        bench.pass(pause);
        assert_eq!(four_more(&mut bench, "out of memory"), [told]);
    }
}

#[test]
fn one_that_is_over_comes_back_for_half_an_hour() {
    for (pause, told) in
        [(30 * MINUTE - SECOND, "broadcast Again 1"), (30 * MINUTE, "post First 1")]
    {
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        bench.observe(&failed("/a"), 1);
        bench.deliver();
        bench.go_on(&failed("/a"), 0, SECOND, 300);
        bench.pass(pause);
        bench.observe(&failed("/a"), 1);
        assert_eq!(bench.briefs()[0], told);
    }
}

#[test]
fn one_joins_for_just_under_five_minutes() {
    for (after, joins) in [(5 * MINUTE - SECOND, true), (5 * MINUTE, false)] {
        // To those that are told as one.
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        bench.observe_all(&routes(4));
        bench.deliver();
        bench.go_on(&routes(1)[0], 1, SECOND, u32::try_from(after.as_secs()).unwrap());
        bench.observe(&failed("/late"), 1);
        let told = bench.deliver();
        assert_eq!(told.iter().any(Said::is_visible), !joins, "{after:?}");

        // As the fourth of those that are not.
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        bench.observe_all(&routes(3));
        bench.deliver();
        for _ in 0..after.as_secs() {
            bench.pass(SECOND);
            bench.observe_all(&routes(3));
            bench.deliver();
        }
        bench.observe(&failed("/late"), 1);
        let told = bench.deliver();
        let is_one = told.iter().any(|said| said.view.routes().is_some());
        assert_eq!(is_one, joins, "{after:?}");
    }
}

#[test]
fn different_troubles_never_join() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let keys = [failed("/a"), failed("/b"), slow("/c"), slow("/d"), slow("/e")];
    bench.observe_all(&keys);
    assert_eq!(bench.deliver().len(), 5);
}

#[test]
fn a_common_reason_is_that_of_most_routes() {
    for (same, common) in [(6, None), (7, Some(("connection refused", 7, 12)))] {
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        let batch = routes(12).into_iter().enumerate().map(|(n, key)| {
            let mut one = observed(key, 1, bench.now.mono);
            let own = format!("reason {n}");
            one.samples =
                samples(if n < same { "connection refused" } else { &own }, bench.now.mono);
            one
        });
        let batch = batch.collect();
        bench.handle(Input::Observed(batch));
        assert_eq!(bench.deliver()[0].view.common_reason(), common);
    }
}

#[test]
fn slow_ones_bring_no_failures_back() {
    for threshold in [1, 2] {
        let policy = match threshold {
            1 => IncidentPolicy::default(),
            _ => told_after(Kind::Slow, threshold, HOUR),
        };
        let mut bench = Bench::new(policy, BOT);
        bench.observe_all(&["/a", "/b", "/c", "/d", "/e"].map(failed));
        bench.observe(&slow("/a"), threshold);
        bench.deliver();
        for _ in 0..15 {
            bench.pass(MINUTE);
            bench.deliver();
        }
        bench.observe(&slow("/a"), threshold);
        let told: Vec<Kind> = bench.deliver().iter().map(|said| said.view.kind()).collect();
        assert_eq!(told, [Kind::Slow], "told after {threshold}");
    }
}
