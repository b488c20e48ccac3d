//! Edges: what is idle, what is held, and what proves an end.

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::input::*;
use crate::incident::{Ending, TellAfter};
use crate::observation::{
    DropReason, Facts, Kind, MethodName, Route, RouteRef, Rule, Site, Status,
};

/// For which destination how many are held back.
fn held(bench: &Bench) -> Vec<(usize, u64)> {
    bench.engine.held().map(|(at, _, held)| (at, held)).collect()
}

#[test]
fn idle_is_who_has_said_all_and_holds_nothing() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let key = failed("/a");
    assert!(bench.engine.is_idle());
    // Asked for, and on its way.
    bench.observe(&key, 1);
    assert!(!bench.engine.is_idle());
    assert_eq!(held(&bench), [(0, 1)]);
    let action = bench.actions()[0];
    let (_, carried, _) = bench.view(action).unwrap();
    assert!(!bench.engine.is_idle());
    bench.sent(action, carried, SentOutcome::Posted(Some(MessageRef::new("C1", "1"))));
    assert!(bench.engine.is_idle());
    assert_eq!(held(&bench), []);
    // Held until its edit is due.
    bench.observe(&key, 3);
    assert!(bench.actions().is_empty());
    assert!(!bench.engine.is_idle());
    assert_eq!(held(&bench), [(0, 3)]);
    bench.pass(2 * SECOND);
    bench.deliver();
    assert!(bench.engine.is_idle());
    assert_eq!(held(&bench), []);
}

#[test]
fn what_was_asked_for_and_has_nothing_new_is_not_idle() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 1);
    bench.deliver();
    bench.succeed("/a", 214);
    // Its end: an edit, without a count that is not told.
    let is_asked = (0..600).any(|_| {
        bench.pass(SECOND);
        bench.engine.actions().next().is_some()
    });
    assert!(is_asked);
    assert_eq!(held(&bench), []);
    assert!(!bench.engine.is_idle());
}

#[test]
fn each_of_many_gaps_is_taken_off_once() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let begun = bench.now.mono;
    for gap in 1..=20 {
        bench.pass(SECOND);
        bench.now = bench.now.after(MINUTE);
        bench.handle(Input::Gap(MINUTE));
        let seen = bench.engine.engine_instant(bench.now.mono);
        assert_eq!(seen.duration_since(begun), gap * SECOND);
    }
    // The last sixteen are known one by one; this is just after the fifth.
    let after = bench.now.mono - 15 * (MINUTE + SECOND) + SECOND / 2;
    let seen = bench.engine.engine_instant(after);
    assert_eq!(seen.duration_since(begun), 5 * SECOND + SECOND / 2);
}

/// Requests that go well prove that failures are over, and not that nobody logs
/// errors any more or blocks the runtime.
#[test]
fn only_what_requests_can_disprove_ends_by_them() {
    let (method, route) = (MethodName::of(&http::Method::GET), Route::Known("/a".into()));
    let logged = Key::Log { target: "app".into(), site: Site::new("src/a.rs", 7, None) };
    let blocked = Key::Blocked { method, route };
    for (key, is_proof) in
        [(failed("/a"), true), (slow("/a"), true), (logged, false), (blocked, false)]
    {
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        let at = bench.now.mono;
        let endpoint = Some((method, RouteRef::Known("/a")));
        let mut observed = observed(key.clone(), 1, at);
        observed.samples = samples_of(&Facts { endpoint, ..Facts::at(at) });
        bench.handle(Input::Observed(vec![observed]));
        bench.deliver();
        bench.succeed("/a", 214);
        bench.pass(2 * HOUR);
        let told = bench.deliver();
        let ending = told.last().and_then(|said| said.view.ending());
        let is_recovered = matches!(ending, Some(Ending::Recovered { .. }));
        assert_eq!(is_recovered, is_proof, "{key:?}: {ending:?}");
    }
}

#[test]
fn a_threshold_of_one_is_none() {
    let rule = |count| TellAfter { kind: Kind::Failed, route: None, count, window: MINUTE };
    let policy = |count| IncidentPolicy { tell_after: vec![rule(count)], ..Default::default() };
    assert_eq!(policy(1).threshold(&failed("/a")), None);
    assert_eq!(policy(2).threshold(&failed("/a")), Some(&rule(2)));
    assert_eq!(policy(2).threshold(&slow("/a")), None);
}

/// What comes back is told by the same series as the first time, to its end.
#[test]
fn a_second_round_is_told_like_the_first() {
    // Else its end would take longer to be believed each time.
    let policy = IncidentPolicy { close_after_max: Some(5 * MINUTE), ..Default::default() };
    for (roles, each) in [(WEBHOOK, 1), (BOT, 10)] {
        let mut bench = Bench::new(policy.clone(), roles);
        let key = failed("/a");
        let mut round = |number| {
            bench.observe(&key, 1);
            bench.deliver();
            let mut told = bench.go_on(&key, each, SECOND, 2 * 3600);
            bench.succeed("/a", 10_000);
            told.extend(bench.go_on(&key, 0, MINUTE, 20));
            assert!(told.iter().all(|(_, said)| said.view.round() == number));
            let told = told.iter().filter(|(_, said)| said.is_visible());
            told.map(|(second, said)| (second / 60, said.view.moment)).collect::<Vec<_>>()
        };
        let first = round(0);
        assert!(first.len() > 3, "{first:?}");
        let second = round(1);
        assert_eq!(second, first);
        // A single one: the channel is not left at that it came back.
        bench.observe(&key, 1);
        bench.deliver();
        bench.succeed("/a", 10_000);
        let told = bench.go_on(&key, 0, MINUTE, 25);
        assert_eq!(visible(&told).len(), 1, "{told:?}");
    }
}

/// How many of all requests on a route it was, once that is known.
fn share_of(bench: &mut Bench, key: &Key) -> Option<(u64, u64)> {
    bench.pass(MINUTE);
    bench.observe(key, 0);
    let told = bench.deliver();
    told.last().and_then(|said| said.view.share())
}

#[test]
fn a_share_counts_from_when_others_are_counted() {
    // Not what came before the threshold was reached.
    let policy = told_after(Kind::Failed, 30, HOUR);
    let mut bench = Bench::new(policy, BOT);
    let key = failed("/a");
    bench.observe(&key, 25);
    bench.observe(&key, 10);
    bench.deliver();
    bench.observe(&key, 25);
    assert_eq!(share_of(&mut bench, &key), Some((25, 25)));
    // Nor the first of another incident of its key.
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&key, 1);
    bench.deliver();
    bench.go_on(&key, 0, MINUTE, 50);
    bench.observe(&key, 40);
    bench.deliver();
    bench.observe(&key, 25);
    assert_eq!(share_of(&mut bench, &key), Some((25, 25)));
}

#[test]
fn what_a_request_logs_is_no_request() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 1);
    bench.deliver();
    let (method, at) = (MethodName::of(&http::Method::GET), bench.now.mono);
    let endpoint = Some((method, RouteRef::Known("/a")));
    let logged = Key::Log { target: "app".into(), site: Site::new("src/a.rs", 7, None) };
    let mut line = observed(logged, 5, at);
    line.samples = samples_of(&Facts { endpoint, ..Facts::at(at) });
    let blocked = Key::Blocked { method, route: Route::Known("/a".into()) };
    bench.handle(Input::Observed(vec![line, observed(blocked, 1, at)]));
    let told = bench.go_on(&failed("/a"), 0, SECOND, 301);
    let end = told.iter().find(|(_, said)| said.view.key() == &failed("/a")).unwrap();
    assert!(matches!(end.1.view.ending(), Some(Ending::Quiet { .. })), "{end:?}");
}

#[test]
fn slow_ones_that_hang_are_worse() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let key = slow("/a");
    bench.observe(&key, 3);
    bench.deliver();
    bench.pass(MINUTE);
    bench.observe(&key, 1);
    bench.hang(&[(&key, 1)]);
    assert_eq!(bench.briefs(), ["broadcast Worse 4", "edit Progress 4"]);
    // That they have ended is no worse, and their end not worse again.
    bench.hang(&[]);
    assert_eq!(bench.briefs(), ["edit Progress 4"]);
    bench.observe(&key, 1);
    bench.hang(&[(&key, 1)]);
    assert_eq!(bench.briefs(), ["edit Progress 5"]);
}

#[test]
fn how_many_moved_here_is_added_up() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let key = failed("/a");
    for moved_in in [1, 2] {
        let one = Observed { moved_in, ..observed(key.clone(), 3, bench.now.mono) };
        bench.handle(Input::Observed(vec![one]));
    }
    let told = bench.deliver();
    assert_eq!((told[0].view.moved_in(), told[0].view.round_total()), (3, 6));
}

#[test]
fn an_instance_is_named_among_several() {
    for (replicas, is_named) in [(1, false), (2, true)] {
        let policy = IncidentPolicy { replicas, ..Default::default() };
        let mut bench = Bench::new(policy, WEBHOOK);
        bench.observe(&failed("/a"), 1);
        assert_eq!(bench.deliver()[0].view.names_instance(), is_named);
    }
}

#[test]
fn nothing_was_said_where_there_was_nothing_to_say() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 1);
    let action = bench.actions()[0];
    bench.engine.skipped(bench.now, action.destination, action.subject);
    // It is asked for again, as if it never had been.
    bench.pass(SECOND);
    assert_eq!(bench.briefs(), ["post First 1"]);
}

/// What is under way when it comes back belongs to the round before.
#[test]
fn a_round_begins_with_its_own_first_message() {
    let key = failed("/a");
    // An end that arrives late: the first digest is a minute after "again".
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(&key, 1);
    bench.deliver();
    bench.go_on(&key, 1, SECOND, 660);
    bench.go_on(&key, 0, SECOND, 299);
    bench.pass(SECOND);
    let action = bench.actions()[0];
    let (view, carried, _) = bench.view(action).unwrap();
    assert_eq!(view.moment, Moment::Ended);
    bench.observe(&key, 1);
    bench.sent(action, carried, SentOutcome::Posted(None));
    assert_eq!(bench.briefs(), ["post Again 1"]);
    let told = visible(&bench.go_on(&key, 1, SECOND, 200));
    assert_eq!(told.iter().map(|(second, _)| *second).collect::<Vec<_>>(), [60, 180]);

    // One that is refused: then its series begins with what follows.
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(&key, 1);
    bench.deliver();
    bench.go_on(&key, 0, SECOND, 360);
    bench.observe(&key, 1);
    let action = bench.actions()[0];
    let (view, carried, _) = bench.view(action).unwrap();
    assert_eq!(view.moment, Moment::Again);
    bench.sent(action, carried, SentOutcome::Dropped(DropReason::Refused));
    let told = visible(&bench.go_on(&key, 1, SECOND, 260));
    assert_eq!(told.iter().map(|(second, _)| *second).collect::<Vec<_>>(), [60, 120, 240]);

    // An edit: nobody had heard that it was over, and it grows from its beginning.
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&key, 5_000);
    bench.deliver();
    bench.observe(&key, 1);
    bench.pass(2 * SECOND);
    let action = bench.actions()[0];
    let (_, carried, _) = bench.view(action).unwrap();
    bench.pass(6 * MINUTE);
    bench.observe(&key, 1);
    bench.sent(action, carried, SentOutcome::Posted(Some(MessageRef::new("C1", "1"))));
    let told = visible(&bench.go_on(&key, 1, 10 * SECOND, 60));
    assert_eq!(told, [(90, "broadcast Grown 10".to_owned())]);
}

/// Not what came after its last observation: that is its end's.
#[test]
fn a_share_is_of_all_that_came_up_to_its_last_observation() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let key = failed("/a");
    bench.observe(&key, 1);
    bench.deliver();
    bench.succeed("/a", 5);
    bench.observe(&slow("/a"), 7);
    bench.observe(&key, 12);
    for _ in 0..2 {
        assert_eq!(share_of(&mut bench, &key), Some((12, 24)));
        bench.succeed("/a", 100);
        bench.observe(&slow("/a"), 50);
    }
    // Of several routes, what went well on each counts once.
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let on = |route: &str, code| request(Kind::Failed, route, Some(Status::Http(code)));
    let mut keys = ["/a", "/b", "/c", "/d"].map(|route| on(route, 500)).to_vec();
    keys.push(on("/a", 502));
    bench.observe_all(&keys);
    bench.deliver();
    ["/a", "/b", "/c", "/d"].iter().for_each(|route| bench.succeed(route, 20));
    bench.observe_all(&keys);
    bench.observe_all(&keys);
    bench.pass(MINUTE);
    let told = bench.deliver();
    assert_eq!(told.last().unwrap().view.share(), Some((10, 10 + 4 * 20)));
}

#[test]
fn what_moves_away_below_a_threshold_is_not_waited_for() {
    let policy = told_after(Kind::Slow, 5, MINUTE);
    let key = slow("/a");
    let below = |bench: &Bench| bench.account(0).suppressed(Rule::BelowThreshold);
    let mut bench = Bench::new(policy, WEBHOOK);
    bench.observe(&key, 3);
    bench.pass(10 * SECOND);
    bench.observe(&key, 1);
    // Two of them failed in the end: the last ones.
    let moved = Observed { moved_out: 2, ..observed(key.clone(), 0, bench.now.mono) };
    bench.handle(Input::Observed(vec![moved]));
    assert_eq!((bench.account(0).pending(), below(&bench)), (2, 0));
    bench.pass(20 * SECOND);
    bench.observe(&key, 1);
    bench.pass(30 * SECOND);
    assert_eq!((bench.account(0).pending(), below(&bench)), (1, 2));
    bench.pass(30 * SECOND);
    assert_eq!((bench.account(0).pending(), below(&bench)), (0, 3));
    // And what is told is not told again when it moves.
    bench.observe(&key, 5);
    assert_eq!(bench.briefs(), ["post First 5"]);
    let moved = Observed { moved_out: 2, ..observed(key.clone(), 0, bench.now.mono) };
    bench.handle(Input::Observed(vec![moved]));
    assert_eq!((bench.account(0).pending(), bench.account(0).accounted()), (0, 6));
}

#[test]
fn what_is_abandoned_is_lost_once() {
    for roles in [WEBHOOK, BOT] {
        let mut bench = Bench::new(IncidentPolicy::default(), roles);
        bench.observe(&failed("/a"), 1);
        bench.deliver();
        bench.observe(&failed("/a"), 4);
        bench.observe(&failed("/b"), 2);
        for _ in 0..2 {
            bench.handle(Input::Abandon);
            let account = bench.account(0);
            assert_eq!((account.pending(), account.dropped(DropReason::Shutdown)), (0, 6));
            assert_eq!(account.accounted(), 7);
        }
    }
}

#[test]
fn what_moves_away_when_all_is_over_is_not_told_any_more() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let (key, other) = (slow("/a"), slow("/b"));
    for key in [&key, &other] {
        bench.observe(key, 1);
        bench.deliver();
        bench.observe(key, 2);
    }
    // Slack is away until long after the end.
    for _ in 0..90 {
        bench.pass(MINUTE);
    }
    // Some that had been slow fail in the end.
    let at = bench.now.mono;
    let moved = |key: &Key, count| Observed { moved_out: count, ..observed(key.clone(), 0, at) };
    bench.handle(Input::Observed(vec![moved(&key, 1), moved(&other, 2)]));
    assert_eq!((bench.account(0).pending(), bench.account(0).accounted()), (1, 3));
    let told = bench.deliver();
    let total = |key: &Key| {
        let last = told.iter().rfind(|said| said.view.key() == key);
        last.map(|said| said.view.counts().total())
    };
    assert_eq!((total(&key), total(&other)), (Some(2), Some(1)));
    assert_eq!((bench.account(0).pending(), bench.account(0).accounted()), (0, 3));
}
