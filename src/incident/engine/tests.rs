//! The engine by example, and against whatever may happen.

use std::time::SystemTime;

use proptest::prelude::*;

use super::*;
use crate::incident::{Matcher, MessageRef, Shared, TellAfter};
use crate::observation::{Counts, Kind, MethodName, Route, Status};
use crate::observation::{DropReason, Samples};

fn key(n: usize) -> Key {
    Key::Request {
        kind: if n % 2 == 0 { Kind::Failed } else { Kind::Slow },
        method: MethodName::of(&http::Method::GET),
        route: Route::Known(format!("/r{n}").into()),
        status: (n % 2 == 0).then_some(Status::Http(500)),
    }
}

struct Bench {
    engine: Engine,
    now: Time,
}

impl Bench {
    fn new(policy: IncidentPolicy, destinations: &[Role]) -> Self {
        let now = Time { mono: Instant::now(), wall: SystemTime::UNIX_EPOCH };
        let identity = Arc::new(Identity::default());
        let destinations = destinations.iter().copied();
        Bench { engine: Engine::new(policy, identity, now, 7, destinations), now }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.engine.tick(self.now);
    }

    fn observe(&mut self, n: usize, total: u64, moved_out: u64) {
        let span = (total > 0).then_some((self.now.mono, self.now.mono));
        let counts = Counts { total, slowest: Duration::from_millis(5), span };
        let observed =
            Observed { key: key(n), counts, moved_in: 0, moved_out, samples: Samples::default() };
        self.engine.handle(self.now, Input::Observed(vec![observed]));
    }

    fn actions(&mut self) -> Vec<Action> {
        self.engine.actions().collect()
    }

    /// Delivers every action; returns what was told, where.
    fn deliver(&mut self) -> Vec<(usize, Moment, u64, Placement)> {
        let mut told = Vec::new();
        for action in self.actions() {
            let Some((view, carried, placement)) =
                self.engine.view(self.now, action.destination, action.subject)
            else {
                self.engine.skipped(action.destination, action.subject);
                continue;
            };
            let total = view.counts.total;
            told.push((action.destination, view.moment, total, placement));
            let message = MessageRef::new("C1", format!("{}", told.len()));
            let outcome = SentOutcome::Posted(Some(message));
            self.sent(action, carried, view.stopped, outcome);
        }
        told
    }

    fn sent(&mut self, action: Action, carried: Carried, last_word: bool, outcome: SentOutcome) {
        let (destination, subject) = (action.destination, action.subject);
        let sent = Input::Sent { destination, subject, carried, last_word, outcome };
        self.engine.handle(self.now, sent);
    }

    fn account(&self, destination: usize) -> Account {
        self.engine.accounts().nth(destination).unwrap()
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const POSTS: Role = Role { can_edit: false, is_fallback: false };
const EDITS: Role = Role { can_edit: true, is_fallback: false };
const FALLBACK: Role = Role { can_edit: false, is_fallback: true };
const WEBHOOK: &[Role] = &[POSTS];
const BOT: &[Role] = &[EDITS];

/// After any input, nothing is due in the past: our thread would spin.
fn check_deadline(bench: &mut Bench) -> Result<(), TestCaseError> {
    // As our thread does after it skipped something.
    bench.engine.tick(bench.now);
    if !bench.engine.actions.is_empty() {
        return Ok(());
    }
    if let Some(deadline) = bench.engine.deadline() {
        prop_assert!(deadline > bench.now.mono, "a deadline in the past");
    }
    Ok(())
}

fn moments(told: &[(usize, Moment, u64, Placement)]) -> Vec<(Moment, u64)> {
    told.iter().map(|(_, moment, total, _)| (*moment, *total)).collect()
}

#[test]
fn the_first_at_once_and_the_rest_by_the_series() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(0, 1, 0);
    assert_eq!(moments(&bench.deliver()), [(Moment::First, 1)]);
    let mut told = Vec::new();
    // One a second for twenty minutes.
    for second in 1..=1200 {
        bench.pass(Duration::from_secs(1));
        bench.observe(0, 1, 0);
        for (moment, total) in moments(&bench.deliver()) {
            told.push((second, moment, total));
        }
    }
    let minutes: Vec<u64> = told.iter().map(|(second, ..)| second / 60).collect();
    assert_eq!(minutes, [1, 3, 7, 15]);
    assert!(told.iter().all(|(_, moment, _)| *moment == Moment::Progress));
    assert_eq!(bench.account(0).delivered, 1);
    assert_eq!(bench.account(0).coalesced + bench.account(0).pending, 1200);
}

#[test]
fn the_trailing_rest_is_told_when_it_is_quiet() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(0, 1, 0);
    bench.deliver();
    for _ in 0..3 {
        bench.pass(MINUTE);
        bench.observe(0, 1, 0);
        bench.deliver();
    }
    bench.observe(0, 41, 0);
    assert_eq!(bench.deliver(), []);
    bench.pass(4 * MINUTE);
    assert_eq!(moments(&bench.deliver()), [(Moment::Progress, 45)]);
    bench.pass(MINUTE);
    assert_eq!(bench.engine.take_ended(), [key(0)]);
    assert_eq!(bench.account(0).pending, 0);
    assert_eq!(bench.engine.deadline(), None);
}

#[test]
fn a_bot_edits_its_one_message() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(0, 1, 0);
    assert_eq!(bench.deliver()[0].3, Placement::New);
    bench.pass(MINUTE);
    bench.observe(0, 5, 0);
    let told = bench.deliver();
    assert_eq!(told[0].3, Placement::Edit(MessageRef::new("C1", "1")));
    assert_eq!((told[0].1, told[0].2), (Moment::Progress, 6));
}

#[test]
fn a_vanished_message_is_posted_anew() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(0, 1, 0);
    bench.deliver();
    bench.pass(MINUTE);
    bench.observe(0, 5, 0);
    let action = bench.actions()[0];
    let (_, carried, _) = bench.engine.view(bench.now, 0, action.subject).unwrap();
    bench.sent(action, carried, false, SentOutcome::Stale);
    let told = bench.deliver();
    assert_eq!((told[0].2, &told[0].3), (6, &Placement::New));
}

#[test]
fn a_threshold_holds_back_and_then_tells_all() {
    let mut policy = IncidentPolicy::default();
    policy.tell_after.push(TellAfter { kind: Kind::Failed, route: None, count: 3, window: MINUTE });
    let mut bench = Bench::new(policy, WEBHOOK);
    bench.observe(0, 2, 0);
    assert_eq!(bench.deliver(), []);
    bench.pass(MINUTE);
    assert_eq!(bench.account(0).suppressed(Rule::BelowThreshold), 2);
    assert_eq!(bench.engine.take_ended(), [key(0)]);

    bench.observe(0, 2, 0);
    bench.pass(MINUTE / 2);
    bench.observe(0, 1, 0);
    assert_eq!(moments(&bench.deliver()), [(Moment::First, 3)]);
    assert_eq!((bench.account(0).delivered, bench.account(0).coalesced), (1, 2));
}

#[test]
fn a_request_that_ends_worse_is_moved_and_counted_once() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(1, 1, 0);
    bench.deliver();
    bench.observe(1, 0, 1);
    bench.observe(0, 1, 0);
    assert_eq!(moments(&bench.deliver()), [(Moment::First, 1)]);
    assert_eq!(bench.account(0).accounted(), 1);
    assert_eq!(bench.account(0).delivered, 1);
}

#[test]
fn a_silence_counts_and_ends() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let matcher = Matcher::all().route("/r0");
    bench.engine.handle(bench.now, Input::Silence { matcher, lasting: MINUTE });
    bench.observe(0, 5, 0);
    bench.observe(1, 1, 0);
    assert_eq!(bench.deliver().len(), 1);
    assert_eq!(bench.account(0).suppressed(Rule::Silence), 5);
    bench.pass(MINUTE);
    bench.observe(0, 1, 0);
    assert_eq!(bench.deliver().len(), 1);
}

#[test]
fn the_last_words_for_a_webhook_are_one_message() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    for n in 0..12 {
        bench.observe(n, 1 + n as u64, 0);
    }
    bench.deliver();
    bench.observe(3, 10, 0);
    bench.observe(100, 1, 0);
    bench.engine.handle(bench.now, Input::Stop);
    let actions = bench.actions();
    assert_eq!(actions.iter().filter(|action| action.urgency == Urgency::Last).count(), 1);
    let (view, carried, _) = bench.engine.view(bench.now, 0, Subject::Farewell).unwrap();
    assert_eq!((view.rows.len(), view.more, carried.len()), (10, 2, 12));
    assert_eq!(view.fresh, 10);
    // The worst and largest first.
    assert_eq!(view.rows[0], ViewRow { key: key(10), total: 11 });
}

#[test]
fn the_last_words_of_a_bot_are_edits() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(0, 1, 0);
    bench.observe(1, 1, 0);
    bench.deliver();
    bench.observe(2, 1, 0);
    bench.engine.handle(bench.now, Input::Stop);
    let told = bench.deliver();
    let (last, first): (Vec<_>, Vec<_>) =
        told.iter().partition(|(_, moment, ..)| *moment == Moment::Stopped);
    assert_eq!((last.len(), first.len()), (2, 1));
    assert!(last.iter().all(|(.., placement)| matches!(placement, Placement::Edit(_))));
    assert_eq!(bench.account(0).pending, 0);
}

#[test]
fn requests_cut_by_the_shutdown_are_one_line() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let cut = Observed {
        key: Key::Cut,
        counts: Counts { total: 7, ..Counts::default() },
        moved_in: 0,
        moved_out: 0,
        samples: Samples::default(),
    };
    bench.engine.handle(bench.now, Input::Observed(vec![cut]));
    assert_eq!(bench.deliver(), []);
    bench.engine.handle(bench.now, Input::Stop);
    assert_eq!(moments(&bench.deliver()), [(Moment::Stopped, 7)]);
}

#[test]
fn a_fallback_stands_by_and_takes_over() {
    let mut bench = Bench::new(IncidentPolicy::default(), &[POSTS, FALLBACK]);
    bench.observe(0, 3, 0);
    assert_eq!(bench.deliver().len(), 1);
    assert_eq!(bench.account(1).suppressed(Rule::Standby), 3);
    // The next one does not get through.
    bench.observe(2, 2, 0);
    assert_eq!(bench.actions().len(), 1);
    bench.engine.handle(bench.now, Input::Standby { destination: 1, stands_by: false });
    let told = bench.deliver();
    assert_eq!((told.len(), told[0].0, told[0].2), (1, 1, 2));
    assert_eq!(bench.account(1).accounted(), 5);
}

#[test]
fn a_fallback_that_has_spoken_and_stands_by_has_nothing_due() {
    let mut bench = Bench::new(IncidentPolicy::default(), &[POSTS, FALLBACK]);
    bench.engine.handle(bench.now, Input::Standby { destination: 1, stands_by: false });
    bench.observe(0, 1, 0);
    bench.deliver();
    bench.engine.handle(bench.now, Input::Standby { destination: 1, stands_by: true });
    for _ in 0..600 {
        bench.pass(Duration::from_secs(1));
        bench.observe(0, 1, 0);
        bench.deliver();
        assert!(bench.engine.deadline().is_none_or(|deadline| deadline > bench.now.mono));
    }
}

#[test]
fn requests_cut_while_draining_for_long_have_nothing_due() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let counts = Counts { total: 1, ..Counts::default() };
    let cut =
        Observed { key: Key::Cut, counts, moved_in: 0, moved_out: 0, samples: Samples::default() };
    bench.engine.handle(bench.now, Input::Observed(vec![cut]));
    bench.pass(100 * MINUTE);
    assert_eq!(bench.engine.deadline(), None);
    assert_eq!(bench.account(0).pending, 1);
}

#[test]
fn a_dead_destination_keeps_no_incident_open_for_the_others() {
    let mut bench = Bench::new(IncidentPolicy::default(), &[POSTS, POSTS]);
    let mut dead = Vec::new();
    for round in 0..5 {
        bench.observe(0, 3, 0);
        let actions = bench.actions();
        // The first destination takes it, the second never answers.
        for action in actions {
            if action.destination == 1 {
                dead.push(action);
                continue;
            }
            let (view, carried, _) = bench.engine.view(bench.now, 0, action.subject).unwrap();
            assert_eq!((view.moment, view.counts.total), (Moment::First, 3), "round {round}");
            bench.sent(action, carried, false, SentOutcome::Posted(None));
        }
        bench.pass(10 * MINUTE);
        bench.pass(10 * MINUTE);
        assert_eq!(bench.engine.take_ended(), [key(0)]);
    }
    assert_eq!(bench.account(0).pending, 0);
    assert_eq!(bench.account(1).pending, 15);
    // When it lives again, one message tells all of it.
    let mut told = Vec::new();
    for action in dead {
        match bench.engine.view(bench.now, 1, action.subject) {
            Some((view, carried, _)) => {
                told.push(view.counts.total);
                bench.sent(action, carried, false, SentOutcome::Posted(None));
            }
            None => bench.engine.skipped(1, action.subject),
        }
    }
    assert_eq!(told, [15]);
    assert_eq!((bench.account(1).pending, bench.account(1).accounted()), (0, 15));
    assert_eq!(bench.engine.deadline(), None);
}

#[test]
fn a_flush_waits_for_what_came_while_a_message_was_on_its_way() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    bench.observe(0, 1, 0);
    let action = bench.actions()[0];
    let (_, carried, _) = bench.engine.view(bench.now, 0, action.subject).unwrap();
    bench.observe(0, 1, 0);
    bench.engine.handle(bench.now, Input::Flush);
    assert!(!bench.engine.is_flushed());
    bench.sent(action, carried, false, SentOutcome::Posted(None));
    assert!(!bench.engine.is_flushed());
    assert_eq!(moments(&bench.deliver()), [(Moment::Progress, 2)]);
    assert!(bench.engine.is_flushed());
    // What comes later is not waited for.
    bench.observe(0, 1, 0);
    assert!(bench.engine.is_flushed());
}

#[test]
fn what_is_refused_keeps_the_series_pace() {
    let mut bench = Bench::new(IncidentPolicy::default(), WEBHOOK);
    let mut refused = 0;
    for _ in 0..600 {
        bench.pass(Duration::from_secs(1));
        bench.observe(0, 1, 0);
        for action in bench.actions() {
            let (_, carried, _) = bench.engine.view(bench.now, 0, action.subject).unwrap();
            bench.sent(action, carried, false, SentOutcome::Dropped(DropReason::Refused));
            refused += 1;
        }
    }
    assert_eq!(refused, 4);
    assert_eq!(bench.account(0).accounted(), 600);
}

#[test]
fn a_threshold_that_is_not_reached_is_suppressed_once_at_the_end() {
    let mut policy = IncidentPolicy::default();
    policy.tell_after.push(TellAfter { kind: Kind::Failed, route: None, count: 3, window: MINUTE });
    let mut bench = Bench::new(policy, WEBHOOK);
    bench.observe(0, 1, 0);
    bench.engine.handle(bench.now, Input::Stop);
    bench.pass(2 * MINUTE);
    assert_eq!(bench.account(0).suppressed(Rule::BelowThreshold), 1);
    assert_eq!(bench.account(0).accounted(), 1);
}

#[test]
fn another_replicas_message_is_edited_in_place_of_a_new_one() {
    let mut bench = Bench::new(IncidentPolicy::default(), BOT);
    bench.observe(0, 1, 0);
    let action = bench.actions()[0];
    let Subject::Incident(id) = action.subject else { panic!("an incident") };
    let mut shared = Shared::default();
    shared.set_message(1, MessageRef::new("C1", "theirs"));
    bench.engine.handle(bench.now, Input::Merged(id, shared));
    let (_, carried, placement) = bench.engine.view(bench.now, 0, action.subject).unwrap();
    assert_eq!(placement, Placement::Edit(MessageRef::new("C1", "theirs")));
    let adopted = SentOutcome::Adopted(MessageRef::new("C1", "theirs"));
    bench.sent(action, carried, false, adopted);
    assert_eq!(bench.account(0).delivered, 1);
}

#[derive(Clone, Debug)]
enum Step {
    Observe { key: usize, total: u64, moved_out: u64 },
    Pass(u64),
    Answer { which: usize, how: u8 },
    Silence { key: usize, seconds: u64 },
    Standby(bool),
    Flush,
    Stop,
    Abandon,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0usize..5, 0u64..20, 0u64..3)
            .prop_map(|(key, total, moved_out)| Step::Observe { key, total, moved_out }),
        4 => (0u64..400).prop_map(Step::Pass),
        8 => (0usize..8, 0u8..6).prop_map(|(which, how)| Step::Answer { which, how }),
        1 => (0usize..5, 1u64..90).prop_map(|(key, seconds)| Step::Silence { key, seconds }),
        1 => any::<bool>().prop_map(Step::Standby),
        1 => Just(Step::Flush),
    ];
    let end = prop_oneof![
        Just(vec![]),
        Just(vec![Step::Stop, Step::Pass(200), Step::Answer { which: 0, how: 0 }, Step::Pass(200)]),
        Just(vec![Step::Stop, Step::Answer { which: 0, how: 0 }, Step::Abandon]),
    ];
    (proptest::collection::vec(step, 0..60), end).prop_map(|(mut steps, end)| {
        steps.extend(end);
        steps
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    /// Whatever happens, every observation is accounted for, for every
    /// destination, and nobody is told more than there was.
    #[test]
    fn nothing_is_lost_and_nothing_invented(steps in steps(), threshold in 0u64..4) {
        let mut policy = IncidentPolicy::default();
        if threshold > 0 {
            policy.tell_after.push(TellAfter {
                kind: Kind::Slow, route: None, count: threshold, window: 2 * MINUTE,
            });
        }
        let mut bench = Bench::new(policy, &[POSTS, EDITS, FALLBACK]);
        let mut observed = 0;
        // What a naive list of all observations would count, per key.
        let mut naive = [0u64; 5];
        let mut open: Vec<(Action, Carried, bool)> = Vec::new();
        for step in steps {
            match step {
                Step::Observe { key, total, moved_out } => {
                    // Only what was counted can move, and it moves to a worse key.
                    let from = key | 1;
                    let moved = moved_out.min(naive.get(from).copied().unwrap_or(0));
                    if moved > 0 {
                        naive[from] -= moved;
                        bench.observe(from, 0, moved);
                        bench.observe(0, moved, 0);
                        naive[0] += moved;
                    }
                    observed += total;
                    naive[key] += total;
                    bench.observe(key, total, 0);
                }
                Step::Pass(seconds) => bench.pass(Duration::from_secs(seconds)),
                Step::Answer { which, how } => {
                    if open.is_empty() { continue }
                    let (action, carried, last_word) = open.remove(which % open.len());
                    let outcome = match how {
                        0..=2 => SentOutcome::Posted(Some(MessageRef::new("C1", "1"))),
                        3 => SentOutcome::Posted(None),
                        4 => SentOutcome::Stale,
                        _ => SentOutcome::Dropped(DropReason::Refused),
                    };
                    bench.sent(action, carried, last_word, outcome);
                }
                Step::Silence { key: n, seconds } => {
                    let matcher = Matcher::all().route(format!("/r{n}"));
                    let lasting = Duration::from_secs(seconds);
                    bench.engine.handle(bench.now, Input::Silence { matcher, lasting });
                }
                Step::Standby(stands_by) => {
                    let standby = Input::Standby { destination: 2, stands_by };
                    bench.engine.handle(bench.now, standby);
                }
                Step::Flush => bench.engine.handle(bench.now, Input::Flush),
                Step::Stop => bench.engine.handle(bench.now, Input::Stop),
                Step::Abandon => bench.engine.handle(bench.now, Input::Abandon),
            }
            for action in bench.actions() {
                let about = |(known, ..): &(Action, Carried, bool)| {
                    (known.destination, known.subject) == (action.destination, action.subject)
                };
                prop_assert!(!open.iter().any(about), "asked twice: {action:?}");
                match bench.engine.view(bench.now, action.destination, action.subject) {
                    Some((view, carried, _)) => {
                        let told: u64 = carried.iter().map(|(_, total)| total).sum();
                        prop_assert!(told <= naive.iter().sum());
                        open.push((action, carried, view.stopped));
                    }
                    None => bench.engine.skipped(action.destination, action.subject),
                }
            }
            for destination in 0..3 {
                prop_assert_eq!(bench.account(destination).accounted(), observed);
                check_deadline(&mut bench)?;
            }
        }
    }
}
