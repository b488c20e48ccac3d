//! [`Engine`]: decides what is told, and when. No clock, no I/O.

mod endings;
mod last_words;
mod settle;
mod views;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::observation::{Account, Identity, Key, Rule, Time, later};

use super::incident::{Incident, Phase, Telling};
use super::input::{
    Action, Carried, DestinationIndex, Input, Observed, SentOutcome, Subject, Urgency,
};
use super::silence::Silence;
use super::view::{Moment, Placement, ViewRow};
use super::{IncidentId, IncidentPolicy, IncidentView};

/// A destination that could not be told for so long is not waited for.
const STUCK_AFTER: Duration = Duration::from_secs(60);

/// At most so many silences are in force; the first of more gives way.
const MAX_SILENCES: usize = 64;

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

/// What a destination is to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) can_edit: bool,
    /// It speaks only when nobody else can.
    pub(crate) is_fallback: bool,
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
    /// An engine for these destinations; `seed` feeds its choice of samples.
    pub(crate) fn new(
        policy: IncidentPolicy,
        identity: Arc<Identity>,
        now: Time,
        seed: u64,
        destinations: impl IntoIterator<Item = Role>,
    ) -> Self {
        let destinations = destinations.into_iter().map(|role| Destination {
            can_edit: role.can_edit,
            stands_by: role.is_fallback,
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
                self.answered(now.mono, destination, subject, &outcome);
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
                if self.silences.len() >= MAX_SILENCES {
                    self.silences.remove(0);
                }
                self.silences.push(Silence { matcher, until: later(now.mono, lasting) });
            }
            Input::Standby { destination, stands_by } => {
                if let Some(place) = self.destinations.get_mut(destination) {
                    place.stands_by = stands_by;
                }
            }
            Input::Flush => self.flush(),
            Input::Stop => self.stop(),
            Input::Abandon => self.abandon(),
        }
        self.tick(now);
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, now: Time) {
        self.silences.retain(|silence| silence.until > now.mono);
        if self.stopping {
            self.ask_last_words(now.mono);
            return;
        }
        self.expire_below(now.mono);
        self.ask_due(now.mono);
        self.end_quiet(now.mono);
    }

    /// Asks for everything that is due.
    fn ask_due(&mut self, now: Instant) {
        let mut due = Vec::new();
        for incident in self.incidents.values().filter(|incident| self.is_told(incident)) {
            let wanted = |destination: &usize| {
                self.speaks(*destination) && incident.is_due(*destination, &self.policy, now)
            };
            for destination in (0..self.destinations.len()).filter(wanted) {
                let first = incident.tellings.get(destination).is_none_or(|t| !t.is_known);
                let urgency = if first { Urgency::First } else { Urgency::Progress };
                due.push((incident.id, destination, urgency));
            }
        }
        for (id, destination, urgency) in due {
            self.ask(now, id, destination, urgency);
        }
    }

    /// Whether an incident is told of at all: it has reached its threshold,
    /// and is not kept for the last words.
    fn is_told(&self, incident: &Incident) -> bool {
        !matches!(incident.phase, Phase::Below(_)) && (self.stopping || incident.key != Key::Cut)
    }

    fn speaks(&self, destination: DestinationIndex) -> bool {
        self.destinations.get(destination).is_some_and(|place| !place.stands_by)
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
            let own = match &incident.phase {
                Phase::Below(seen) => self
                    .policy
                    .threshold(&incident.key)
                    .and_then(|rule| Some(later(seen.front()?.0, rule.window))),
                // Once quiet, it waits for deliveries, whose end wakes us, or
                // for them to take too long.
                Phase::Open if incident.key != Key::Cut => {
                    let late = incident.tellings.iter().filter_map(|telling| telling.asked);
                    let late = late.map(|asked| later(asked, STUCK_AFTER)).max();
                    late.max(Some(incident.quiet_at(&self.policy)))
                }
                Phase::Open | Phase::Over => None,
            };
            let words = (0..self.destinations.len()).filter_map(|destination| {
                let waits = self.is_told(incident)
                    && self.speaks(destination)
                    && incident.held(destination) > 0
                    && incident.tellings.get(destination)?.asked.is_none();
                incident.next_word(destination, &self.policy).filter(|_| waits)
            });
            own.into_iter().chain(words)
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
            && self.told().all(|(incident, destination, telling)| {
                telling.asked.is_none() && incident.held(destination) == 0
            })
    }

    /// Whether all that was to be flushed is settled.
    pub(crate) fn is_flushed(&self) -> bool {
        self.told()
            .all(|(_, _, telling)| telling.flush_to.is_none_or(|wanted| telling.settled >= wanted))
    }

    /// What is held back: for which destination, of which key, how many.
    pub(crate) fn held(&self) -> impl Iterator<Item = (DestinationIndex, &Key, u64)> {
        self.told()
            .map(|(incident, at, _)| (at, &incident.key, incident.held(at)))
            .filter(|(_, _, held)| *held > 0)
    }

    /// What each destination that speaks knows of each incident it is told of.
    fn told(&self) -> impl Iterator<Item = (&Incident, DestinationIndex, &Telling)> {
        self.incidents.values().filter(|incident| self.is_told(incident)).flat_map(|incident| {
            let tellings = incident.tellings.iter().enumerate();
            tellings
                .filter(|(destination, _)| self.speaks(*destination))
                .map(move |(destination, telling)| (incident, destination, telling))
        })
    }

    /// Wants everything told that is held now.
    fn flush(&mut self) {
        for incident in self.incidents.values_mut() {
            let total = incident.counts.total;
            for telling in &mut incident.tellings {
                telling.flush_to = Some(total);
            }
        }
    }

    /// An action found nothing to say.
    pub(crate) fn skipped(&mut self, destination: DestinationIndex, subject: Subject) {
        match subject {
            Subject::Incident(id) => {
                let incident = self.incidents.get_mut(&id);
                if let Some(telling) = incident.and_then(|i| i.tellings.get_mut(destination)) {
                    telling.asked = None;
                }
            }
            Subject::Farewell => {
                if let Some(place) = self.destinations.get_mut(destination) {
                    place.asked_farewell = false;
                }
            }
        }
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
        if !self.live.contains_key(&key) {
            self.ended.push(key);
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

    /// Wants an incident told, unless that is on its way already.
    fn ask(
        &mut self,
        now: Instant,
        id: IncidentId,
        destination: DestinationIndex,
        urgency: Urgency,
    ) {
        if !self.speaks(destination) {
            return;
        }
        let telling =
            self.incidents.get_mut(&id).and_then(|incident| incident.tellings.get_mut(destination));
        if let Some(telling) = telling.filter(|telling| telling.asked.is_none()) {
            telling.asked = Some(now);
            self.actions.push_back(Action { destination, subject: Subject::Incident(id), urgency });
        }
    }

    /// An action is done; see what it leaves to do.
    fn answered(
        &mut self,
        now: Instant,
        destination: DestinationIndex,
        subject: Subject,
        outcome: &SentOutcome,
    ) {
        self.skipped(destination, subject);
        if let (Subject::Incident(id), SentOutcome::Stale) = (subject, outcome) {
            self.ask(now, id, destination, Urgency::First);
        }
    }
}

#[cfg(test)]
mod tests;
