//! [`Engine`]: decides what is told, and when. No clock, no I/O.

mod asking;
mod cadence;
mod destination;
mod details;
mod endings;
mod family;
mod last_words;
mod notices;
mod observe;
mod roll_up;
mod room;
mod seen;
mod settle;
mod views;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::observation::{Account, Endpoint, Identity, Key, Time, later};

use super::incident::{Incident, Phase};
use super::input::{
    Action, Carried, DestinationIndex, Input, Manner, SentOutcome, Subject, Urgency,
};
use super::silence::{Quiet, Silence};
use super::telling::{Asked, Telling};
use super::view::{Placement, ViewRow};
use super::{
    Broadcast, Ending, IncidentId, IncidentPolicy, IncidentView, Mention, MessageRef, Moment,
};

pub(crate) use destination::Role;

use destination::{Destination, Outage};
use notices::SilenceOver;
use seen::Seen;

/// At most so many gaps are remembered to correct older moments.
const MAX_GAPS: usize = 16;

/// Decides what is told, and when.
///
/// It is given facts and the time, and gives out actions and the next
/// deadline. Whoever carries out an action asks for its
/// [`view`](Engine::view) at that moment, so what is told is never stale.
#[derive(Debug)]
pub(crate) struct Engine {
    policy: IncidentPolicy,
    identity: Arc<Identity>,
    started: Instant,
    random: fastrand::Rng,
    destinations: Vec<Destination>,
    incidents: BTreeMap<IncidentId, Incident>,
    /// Which incident a key belongs to: one that is below its threshold, open,
    /// or closed and remembered.
    live: HashMap<Key, IncidentId>,
    epoch: u64,
    seen: Seen,
    silences: Vec<Quiet>,
    silences_over: Vec<SilenceOver>,
    /// When our own thread had not run, and for how long.
    gaps: Vec<(Instant, Duration)>,
    stopping: bool,
    actions: VecDeque<Action>,
    ended: Vec<Key>,
    endpoints_changed: bool,
    wake: Option<Instant>,
    /// Which incidents became part of which, for tests.
    #[cfg(test)]
    merged: Vec<(IncidentId, IncidentId)>,
}

impl Engine {
    /// An engine for these destinations; `seed` feeds its choice of samples
    /// and the phases of its series.
    pub(crate) fn new(
        policy: IncidentPolicy,
        identity: Arc<Identity>,
        now: Time,
        seed: u64,
        destinations: impl IntoIterator<Item = Role>,
    ) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let destinations = destinations.into_iter();
        Engine {
            destinations: destinations
                .map(|role| Destination::new(role, &policy, random.f64()))
                .collect(),
            policy,
            identity,
            started: now.mono,
            random,
            incidents: BTreeMap::new(),
            live: HashMap::new(),
            epoch: 0,
            seen: Seen::default(),
            silences: Vec::new(),
            silences_over: Vec::new(),
            gaps: Vec::new(),
            stopping: false,
            actions: VecDeque::new(),
            ended: Vec::new(),
            endpoints_changed: false,
            wake: None,
            #[cfg(test)]
            merged: Vec::new(),
        }
    }

    /// Takes a fact.
    pub(crate) fn handle(&mut self, now: Time, input: Input) {
        let at = self.engine_time(now);
        match input {
            Input::Observed(batch) => {
                self.expire_below(at.mono);
                for observed in batch {
                    self.observe(at, observed);
                }
            }
            Input::Succeeded(counts) => self.succeeded(&counts),
            Input::Hanging(running) => self.hanging(&running),
            Input::Sent { destination, subject, carried, outcome } => {
                self.sent(at, destination, subject, &carried, &outcome);
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
            Input::Silence { id, matcher, lasting } => {
                self.silence(Quiet {
                    id,
                    matcher,
                    began: at,
                    until: later(at.mono, lasting),
                    held: 0,
                });
            }
            Input::Standby { destination, stands_by } => {
                if let Some(place) = self.destinations.get_mut(destination) {
                    place.stands_by = stands_by;
                }
                if stands_by {
                    self.spare(destination);
                }
            }
            Input::Outage { destination, since } => {
                let since = self.engine_instant(since);
                if let Some(place) = self.destinations.get_mut(destination) {
                    place.outage.get_or_insert(Outage { since, asked: None });
                }
            }
            Input::Gap(gap) => self.take_off(now.mono, gap),
            Input::Flush => self.flush(),
            Input::Stop => self.stop(),
            Input::Abandon => self.abandon(),
        }
        self.tick(now);
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, now: Time) {
        let now = self.engine_time(now);
        self.wake = None;
        if self.stopping {
            self.ask_last_words();
            return;
        }
        self.end_silences(now.mono);
        self.expire_below(now.mono);
        self.end_quiet(now);
        self.forget_calm(now.mono);
        self.make_room(now);
        self.ask_due(now.mono);
    }

    /// What there is to do since the last time.
    pub(crate) fn actions(&mut self) -> impl Iterator<Item = Action> + '_ {
        self.actions.drain(..)
    }

    /// Keys that nobody needs to remember any more.
    pub(crate) fn take_ended(&mut self) -> Vec<Key> {
        std::mem::take(&mut self.ended)
    }

    /// The endpoints whose successes count, if they changed.
    pub(crate) fn take_endpoints(&mut self) -> Option<Vec<Endpoint>> {
        if !std::mem::take(&mut self.endpoints_changed) {
            return None;
        }
        let open = self.incidents.values().filter(|incident| incident.phase == Phase::Open);
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for endpoint in open.filter_map(Incident::proof) {
            if !endpoints.contains(&endpoint) {
                endpoints.push(endpoint);
            }
        }
        Some(endpoints)
    }

    /// When [`tick`](Engine::tick) has something to do, as of the last one.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let gaps = self.gaps.iter().map(|(_, gap)| *gap).sum();
        self.wake.map(|wake| later(wake, gaps))
    }

    /// Whether somebody would notice if our own thread did not run.
    fn is_watching(&self) -> bool {
        self.incidents.values().any(|incident| !incident.is_over())
    }

    /// The silences in force.
    pub(crate) fn silences(&self, now: Time) -> Vec<Silence> {
        let now = self.engine_time(now).mono;
        let listed = self.silences.iter().map(|quiet| Silence {
            matcher: quiet.matcher.clone(),
            remaining: quiet.until.saturating_duration_since(now),
            held: quiet.held,
        });
        listed.collect()
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
        self.told().all(|(incident, _, telling)| {
            let total = incident.counts.total;
            telling.flush_to.is_none_or(|wanted| telling.left_of(wanted.min(total)) == 0)
        })
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

    /// Whether an incident is told of at all: it has reached its threshold,
    /// and is not kept for the last words.
    fn is_told(&self, incident: &Incident) -> bool {
        !incident.is_below() && (self.stopping || incident.key != Key::Cut)
    }

    fn speaks(&self, destination: DestinationIndex) -> bool {
        self.destinations.get(destination).is_some_and(|place| !place.stands_by)
    }

    fn speaking(&self) -> impl Iterator<Item = DestinationIndex> + use<> {
        let speaking = |(at, place): (usize, &Destination)| (!place.stands_by).then_some(at);
        let all: Vec<_> = self.destinations.iter().enumerate().filter_map(speaking).collect();
        all.into_iter()
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
    pub(crate) fn skipped(&mut self, now: Time, destination: DestinationIndex, subject: Subject) {
        let now = self.engine_time(now).mono;
        self.answered(now, destination, subject, false);
    }

    /// Wakes up at `at` at the latest.
    fn wake_at(&mut self, at: Instant) {
        self.wake = Some(self.wake.map_or(at, |known| known.min(at)));
    }

    /// Time as incidents see it: without what our own thread missed.
    fn engine_time(&self, now: Time) -> Time {
        Time { mono: self.engine_instant(now.mono), wall: now.wall }
    }

    fn engine_instant(&self, at: Instant) -> Instant {
        // Within a gap, what of it had passed by then.
        let missed = self
            .gaps
            .iter()
            .map(|(until, gap)| gap.saturating_sub(until.saturating_duration_since(at)));
        at.checked_sub(missed.sum()).unwrap_or(at)
    }

    /// Our own thread did not run for a while, until `until`.
    fn take_off(&mut self, until: Instant, gap: Duration) {
        self.gaps.push((until, gap));
        if self.gaps.len() > MAX_GAPS {
            let (_, oldest) = self.gaps.remove(0);
            if let Some(first) = self.gaps.first_mut() {
                first.1 += oldest;
            }
        }
        if self.is_watching() {
            for place in &mut self.destinations {
                place.gap = Some(place.gap.unwrap_or_default() + gap);
            }
        }
    }
}

#[cfg(test)]
mod tests;
