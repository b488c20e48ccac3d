//! What proves that an incident is over, and what does not.

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::{Ending, IncidentView, Matcher};
use crate::observation::{Facts, Kind, MethodName, RouteRef, Rule, Site, Window};

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

#[test]
fn what_hangs_is_slow_or_given_up_proves_nothing() {
    let key = failed("/a");
    for other in [slow("/a"), request(Kind::Cancelled, "/a", None)] {
        let mut bench = failing("/a");
        bench.observe(&other, 3);
        bench.hang(&[(&other, 3)]);
        bench.deliver();
        let ending = ending_of(&mut bench, &key);
        assert!(matches!(ending, Some(Ending::Unseen { .. })), "{other}: {ending:?}");
        // Beside those that prove something they are not counted.
        let mut bench = failing("/a");
        bench.observe(&other, 3);
        bench.succeed("/a", 7);
        let proof = Some(Ending::Recovered { requests: 7, failed: 0 });
        assert_eq!(ending_of(&mut bench, &key), proof, "{other}");
    }
}

#[test]
fn each_of_several_routes_is_proven_by_its_own_requests() {
    let keys: Vec<Key> = (0..6).map(|n| failed(&format!("/r{n}"))).collect();
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
        (0..proven).for_each(|n| bench.succeed(&format!("/r{n}"), 1));
        assert_eq!(ending_of(&mut bench, &roll_up), Some(expected));
    }
}

/// Panics at one site, in one drain of the tally.
fn panic_on(bench: &mut Bench, site: &Site, routes: [&str; 3]) {
    let method = MethodName::of(&http::Method::GET);
    let mut window = Window::default();
    for route in routes {
        let endpoint = Some((method, RouteRef::Known(route)));
        window.take(&Facts { endpoint, site: Some(site), ..Facts::at(bench.now.mono) });
    }
    let mut observed = observed(Key::Panic { site: site.clone() }, 3, bench.now.mono);
    observed.samples = window.drain();
    bench.handle(Input::Observed(vec![observed]));
}

#[test]
fn a_silence_of_one_route_keeps_no_panics_of_others() {
    let site = Site::new("a.rs", 1, None);
    for (routes, silenced) in [(["/a", "/a", "/a"], 3), (["/a", "/b", "/a"], 0)] {
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        bench.silence(Matcher::all().route("/a"), MINUTE);
        panic_on(&mut bench, &site, routes);
        assert_eq!(bench.account(0).suppressed(Rule::Silence), silenced);
    }
}

#[test]
fn a_panic_on_several_routes_is_not_proven_by_one_of_them() {
    let site = Site::new("a.rs", 1, None);
    let key = Key::Panic { site: site.clone() };
    for (routes, proven) in [(["/a", "/a", "/a"], true), (["/a", "/b", "/a"], false)] {
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        panic_on(&mut bench, &site, routes);
        bench.deliver();
        bench.succeed("/a", 30);
        let ending = ending_of(&mut bench, &key);
        let is_proven = ending == Some(Ending::Recovered { requests: 30, failed: 0 });
        assert_eq!(is_proven, proven, "{ending:?}");
        assert!(proven || matches!(ending, Some(Ending::Unseen { .. })), "{ending:?}");
    }
}
