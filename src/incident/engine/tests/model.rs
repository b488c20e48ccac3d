//! The engine against a naive model that keeps every observation in a list.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::input::*;
use crate::incident::{Matcher, TellAfter};
use crate::observation::{DropReason, Endpoint, Fate, Kind, MethodName, Route, Rule, Site};

const KEYS: usize = 9;
const ROLES: &[Role] = &[POSTS, EDITS, FALLBACK];

fn key(n: usize) -> Key {
    match n {
        0..4 => failed(&format!("/r{n}")),
        4 => request(Kind::Failed, "/r0", Some(crate::observation::Status::Http(503))),
        5 => slow("/r0"),
        6 => slow("/r9"),
        7 => Key::Panic { site: Site::new("a.rs", 1, None) },
        _ => failed("/r8"),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Observe { key: usize, total: u64 },
    Move { from: usize, to: usize, count: u64 },
    Succeed { route: usize, count: u64 },
    Hang { key: usize, count: u64 },
    Pass(u64),
    Dispatch(usize),
    Answer { which: usize, how: u8 },
    Silence { key: usize, seconds: u64 },
    Standby(bool),
    Outage(usize),
    Gap(u64),
    Flush,
    Stop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..KEYS, 1u64..20).prop_map(|(key, total)| Step::Observe { key, total }),
        1 => (5..7usize, 0..4usize, 1u64..9)
            .prop_map(|(from, to, count)| Step::Move { from, to, count }),
        2 => (0..4usize, 1u64..50).prop_map(|(route, count)| Step::Succeed { route, count }),
        2 => (5..7usize, 0u64..3).prop_map(|(key, count)| Step::Hang { key, count }),
        10 => prop_oneof![0u64..12, 0u64..400, 0u64..4000].prop_map(Step::Pass),
        12 => (0usize..8).prop_map(Step::Dispatch),
        12 => (0usize..8, 0u8..12).prop_map(|(which, how)| Step::Answer { which, how }),
        1 => (0..KEYS, 1u64..900).prop_map(|(key, seconds)| Step::Silence { key, seconds }),
        1 => any::<bool>().prop_map(Step::Standby),
        1 => (0usize..2).prop_map(Step::Outage),
        1 => (5u64..9000).prop_map(Step::Gap),
    ];
    let end = prop_oneof![
        3 => Just(vec![]),
        1 => Just(vec![Step::Flush]),
        1 => Just(vec![Step::Stop]),
    ];
    (proptest::collection::vec(step, 0..120), end).prop_map(|(mut steps, end)| {
        steps.extend(end);
        steps
    })
}

/// One observation, as a naive person would write it down.
#[derive(Clone, Copy, Debug)]
struct Noted {
    incident: Option<IncidentId>,
    count: u64,
}

/// A message on its way.
struct Sending {
    action: Action,
    carried: Carried,
    is_edit: bool,
    minor: bool,
}

struct Model {
    bench: Bench,
    /// What was ever observed, each under the incident that took it.
    list: Vec<Noted>,
    observed: u64,
    pending: Vec<Action>,
    sending: Vec<Sending>,
    hanging: BTreeMap<usize, u64>,
    /// When something was seen where, and whether it was minor.
    seen: Vec<(usize, Instant, bool)>,
    /// The highest total that a delivered message carried.
    told: HashMap<(usize, IncidentId), u64>,
    silences: u64,
    /// How many had not reached their threshold.
    below: u64,
    /// How many of those left the list.
    expired: u64,
    /// How many of a slow key may end as failures.
    slow: HashMap<usize, u64>,
}

impl Model {
    fn new(threshold: u64) -> Self {
        let mut policy = IncidentPolicy::default();
        if threshold > 1 {
            let window = 2 * MINUTE;
            policy.tell_after =
                vec![TellAfter { kind: Kind::Slow, route: None, count: threshold, window }];
        }
        Model {
            bench: Bench::new(policy, ROLES),
            list: Vec::new(),
            observed: 0,
            pending: Vec::new(),
            sending: Vec::new(),
            hanging: BTreeMap::new(),
            seen: Vec::new(),
            told: HashMap::new(),
            silences: 0,
            below: 0,
            expired: 0,
            slow: HashMap::new(),
        }
    }

    fn observe(&mut self, n: usize, total: u64) {
        self.observed += total;
        if key(n).kind() == Kind::Slow {
            *self.slow.entry(n).or_default() += total;
        }
        self.note(n, total, |bench| bench.observe(&key(n), total));
    }

    /// Writes down what `happens`.
    fn note(&mut self, n: usize, count: u64, happens: impl FnOnce(&mut Bench)) {
        let before = self.bench.account(0).suppressed(Rule::Silence);
        happens(&mut self.bench);
        let silenced = self.bench.account(0).suppressed(Rule::Silence) > before;
        let incident = self.bench.engine.live.get(&key(n)).copied().filter(|_| !silenced);
        self.list.push(Noted { incident, count });
    }

    /// How many the list has for an incident.
    fn count(&self, id: IncidentId) -> u64 {
        let own = self.list.iter().filter(|noted| noted.incident == Some(id));
        own.map(|noted| noted.count).sum()
    }

    /// Requests of a slow key end as failures, wherever its incident went.
    fn move_to(&mut self, from: usize, to: usize, count: u64) {
        let left = self.slow.entry(from).or_default();
        let count = count.min(*left);
        *left -= count;
        if count == 0 {
            return;
        }
        let incidents = self.bench.engine.incidents.iter();
        let is_own = |one: &Incident| one.key == key(from);
        let before: Vec<_> =
            incidents.map(|(id, one)| (*id, one.counts.total, is_own(one))).collect();
        let out = Observed { moved_out: count, ..observed(key(from), 0, self.bench.now.mono) };
        self.bench.handle(Input::Observed(vec![out]));
        self.below = self.bench.account(0).suppressed(Rule::BelowThreshold);
        // In the list, they were never there.
        let mut rest = count;
        for (id, total, is_own) in before {
            // What has nothing left may be gone by now.
            let moved = match self.total(id) {
                Some(now) => total - now,
                None if is_own => total.min(rest),
                None => 0,
            };
            rest -= self.take(moved, |noted| noted.incident == Some(id));
        }
        let gone: Vec<_> = self.list.iter().filter_map(|noted| noted.incident).collect();
        let gone: Vec<_> = gone.into_iter().filter(|id| self.total(*id).is_none()).collect();
        let is_gone = |noted: &Noted| noted.incident.is_none_or(|id| gone.contains(&id));
        rest -= self.take(rest, is_gone);
        // The others had left the list, below their threshold.
        assert!(rest <= self.expired, "the list has fewer than the engine");
        self.expired -= rest;
        let counts: HashMap<_, _> =
            self.told.keys().map(|(_, id)| (*id, self.left_of(*id))).collect();
        for ((_, id), told) in &mut self.told {
            *told = (*told).min(counts[id]);
        }
        self.note(to, count, |bench| {
            let observed = Observed { moved_in: count, ..observed(key(to), count, bench.now.mono) };
            bench.handle(Input::Observed(vec![observed]));
        });
    }

    /// How many the engine has for an incident, if it knows it.
    fn total(&self, id: IncidentId) -> Option<u64> {
        self.bench.engine.incidents.get(&id).map(|one| one.counts.total)
    }

    /// As the engine has it, or the list if it has forgotten it.
    fn left_of(&self, id: IncidentId) -> u64 {
        self.total(id).unwrap_or_else(|| self.count(id))
    }

    /// Takes up to `count` out of some of the list; returns how many.
    fn take(&mut self, count: u64, of: impl Fn(&Noted) -> bool) -> u64 {
        let mut left = count;
        for noted in self.list.iter_mut().filter(|noted| of(noted)) {
            let taken = left.min(noted.count);
            noted.count -= taken;
            left -= taken;
        }
        count - left
    }

    fn hang(&mut self) {
        let (now, running) = (self.bench.now.mono, self.hanging.clone());
        let running = running.into_iter().filter(|(_, count)| *count > 0);
        let running = running.map(|(n, count)| StillRunning { key: key(n), count, since: now });
        let running = running.collect();
        self.bench.handle(Input::Hanging(running));
    }

    /// Where an incident became part of another one, so do its observations.
    fn reconcile(&mut self) {
        for (from, into) in std::mem::take(&mut self.bench.engine.merged) {
            for noted in self.list.iter_mut().filter(|noted| noted.incident == Some(from)) {
                noted.incident = Some(into);
            }
            for destination in 0..ROLES.len() {
                let told = self.told.remove(&(destination, from)).unwrap_or_default();
                *self.told.entry((destination, into)).or_default() += told;
            }
        }
    }

    /// What did not reach its threshold leaves the list, and no more than that.
    fn expire(&mut self) -> Result<(), TestCaseError> {
        let below = self.bench.account(0).suppressed(Rule::BelowThreshold);
        let expired = below - std::mem::replace(&mut self.below, below);
        // At the end, what is below is let go of where it is.
        let mut left = if self.bench.engine.stopping { 0 } else { expired };
        self.expired += left;
        // Per incident, the list shrinks to what the engine still counts.
        let ids: Vec<IncidentId> = self.list.iter().filter_map(|noted| noted.incident).collect();
        for id in ids.into_iter().filter(|_| expired > 0) {
            // What is forgotten by now had been told to everybody.
            let told = (0..2).filter_map(|at| self.told.get(&(at, id)).copied()).max();
            let now = self.total(id).or(told).unwrap_or(0);
            let identity = &self.bench.engine.identity;
            let is_slow = [5, 6].iter().any(|n| id.fingerprint() == key(*n).fingerprint(identity));
            if !is_slow {
                continue;
            }
            let over = self.count(id).saturating_sub(now).min(left);
            left -= self.take(over, |noted| noted.incident == Some(id));
        }
        prop_assert_eq!(left, 0, "more expired than the list has");
        Ok(())
    }

    /// Takes what the engine wants told, as a lane does: one for each subject.
    fn collect(&mut self) -> Result<(), TestCaseError> {
        self.reconcile();
        self.expire()?;
        for action in self.bench.actions() {
            let same = |other: &Action| {
                (other.destination, other.subject) == (action.destination, action.subject)
            };
            let is_sending = self.sending.iter().any(|sending| same(&sending.action));
            if !is_sending && !self.pending.iter().any(same) {
                self.pending.push(action);
            }
        }
        Ok(())
    }

    /// Sends one of the pending ones.
    fn dispatch(&mut self, which: usize) -> Result<(), TestCaseError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let action = self.pending.remove(which % self.pending.len());
        let destination = action.destination;
        let manner = self.bench.engine.manner(destination, action.subject);
        let Some((view, carried, placement)) = self.bench.view(action) else { return Ok(()) };
        let is_edit = matches!(placement, Placement::Edit(_));
        prop_assert_eq!(is_edit, manner == Manner::Edit, "the lane was told another manner");
        self.check_claims(destination, action.subject, &view, &placement)?;
        for (id, total) in &carried.totals {
            prop_assert_eq!(*total, self.count(*id), "another total than the list's");
        }
        let worst = match action.subject {
            Subject::Incident(id) => self.bench.engine.incidents.get(&id),
            _ => None,
        };
        let worst = worst.map(|one| self.bench.engine.worst_of(one));
        let mild = matches!(worst, Some(Kind::Slow | Kind::Cancelled));
        let minor = mild
            || match view.moment {
                Moment::Reminder | Moment::SilenceOver => true,
                Moment::Progress => destination != 1 && view.hanging.is_some(),
                _ => false,
            };
        self.sending.push(Sending { action, carried, is_edit, minor });
        Ok(())
    }

    /// Nothing is claimed that is not so.
    fn check_claims(
        &self,
        destination: usize,
        subject: Subject,
        view: &IncidentView,
        placement: &Placement,
    ) -> Result<(), TestCaseError> {
        let Subject::Incident(id) = subject else { return Ok(()) };
        let Some(incident) = self.bench.engine.incidents.get(&id) else { return Ok(()) };
        let hangs = |one: &&Incident| {
            let n = (0..KEYS).find(|n| key(*n) == one.key);
            n.and_then(|n| self.hanging.get(&n)).is_some_and(|count| *count > 0)
                && self.bench.engine.live.get(&one.key) == Some(&one.id)
        };
        let hanging = self.bench.engine.counted(incident).iter().any(hangs);
        prop_assert!(view.ending().is_none() || !hanging, "green while a request hangs");
        let telling = &incident.tellings[destination];
        if *placement == Placement::New && ROLES[destination].can_edit && telling.is_known {
            prop_assert!(telling.message.is_none(), "a second message of one incident");
        }
        let mut own: u64 =
            self.bench.engine.counted(incident).iter().map(|one| self.count(one.id)).sum();
        if let Key::RollUp { .. } = incident.key {
            own += self.count(id);
        }
        prop_assert_eq!(view.counts.total, own);
        Ok(())
    }

    fn answer(&mut self, which: usize, how: u8) {
        if self.sending.is_empty() {
            return;
        }
        let Sending { action, carried, is_edit, minor } =
            self.sending.remove(which % self.sending.len());
        let destination = action.destination;
        let outcome = match how {
            0..=7 => SentOutcome::Posted(Some(MessageRef::new("C1", how.to_string()))),
            8 => SentOutcome::Posted(None),
            9 if is_edit => SentOutcome::Stale,
            // It goes back into the lane.
            9 | 10 => {
                let same = |other: &Action| {
                    (other.destination, other.subject) == (action.destination, action.subject)
                };
                if !self.pending.iter().any(same) {
                    self.pending.push(action);
                }
                return;
            }
            _ => SentOutcome::Dropped(DropReason::Refused),
        };
        if matches!(outcome, SentOutcome::Posted(_)) {
            if !is_edit && action.subject != Subject::Outage {
                self.seen.push((destination, self.bench.now.mono, minor));
            }
            for (id, total) in &carried.totals {
                // What ended worse meanwhile is told there.
                let left = self.left_of(*id);
                let told = self.told.entry((destination, *id)).or_default();
                *told = (*told).max(left.min(*total));
            }
        }
        self.bench.sent(action, carried, outcome);
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Observe { key, total } => self.observe(*key, *total),
            Step::Move { from, to, count } => self.move_to(*from, *to, *count),
            Step::Succeed { route, count } => {
                let endpoint = Endpoint {
                    method: MethodName::of(&http::Method::GET),
                    route: Route::Known(format!("/r{route}").into()),
                };
                self.bench.handle(Input::Succeeded(vec![(endpoint, *count)]));
            }
            Step::Hang { key, count } => {
                // Only what was observed, and not silenced, can hang.
                let live = self.bench.engine.live.get(&super::model::key(*key));
                let incident = live.and_then(|id| self.bench.engine.incidents.get(id));
                if *count == 0 || incident.is_some_and(|one| one.phase == Phase::Open) {
                    self.hanging.insert(*key, *count);
                }
                self.hang();
            }
            Step::Pass(seconds) => {
                self.bench.pass(Duration::from_secs(*seconds));
                self.hang();
            }
            Step::Dispatch(which) => self.dispatch(*which)?,
            Step::Answer { which, how } => self.answer(*which, *how),
            Step::Silence { key: n, seconds } => {
                self.silences += 1;
                let (id, lasting) = (self.silences, Duration::from_secs(*seconds));
                let matcher = match key(*n).route() {
                    Some(route) => Matcher::all().route(route.as_str()),
                    None => Matcher::all().kind(Kind::Panicked),
                };
                self.bench.handle(Input::Silence { id, matcher, lasting });
            }
            Step::Standby(stands_by) => {
                let standby = Input::Standby { destination: 2, stands_by: *stands_by };
                self.bench.handle(standby);
            }
            Step::Outage(destination) => {
                let since = self.bench.now.mono;
                self.bench.handle(Input::Outage { destination: *destination, since });
            }
            Step::Gap(seconds) => {
                let gap = Duration::from_secs(*seconds);
                self.bench.now = self.bench.now.after(gap);
                self.bench.handle(Input::Gap(gap));
            }
            Step::Flush => self.bench.handle(Input::Flush),
            Step::Stop => self.bench.handle(Input::Stop),
        }
        self.collect()?;
        self.check()
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        for destination in 0..ROLES.len() {
            let account = self.bench.account(destination);
            prop_assert_eq!(account.accounted(), self.observed);
            let of_incidents = |fate| -> u64 {
                let incidents = self.bench.engine.incidents.values();
                incidents.map(|one| one.tellings[destination].settled.of(fate)).sum()
            };
            prop_assert!(Fate::all().all(|fate| account.of(fate) >= of_incidents(fate)));
        }
        self.bench.engine.tick(self.bench.now);
        self.collect()?;
        if let Some(deadline) = self.bench.engine.deadline() {
            prop_assert!(deadline > self.bench.now.mono, "a deadline in the past");
        }
        Ok(())
    }

    fn check_budget(&self) -> Result<(), TestCaseError> {
        for (destination, from, _) in &self.seen {
            let within = |span: Duration, minor_only: bool| {
                let seen = self.seen.iter().filter(|(place, at, minor)| {
                    place == destination
                        && at >= from
                        && at.duration_since(*from) < span
                        && (*minor || !minor_only)
                });
                seen.count()
            };
            prop_assert!(within(10 * MINUTE, false) <= 20);
            prop_assert!(within(10 * MINUTE, true) <= 12);
            prop_assert!(within(HOUR, false) <= 60);
        }
        Ok(())
    }

    /// From now on all goes well, for long.
    fn finish(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..100 {
            for _ in 0..4 {
                while !self.pending.is_empty() {
                    self.dispatch(0)?;
                }
                while !self.sending.is_empty() {
                    self.answer(0, 0);
                }
                self.collect()?;
                self.check()?;
            }
            self.bench.pass(2 * MINUTE);
            self.collect()?;
            self.hanging.clear();
            self.hang();
        }
        Ok(())
    }
}

/// A small budget, a dozen of messages: the bound is met often.
fn crowd() -> impl Strategy<Value = Vec<(usize, u64)>> {
    proptest::collection::vec((0usize..40, 0u64..60), 0..150)
}

/// All of [`the_engine_agrees_with_a_list_of_all_observations`], for one story.
fn agrees(steps: &[Step], threshold: u64) -> Result<(), TestCaseError> {
    let mut model = Model::new(threshold);
    let (mut stopped, mut flushed) = (false, false);
    for step in steps {
        stopped |= matches!(step, Step::Stop);
        flushed |= matches!(step, Step::Flush);
        model.step(step)?;
    }
    if stopped {
        for _ in 0..4 {
            while !model.pending.is_empty() {
                model.dispatch(0)?
            }
            while !model.sending.is_empty() {
                model.answer(0, 0)
            }
            model.collect()?;
        }
        model.bench.handle(Input::Abandon);
    } else {
        model.finish()?;
    }
    if !stopped && !flushed {
        model.check_budget()?;
    }
    for destination in 0..ROLES.len() {
        let account = model.bench.account(destination);
        prop_assert_eq!(account.accounted(), model.observed);
        prop_assert_eq!(account.pending(), 0, "{}: {:?}", destination, account);
    }
    if stopped {
        return Ok(());
    }
    // Everybody but the fallback was told the true total of each incident,
    // unless a message was refused.
    let lost: u64 = (0..2).map(|at| model.bench.account(at).dropped(DropReason::Refused)).sum();
    let mut ids: Vec<IncidentId> = model.list.iter().filter_map(|noted| noted.incident).collect();
    ids.dedup();
    if lost == 0 {
        for destination in 0..2 {
            for id in &ids {
                let told = model.told.get(&(destination, *id)).copied().unwrap_or_default();
                prop_assert_eq!(told, model.count(*id), "{} of {:?}", destination, id);
            }
        }
    }
    Ok(())
}

proptest! {
    /// Whatever happens: the engine has the list's counts, one message of an
    /// incident, no more than the budget, no green while a request hangs, and
    /// every observation somewhere; and what ends is told its true total.
    #[test]
    fn the_engine_agrees_with_a_list_of_all_observations(steps in steps(), threshold in 0u64..4) {
        agrees(&steps, threshold)?;
    }
}

proptest! {
    // Five hours of budget each.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Many keys and a small budget: never over it, and nothing is lost.
    #[test]
    fn a_small_budget_is_kept(events in crowd()) {
        let policy = IncidentPolicy::default().roll_up_at(0).budget(5, 3).budget_hourly(9);
        let mut bench = Bench::new(policy, &[POSTS, EDITS]);
        let mut seen: Vec<(usize, Instant)> = Vec::new();
        for (before, (n, seconds)) in events.into_iter().enumerate() {
            let observed = before as u64 + 1;
            let key = if n % 3 == 0 { slow(&format!("/{n}")) } else { failed(&format!("/{n}")) };
            bench.observe(&key, 1);
            for said in bench.deliver() {
                if said.is_visible() {
                    seen.push((said.destination, bench.now.mono));
                }
            }
            bench.pass(Duration::from_secs(seconds));
            prop_assert_eq!(bench.account(0).accounted(), observed);
            prop_assert_eq!(bench.account(1).accounted(), observed);
        }
        for _ in 0..300 {
            bench.pass(MINUTE);
            for said in bench.deliver() {
                if said.is_visible() {
                    seen.push((said.destination, bench.now.mono));
                }
            }
        }
        for (destination, from) in &seen {
            let within = |span: Duration| seen.iter().filter(|(place, at)| {
                place == destination && at >= from && at.duration_since(*from) < span
            }).count();
            prop_assert!(within(10 * MINUTE) <= 5);
            prop_assert!(within(HOUR) <= 9);
        }
        prop_assert_eq!(bench.account(0).pending() + bench.account(1).pending(), 0);
    }
}

/// An hour on its way, while what it tells of ends as something else and is
/// forgotten: it was true when it was sent.
#[test]
fn what_moved_away_is_nowhere_however_late_the_message() -> Result<(), TestCaseError> {
    let steps = [
        Step::Observe { key: 1, total: 1 },
        Step::Dispatch(1),
        Step::Observe { key: 6, total: 1 },
        Step::Pass(300),
        Step::Outage(0),
        Step::Dispatch(3),
        Step::Dispatch(2),
        Step::Answer { which: 2, how: 8 },
        Step::Move { from: 6, to: 0, count: 1 },
        Step::Pass(3600),
    ];
    agrees(&steps, 0)
}
