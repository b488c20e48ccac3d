//! What was told as slow and ends as a failure is counted once, wherever its
//! incident went.

use super::bench::*;
use crate::incident::Matcher;
use crate::incident::engine::*;
use crate::incident::input::*;
use crate::observation::{DropReason, Facts, Kind, Outcome, Rule, Status};

const ROUTES: [&str; 5] = ["/a", "/b", "/c", "/d", "/e"];

/// So many that were counted under `from` ended as `to`.
fn end_as(bench: &mut Bench, from: &Key, count: u64, to: &Key) {
    let at = bench.now.mono;
    let out = Observed { moved_out: count, ..observed(from.clone(), 0, at) };
    let into = Observed { moved_in: count, ..observed(to.clone(), count, at) };
    bench.handle(Input::Observed(vec![out, into]));
}

/// What was said last of all routes that are slow.
fn last_of_all_slow(told: &[(u64, Said)]) -> &IncidentView {
    let is_roll_up = |view: &&IncidentView| view.key == Key::RollUp { kind: Kind::Slow };
    told.iter().map(|(_, said)| &said.view).rfind(is_roll_up).unwrap()
}

fn refuse(bench: &mut Bench) {
    let [action] = bench.actions()[..] else { panic!("one message") };
    let (_, carried, _) = bench.view(action).unwrap();
    bench.sent(action, carried, SentOutcome::Dropped(DropReason::Refused));
}

#[test]
fn it_is_taken_from_what_became_of_it() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let (key, other) = (slow("/a"), failed("/b"));
    bench.observe(&other, 1);
    bench.deliver();
    bench.silence(Matcher::all().route("/b"), MINUTE);
    bench.observe(&other, 5);
    // Nobody was told of these: the message was refused.
    bench.observe(&key, 2);
    refuse(&mut bench);
    end_as(&mut bench, &key, 1, &other);
    let account = bench.account(0);
    assert_eq!((account.delivered(), account.coalesced(), account.pending()), (1, 0, 0));
    assert_eq!(account.suppressed(Rule::Silence), 6);
    assert_eq!(account.dropped(DropReason::Refused), 1);
}

#[test]
fn what_was_silenced_is_taken_from_there() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let (key, other) = (slow("/a"), failed("/b"));
    bench.observe(&other, 3);
    bench.deliver();
    bench.silence(Matcher::all().route("/a"), MINUTE);
    bench.observe(&key, 2);
    end_as(&mut bench, &key, 1, &other);
    let account = bench.account(0);
    assert_eq!((account.delivered(), account.coalesced(), account.pending()), (1, 2, 1));
    assert_eq!(account.suppressed(Rule::Silence), 1);
}

#[test]
fn what_was_below_its_threshold_is_taken_from_there() {
    let mut bench = Bench::new(told_after(Kind::Slow, 5, MINUTE), WEBHOOK);
    bench.observe(&failed("/c"), 3);
    bench.deliver();
    bench.silence(Matcher::all().route("/b"), HOUR);
    bench.observe(&failed("/b"), 3);
    bench.observe(&slow("/a"), 1);
    bench.pass(2 * MINUTE);
    let suppressed = |bench: &Bench| {
        let account = bench.account(0);
        (account.suppressed(Rule::Silence), account.suppressed(Rule::BelowThreshold))
    };
    assert_eq!(suppressed(&bench), (3, 1));
    end_as(&mut bench, &slow("/a"), 1, &failed("/a"));
    assert_eq!(suppressed(&bench), (3, 0));
    let account = bench.account(0);
    assert_eq!((account.delivered(), account.coalesced(), account.pending()), (1, 2, 1));
}

#[test]
fn nobody_else_pays_for_what_is_forgotten() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(&slow("/a"), 2);
    refuse(&mut bench);
    for _ in 0..10 {
        bench.pass(HOUR);
        bench.deliver();
    }
    assert!(bench.engine.incidents.is_empty());
    bench.observe(&slow("/x"), 3);
    bench.deliver();
    end_as(&mut bench, &slow("/a"), 2, &failed("/a"));
    let account = bench.account(0);
    assert_eq!((account.delivered(), account.coalesced(), account.pending()), (1, 2, 2));
    assert_eq!(account.dropped(DropReason::Refused), 0);
    bench.deliver();
    end_as(&mut bench, &slow("/x"), 3, &failed("/x"));
    assert_eq!((bench.account(0).accounted(), bench.account(0).pending()), (5, 3));
}

#[test]
fn routes_that_became_a_part_of_many_pay_there() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe_all(&ROUTES.map(slow));
    bench.actions();
    // Slack is away until they are over, and one of them comes back.
    for _ in 0..15 {
        bench.pass(MINUTE);
    }
    bench.observe(&slow("/a"), 1);
    end_as(&mut bench, &slow("/b"), 1, &failed("/b"));
    assert_eq!((bench.account(0).accounted(), bench.account(0).pending()), (6, 6));
}

#[test]
fn what_has_ended_pays_while_another_one_of_its_key_is_below() {
    let mut bench = Bench::new(told_after(Kind::Slow, 2, MINUTE), WEBHOOK);
    bench.observe(&slow("/a"), 2);
    bench.pass(30 * MINUTE);
    bench.observe(&slow("/a"), 1);
    end_as(&mut bench, &slow("/a"), 2, &failed("/a"));
    assert_eq!(bench.account(0).accounted(), 3);
}

#[test]
fn it_is_no_example_of_what_it_left() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let (key, status) = (slow("/a"), Some(Status::Http(200)));
    for (status, outcome) in [(status, Outcome::Plain), (None, Outcome::Running)] {
        let mut observed = observed(key.clone(), 1, bench.now.mono);
        observed.samples = samples_of(&Facts { status, outcome, ..Facts::at(bench.now.mono) });
        bench.handle(Input::Observed(vec![observed]));
    }
    bench.hang(&[(&key, 1)]);
    bench.deliver();
    bench.pass(SECOND);
    end_as(&mut bench, &key, 1, &failed("/a"));
    bench.hang(&[]);
    let told = bench.go_on(&key, 0, SECOND, 310);
    let of_it = told.iter().filter(|(_, said)| said.view.key == key);
    let shown: Vec<_> = of_it.map(|(_, said)| said.view.samples().last().unwrap()).collect();
    assert!(shown.len() > 1, "{told:#?}");
    assert!(shown.iter().all(|sample| !sample.is_running()), "{shown:#?}");
}

#[test]
fn routes_that_are_left_of_several_are_counted() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let keys: Vec<Key> = ROUTES.map(slow).to_vec();
    bench.observe_all(&keys);
    bench.deliver();
    for (key, to) in keys.iter().zip(ROUTES.map(failed)).skip(1) {
        end_as(&mut bench, key, 1, &to);
    }
    let told = bench.go_on(&keys[0], 0, SECOND, 20);
    let slow = last_of_all_slow(&told);
    assert_eq!(slow.routes().map(|(all, _)| all), Some(1));
    let left: Vec<&Key> = slow.rows().iter().map(|row| row.key()).collect();
    assert_eq!(left, [&keys[0]]);
}

#[test]
fn of_several_that_all_ended_worse_all_are_counted() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    let keys: Vec<Key> = ROUTES.map(slow).to_vec();
    bench.observe_all(&keys);
    bench.deliver();
    for (key, to) in keys.iter().zip(ROUTES.map(failed)) {
        end_as(&mut bench, key, 1, &to);
    }
    let told = bench.go_on(&keys[0], 0, SECOND, 20);
    let slow = last_of_all_slow(&told);
    assert_eq!((slow.routes().map(|(all, _)| all), slow.moved_out()), (Some(5), 5));
}
