//! What is said rarely, and the numbers at which one thing is said and not
//! another.

use std::backtrace::Backtrace;
use std::sync::Arc;
use std::time::Duration;

use super::render;
use super::tests::{Scene, ended, order, row, several};
use crate::delivery::Op;
use crate::incident::{Ending, IncidentView, MessageRef, Moment};
use crate::observation::{
    Blocked, DetailRoom, InFlight, Key, Kind, LogLine, MethodName, Outcome, Polls, Route, Sample,
    Samples, Site, Status, ThreadName, Trace,
};

const SECOND: Duration = Duration::from_secs(1);

fn post(view: &IncidentView) -> String {
    render(view, Op::Post).to_plain()
}

fn edit(view: &IncidentView) -> String {
    render(view, Op::Update(&MessageRef::new("C1", "1.2"))).to_plain()
}

fn reply(view: &IncidentView) -> String {
    render(view, Op::Reply(&MessageRef::new("C1", "1.2"))).to_plain()
}

fn slow() -> Scene {
    Scene::new(Kind::Slow, "/reports/{year}", "/reports/2026", 7 * SECOND)
}

fn ms(millis: u64) -> u64 {
    millis * 1_000_000
}

fn polls(count: u32, busy: u64, longest: u64, current: Option<u64>) -> Option<Polls> {
    let current = current.and_then(|millis| std::num::NonZeroU64::new(ms(millis)));
    let thread = ThreadName::default();
    Some(Polls { count, thread, busy: ms(busy), longest: ms(longest), current })
}

/// Two that went wrong in different ways, in this order.
fn two(one: &Scene, other: &Scene, view: &mut IncidentView) {
    let (first, last) = (one.samples(view.now.mono), other.samples(view.now.mono));
    view.samples = first;
    view.samples.merge(&last, 0);
}

#[test]
fn right_after_the_start_that_is_the_news() {
    let said = [59, 60].map(|up| {
        let mut view = order().view(Moment::First, 1, 1);
        view.started = view.now.mono - up * SECOND;
        view.is_new = true;
        post(&view)
    });
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn what_is_new_is_said_of_all_or_of_nothing() {
    let mut view = order().view(Moment::First, 3, 3);
    view.is_new = true;
    assert!(post(&view).contains("first since this process started"));
    view.fresh = 2;
    assert!(!post(&view).contains("first since"));
    view.is_new = false;
    assert!(!post(&view).contains("first since"));
    let mut alone = order();
    alone.in_flight = 1;
    assert!(!post(&alone.view(Moment::First, 1, 1)).contains("in flight"));
    alone.in_flight = 2;
    assert!(post(&alone.view(Moment::First, 1, 1)).contains("2 in flight"));
}

#[test]
fn ends_of_all_kinds() {
    let recovered = Ending::Recovered { requests: 214, failed: 0 };
    let some_failed = Ending::Recovered { requests: 214, failed: 3 };
    let hour_ago = |view: &IncidentView| view.now.wall - 3600 * SECOND;
    let mut said = Vec::new();
    // One, in a later round.
    let mut one = ended(order().view(Moment::Ended, 1, 0), recovered);
    one.round = 1;
    said.push(edit(&one));
    let mut at_once = ended(order().view(Moment::Ended, 3, 0), recovered);
    at_once.lasted = SECOND / 2;
    said.push(edit(&at_once));
    let site = Site::new("src/cart.rs", 88, Some(17));
    let place = Some(Route::Known("/orders/{id}".into()));
    let panic = Scene { key: Some(Key::Panic { site }), place, ..order() };
    let mut panicked = ended(panic.view(Moment::Ended, 3, 0), recovered);
    said.push(edit(&panicked));
    panicked.ending = Some(Ending::Unseen { since: hour_ago(&panicked) });
    said.push(edit(&panicked));
    let mut cancelled = Scene::new(Kind::Cancelled, "/a", "/a", SECOND).view(Moment::Ended, 3, 0);
    cancelled.ending = Some(recovered);
    said.push(edit(&cancelled));
    // Several, and one of several.
    let mut over = several(Moment::Ended, 36);
    over.rows[1].is_proven = false;
    over.rows.iter_mut().for_each(|row| row.is_active = false);
    for ending in [
        recovered,
        some_failed,
        Ending::Partly { requests: 214, failed: 0, unproven: 7 },
        Ending::Partly { requests: 214, failed: 3, unproven: 1 },
        Ending::Quiet { since: hour_ago(&over) },
        Ending::Unseen { since: hour_ago(&over) },
    ] {
        said.push(edit(&ended(over.clone(), ending)));
    }
    said.push(reply(&ended(over.clone(), recovered)));
    over.routes = Some((1, 0));
    for ending in [recovered, some_failed] {
        over.rows.truncate(1);
        said.push(edit(&ended(over.clone(), ending)));
        said.push(edit(&ended(IncidentView { rows: Vec::new(), ..over.clone() }, ending)));
    }
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn only_what_ended_worse_altogether_has_moved() {
    let moved = |total, moved_out, hanging| {
        let mut view = slow().view(Moment::Ended, total, 0);
        view.moved_out = moved_out;
        view.hanging = hanging;
        edit(&view).contains("ended worse") && !edit(&view).contains("more ended worse")
    };
    assert!(moved(0, 1, None));
    assert!(!moved(0, 0, None) && !moved(1, 1, None) && !moved(0, 1, Some((1, SECOND))));
}

#[test]
fn the_shutdowns_own_cuts() {
    let mut cut = slow().view(Moment::Stopped, 3, 3);
    cut.key = Key::Cut;
    let mut said = vec![post(&cut)];
    cut.rows = vec![row(Key::Cut, 3), row(order().key(), 5)];
    cut.counts.total = 8;
    said.push(post(&cut));
    cut.rows.swap(0, 1);
    cut.rows.truncate(1);
    cut.more = 2;
    said.push(post(&cut));
    // An edit of one alone says again what happened: of more, the first.
    for total in [1, 2] {
        let mut view = order().view(Moment::Stopped, total, 0);
        two(&order().reason(&["first"]), &order().reason(&["last"]), &mut view);
        said.push(edit(&view));
    }
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn firsts_and_more_of_the_same() {
    let mut said = Vec::new();
    // Where each is told, the latest of them.
    for fresh in [3, 1] {
        let mut view = order().view(Moment::First, 3, fresh);
        two(&order().reason(&["first"]), &order().reason(&["last"]), &mut view);
        said.push(post(&view));
    }
    let mut view = order().view(Moment::First, 2, 2);
    view.moved_in = 1;
    said.push(post(&view));
    said.push(edit(&order().view(Moment::Progress, 1, 0)));
    for moment in [Moment::Grown, Moment::Worse, Moment::Reminder] {
        let mut view = order().view(moment, 150, 12);
        view.moved_in = 4;
        view.share = Some((1, 1));
        said.push(reply(&view));
    }
    // All of it new, or nothing.
    for fresh in [0, 1, 149, 150] {
        said.push(post(&order().view(Moment::Progress, 150, fresh)));
    }
    said.push(edit(&slow().status(Status::Http(200)).view(Moment::Progress, 5, 1)));
    let hangs = Scene { took: 65 * SECOND, ..slow().outcome(Outcome::Running, None) };
    let mut hangs = hangs.view(Moment::Progress, 1, 0);
    hangs.kind = Kind::Hung;
    hangs.hanging = Some((1, 65 * SECOND));
    said.push(edit(&hangs));
    hangs.counts.total = 2;
    hangs.round_total = 2;
    said.push(edit(&hangs));
    let mut joined = slow().view(Moment::Joined, 12, 0);
    joined.host = Some(row(order().key(), 34));
    said.push(edit(&joined));
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn blocks() {
    let method = MethodName::of(&http::Method::GET);
    let key = Key::Blocked { method, route: Route::Known("/block".into()) };
    let blocked = |seconds, threads, waited| Blocked { lasted: seconds * SECOND, threads, waited };
    let scene = |blocked| Scene { blocked: Some(blocked), ..slow() };
    let mut said = Vec::new();
    for (threads, waited) in [(1, 0), (2, 1), (3, 38)] {
        let mut view = scene(blocked(4, threads, waited)).view(Moment::First, 1, 1);
        view.key = key.clone();
        said.push(post(&view));
        view.moment = Moment::Progress;
        view.counts.total = 2;
        view.round_total = 2;
        said.push(edit(&view));
    }
    let mut view = slow().view(Moment::Progress, 3, 1);
    view.key = key.clone();
    said.push(edit(&view));
    for count in [1, 2] {
        view.block = Some((blocked(5, 1, 7), count));
        said.push(edit(&view));
    }
    two(&scene(blocked(9, 1, 1)), &scene(blocked(4, 1, 1)), &mut view);
    view.block = None;
    said.push(edit(&view));
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn how_its_time_was_spent() {
    let mut said = Vec::new();
    let mut say = |scene: Scene, hangs: bool| {
        let outcome = if hangs { Outcome::Running } else { scene.outcome };
        let mut view = Scene { outcome, ..scene }.view(Moment::First, 1, 1);
        view.hanging = hangs.then_some((1, 7 * SECOND));
        let text = post(&view);
        let spent = |line: &&str| line.contains("waiting") || line.contains("blocking");
        said.push(text.lines().find(spent).unwrap_or("nothing").to_owned());
    };
    let with = |polls| Scene { polls, ..slow() };
    say(with(None), false);
    say(with(polls(1, 149, 149, None)), false);
    say(with(polls(12, 150, 50, None)), false);
    // Most of its time in one poll, or a second of it.
    say(with(polls(3, 3_600, 3_500, None)), false);
    say(with(polls(3, 3_600, 3_499, None)), false);
    say(with(polls(3, 1_100, 999, None)), false);
    // It is still in it, or in another one.
    say(with(polls(3, 6_000, 6_000, Some(6_000))), true);
    say(with(polls(3, 6_500, 6_000, Some(500))), true);
    say(with(polls(3, 6_000, 6_000, Some(6_000))), false);
    // The body is not measured, and what fails at once needs no reason.
    say(with(polls(3, 10, 5, None)).outcome(Outcome::SlowBody, None), false);
    for (took, polls) in
        [(SECOND, polls(2, 10, 5, None)), (SECOND / 1000 * 999, polls(2, 10, 5, None))]
    {
        let failed = Scene::new(Kind::Failed, "/a", "/a", took).status(Status::Http(500));
        say(Scene { polls, ..failed }, false);
        let cancelled = Scene::new(Kind::Cancelled, "/a", "/a", took);
        say(Scene { polls, ..cancelled }, false);
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn logs_and_how_many_came_before() {
    let mut said = Vec::new();
    for (lines, left_out) in [(0, 0), (1, 0), (3, 0), (12, 0), (12, 5)] {
        let line = |n: u32| LogLine {
            level: tracing::Level::ERROR,
            target: "app".to_owned(),
            site: None,
            text: format!("line {n}\nof it"),
        };
        let lines = (0..lines).map(|n| Arc::new(line(n))).collect();
        let detail = DetailRoom::default().detail(lines, left_out, None);
        let mut view = Scene { detail, ..order() }.view(Moment::First, 1, 1);
        for has_thread in [false, true] {
            view.has_thread = has_thread;
            let text = post(&view);
            let lines =
                text.lines().filter(|line| line.contains("line") || line.contains("earlier"));
            said.push(lines.collect::<Vec<_>>().join("\n"));
        }
        view.moment = Moment::Details;
        said.push(reply(&view));
    }
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn a_reply_says_what_it_holds() {
    let line = || LogLine {
        level: tracing::Level::ERROR,
        target: "app".to_owned(),
        site: None,
        text: "no more connections".to_owned(),
    };
    let headline = |has_logs: bool, has_trace: bool| {
        let logs = has_logs.then(|| Arc::new(line())).into_iter().collect();
        let trace = has_trace.then(|| Trace::of(Backtrace::force_capture()).map(Arc::new));
        let detail = DetailRoom::default().detail(logs, 0, trace.flatten());
        let mut view = Scene { detail, ..order() }.view(Moment::Details, 1, 1);
        view.has_thread = true;
        reply(&view).lines().next().unwrap_or_default().to_owned()
    };
    let said = [(true, false), (false, true), (true, true)];
    let said = said.map(|(logs, trace)| headline(logs, trace));
    let begins = ["🔎 logs · ", "🔎 backtrace · ", "🔎 logs and backtrace · "];
    assert!(said.iter().zip(begins).all(|(said, begin)| said.starts_with(begin)), "{said:#?}");
}

#[test]
fn who_else_is_in_flight() {
    let request = |route: &str, polled_for| InFlight {
        method: MethodName::of(&http::Method::GET),
        route: Route::Known(route.into()),
        age: 9 * SECOND,
        polled_for,
    };
    let own = request("/orders/{id}", None);
    let other = request("/other", Some(SECOND - SECOND / 1000));
    let blocking = request("/block", Some(SECOND));
    let said = [
        vec![own.clone()],
        vec![other.clone()],
        vec![own.clone(), other],
        vec![own.clone(), own.clone(), blocking],
        vec![InFlight { method: MethodName::OTHER, route: Route::Unmatched, ..own }],
    ];
    let said = said.map(|oldest| {
        let mut view = order().view(Moment::First, 1, 1);
        view.oldest = oldest;
        let text = post(&view);
        let line = text.lines().find(|line| line.contains("oldest in flight"));
        line.unwrap_or("nothing").to_owned()
    });
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn several_routes_by_their_numbers() {
    let route = |n: usize| Scene::new(Kind::Failed, &format!("/r{n}"), "/r", SECOND).key();
    let mut said = Vec::new();
    for (all, active) in [(1, 1), (1, 0), (2, 0), (2, 1), (2, 2), (5, 5)] {
        let mut view = several(Moment::Progress, 36);
        (view.more, view.more_total, view.common) = (0, 0, None);
        view.routes = Some((all, active));
        view.rows = (0..all).map(|n| row(route(n), 7)).collect();
        view.rows.iter_mut().skip(active).for_each(|row| row.is_active = false);
        said.push(post(&view));
        said.push(edit(&view));
        said.push(reply(&view));
    }
    // One whose row is left out, and one row of two.
    let mut view = several(Moment::First, 36);
    view.routes = Some((2, 2));
    view.rows.truncate(1);
    said.push(post(&view));
    view.moment = Moment::Again;
    said.push(reply(&view));
    // A reason of all, of some, and one that the headline has to cut.
    for (text, with) in [
        ("refused".to_owned(), 12),
        ("refused".to_owned(), 11),
        ("r".repeat(80), 12),
        ("r".repeat(81), 12),
    ] {
        view.routes = Some((12, 12));
        view.common = Some((text, with, 12));
        said.push(edit(&view));
    }
    view.common = None;
    view.hanging = Some((3, 65 * SECOND));
    view.rows = vec![row(slow().key(), 3)];
    (view.rows[0].kind, view.rows[0].hanging) = (Kind::Hung, 3);
    said.push(edit(&view));
    let mut holding = several(Moment::Holding, 1);
    holding.routes = None;
    holding.rows.truncate(1);
    (holding.more, holding.more_total) = (0, 0);
    said.push(post(&holding));
    holding.more = 1;
    said.push(post(&holding));
    let mut stopped = several(Moment::Stopped, 9);
    stopped.routes = None;
    stopped.rows.truncate(1);
    for more in [0, 1] {
        stopped.more = more;
        said.push(post(&stopped));
    }
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn every_message_names_a_request_with_its_method() {
    let recovered = Ending::Recovered { requests: 214, failed: 0 };
    let site = Site::new("src/cart.rs", 88, Some(17));
    let panic = Key::Panic { site: site.clone() };
    let log = Key::Log { target: "jobs".into(), site };
    let at = |route: &str, path, key, place: Option<Route>| {
        let scene = Scene::new(Kind::Failed, route, path, SECOND).status(Status::Http(500));
        Scene { key, place, ..scene }
    };
    let cart = Route::Known("/cart".into());
    let mut unmatched = at("", "/cart", None, None);
    unmatched.route = Route::Unmatched;
    for (scene, request) in [
        (at("/cart", "/cart", None, None), "POST /cart"),
        (at("/cart", "/cart", Some(panic.clone()), Some(cart.clone())), "POST /cart"),
        (at("/cart", "/cart", Some(log), Some(cart.clone())), "POST /cart"),
        (at("/cart", "/cart", Some(panic.clone()), Some(Route::Unmatched)), "POST /cart"),
        (at("/cart", "/cart", Some(Key::Cut), None), "POST /cart"),
        (at("/cart", "/cart", Some(Key::Other { kind: Kind::Failed }), None), "POST /cart"),
        (
            at("/cart", "/cart", Some(Key::Other { kind: Kind::Panicked }), Some(cart.clone())),
            "POST /cart",
        ),
        (at("/c/{id}", "/c/1", Some(panic), Some(Route::Known("/c/{id}".into()))), "POST /c/{id}"),
        (unmatched, "POST /cart"),
    ] {
        let scene = scene.reason(&["as it was to be"]);
        for said in [
            post(&scene.view(Moment::First, 1, 1)),
            edit(&scene.view(Moment::First, 3, 3)),
            post(&scene.view(Moment::Progress, 12, 3)),
            edit(&scene.view(Moment::Progress, 12, 3)),
            reply(&scene.view(Moment::Again, 12, 3)),
            edit(&scene.view(Moment::Joined, 12, 0)),
            edit(&scene.view(Moment::Stopped, 12, 0)),
            edit(&ended(scene.view(Moment::Ended, 1, 0), recovered)),
            edit(&ended(scene.view(Moment::Ended, 12, 0), recovered)),
        ] {
            assert!(said.contains(request), "{request}: {said}");
        }
    }
}

/// One that has hung for a minute, told at 30 s, and one that was answered
/// after it.
fn one_hangs() -> IncidentView {
    let mut view = slow().view(Moment::Progress, 4, 1);
    let took = |route: &str, seconds| Scene::new(Kind::Slow, "/reports/{year}", route, seconds);
    let hangs = took("/reports/1", 30 * SECOND).outcome(Outcome::Running, None);
    let hangs = Scene { polls: polls(2, 100, 50, None), ..hangs };
    let answered = Scene {
        polls: polls(2, 300, 150, None),
        ..took("/reports/2222", 6 * SECOND).status(Status::Http(200))
    };
    view.samples = hangs.samples(view.now.mono - 30 * SECOND);
    view.samples.merge(&answered.samples(view.now.mono), 0);
    view.hanging = Some((1, 60 * SECOND));
    view.oldest_began = Some(view.now.mono - 60 * SECOND);
    view.kind = Kind::Hung;
    view
}

#[test]
fn what_hangs_is_told_by_itself() {
    let mut view = one_hangs();
    let mut said = vec![edit(&view)];
    view.moment = Moment::Stopped;
    said.push(edit(&view));
    // Of the oldest one nothing is known any more.
    view.moment = Moment::Progress;
    view.hanging = Some((1, 61 * SECOND));
    view.oldest_began = Some(view.now.mono - 61 * SECOND);
    said.push(edit(&view));
    let mut joined = one_hangs();
    joined.moment = Moment::Joined;
    joined.host = Some(row(Key::RollUp { kind: Kind::Slow }, 9));
    joined.routes = Some((5, 5));
    said.push(edit(&joined));
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn samples_of_what_ran_give_way_to_those_that_ended() {
    let view = one_hangs();
    let mut samples = view.samples.clone();
    samples.settle_running();
    let known = [samples.first(), samples.last(), samples.slowest()];
    let known: Vec<&str> = known.into_iter().flatten().map(|sample| sample.path()).collect();
    assert_eq!(known, ["/reports/2222"; 3]);
    assert!(samples.random().all(|sample| !sample.is_running()));
    // The first one gives way to its own end, which is the last.
    let first = |samples: &Samples| samples.first().map(|sample| sample.path().to_owned());
    for (ended, running, told) in [(true, true, "/reports/2222"), (false, true, "/reports/1")] {
        let mut samples = view.samples.clone();
        if !ended {
            samples.merge(&slow().outcome(Outcome::Running, None).samples(view.now.mono), 0);
        }
        assert_eq!(samples.first().is_some_and(Sample::is_running), running);
        samples.settle_first();
        assert_eq!(first(&samples).as_deref(), Some(told));
    }
    let mut answered = slow().status(Status::Http(200)).samples(view.now.mono);
    answered.merge(&view.samples, 0);
    answered.settle_first();
    assert_eq!(first(&answered).as_deref(), Some("/reports/2026"));
    // But who has nothing else keeps them.
    let mut samples = slow().outcome(Outcome::Running, None).samples(view.now.mono);
    samples.settle_running();
    assert!(samples.last().is_some_and(|sample| sample.is_running()));
}

#[test]
fn rows_say_how_many_still_run() {
    let route = |n: usize| Scene::new(Kind::Slow, &format!("/r{n}"), "/r", SECOND).key();
    let mut view = several(Moment::Worse, 36);
    view.key = Key::RollUp { kind: Kind::Slow };
    (view.more, view.more_total, view.common) = (0, 0, None);
    view.hanging = Some((3, 65 * SECOND));
    view.kind = Kind::Hung;
    view.routes = Some((3, 2));
    view.rows = (0..3).map(|n| row(route(n), 7)).collect();
    for (row, hanging) in view.rows.iter_mut().zip([2, 7]) {
        (row.kind, row.hanging) = (Kind::Hung, hanging);
    }
    let mut said = vec![reply(&view), edit(&view)];
    let mut host = order().view(Moment::Progress, 5, 1);
    host.joined = view.rows.clone();
    said.push(edit(&host));
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn an_outage_names_what_is_over_by_now() {
    let mut outage = several(Moment::Outage, 1_234);
    (outage.routes, outage.common, outage.more) = (None, None, 0);
    outage.outage = Some(720 * SECOND);
    let said = post(&outage);
    assert!(said.contains("411 × failed POST /cart, quiet now"), "{said}");
    assert!(!said.contains("more is quiet"), "{said}");
}

#[test]
fn a_panic_that_says_nothing_has_a_place() {
    let place = Some(Route::Known("/cart".into()));
    let key = Some(Key::Panic { site: Site::new("src/cart.rs", 88, Some(17)) });
    let scene = Scene::new(Kind::Panicked, "/cart", "/cart", SECOND);
    let said = edit(&Scene { key, place, ..scene }.view(Moment::Progress, 12, 3));
    assert!(said.lines().any(|line| line == "latest: POST /cart"), "{said}");
}

#[test]
fn a_reason_too_long_for_the_headline_is_said_in_full() {
    for (length, again) in [(80, 0), (81, 1)] {
        let reason = "r".repeat(length);
        let text = post(&order().reason(&[&reason]).view(Moment::First, 1, 1));
        let lines = text.lines().skip(1).filter(|line| line.contains(&reason));
        assert_eq!(lines.count(), again, "{text}");
    }
}

#[test]
fn what_has_no_route_is_told_by_its_status() {
    let mut view = order().view(Moment::First, 1, 1);
    let method = MethodName::of(&http::Method::POST);
    let (kind, route) = (Kind::Failed, Route::Unmatched);
    view.key = Key::Request { kind, method, route, status: None };
    assert!(post(&view).contains("shop-api · 500 "), "{}", post(&view));
}

#[test]
fn what_only_its_judge_calls_a_failure_is_told_so() {
    for (code, said) in
        [(200, "failed with 200 POST"), (399, "failed with 399 POST"), (400, " 400 POST")]
    {
        let failed = Scene::new(Kind::Failed, "/cart", "/cart", SECOND);
        let view = failed.status(Status::Http(code)).view(Moment::Progress, 12, 3);
        let text = edit(&view);
        assert!(text.contains(said) && (code < 400 || !text.contains("failed with")), "{text}");
    }
}

#[test]
fn one_of_what_is_counted_is_one() {
    let mut stopped = several(Moment::Stopped, 9);
    stopped.routes = Some((1, 1));
    assert!(edit(&stopped).contains("1 route failing: /orders/{id} ·"), "{}", edit(&stopped));
    let mut cut = slow().view(Moment::Stopped, 3, 3);
    cut.key = Key::Cut;
    cut.rows = vec![row(Key::Cut, 3)];
    assert!(post(&cut).contains("3 requests cut by the shutdown"), "{}", post(&cut));
    // What blocked the runtime is said with the block.
    let blocked = Blocked { lasted: 4 * SECOND, threads: 1, waited: 2 };
    let scene = Scene { blocked: Some(blocked), ..slow() };
    let mut view = scene.view(Moment::Stopped, 1, 0);
    view.key = Key::Blocked {
        method: MethodName::of(&http::Method::GET),
        route: Route::Known("/b".into()),
    };
    let said = "first: async runtime blocked 4.0 s by GET /b (1 thread), 2 requests waited";
    assert!(edit(&view).contains(said), "{}", edit(&view));
}
