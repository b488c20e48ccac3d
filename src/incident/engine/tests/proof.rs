//! What proves that an incident is over, and what does not.

use std::collections::HashSet;

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::input::*;
use crate::incident::{Ending, IncidentView, Matcher, ViewRow};
use crate::observation::{
    Endpoint, Facts, Kind, MethodName, Outcome, Route, RouteRef, Rule, Site, Window,
};

/// How `key` was said to have ended.
fn ending_of(bench: &mut Bench, key: &Key) -> Option<Ending> {
    let told = bench.go_on(key, 0, SECOND, 310);
    let ended = told.into_iter().map(|(_, said)| said.view).filter(|view| view.key == *key);
    ended.filter_map(|view: IncidentView| view.ending()).last()
}

fn failing(route: &str) -> Bench {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed(route), 5);
    bench.deliver();
    bench.pass(SECOND);
    bench
}

fn answered(requests: u64) -> Option<Ending> {
    Some(Ending::Recovered { requests, failed: 0 })
}

fn is_unseen(ending: Option<Ending>) -> bool {
    matches!(ending, Some(Ending::Unseen { .. }))
}

#[test]
fn what_hangs_proves_nothing_until_it_is_answered() {
    let (key, slow) = (failed("/a"), slow("/a"));
    for (hanging, expected) in [(0, 5), (2, 3), (5, 0)] {
        let mut bench = failing("/a");
        bench.observe(&slow, 5);
        bench.hang(&[(&slow, hanging)]);
        bench.deliver();
        let ending = ending_of(&mut bench, &key);
        assert!(ending == answered(expected) || (expected == 0 && is_unseen(ending)), "{ending:?}");
        // Nor do those that went well beside it change that.
        let mut bench = failing("/a");
        bench.observe(&slow, 5);
        bench.hang(&[(&slow, hanging)]);
        bench.succeed("/a", 7);
        assert_eq!(ending_of(&mut bench, &key), answered(7 + expected));
    }
}

#[test]
fn what_is_given_up_proves_nothing() {
    let key = failed("/a");
    let mut bench = failing("/a");
    bench.observe(&request(Kind::Cancelled, "/a", None), 3);
    let ending = ending_of(&mut bench, &key);
    assert!(is_unseen(ending), "{ending:?}");
    let slow = slow("/a");
    for (outcome, proves) in [(Outcome::GivenUp, false), (Outcome::Plain, true)] {
        let mut bench = failing("/a");
        bench.observe(&slow, 3);
        bench.hang(&[(&slow, 3)]);
        bench.deliver();
        bench.pass(MINUTE);
        let at = bench.now.mono;
        let mut end = observed(slow.clone(), 0, at);
        end.counts.span = Some((at, at));
        end.samples = samples_of(&Facts { outcome, ..Facts::at(at) });
        bench.handle(Input::Observed(vec![end]));
        bench.hang(&[]);
        let ending = ending_of(&mut bench, &key);
        assert_eq!(ending == answered(3), proves, "{ending:?}");
        assert!(proves || is_unseen(ending), "{ending:?}");
    }
}

#[test]
fn what_ended_worse_is_no_part_of_the_proof() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let routes = ["/a", "/b", "/c", "/d", "/e"];
    bench.observe_all(&routes.map(slow));
    bench.deliver();
    let at = bench.now.mono;
    for route in routes.into_iter().skip(1) {
        let out = Observed { moved_out: 1, ..observed(slow(route), 0, at) };
        let into = Observed { moved_in: 1, ..observed(failed(route), 1, at) };
        bench.handle(Input::Observed(vec![out, into]));
    }
    bench.deliver();
    routes.into_iter().for_each(|route| bench.succeed(route, 10));
    assert_eq!(ending_of(&mut bench, &Key::RollUp { kind: Kind::Slow }), answered(10));
}

#[test]
fn each_of_several_is_proven_by_its_own_requests() {
    let mut keys: Vec<Key> = (0..5).map(|n| failed(&format!("/r{n}"))).collect();
    // The same route, by another method.
    keys.push(Key::Request {
        kind: Kind::Failed,
        method: MethodName::of(&http::Method::POST),
        route: Route::Known("/r0".into()),
        status: None,
    });
    let roll_up = Key::RollUp { kind: Kind::Failed };
    for (proven, expected) in [
        (1, Ending::Partly { requests: 1, failed: 0, unproven: 5 }),
        (5, Ending::Partly { requests: 5, failed: 0, unproven: 1 }),
        (6, Ending::Recovered { requests: 6, failed: 0 }),
    ] {
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        bench.observe_all(&keys);
        bench.deliver();
        bench.pass(SECOND);
        let endpoints = keys.iter().take(proven).filter_map(Endpoint::of);
        bench.handle(Input::Succeeded(endpoints.map(|endpoint| (endpoint, 1)).collect()));
        let told = bench.go_on(&roll_up, 0, SECOND, 310);
        let view = &told.last().unwrap().1.view;
        assert_eq!((&view.key, view.ending()), (&roll_up, Some(expected)));
        let rows = view.rows().iter().filter(|row| !row.is_proven()).map(ViewRow::key);
        let rows: HashSet<&Key> = rows.collect();
        assert_eq!(rows, keys.iter().skip(proven).collect());
    }
}

/// Panics at one site, in one drain of the tally; in no request where there is
/// no route.
fn panic_on(bench: &mut Bench, site: &Site, requests: [&str; 3]) {
    let mut window = Window::default();
    for request in requests {
        let endpoint = request.split_once(' ').map(|(method, route)| {
            (MethodName::of(&method.parse().unwrap()), RouteRef::Known(route))
        });
        window.take(&Facts { endpoint, site: Some(site), ..Facts::at(bench.now.mono) });
    }
    let mut observed = observed(Key::Panic { site: site.clone() }, 3, bench.now.mono);
    observed.samples = window.drain();
    bench.handle(Input::Observed(vec![observed]));
}

#[test]
fn a_silence_of_one_route_keeps_no_panics_of_others() {
    let site = Site::new("a.rs", 1, None);
    for (requests, silenced) in
        [(["GET /a", "GET /a", "GET /a"], 3), (["GET /a", "GET /b", "GET /a"], 0)]
    {
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        bench.silence(Matcher::all().route("/a"), MINUTE);
        panic_on(&mut bench, &site, requests);
        assert_eq!(bench.account(0).suppressed(Rule::Silence), silenced);
    }
}

#[test]
fn a_panic_on_several_routes_is_not_proven_by_one_of_them() {
    let site = Site::new("a.rs", 1, None);
    let key = Key::Panic { site: site.clone() };
    for (requests, proven) in [
        (["GET /a", "GET /a", "GET /a"], true),
        (["GET /a", "GET /b", "GET /a"], false),
        (["GET /a", "POST /a", "GET /a"], false),
        (["GET /a", "outside", "GET /a"], false),
    ] {
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        panic_on(&mut bench, &site, requests);
        bench.deliver();
        bench.succeed("/a", 30);
        let ending = ending_of(&mut bench, &key);
        assert_eq!(ending == answered(30), proven, "{ending:?}");
        assert!(proven || is_unseen(ending), "{ending:?}");
    }
}
