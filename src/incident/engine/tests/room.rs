//! More incidents than there is room for.

use super::bench::*;
use crate::incident::engine::room::{CROWDED, MAX_INCIDENTS, QUIET};
use crate::incident::engine::*;
use crate::incident::incident::Phase;
use crate::observation::{Kind, Site};

fn sites(lines: std::ops::Range<u32>) -> Vec<Key> {
    lines.map(|line| Key::Panic { site: Site::new("a.rs", line, None) }).collect()
}

/// Which of these are open under their own name.
fn open(bench: &Bench, keys: &[Key]) -> Vec<bool> {
    let engine = &bench.engine;
    let phase = |key| engine.live.get(key).map(|id| &engine.incidents[id].phase);
    keys.iter().map(|key| phase(key) == Some(&Phase::Open)).collect()
}

fn all_open(bench: &Bench) -> usize {
    bench.engine.incidents.values().filter(|one| one.phase == Phase::Open).count()
}

/// What incidents count in all, and what of it nobody has a name for.
fn counted(bench: &Bench) -> (u64, u64) {
    let total = |nameless: bool| {
        let all = bench.engine.incidents.values();
        let all = all.filter(|one| !nameless || matches!(one.key, Key::Other { .. }));
        all.map(|one| one.counts.total).sum()
    };
    (total(false), total(true))
}

#[test]
fn where_it_is_crowded_the_quiet_ones_end_early() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    // Neither quiet ones that nobody may end: told at the end only, running, or
    // part of another one that goes on.
    let hangs = slow("/hangs");
    bench.observe(&Key::Cut, 1);
    bench.observe(&hangs, 1);
    bench.hang(&[(&hangs, 1)]);
    let routes: Vec<Key> = (0..4).map(|n| failed(&format!("/r{n}"))).collect();
    bench.observe_all(&routes);
    let kept = [Key::Cut, hangs].into_iter().chain(routes.iter().cloned());
    let kept: Vec<Key> = kept.chain([Key::RollUp { kind: Kind::Failed }]).collect();
    let keys = sites(0..CROWDED as u32 + 10);
    for key in &keys {
        bench.observe(key, 1);
        bench.observe(&routes[0], 1);
        bench.deliver();
        bench.pass(SECOND);
    }
    assert_eq!(open(&bench, &kept), [true; 7]);
    assert_eq!(all_open(&bench), CROWDED);
    // The ones that were seen first have gone.
    let ended = 10 + kept.len();
    let is_open = open(&bench, &keys);
    assert_eq!(is_open.iter().position(|open| *open), Some(ended));
    assert!(is_open[ended..].iter().all(|open| *open));
}

/// As many as the tally has keys, a few less; with one of each kind and what is
/// remembered, that is all.
#[test]
fn there_is_room_for_what_the_tally_tells_apart() {
    assert_eq!((CROWDED, MAX_INCIDENTS), (256 - 16, 256 + Kind::COUNT + 64));
}

#[test]
fn nobody_is_quiet_before_a_minute() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let keys = sites(0..CROWDED as u32 + 10);
    bench.observe_all(&keys);
    bench.pass(QUIET - SECOND);
    assert_eq!(all_open(&bench), CROWDED + 10);
    bench.pass(SECOND);
    assert_eq!(all_open(&bench), CROWDED);
}

#[test]
fn beyond_all_room_they_are_counted_by_their_kind() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let many = MAX_INCIDENTS as u32;
    bench.observe_all(&sites(0..many + 72));
    assert_eq!(open(&bench, &sites(0..many)), vec![true; MAX_INCIDENTS]);
    assert_eq!(open(&bench, &sites(many..many + 72)), [false; 72]);
    assert_eq!(counted(&bench), (u64::from(many) + 72, 72));
    // One that is known is counted under its name all the while.
    bench.observe(&sites(3..4)[0], 5);
    assert_eq!(counted(&bench), (u64::from(many) + 77, 72));
    bench.deliver();
    assert_eq!(bench.account(0).accounted(), u64::from(many) + 77);
    // Once they are over there is room again, and who is over for longest goes.
    bench.pass(6 * MINUTE);
    bench.deliver();
    bench.pass(SECOND);
    assert_eq!((all_open(&bench), bench.engine.incidents.len()), (0, MAX_INCIDENTS - 1));
    assert!(bench.engine.live.contains_key(&sites(3..4)[0]));
    bench.observe_all(&sites(1000..1050));
    assert_eq!(open(&bench, &sites(1000..1050)), [true; 50]);
    assert!(bench.engine.incidents.len() < MAX_INCIDENTS);
}

#[test]
fn what_nobody_could_be_told_of_is_kept_as_a_number() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe_all(&sites(0..10));
    bench.deliver();
    bench.pass(6 * MINUTE);
    // From here on nothing gets through.
    let (stuck, many) = (sites(10..50), MAX_INCIDENTS as u32);
    for key in &stuck {
        bench.observe(key, 2);
        bench.pass(SECOND);
    }
    bench.pass(6 * MINUTE);
    assert_eq!(all_open(&bench), 0);
    // Those that were told go first.
    bench.observe_all(&sites(100..100 + many - 41));
    assert!(sites(0..10).iter().all(|key| !bench.engine.live.contains_key(key)));
    assert!(stuck.iter().all(|key| bench.engine.live.contains_key(key)));
    assert_eq!(counted(&bench), (80 + u64::from(many) - 41, 0));
    // Then the others, the oldest first; their numbers stay.
    bench.observe_all(&sites(2000..2007));
    let live: Vec<bool> = stuck.iter().map(|key| bench.engine.live.contains_key(key)).collect();
    let gone = live.iter().position(|live| *live).unwrap();
    assert!(live[gone..].iter().all(|live| *live), "{live:?}");
    assert!((7..=9).contains(&gone), "{gone}");
    assert_eq!(counted(&bench), (80 + u64::from(many) - 41 + 7, 2 * gone as u64));
    assert!(bench.engine.incidents.len() < MAX_INCIDENTS);
    assert_eq!(bench.account(0).pending(), 80 + u64::from(many) - 41 + 7);
    bench.deliver();
    assert_eq!(bench.account(0).accounted(), 90 + u64::from(many) - 41 + 7);
}
