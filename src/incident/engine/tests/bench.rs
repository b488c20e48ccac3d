//! A bench to try the engine on.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::incident::engine::*;
use crate::incident::input::*;
use crate::incident::{IncidentView, Matcher, MessageRef, TellAfter};
use crate::observation::{
    Account, Counts, Endpoint, Facts, Kind, MethodName, Reason, Route, Samples, Status, Window,
};

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const HOUR: Duration = Duration::from_secs(3600);
pub(super) const POSTS: Role = Role { can_edit: false, can_reply: false, is_fallback: false };
pub(super) const EDITS: Role = Role { can_edit: true, can_reply: true, is_fallback: false };
pub(super) const FALLBACK: Role = Role { can_edit: false, can_reply: false, is_fallback: true };
pub(super) const WEBHOOK: &[Role] = &[POSTS];
pub(super) const BOT: &[Role] = &[EDITS];

pub(super) fn failed(route: &str) -> Key {
    request(Kind::Failed, route, Some(Status::Http(500)))
}

pub(super) fn slow(route: &str) -> Key {
    request(Kind::Slow, route, None)
}

pub(super) fn request(kind: Kind, route: &str, status: Option<Status>) -> Key {
    let method = MethodName::of(&http::Method::GET);
    Key::Request { kind, method, route: Route::Known(route.into()), status }
}

/// Tells a kind once there were so many within `window`.
pub(super) fn told_after(kind: Kind, count: u64, window: Duration) -> IncidentPolicy {
    let rule = TellAfter { kind, route: None, count, window };
    IncidentPolicy { tell_after: vec![rule], ..IncidentPolicy::default() }
}

pub(super) fn observed(key: Key, total: u64, at: Instant) -> Observed {
    let span = (total > 0).then_some((at, at));
    let counts = Counts { total, slowest: Duration::from_millis(5), span };
    Observed { key, counts, moved_in: 0, moved_out: 0, samples: Samples::default() }
}

pub(super) fn samples(reason: &str, at: Instant) -> Samples {
    samples_of(&Facts { reason: Reason::Text(reason), ..Facts::at(at) })
}

pub(super) fn samples_of(facts: &Facts<'_>) -> Samples {
    let mut window = Window::default();
    window.take(&Facts { took: Duration::from_millis(5), in_flight: 1, ..facts.clone() });
    window.drain()
}

/// What was told: where, how it was placed, and what it said.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) destination: usize,
    pub(super) placement: Placement,
    pub(super) view: IncidentView,
}

impl Said {
    pub(super) fn is_visible(&self) -> bool {
        !matches!(self.placement, Placement::Edit(_))
    }

    /// The moment, the count, and whether it was an edit or a reply.
    pub(super) fn brief(&self) -> String {
        let place = match &self.placement {
            Placement::New => "post",
            Placement::Edit(_) => "edit",
            Placement::Reply { broadcast: true, .. } => "broadcast",
            Placement::Reply { .. } => "reply",
        };
        format!("{place} {:?} {}", self.view.moment, self.view.round_total)
    }
}

/// So much is never asked for at one moment.
const MANY: u32 = 500;

pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) now: Time,
    /// Whether edits happen, or only what is seen is returned.
    posted: u64,
}

impl Bench {
    pub(super) fn new(policy: IncidentPolicy, destinations: &[Role]) -> Self {
        let identity = Identity { environment: Some("production".into()), ..Identity::default() };
        let now = Time { mono: Instant::now(), wall: SystemTime::UNIX_EPOCH };
        let destinations = destinations.iter().copied();
        let engine = Engine::new(policy, Arc::new(identity), now, 7, destinations);
        Bench { engine, now, posted: 0 }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.engine.tick(self.now);
    }

    pub(super) fn handle(&mut self, input: Input) {
        self.engine.handle(self.now, input);
    }

    pub(super) fn observe(&mut self, key: &Key, total: u64) {
        let observed = observed(key.clone(), total, self.now.mono);
        self.handle(Input::Observed(vec![observed]));
    }

    pub(super) fn observe_because(&mut self, key: &Key, total: u64, reason: &str) {
        let mut observed = observed(key.clone(), total, self.now.mono);
        observed.samples = samples(reason, self.now.mono);
        self.handle(Input::Observed(vec![observed]));
    }

    /// Several keys in one drain of the tally.
    pub(super) fn observe_all<'a>(&mut self, keys: impl IntoIterator<Item = &'a Key>) {
        let at = self.now.mono;
        let batch = keys.into_iter().map(|key| observed(key.clone(), 1, at)).collect();
        self.handle(Input::Observed(batch));
    }

    pub(super) fn succeed(&mut self, route: &str, count: u64) {
        let endpoint = Endpoint {
            method: MethodName::of(&http::Method::GET),
            route: Route::Known(route.into()),
        };
        self.handle(Input::Succeeded(vec![(endpoint, count)]));
    }

    pub(super) fn hang(&mut self, running: &[(&Key, u64)]) {
        let since = self.now.mono;
        let running = running.iter().map(|(key, count)| StillRunning {
            key: (*key).clone(),
            count: *count,
            since,
        });
        let running = running.collect();
        self.handle(Input::Hanging(running));
    }

    pub(super) fn silence(&mut self, matcher: Matcher, lasting: Duration) {
        self.handle(Input::Silence { id: 1, matcher, lasting });
    }

    pub(super) fn actions(&mut self) -> Vec<Action> {
        self.engine.actions().collect()
    }

    pub(super) fn view(&mut self, action: Action) -> Option<(IncidentView, Carried, Placement)> {
        let view = self.engine.view(self.now, action.destination, action.subject);
        if view.is_none() {
            self.engine.skipped(self.now, action.destination, action.subject);
        }
        view
    }

    pub(super) fn sent(&mut self, action: Action, carried: Carried, outcome: SentOutcome) {
        let (destination, subject) = (action.destination, action.subject);
        self.handle(Input::Sent { destination, subject, carried, outcome });
    }

    /// Delivers everything that is asked for, and what that leads to.
    pub(super) fn deliver(&mut self) -> Vec<Said> {
        let mut told = Vec::new();
        self.deliver_each(|_, _, said| told.push(said));
        told
    }

    /// As [`deliver`](Bench::deliver), and lends out each before it is sent.
    pub(super) fn deliver_each(&mut self, mut hear: impl FnMut(&Engine, Action, Said)) {
        for round in 0.. {
            let mut actions = self.actions();
            if actions.is_empty() {
                return;
            }
            assert!(round < MANY, "asked for more and more at one moment: {actions:?}");
            actions.sort_by_key(|action| action.urgency);
            for action in actions {
                let Some((view, carried, placement)) = self.view(action) else { continue };
                let destination = action.destination;
                self.posted += 1;
                let reference = MessageRef::new("C1", self.posted.to_string());
                hear(&self.engine, action, Said { destination, placement, view });
                self.sent(action, carried, SentOutcome::Posted(Some(reference)));
            }
            self.engine.tick(self.now);
        }
    }

    pub(super) fn briefs(&mut self) -> Vec<String> {
        self.deliver().iter().map(Said::brief).collect()
    }

    /// Lets time pass in steps, with so many observations at each, delivering
    /// all the while; returns what was told and after how many seconds.
    pub(super) fn go_on(
        &mut self,
        key: &Key,
        each: u64,
        step: Duration,
        steps: u32,
    ) -> Vec<(u64, Said)> {
        let begun = self.now.mono;
        let mut told = Vec::new();
        for _ in 0..steps {
            self.pass(step);
            if each > 0 {
                self.observe(key, each);
            }
            let second = self.now.mono.duration_since(begun).as_secs();
            told.extend(self.deliver().into_iter().map(|said| (second, said)));
        }
        told
    }

    pub(super) fn account(&self, destination: usize) -> Account {
        self.engine.accounts().nth(destination).unwrap()
    }
}

pub(super) fn visible(told: &[(u64, Said)]) -> Vec<(u64, String)> {
    let seen = told.iter().filter(|(_, said)| said.is_visible());
    seen.map(|(second, said)| (*second, said.brief())).collect()
}
