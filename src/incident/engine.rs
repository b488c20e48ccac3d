//! [`Engine`]: decides what is told, and when. No clock, no I/O.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::observation::{Account, DropReason, Identity, Key, Rule, Samples, Time, later};

use super::incident::{Incident, Phase, Telling};
use super::input::{
    Action, Carried, DestinationIndex, Input, Observed, SentOutcome, Subject, Urgency,
};
use super::silence::Silence;
use super::view::{Moment, Placement, ViewRow};
use super::{IncidentId, IncidentPolicy, IncidentView};

/// A message about several incidents lists so many of them.
const LISTED: usize = 10;

/// Decides what is told, and when.
///
/// It is given facts and the time, and gives out actions and the next
/// deadline. Whoever carries out an action asks for its
/// [`view`](Engine::view) at that moment, so what is told is never stale.
#[derive(Debug)]
pub(crate) struct Engine {
    policy: IncidentPolicy,
    identity: Arc<Identity>,
    started: Time,
    random: fastrand::Rng,
    destinations: Vec<Destination>,
    incidents: BTreeMap<IncidentId, Incident>,
    live: HashMap<Key, IncidentId>,
    epoch: u64,
    silences: Vec<Silence>,
    stopping: bool,
    actions: VecDeque<Action>,
    ended: Vec<Key>,
}

#[derive(Debug)]
struct Destination {
    can_edit: bool,
    stands_by: bool,
    /// The action to say the last words is out and not answered.
    asked_farewell: bool,
    account: Account,
}

impl Engine {
    /// An engine for destinations that can edit or can't, and are fallbacks
    /// or aren't; `seed` feeds its choice of samples.
    pub(crate) fn new(
        policy: IncidentPolicy,
        identity: Arc<Identity>,
        now: Time,
        seed: u64,
        destinations: impl IntoIterator<Item = (bool, bool)>,
    ) -> Self {
        let destinations = destinations.into_iter().map(|(can_edit, stands_by)| Destination {
            can_edit,
            stands_by,
            asked_farewell: false,
            account: Account::default(),
        });
        Engine {
            policy,
            identity,
            started: now,
            random: fastrand::Rng::with_seed(seed),
            destinations: destinations.collect(),
            incidents: BTreeMap::new(),
            live: HashMap::new(),
            epoch: 0,
            silences: Vec::new(),
            stopping: false,
            actions: VecDeque::new(),
            ended: Vec::new(),
        }
    }

    /// Takes a fact.
    pub(crate) fn handle(&mut self, now: Time, input: Input) {
        match input {
            Input::Observed(batch) => {
                for observed in batch {
                    self.observe(now, observed);
                }
            }
            Input::Sent { destination, subject, carried, last_word, outcome } => {
                for (id, total) in &carried {
                    self.settle(now, destination, *id, *total, &outcome, last_word);
                }
                self.answered(destination, subject, &outcome);
            }
            // There is no store yet; a merge from one only adopts its message.
            Input::Merged(id, shared) => {
                if let (Some(incident), Some(message)) =
                    (self.incidents.get_mut(&id), shared.message())
                {
                    for telling in incident.tellings.iter_mut().filter(|t| t.message.is_none()) {
                        telling.message = Some(message.clone());
                    }
                }
            }
            Input::Silence { matcher, lasting } => {
                self.silences.push(Silence { matcher, until: later(now.mono, lasting) });
            }
            Input::Standby { destination, stands_by } => self.stand_by(destination, stands_by),
            Input::Flush => self.ask_where(Urgency::Progress, |incident, destination| {
                incident.held(destination) > 0
            }),
            Input::Stop => self.stop(),
            Input::Abandon => self.abandon(),
        }
        self.tick(now);
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, now: Time) {
        self.silences.retain(|silence| silence.until > now.mono);
        self.expire_below(now.mono);
        if self.stopping {
            return;
        }
        let policy = &self.policy;
        let mut due = Vec::new();
        for incident in self.incidents.values().filter(|incident| incident.phase == Phase::Open) {
            let quiet = now.mono >= later(incident.last_seen, policy.close_after);
            for (destination, telling) in incident.tellings.iter().enumerate() {
                let next =
                    telling.last_message.map(|last| later(last, policy.digest_after(telling.step)));
                if telling.is_known
                    && incident.held(destination) > 0
                    && (quiet || next.is_none_or(|next| now.mono >= next))
                {
                    due.push((incident.id, destination));
                }
            }
        }
        for (id, destination) in due {
            self.ask(id, destination, Urgency::Progress);
        }
        self.close_quiet(now.mono);
    }

    /// What there is to do since the last time.
    pub(crate) fn actions(&mut self) -> impl Iterator<Item = Action> + '_ {
        self.actions.drain(..)
    }

    /// Keys that nobody needs to remember any more.
    pub(crate) fn take_ended(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.ended)
    }

    /// When [`tick`](Engine::tick) has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.stopping {
            return None;
        }
        let deadlines = self.incidents.values().flat_map(|incident| {
            let below = match &incident.phase {
                Phase::Below(seen) => self
                    .policy
                    .threshold(&incident.key)
                    .and_then(|rule| Some(later(seen.front()?.0, rule.window))),
                Phase::Open => Some(later(incident.last_seen, self.policy.close_after)),
            };
            let digests =
                incident.tellings.iter().enumerate().filter_map(|(destination, telling)| {
                    let waits =
                        telling.is_known && !telling.asked && incident.held(destination) > 0;
                    let last = telling.last_message.filter(|_| waits)?;
                    Some(later(last, self.policy.digest_after(telling.step)))
                });
            // An incident that is quiet and waits for its delivery has no
            // deadline of its own; the delivery's end wakes us.
            let waiting = incident.tellings.iter().any(|telling| telling.asked);
            below.filter(|_| !waiting).into_iter().chain(digests)
        });
        deadlines.min()
    }

    /// Each destination's account.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = Account> + '_ {
        self.destinations.iter().enumerate().map(|(index, destination)| {
            let pending = self.incidents.values().map(|incident| incident.held(index)).sum();
            Account { pending, ..destination.account }
        })
    }

    /// Whether every action has been answered and nothing is held back.
    pub(crate) fn is_idle(&self) -> bool {
        self.actions.is_empty()
            && self.incidents.values().all(|incident| {
                incident.tellings.iter().zip(&self.destinations).enumerate().all(
                    |(index, (telling, destination))| {
                        destination.stands_by
                            || incident.phase != Phase::Open
                            || (!telling.asked && incident.held(index) == 0)
                    },
                )
            })
    }

    /// Whether a message about `subject` would replace an older one.
    pub(crate) fn is_edit(&self, destination: DestinationIndex, subject: Subject) -> bool {
        let can_edit = self.destinations.get(destination).is_some_and(|place| place.can_edit);
        let telling = match subject {
            Subject::Incident(id) => {
                self.incidents.get(&id).and_then(|incident| incident.tellings.get(destination))
            }
            Subject::Farewell => None,
        };
        can_edit && telling.is_some_and(|telling| telling.message.is_some())
    }

    /// An action found nothing to say.
    pub(crate) fn skipped(&mut self, destination: DestinationIndex, subject: Subject) {
        match subject {
            Subject::Incident(id) => {
                let incident = self.incidents.get_mut(&id);
                if let Some(telling) = incident.and_then(|i| i.tellings.get_mut(destination)) {
                    telling.asked = false;
                }
            }
            Subject::Farewell => {
                if let Some(place) = self.destinations.get_mut(destination) {
                    place.asked_farewell = false;
                }
            }
        }
    }

    /// What a message about `subject` says now, which totals it carries, and
    /// where it goes; `None` when there is nothing to say any more.
    pub(crate) fn view(
        &self,
        now: Time,
        destination: DestinationIndex,
        subject: Subject,
    ) -> Option<(IncidentView, Carried, Placement)> {
        let place = self.destinations.get(destination)?;
        if place.stands_by {
            return None;
        }
        match subject {
            Subject::Farewell => self.farewell(now, destination),
            Subject::Incident(id) => {
                let incident = self.incidents.get(&id)?;
                let telling = incident.tellings.get(destination)?;
                let moment = match (telling.is_known, self.stopping) {
                    (false, _) if incident.held(destination) == 0 => return None,
                    (false, _) => Moment::First,
                    (true, false) => Moment::Progress,
                    (true, true) if place.can_edit => Moment::Stopped,
                    // The farewell tells it.
                    (true, true) => return None,
                };
                let placement = match &telling.message {
                    Some(message) if place.can_edit => Placement::Edit(message.clone()),
                    _ => Placement::New,
                };
                let mut view = self.view_of(now, moment, incident.key.clone());
                view.id = Some(id);
                view.counts = incident.counts;
                view.moved_in = incident.moved_in;
                view.moved_out = incident.moved_out;
                view.fresh = incident.held(destination);
                view.samples = incident.samples.clone();
                Some((view, vec![(id, incident.counts.total)], placement))
            }
        }
    }

    fn farewell(
        &self,
        now: Time,
        destination: DestinationIndex,
    ) -> Option<(IncidentView, Carried, Placement)> {
        let mut known: Vec<&Incident> = self
            .incidents
            .values()
            .filter(|incident| incident.lacks_last_word(destination))
            .collect();
        known.sort_by_key(|incident| {
            (
                std::cmp::Reverse(incident.key.kind().severity()),
                std::cmp::Reverse(incident.counts.total),
            )
        });
        let mut view = self.view_of(now, Moment::Stopped, known.first()?.key.clone());
        for incident in &known {
            view.counts.merge(&incident.counts);
            view.fresh += incident.held(destination);
        }
        if let [one] = known.as_slice() {
            view.id = Some(one.id);
            view.samples = one.samples.clone();
        }
        let row = |incident: &&Incident| ViewRow {
            key: incident.key.clone(),
            total: incident.counts.total,
        };
        view.rows = known.iter().take(LISTED).map(row).collect();
        view.more = known.len().saturating_sub(LISTED);
        let carried = known.iter().map(|incident| (incident.id, incident.counts.total)).collect();
        Some((view, carried, Placement::New))
    }

    fn view_of(&self, now: Time, moment: Moment, key: Key) -> IncidentView {
        IncidentView {
            id: None,
            moment,
            key,
            counts: crate::observation::Counts::default(),
            fresh: 0,
            moved_in: 0,
            moved_out: 0,
            samples: Samples::default(),
            identity: Arc::clone(&self.identity),
            now,
            uptime: now.mono.saturating_duration_since(self.started.mono),
            rows: Vec::new(),
            more: 0,
            maybe_repeat: false,
            stopped: self.stopping,
        }
    }

    /// A view that tells nothing but that it arrives.
    pub(crate) fn test_view(&self, now: Time) -> IncidentView {
        self.view_of(now, Moment::Test, Key::Other { kind: crate::observation::Kind::Logged })
    }

    fn observe(&mut self, now: Time, observed: Observed) {
        let Observed { key, counts, moved_in, moved_out, samples } = observed;
        let silenced = self.silences.iter().any(|silence| silence.matcher.covers(&key));
        if silenced {
            for destination in &mut self.destinations {
                destination.account.suppress(Rule::Silence, counts.total);
            }
        } else if counts.total > 0 {
            let id = self.incident_for(now, &key);
            let threshold = self.policy.threshold(&key).map(|rule| rule.count);
            let pick = self.random.u64(..);
            let Some(incident) = self.incidents.get_mut(&id) else { return };
            incident.counts.merge(&counts);
            incident.moved_in += moved_in;
            incident.samples.merge(&samples, pick);
            incident.last_seen = now.mono;
            if let Phase::Below(seen) = &mut incident.phase {
                seen.push_back((now.mono, counts.total));
                if incident.counts.total >= threshold.unwrap_or(0) {
                    incident.phase = Phase::Open;
                }
            }
        }
        self.move_out(&key, moved_out);
        match self.live.get(&key).copied() {
            Some(id) => self.ask_first(id),
            None => self.ended.push(key),
        }
    }

    fn incident_for(&mut self, now: Time, key: &Key) -> IncidentId {
        if let Some(id) = self.live.get(key) {
            return *id;
        }
        self.epoch += 1;
        let id = IncidentId::new(key.fingerprint(&self.identity), self.epoch);
        let phase = match self.policy.threshold(key) {
            Some(_) => Phase::Below(VecDeque::new()),
            None => Phase::Open,
        };
        let incident = Incident::new(id, key.clone(), now, phase, self.destinations.len());
        self.incidents.insert(id, incident);
        self.live.insert(key.clone(), id);
        id
    }

    /// Requests counted under `key` ended under a worse one, where they are
    /// counted now: whatever was settled for them is unsettled.
    fn move_out(&mut self, key: &Key, count: u64) {
        if count == 0 {
            return;
        }
        let incident = self.live.get(key).and_then(|id| self.incidents.get_mut(id));
        let (here, mut elsewhere) = match incident {
            Some(incident) => {
                let here = count.min(incident.counts.total);
                incident.counts.total -= here;
                incident.moved_out += here;
                let mut unsettle = Vec::new();
                for telling in &mut incident.tellings {
                    let over = telling.settled.saturating_sub(incident.counts.total);
                    telling.settled -= over;
                    unsettle.push(over);
                }
                if let Phase::Below(seen) = &mut incident.phase {
                    take_back(seen, here);
                }
                (unsettle, count - here)
            }
            None => (vec![0; self.destinations.len()], count),
        };
        elsewhere = elsewhere.min(count);
        for (destination, over) in self.destinations.iter_mut().zip(here) {
            unsettle(&mut destination.account, over + elsewhere);
        }
    }

    fn ask_first(&mut self, id: IncidentId) {
        let stopping = self.stopping;
        let unknown: Vec<usize> = match self.incidents.get(&id) {
            // Requests cut by the shutdown are told with its last words.
            Some(incident)
                if incident.phase == Phase::Open && (stopping || incident.key != Key::Cut) =>
            {
                let unknown =
                    |(at, telling): &(usize, &Telling)| !telling.is_known && incident.held(*at) > 0;
                incident.tellings.iter().enumerate().filter(unknown).map(|(at, _)| at).collect()
            }
            _ => return,
        };
        for destination in unknown {
            self.ask(id, destination, Urgency::First);
        }
    }

    /// Wants an incident told, unless that is on its way already.
    fn ask(&mut self, id: IncidentId, destination: DestinationIndex, urgency: Urgency) {
        if self.destinations.get(destination).is_none_or(|destination| destination.stands_by) {
            return;
        }
        let telling =
            self.incidents.get_mut(&id).and_then(|incident| incident.tellings.get_mut(destination));
        if let Some(telling) = telling.filter(|telling| !telling.asked) {
            telling.asked = true;
            self.actions.push_back(Action { destination, subject: Subject::Incident(id), urgency });
        }
    }

    fn ask_where(&mut self, urgency: Urgency, wanted: impl Fn(&Incident, usize) -> bool) {
        let mut asked = Vec::new();
        for incident in self.incidents.values().filter(|incident| incident.phase == Phase::Open) {
            asked.extend(
                (0..self.destinations.len())
                    .filter(|destination| wanted(incident, *destination))
                    .map(|destination| (incident.id, destination)),
            );
        }
        for (id, destination) in asked {
            self.ask(id, destination, urgency);
        }
    }

    /// An action is done; see what it leaves to do.
    fn answered(&mut self, destination: DestinationIndex, subject: Subject, outcome: &SentOutcome) {
        self.skipped(destination, subject);
        let can_edit = self.destinations.get(destination).is_some_and(|place| place.can_edit);
        match subject {
            Subject::Incident(id) if *outcome == SentOutcome::Stale => {
                self.ask(id, destination, Urgency::First);
            }
            // It was on its way when the process began to stop.
            Subject::Incident(id)
                if self.stopping && can_edit && self.lacks_last_word(id, destination) =>
            {
                self.ask(id, destination, Urgency::Last);
            }
            _ if self.stopping && !can_edit => self.ask_farewell(destination),
            _ => {}
        }
    }

    fn lacks_last_word(&self, id: IncidentId, destination: DestinationIndex) -> bool {
        let incident = self.incidents.get(&id);
        incident.is_some_and(|incident| incident.lacks_last_word(destination))
    }

    /// Wants the last words said, if there are any left to say.
    fn ask_farewell(&mut self, destination: DestinationIndex) {
        let due = self.incidents.values().any(|incident| incident.lacks_last_word(destination));
        let Some(place) = self.destinations.get_mut(destination) else { return };
        if due && !place.stands_by && !place.asked_farewell {
            place.asked_farewell = true;
            let (subject, urgency) = (Subject::Farewell, Urgency::Last);
            self.actions.push_back(Action { destination, subject, urgency });
        }
    }

    fn settle(
        &mut self,
        now: Time,
        destination: DestinationIndex,
        id: IncidentId,
        total: u64,
        outcome: &SentOutcome,
        last_word: bool,
    ) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        let settled = total.min(incident.counts.total);
        let Some(telling) = incident.tellings.get_mut(destination) else { return };
        let Some(place) = self.destinations.get_mut(destination) else { return };
        let new = settled.saturating_sub(telling.settled);
        match outcome {
            SentOutcome::Posted(_) | SentOutcome::Adopted(_) => {
                // The first message tells one request in detail.
                let detailed = u64::from(!telling.is_known).min(new);
                place.account.delivered += detailed;
                place.account.coalesced += new - detailed;
                if telling.is_known {
                    telling.step += 1;
                }
                telling.is_known = true;
                telling.last_message = Some(now.mono);
                telling.settled += new;
                telling.had_last_word |= last_word;
                match outcome {
                    SentOutcome::Posted(Some(message)) | SentOutcome::Adopted(message) => {
                        telling.message = Some(message.clone());
                    }
                    _ => {}
                }
                if !place.stands_by {
                    self.relieve_fallbacks(id, settled);
                }
            }
            SentOutcome::Stale => telling.message = None,
            SentOutcome::Dropped(reason) => {
                place.account.lose(*reason, new);
                telling.settled += new;
                telling.had_last_word |= last_word;
            }
        }
    }

    /// What another destination told, a fallback need not tell.
    fn relieve_fallbacks(&mut self, id: IncidentId, settled: u64) {
        let Some(incident) = self.incidents.get_mut(&id) else { return };
        for (telling, place) in incident.tellings.iter_mut().zip(&mut self.destinations) {
            if place.stands_by {
                let new = settled.saturating_sub(telling.settled);
                place.account.suppress(Rule::Standby, new);
                telling.settled += new;
            }
        }
    }

    fn stand_by(&mut self, destination: DestinationIndex, stands_by: bool) {
        let Some(place) = self.destinations.get_mut(destination) else { return };
        place.stands_by = stands_by;
        if !stands_by {
            self.ask_where(Urgency::First, |incident, at| {
                at == destination && incident.held(at) > 0
            });
        }
    }

    /// Thresholds that were not reached in time.
    fn expire_below(&mut self, now: Instant) {
        let mut gone = Vec::new();
        for incident in self.incidents.values_mut() {
            let Phase::Below(seen) = &mut incident.phase else { continue };
            let window = self
                .policy
                .threshold(&incident.key)
                .map_or(Duration::ZERO, |threshold| threshold.window);
            let mut expired = 0;
            while seen.front().is_some_and(|(at, _)| now >= later(*at, window)) {
                expired += seen.pop_front().map_or(0, |(_, count)| count);
            }
            let expired = expired.min(incident.counts.total);
            incident.counts.total -= expired;
            for destination in &mut self.destinations {
                destination.account.suppress(Rule::BelowThreshold, expired);
            }
            if incident.counts.total == 0 && seen.is_empty() {
                gone.push(incident.id);
            }
        }
        self.remove(gone);
    }

    /// Ends incidents that are quiet and told.
    fn close_quiet(&mut self, now: Instant) {
        let over: Vec<IncidentId> = self
            .incidents
            .values()
            .filter(|incident| {
                incident.phase == Phase::Open
                    && now >= later(incident.last_seen, self.policy.close_after)
                    && incident.tellings.iter().zip(&self.destinations).enumerate().all(
                        |(at, (telling, place))| {
                            place.stands_by || (!telling.asked && incident.held(at) == 0)
                        },
                    )
            })
            .map(|incident| incident.id)
            .collect();
        for id in &over {
            let total = self.incidents.get(id).map_or(0, |incident| incident.counts.total);
            self.relieve_fallbacks(*id, total);
        }
        self.remove(over);
    }

    fn remove(&mut self, ids: Vec<IncidentId>) {
        for id in ids {
            if let Some(incident) = self.incidents.remove(&id) {
                self.live.remove(&incident.key);
                self.ended.push(incident.key);
            }
        }
    }

    fn stop(&mut self) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        // What never reached its threshold is not told.
        for incident in self.incidents.values_mut() {
            if let Phase::Below(_) = incident.phase {
                for (telling, place) in incident.tellings.iter_mut().zip(&mut self.destinations) {
                    let rest = incident.counts.total.saturating_sub(telling.settled);
                    place.account.suppress(Rule::BelowThreshold, rest);
                    telling.settled += rest;
                }
            }
        }
        for destination in 0..self.destinations.len() {
            let Some(place) = self.destinations.get(destination) else { continue };
            if place.stands_by {
                continue;
            }
            if place.can_edit {
                self.ask_where(Urgency::Last, |incident, at| {
                    at == destination && incident.tellings.get(at).is_some_and(|t| t.is_known)
                });
            } else {
                self.ask_farewell(destination);
            }
        }
        self.ask_where(Urgency::First, |incident, at| incident.held(at) > 0);
    }

    fn abandon(&mut self) {
        for incident in self.incidents.values_mut() {
            for (telling, place) in incident.tellings.iter_mut().zip(&mut self.destinations) {
                let rest = incident.counts.total.saturating_sub(telling.settled);
                if place.stands_by {
                    place.account.suppress(Rule::Standby, rest);
                } else {
                    place.account.lose(DropReason::Shutdown, rest);
                }
                telling.settled += rest;
            }
        }
        self.actions.clear();
    }
}

/// Takes `count` out of the latest entries.
fn take_back(seen: &mut VecDeque<(Instant, u64)>, mut count: u64) {
    while count > 0 {
        let Some((_, last)) = seen.back_mut() else { return };
        let taken = count.min(*last);
        *last -= taken;
        count -= taken;
        if *last == 0 {
            seen.pop_back();
        }
    }
}

/// Takes `count` back out of what an account has settled, mildest first.
fn unsettle(account: &mut Account, mut count: u64) {
    let mut from = |cell: &mut u64| {
        let taken = count.min(*cell);
        *cell -= taken;
        count -= taken;
    };
    from(&mut account.coalesced);
    from(&mut account.delivered);
    account.suppressed.iter_mut().for_each(&mut from);
    account.dropped.iter_mut().for_each(from);
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use proptest::prelude::*;

    use super::super::{Matcher, MessageRef, Shared};
    use super::*;
    use crate::observation::{Counts, Kind, MethodName, Route, Status};

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
        /// Destinations as (can edit, is fallback).
        fn new(policy: IncidentPolicy, destinations: &[(bool, bool)]) -> Self {
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
            let observed = Observed {
                key: key(n),
                counts,
                moved_in: 0,
                moved_out,
                samples: Samples::default(),
            };
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

        fn sent(
            &mut self,
            action: Action,
            carried: Carried,
            last_word: bool,
            outcome: SentOutcome,
        ) {
            let (destination, subject) = (action.destination, action.subject);
            let sent = Input::Sent { destination, subject, carried, last_word, outcome };
            self.engine.handle(self.now, sent);
        }

        fn account(&self, destination: usize) -> Account {
            self.engine.accounts().nth(destination).unwrap()
        }
    }

    const MINUTE: Duration = Duration::from_secs(60);
    const WEBHOOK: &[(bool, bool)] = &[(false, false)];
    const BOT: &[(bool, bool)] = &[(true, false)];

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
        policy.tell_after.push(super::super::TellAfter {
            kind: Kind::Failed,
            route: None,
            count: 3,
            window: MINUTE,
        });
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
        let mut bench = Bench::new(IncidentPolicy::default(), &[(false, false), (false, true)]);
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
            Just(vec![Step::Stop]),
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
                policy.tell_after.push(super::super::TellAfter {
                    kind: Kind::Slow, route: None, count: threshold, window: 2 * MINUTE,
                });
            }
            let mut bench = Bench::new(policy, &[(false, false), (true, false), (false, true)]);
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
                }
            }
        }
    }
}
