//! Time that our own thread missed.

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::input::*;

#[test]
fn a_gap_is_taken_off_ages_and_said_once() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let key = failed("/a");
    bench.observe(&key, 3);
    bench.deliver();
    bench.go_on(&key, 1, SECOND, 60);
    // The lid was closed for eight hours.
    bench.now = bench.now.after(8 * HOUR);
    bench.handle(Input::Gap(8 * HOUR));
    let told = bench.go_on(&key, 1, SECOND, 60);
    assert!(told.iter().all(|(_, said)| said.view.ending().is_none()), "{told:#?}");
    let gaps: Vec<_> = told.iter().filter_map(|(_, said)| said.view.gap()).collect();
    assert_eq!(gaps, [8 * HOUR]);
    // Two minutes, not eight hours.
    let told = bench.go_on(&key, 0, SECOND, 310);
    let lasted = told.last().unwrap().1.view.lasted();
    assert_eq!(lasted.as_secs(), 120);
    // The deadline is on the clock that everybody else has.
    let deadline = bench.engine.deadline().unwrap();
    assert!(deadline > bench.now.mono);
}

#[test]
fn a_request_that_hung_through_it_hung_for_less() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let key = slow("/a");
    bench.observe(&key, 1);
    let since = bench.now.mono;
    bench.pass(30 * SECOND);
    bench.now = bench.now.after(HOUR);
    bench.handle(Input::Gap(HOUR));
    bench.handle(Input::Hanging(vec![StillRunning { key, count: 1, since }]));
    let told = bench.deliver();
    assert_eq!(told.last().unwrap().view.hanging(), Some((1, 30 * SECOND)));
}

#[test]
fn nobody_is_told_of_a_gap_in_which_nothing_was_watched() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.handle(Input::Gap(HOUR));
    bench.observe(&failed("/a"), 1);
    assert_eq!(bench.deliver()[0].view.gap(), None);
}

#[test]
fn d12_a_wall_clock_that_is_set_moves_no_deadline() {
    let told_with = |step: fn(&mut std::time::SystemTime)| {
        let mut bench = Bench::new(IncidentPolicy::default(), BOT);
        let key = failed("/a");
        bench.observe(&key, 3);
        bench.deliver();
        bench.go_on(&key, 1, SECOND, 30);
        step(&mut bench.now.wall);
        let mut told = bench.go_on(&key, 1, SECOND, 30);
        told.extend(bench.go_on(&key, 0, SECOND, 400));
        let deadline = bench.engine.deadline().map(|at| at.duration_since(bench.now.mono));
        let ended = told.iter().filter(|(_, said)| said.view.ending().is_some()).count();
        (told.len(), ended, deadline)
    };
    let never = told_with(|_| {});
    assert_eq!(never.1, 1);
    assert_eq!(told_with(|wall| *wall += HOUR), never);
    assert_eq!(told_with(|wall| *wall -= HOUR), never);
}
