//! [`Engine`]: decides what is told, and when. No clock, no I/O.

mod last_words;
mod settle;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::observation::{Account, Identity, Key, Rule, Samples, Time, later};

use super::incident::{Incident, Phase, Telling};
use super::input::{
    Action, Carried, DestinationIndex, Input, Observed, SentOutcome, Subject, Urgency,
};
use super::silence::Silence;
use super::view::{Moment, Placement, ViewRow};
use super::{IncidentId, IncidentPolicy, IncidentView};

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
}

#[cfg(test)]
mod tests;
