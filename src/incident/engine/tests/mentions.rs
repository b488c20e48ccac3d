//! Who is told by name, and when not.

use std::sync::Arc;
use std::time::SystemTime;

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::{Mention, MentionRule};
use crate::observation::{Kind, Site};

fn rules(rules: Vec<MentionRule>) -> IncidentPolicy {
    IncidentPolicy { mentions: rules, ..IncidentPolicy::default() }
}

fn bob() -> Mention {
    Mention::user("U024BE7LH")
}

fn mentioned(told: &[Said]) -> Vec<Vec<Mention>> {
    told.iter().map(|said| said.view.mentions.clone()).collect()
}

fn panic_at(line: u32) -> Key {
    Key::Panic { site: Site::new("a.rs", line, None) }
}

#[test]
fn once_per_incident_and_only_in_what_is_seen() {
    let mut bench = Bench::new(rules(vec![MentionRule::new(bob()).kind(Kind::Failed)]), BOT);
    let key = failed("/a");
    bench.observe(&key, 1);
    assert_eq!(mentioned(&bench.deliver()), [[bob()]]);
    let told = bench.go_on(&key, 10, SECOND, 3000);
    assert!(told.iter().any(|(_, said)| said.is_visible()));
    assert!(told.iter().all(|(_, said)| said.view.mentions.is_empty()), "{told:#?}");
    // Its end is seen, since somebody was called.
    let told = visible(&bench.go_on(&key, 0, SECOND, 310));
    assert_eq!(told.len(), 1);
}

#[test]
fn the_same_one_is_left_alone_for_half_an_hour_unless_it_gets_worse() {
    let policy = rules(vec![
        MentionRule::new(bob()).kind(Kind::Failed),
        MentionRule::new(bob()).kind(Kind::Panicked),
    ]);
    let mut bench = Bench::new(policy, BOT);
    bench.observe(&failed("/a"), 1);
    assert_eq!(mentioned(&bench.deliver()), [[bob()]]);
    bench.pass(SECOND);
    bench.observe(&failed("/b"), 1);
    assert_eq!(mentioned(&bench.deliver()), [[]]);
    bench.pass(SECOND);
    bench.observe(&panic_at(1), 1);
    assert_eq!(mentioned(&bench.deliver()), [[bob()]]);
    bench.observe(&panic_at(2), 1);
    assert_eq!(mentioned(&bench.deliver()), [[]]);
    // What still goes on after that time calls again.
    let mut told = Vec::new();
    for _ in 0..32 {
        bench.pass(MINUTE);
        bench.observe(&failed("/b"), 1);
        told.extend(bench.deliver());
    }
    let called: Vec<_> = told.iter().filter(|said| !said.view.mentions.is_empty()).collect();
    assert_eq!(called.len(), 1);
    assert_eq!(called[0].view.key(), &failed("/b"));
    assert!(called[0].is_visible());
}

#[test]
fn by_count_and_route() {
    let policy = rules(vec![
        MentionRule::new(Mention::here()).kind(Kind::Failed).at_count(100),
        MentionRule::new(Mention::group("S024BE7LH")).route("/pay"),
    ]);
    for roles in [BOT, WEBHOOK] {
        let mut bench = Bench::new(policy.clone(), roles);
        bench.observe(&failed("/a"), 1);
        assert_eq!(mentioned(&bench.deliver()), [[]]);
        bench.pass(SECOND);
        bench.observe(&failed("/a"), 99);
        let told = bench.deliver();
        let seen: Vec<_> = told.iter().filter(|said| said.is_visible()).collect();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].view.mentions, [Mention::here()]);
        bench.observe(&slow("/pay"), 1);
        assert_eq!(mentioned(&bench.deliver()), [[Mention::group("S024BE7LH")]]);
    }
}

#[test]
fn only_in_production_unless_said_otherwise() {
    for (environment, expected) in
        [(Some("production"), 1), (Some("prod"), 1), (Some("staging"), 0), (None, 0)]
    {
        let mut bench = Bench::new(rules(vec![MentionRule::new(bob())]), BOT);
        let identity =
            Identity { environment: environment.map(str::to_owned), ..Identity::default() };
        let policy = rules(vec![MentionRule::new(bob())]);
        bench.engine = Engine::new(
            policy,
            Arc::new(identity),
            Time { wall: SystemTime::UNIX_EPOCH, ..bench.now },
            1,
            BOT.iter().copied(),
        );
        bench.observe(&failed("/a"), 1);
        assert_eq!(mentioned(&bench.deliver())[0].len(), expected, "{environment:?}");
    }
}

#[test]
fn a_roll_up_calls_for_its_routes() {
    let rule = MentionRule::new(Mention::group("S024BE7LH")).kind(Kind::Failed).route("/r3");
    let mut bench = Bench::new(rules(vec![rule]), BOT);
    let keys: Vec<Key> = (0..12).map(|n| failed(&format!("/r{n}"))).collect();
    bench.observe_all(&keys);
    assert_eq!(mentioned(&bench.deliver()), [[Mention::group("S024BE7LH")]]);
}

#[test]
fn exactly_after_half_an_hour_somebody_may_be_called_again() {
    for (pause, calls) in [(30 * MINUTE - SECOND, vec![]), (30 * MINUTE, vec![bob()])] {
        let mut bench = Bench::new(rules(vec![MentionRule::new(bob())]), BOT);
        bench.observe(&panic_at(1), 1);
        assert_eq!(mentioned(&bench.deliver()), [[bob()]]);
        bench.pass(pause);
        bench.deliver();
        bench.observe(&panic_at(2), 1);
        assert_eq!(mentioned(&bench.deliver()), [calls]);
    }
}

#[test]
fn an_edit_calls_nobody_while_the_reply_that_does_is_held() {
    let policy = rules(vec![MentionRule::new(bob()).at_count(10)]).budget(2, 2);
    let mut bench = Bench::new(policy, BOT);
    let key = failed("/a");
    bench.observe(&key, 1);
    bench.deliver();
    let told = bench.go_on(&key, 1, 10 * SECOND, 61);
    let calls = told.iter().filter(|(_, said)| !said.view.mentions.is_empty());
    let calls: Vec<_> = calls.map(|(at, said)| (*at, said.is_visible())).collect();
    assert_eq!(calls, [(600, true)]);
}
