//! What is said when nobody watches any more.

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::input::*;
use crate::observation::{Kind, Rule};

#[test]
fn the_last_words_for_a_webhook_are_one_message() {
    let mut bench = Bench::new(IncidentPolicy::default().roll_up_at(0), WEBHOOK);
    let keys: Vec<Key> = (0..12).map(|n| failed(&format!("/r{n}"))).collect();
    for (n, key) in keys.iter().enumerate() {
        bench.observe(key, 1 + n as u64);
    }
    bench.deliver();
    bench.observe(&keys[3], 10);
    bench.observe(&failed("/new"), 1);
    let new = bench.actions();
    assert_eq!(new.len(), 1);
    bench.handle(Input::Stop);
    let actions = bench.actions();
    assert_eq!(actions.iter().filter(|action| action.urgency == Urgency::Last).count(), 1);
    let (view, carried, _) = bench.engine.view(bench.now, 0, Subject::Farewell).unwrap();
    assert_eq!((view.rows.len(), view.more, carried.totals.len()), (10, 2, 12));
    assert_eq!(view.fresh, 10);
    // The worst and largest first.
    assert_eq!((view.rows[0].key(), view.rows[0].total()), (&keys[3], 14));
}

#[test]
fn the_last_words_of_a_bot_are_edits_and_come_before_new_posts() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(&failed("/a"), 1);
    bench.observe(&slow("/b"), 1);
    bench.deliver();
    let at = bench.now.mono;
    bench.engine.observe(bench.now, observed(failed("/c"), 1, at));
    bench.handle(Input::Stop);
    let actions = bench.actions();
    assert_eq!(actions.len(), 3);
    let last = actions.iter().filter(|action| action.urgency == Urgency::Last).count();
    assert_eq!(last, 2);
    for action in actions {
        let (view, carried, placement) = bench.view(action).unwrap();
        let is_edit = matches!(placement, Placement::Edit(_));
        assert_eq!(is_edit, view.moment == Moment::Stopped);
        bench.sent(action, carried, SentOutcome::Posted(Some(MessageRef::new("C1", "9"))));
    }
    assert_eq!(bench.account(0).pending(), 0);
    assert!(bench.actions().is_empty());
}

#[test]
fn what_is_over_is_not_said_to_be_unwatched() {
    for roles in [BOT, WEBHOOK] {
        let mut bench = Bench::new(IncidentPolicy::default(), roles);
        bench.observe(&failed("/a"), 3);
        bench.deliver();
        bench.go_on(&failed("/a"), 0, SECOND, 310);
        bench.handle(Input::Stop);
        assert!(bench.deliver().is_empty());
    }
}

#[test]
fn a_roll_up_says_it_once() {
    for roles in [BOT, WEBHOOK] {
        let mut bench = Bench::new(IncidentPolicy::default(), roles);
        let keys: Vec<Key> = (0..12).map(|n| failed(&format!("/r{n}"))).collect();
        bench.observe_all(&keys);
        bench.deliver();
        bench.observe_all(&keys);
        bench.handle(Input::Stop);
        let told = bench.deliver();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].view.moment, told[0].view.counts.total), (Moment::Stopped, 24));
        assert_eq!(bench.account(0).pending(), 0);
    }
}

#[test]
fn requests_cut_by_the_shutdown_are_one_line() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(&Key::Cut, 7);
    assert!(bench.deliver().is_empty());
    bench.pass(100 * MINUTE);
    assert_eq!(bench.account(0).pending(), 7);
    bench.handle(Input::Stop);
    let told = bench.deliver();
    assert_eq!((told.len(), told[0].view.moment), (1, Moment::Stopped));
    assert_eq!(bench.account(0).pending(), 0);
}

#[test]
fn a_threshold_that_is_not_reached_is_suppressed_once_at_the_end() {
    let policy = told_after(Kind::Failed, 3, MINUTE);
    let mut bench = Bench::new(policy, WEBHOOK);
    bench.observe(&failed("/a"), 1);
    bench.handle(Input::Stop);
    bench.pass(2 * MINUTE);
    assert_eq!(bench.account(0).suppressed(Rule::BelowThreshold), 1);
    assert_eq!(bench.account(0).accounted(), 1);
}

#[test]
fn the_last_words_for_several_routes_list_these() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let keys: Vec<Key> = (0..6).map(|n| failed(&format!("/r{n}"))).collect();
    bench.observe_all(&keys);
    bench.deliver();
    bench.handle(Input::Stop);
    let (view, ..) = bench.engine.view(bench.now, 0, Subject::Farewell).unwrap();
    assert_eq!((view.rows().len(), view.routes()), (6, Some((6, 6))));
    assert!(view.rows().iter().all(|row| keys.contains(row.key())), "{:?}", view.rows());
}
