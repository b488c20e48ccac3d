//! What goes below a message, and where requests went whose key does not say.

use std::sync::Arc;

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::{Matcher, Mention, MentionRule};
use crate::observation::{DetailRoom, Facts, Kind, LogLine, MethodName, RouteRef, Samples, Site};

/// Samples of a request that logged so much.
fn logged(bench: &Bench, lines: usize) -> Samples {
    let line = LogLine {
        level: tracing::Level::ERROR,
        target: "shop".into(),
        site: None,
        text: "no connection".into(),
    };
    let lines = (0..lines).map(|_| Arc::new(line.clone())).collect();
    let detail = DetailRoom::default().detail(lines, 0, None);
    samples_of(&Facts { detail, ..Facts::at(bench.now.mono) })
}

fn observe(bench: &mut Bench, key: &Key, samples: Samples) {
    let mut observed = observed(key.clone(), 1, bench.now.mono);
    observed.samples = samples;
    bench.handle(Input::Observed(vec![observed]));
}

fn panicked(bench: &mut Bench, route: &str) {
    let samples = samples_of(&Facts {
        endpoint: Some((MethodName::of(&http::Method::GET), RouteRef::Known(route))),
        ..Facts::at(bench.now.mono)
    });
    observe(bench, &site(), samples);
}

fn site() -> Key {
    Key::Panic { site: Site::new("src/cart.rs", 88, Some(17)) }
}

#[test]
fn what_has_no_room_in_a_message_goes_below_it_once() {
    let key = failed("/a");
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let samples = logged(&bench, 9);
    observe(&mut bench, &key, samples);
    let told = bench.deliver();
    let briefs: Vec<String> = told.iter().map(Said::brief).collect();
    assert_eq!(briefs, ["post First 1", "reply Details 1"]);
    assert_eq!(told[1].view.samples().first().unwrap().logs().count(), 9);
    // It is not kept once it is told, and not told again.
    let samples = logged(&bench, 9);
    observe(&mut bench, &key, samples);
    let told = bench.go_on(&key, 1, SECOND, 120);
    assert!(told.iter().all(|(_, said)| said.view.moment != Moment::Details));
    let first = told.last().unwrap().1.view.samples().first().unwrap();
    assert_eq!(first.logs().count(), 0);
}

#[test]
fn a_webhook_has_no_thread_and_where_each_is_told_each_has_its_own() {
    for (policy, role) in
        [(IncidentPolicy::default(), WEBHOOK), (IncidentPolicy::every_event(), BOT)]
    {
        let mut bench = Bench::new(policy, role);
        let samples = logged(&bench, 9);
        observe(&mut bench, &failed("/a"), samples);
        let told = bench.deliver();
        assert_eq!(told.len(), 1);
        assert!(!told[0].view.has_thread);
    }
}

#[test]
fn a_reply_that_fails_is_let_go() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let samples = logged(&bench, 9);
    observe(&mut bench, &failed("/a"), samples);
    let first = bench.actions().remove(0);
    let (_, carried, _) = bench.view(first).unwrap();
    let message = MessageRef::new("C1", "1");
    bench.sent(first, carried, SentOutcome::Posted(Some(message)));
    let reply = bench.actions().remove(0);
    assert_eq!(reply.urgency, Urgency::Beside);
    assert_eq!(bench.engine.manner(0, reply.subject), Manner::Reply);
    let (_, carried, placement) = bench.view(reply).unwrap();
    assert!(matches!(placement, Placement::Reply { broadcast: false, .. }));
    bench.sent(reply, carried, SentOutcome::Stale);
    assert!(bench.actions().is_empty());
    // The incident goes on as before.
    assert_eq!(bench.account(0).delivered(), 1);
}

#[test]
fn a_panic_at_one_place_is_proven_over_on_its_route() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    panicked(&mut bench, "/cart");
    bench.deliver();
    assert_eq!(bench.engine.take_endpoints().unwrap().len(), 1);
    bench.pass(SECOND);
    bench.succeed("/cart", 214);
    bench.succeed("/other", 9);
    bench.pass(5 * MINUTE);
    let end = bench.deliver().remove(0).view;
    assert_eq!(end.ending(), Some(Ending::Recovered { requests: 214, failed: 0 }));
}

#[test]
fn on_several_routes_nothing_is_proven() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    panicked(&mut bench, "/cart");
    bench.deliver();
    bench.engine.take_endpoints();
    bench.pass(SECOND);
    panicked(&mut bench, "/orders");
    assert_eq!(bench.engine.take_endpoints(), Some(Vec::new()));
    bench.succeed("/cart", 214);
    bench.pass(6 * MINUTE);
    let end = bench.deliver().pop().unwrap().view;
    assert!(matches!(end.ending(), Some(Ending::Unseen { .. })), "{:?}", end.ending());
}

#[test]
fn rules_by_route_know_where_it_panicked() {
    let bob = Mention::user("U024BE7LH");
    let rule = MentionRule::new(bob.clone()).route("/cart");
    let policy = IncidentPolicy { mentions: vec![rule], ..IncidentPolicy::default() };
    let mut bench = Bench::new(policy, BOT);
    bench.silence(Matcher::all().route("/quiet").kind(Kind::Panicked), MINUTE);
    panicked(&mut bench, "/quiet");
    assert!(bench.deliver().is_empty());
    panicked(&mut bench, "/cart");
    assert_eq!(bench.deliver().remove(0).view.mentions, [bob]);
}

#[test]
fn a_blocked_runtime_is_no_part_of_a_failing_route_and_has_no_threshold() {
    let policy = IncidentPolicy {
        tell_after: vec![crate::incident::TellAfter {
            kind: Kind::Slow,
            route: None,
            count: 10,
            window: MINUTE,
        }],
        ..IncidentPolicy::default()
    };
    let mut bench = Bench::new(policy, BOT);
    bench.observe(&failed("/a"), 1);
    let method = MethodName::of(&http::Method::GET);
    let blocked = Key::Blocked { method, route: crate::observation::Route::Known("/a".into()) };
    bench.observe(&blocked, 2);
    assert_eq!(bench.briefs(), ["post First 1", "post First 2"]);
}

#[test]
fn only_the_first_of_a_key_is_new() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 1);
    assert!(bench.deliver().remove(0).view.is_new());
    for time in [6 * MINUTE, 3 * HOUR] {
        bench.pass(time);
        bench.deliver();
    }
    bench.observe(&failed("/a"), 1);
    assert!(!bench.deliver().remove(0).view.is_new());
}

#[test]
fn who_waits_for_a_blocked_runtime_proves_nothing_of_who_blocks_it() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 3);
    bench.deliver();
    let method = MethodName::of(&http::Method::GET);
    let blocked = Key::Blocked { method, route: crate::observation::Route::Known("/a".into()) };
    bench.pass(SECOND);
    bench.observe(&blocked, 38);
    bench.succeed("/a", 100);
    bench.pass(6 * MINUTE);
    let ends: Vec<_> = bench.deliver().into_iter().map(|said| said.view).collect();
    let of = |key: &Key| ends.iter().rev().find(|view| view.key == *key).unwrap().ending();
    assert_eq!(of(&failed("/a")), Some(Ending::Recovered { requests: 100, failed: 0 }));
    assert!(matches!(of(&blocked), Some(Ending::Unseen { .. })));
}

#[test]
fn what_was_silenced_has_been_seen() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.silence(Matcher::all(), MINUTE);
    bench.observe(&failed("/a"), 500);
    bench.pass(2 * MINUTE);
    bench.deliver();
    bench.observe(&failed("/a"), 1);
    assert!(!bench.deliver().remove(0).view.is_new());
}

#[test]
fn an_end_and_a_move_in_one_drain_are_both_seen() {
    let key = slow("/a");
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&key, 2);
    bench.hang(&[(&key, 2)]);
    bench.deliver();
    bench.pass(MINUTE);
    // One of them ended well, the other one failed.
    let at = bench.now.mono;
    let mut ended = observed(key.clone(), 0, at);
    ended.counts.span = Some((at, at));
    ended.moved_out = 1;
    ended.samples = samples("ended", at);
    bench.handle(Input::Observed(vec![ended]));
    bench.hang(&[]);
    let told = bench.deliver();
    let last = told.last().unwrap().view.samples().last().unwrap();
    assert_eq!(last.causes().next(), Some("ended"));
}
