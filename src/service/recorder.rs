//! [`Recorder`]: turns what happened to requests into observations.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::handoff::{Handoff, Notes, Slot, Told};
use crate::observation::{
    Detail, Endpoint, Facts, KeyRef, Kind, MethodName, Outcome, Reason, RequestHead, RouteRef,
    Rule, Site, Status, Trace, later,
};

use super::Probes;
use super::rules::Rules;

/// Turns what happened to requests into observations, for one group of threads
/// of a layer; see [`Recorders`](super::Recorders).
///
/// Each request reads it and counts a reference: on cache lines of its own.
#[repr(align(128))]
pub(crate) struct Recorder {
    pub(super) rules: Arc<Rules>,
    pub(super) handoff: Arc<Handoff>,
    slow_floor: Duration,
    cancelled_floor: Duration,
    /// There is a rule about requests as they come.
    asks_at_first: bool,
    since: Instant,
    /// What ends when the last clone of the layer does.
    _keep: Arc<dyn Any + Send + Sync>,
}

/// What happened to a request, as its future or body found it.
pub(super) struct Finding<'a> {
    pub(super) kind: Kind,
    pub(super) status: Option<Status>,
    pub(super) outcome: Outcome,
    pub(super) reason: Reason<'a>,
    pub(super) site: Option<&'a Site>,
    pub(super) trace: Option<Arc<Trace>>,
    pub(super) bytes: Option<u64>,
}

impl Finding<'_> {
    pub(super) fn new(kind: Kind) -> Self {
        Finding {
            kind,
            status: None,
            outcome: Outcome::Plain,
            reason: Reason::Unknown,
            site: None,
            trace: None,
            bytes: None,
        }
    }
}

impl Recorder {
    pub(crate) fn new(
        rules: Arc<Rules>,
        handoff: Arc<Handoff>,
        since: Instant,
        keep: Arc<dyn Any + Send + Sync>,
    ) -> Arc<Self> {
        let (slow_floor, cancelled_floor) = (rules.slow_floor(), rules.cancelled_floor());
        let asks_at_first = rules.asks_at_first();
        Arc::new(Recorder {
            slow_floor,
            cancelled_floor,
            asks_at_first,
            rules,
            handoff,
            since,
            _keep: keep,
        })
    }

    /// Tells layers apart.
    #[inline]
    pub(super) fn id(&self) -> usize {
        Arc::as_ptr(&self.handoff).addr()
    }

    /// What `route_fn` says of a request that comes; `None` if it is not to be
    /// watched.
    #[inline]
    pub(super) fn ask_at_first(&self, head: &RequestHead<'_>) -> Option<Option<Arc<str>>> {
        if self.asks_at_first { self.ask_rules(head) } else { Some(None) }
    }

    #[cold]
    fn ask_rules(&self, head: &RequestHead<'_>) -> Option<Option<Arc<str>>> {
        let (rules, ledger) = (&self.rules, &self.handoff.ledger);
        let named = rules
            .route_fn
            .as_ref()
            .and_then(|route_fn| route_fn.call(ledger, |route_fn| route_fn(head)).flatten());
        let is_ignored =
            !rules.ignore.is_empty() && rules.ignore.covers(head, named.as_deref(), ledger);
        (!is_ignored).then_some(named)
    }

    #[inline]
    pub(super) fn now(&self) -> Instant {
        self.handoff.clock.now()
    }

    /// Whether a response at `now` is slow on the request's route.
    #[inline]
    pub(super) fn is_slow(&self, slot: &Slot, now: Instant) -> bool {
        has_taken(slot, now, self.slow_floor)
            && self.with_route(slot, |route| has_taken(slot, now, self.rules.slow_after(route)))
    }

    pub(super) fn is_cancellation(&self, slot: &Slot, now: Instant) -> bool {
        // A route is looked up, and may be admitted, only for what matters.
        has_taken(slot, now, self.cancelled_floor)
            && self
                .with_route(slot, |route| has_taken(slot, now, self.rules.cancelled_after(route)))
    }

    pub(super) fn with_route<R>(&self, slot: &Slot, with: impl FnOnce(RouteRef<'_>) -> R) -> R {
        slot.info().with_route(&self.handoff.routes, with)
    }

    /// Counts what was found, once per request, under the worst kind so far.
    pub(super) fn observe(
        &self,
        slot: &Slot,
        told: &mut Told,
        when: (Instant, Duration),
        found: &Finding<'_>,
    ) {
        match told {
            Told::Nothing => *told = self.observe_first(slot, when, found),
            _ => self.observe_more(slot, told, when, found),
        }
    }

    fn observe_first(&self, slot: &Slot, when: (Instant, Duration), found: &Finding<'_>) -> Told {
        self.with_route(slot, |route| {
            let now = when.0;
            if let Some(rule) = self.suppression(slot, route, now, found.kind) {
                self.handoff.tally.suppress(rule);
                return Told::Suppressed(rule);
            }
            let by = match found.kind {
                Kind::Slow => self.behind(slot, route, now),
                _ => None,
            };
            let (key, status) = self.key(slot, route, found, by.as_deref(), None);
            let as_other = self.capture(slot, route, when, by.as_deref()).record(key, found);
            Told::Counted { kind: found.kind, status, as_other, by }
        })
    }

    /// As it was told already, or a rule kept it from being told.
    fn observe_more(
        &self,
        slot: &Slot,
        told: &mut Told,
        when: (Instant, Duration),
        found: &Finding<'_>,
    ) {
        let now = when.0;
        // What was told while it ran is said again with its end.
        let was_hung = told.is_hung();
        let is_same = was_hung && matches!(found.kind, Kind::Slow | Kind::Cancelled);
        if let Told::Counted { kind, .. } = told {
            if kind.severity() >= found.kind.severity() && !is_same {
                return;
            }
        }
        let mut ended_by_rule = false;
        self.with_route(slot, |route| {
            let rule = match is_same {
                true => None,
                false => self.suppression(slot, route, now, found.kind),
            };
            if rule.is_some() {
                // What was counted already stays counted, as what it was.
                ended_by_rule = was_hung;
                return;
            }
            let by = match &*told {
                // What it was told for is asked again: it may have gone on.
                Told::Counted { by: Some(by), .. } if is_same => self
                    .is_blocking(slot, now)
                    .then(|| Arc::clone(by))
                    .or_else(|| self.behind(slot, route, now)),
                Told::Counted { .. } if is_same => None,
                _ if found.kind == Kind::Slow => self.behind(slot, route, now),
                _ => None,
            };
            let as_same = is_same.then_some(Kind::Slow);
            let (key, status) = self.key(slot, route, found, by.as_deref(), as_same);
            let capture = self.capture(slot, route, when, by.as_deref());
            let tally = &self.handoff.tally;
            let as_other = match &*told {
                Told::Nothing => capture.record(key, found),
                Told::Suppressed(rule) => {
                    capture.facts(found, |facts| tally.unsuppress(*rule, key, facts))
                }
                // It stays where it was counted while it ran.
                Told::Counted { kind: Kind::Hung, as_other, by: told_by, .. }
                    if is_same && *told_by == by =>
                {
                    let kept = if *as_other { KeyRef::Other(Kind::Slow) } else { key };
                    capture.facts(found, |facts| tally.renew(kept, facts))
                }
                Told::Counted { kind, status, as_other, by } => {
                    let kind = kind.of_key();
                    let method = method_of(slot, route);
                    let from = match by {
                        _ if *as_other => KeyRef::Other(kind),
                        Some(by) => by.blocked(),
                        None => KeyRef::Request { kind, method, route, status: *status },
                    };
                    capture.facts(found, |facts| tally.amend(from, key, facts))
                }
            };
            let kind = if is_same { Kind::Hung } else { found.kind };
            *told = Told::Counted { kind, status, as_other, by };
        });
        if ended_by_rule {
            // How it ended is not told, but that it has: as slow, which it was.
            let slow = Finding { status: found.status, ..Finding::new(Kind::Slow) };
            self.observe_more(slot, told, when, &slow);
        }
    }

    /// Where what was found counts, with its status: as blocked `by` somebody,
    /// or with what it was told as already.
    fn key<'a>(
        &self,
        slot: &Slot,
        route: RouteRef<'a>,
        found: &Finding<'a>,
        by: Option<&'a Endpoint>,
        told_as: Option<Kind>,
    ) -> (KeyRef<'a>, Option<Status>) {
        // Without a route there is one key per kind.
        let is_routed = route != RouteRef::Unmatched;
        let status = found.status.filter(|_| is_routed && found.kind == Kind::Failed);
        let method = method_of(slot, route);
        let key = match (found.kind, found.site, by) {
            (Kind::Panicked, Some(site), _) => KeyRef::Panic(site),
            (Kind::Cancelled, ..)
                if told_as.is_none() && self.handoff.draining.load(Ordering::Relaxed) =>
            {
                KeyRef::Cut
            }
            (_, _, Some(by)) => by.blocked(),
            (kind, ..) => {
                let status = status.filter(|_| told_as.is_none());
                KeyRef::Request { kind: told_as.unwrap_or(kind), method, route, status }
            }
        };
        (key, status)
    }

    fn capture<'a>(
        &'a self,
        slot: &'a Slot,
        route: RouteRef<'a>,
        (now, took): (Instant, Duration),
        by: Option<&'a Endpoint>,
    ) -> Capture<'a> {
        Capture { rules: &self.rules, handoff: &self.handoff, slot, route, now, took, by }
    }

    /// Counts a request that went well, where something is wrong.
    pub(super) fn succeeded(&self, slot: &Slot) {
        if !self.handoff.successes.are_counted() {
            return;
        }
        slot.info().with_known_route(&self.handoff.routes, |route| {
            let method = method_of(slot, route);
            self.handoff.successes.count(method, route);
        });
    }

    /// Who blocked the runtime, if the request is slow only because of that.
    fn behind(&self, slot: &Slot, route: RouteRef<'_>, now: Instant) -> Option<Arc<Endpoint>> {
        let slow = self.rules.slow_after(route);
        let waited = slot.polls().longest_wait(slot.age(now));
        self.handoff.blocks.behind(slot.info().started(), now, slow, waited)
    }

    /// Whether a request itself blocked the runtime.
    fn is_blocking(&self, slot: &Slot, now: Instant) -> bool {
        let age = slot.age(now);
        let polls = slot.polls().read(age);
        polls.is_some_and(|polls| {
            polls.longest() >= self.rules.blocked_after && polls.is_blocking(age.into())
        })
    }

    /// Tells the errors that a request logged and no alert of it has shown.
    pub(super) fn tell_logs(&self, slot: &Slot, now: Instant) {
        let Some(notes) = slot.taken_notes().filter(|notes| !notes.is_ignored()) else { return };
        for (line, count) in notes.take_errors() {
            self.with_route(slot, |route| {
                if self.suppression(slot, route, now, Kind::Logged).is_some() {
                    return;
                }
                let nowhere = Site::nowhere();
                let site = line.site().unwrap_or(&nowhere);
                let found = Finding {
                    reason: Reason::Text(line.text()),
                    site: Some(site),
                    ..Finding::new(Kind::Logged)
                };
                let tally = &self.handoff.tally;
                let capture = self.capture(slot, route, (now, slot.took(now)), None);
                let key = KeyRef::Log { target: line.target(), site };
                capture.facts(&found, |facts| {
                    // The line says it all.
                    let facts = Facts { detail: None, ..facts.clone() };
                    for _ in 0..count {
                        tally.record(key, &facts);
                    }
                });
            });
        }
    }

    fn suppression(
        &self,
        slot: &Slot,
        route: RouteRef<'_>,
        now: Instant,
        kind: Kind,
    ) -> Option<Rule> {
        suppression(&self.rules, slot, route, (self.since, now), kind)
    }
}

/// The rule that keeps a request from being told, if one does.
pub(super) fn suppression(
    rules: &Rules,
    slot: &Slot,
    route: RouteRef<'_>,
    (since, now): (Instant, Instant),
    kind: Kind,
) -> Option<Rule> {
    // What hangs is slow already.
    let hides_hung = kind == Kind::Hung && rules.is_never(route, Kind::Slow);
    if hides_hung || rules.is_never(route, kind) {
        return Some(Rule::Never);
    }
    if kind == Kind::Panicked {
        return None;
    }
    if slot.taken_notes().is_some_and(|notes| notes.is_ignored()) {
        return Some(Rule::Handler);
    }
    if rules.probes == Probes::Suppress && is_probe(slot) {
        return Some(Rule::Probe);
    }
    if matches!(kind, Kind::Slow | Kind::Hung) && rules.is_in_grace(since, now) {
        return Some(Rule::StartupGrace);
    }
    None
}

/// What there is to say of a request, and who knows it.
pub(super) struct Capture<'a> {
    pub(super) rules: &'a Rules,
    pub(super) handoff: &'a Handoff,
    pub(super) slot: &'a Slot,
    pub(super) route: RouteRef<'a>,
    pub(super) now: Instant,
    /// How long it had taken then.
    pub(super) took: Duration,
    /// Who blocked the runtime, if it is told as part of that.
    pub(super) by: Option<&'a Endpoint>,
}

impl Capture<'_> {
    /// Counts what was found; whether that had to be as `other`.
    pub(super) fn record(&self, key: KeyRef<'_>, found: &Finding<'_>) -> bool {
        let mut is_shown = false;
        let as_other = self.handoff.tally.record_with(key, (self.now, self.took), |window| {
            is_shown = true;
            self.facts(found, |facts| window.take(facts));
        });
        if !is_shown {
            // One that is told only by number has shown its logs as well.
            if let Some(notes) = self.slot.taken_notes() {
                notes.logs_shown();
            }
        }
        as_other
    }

    /// Lends out what was found with all that is known of the request.
    pub(super) fn facts<R>(&self, found: &Finding<'_>, with: impl FnOnce(&Facts<'_>) -> R) -> R {
        let info = self.slot.info();
        let notes = self.slot.taken_notes();
        let error = notes.and_then(|notes| notes.error());
        let listed = notes.map(|notes| notes.notes()).unwrap_or_default();
        let reason = match (&found.reason, &error) {
            (Reason::Unknown, Some(error)) => Reason::Chain(error.chain()),
            (reason, _) => *reason,
        };
        with(&Facts {
            at: self.now,
            took: self.took,
            outcome: found.outcome,
            info: Some(info),
            status: found.status,
            reason,
            notes: &listed,
            site: found.site,
            endpoint: (found.site.is_some() || self.by.is_some())
                .then(|| (method_of(self.slot, self.route), self.route)),
            bytes: found.bytes,
            polls: self.slot.polls().read(self.took.into()),
            blocked: self.by.and_then(|by| Some(self.handoff.blocks.by(by, self.now, self.now)?.0)),
            detail: self.detail(notes, found),
            in_flight: self.handoff.registry.in_flight(),
            path: self.rules.path_capture(self.route),
            query: self.rules.query,
        })
    }
}

impl Capture<'_> {
    fn detail(&self, notes: Option<&Notes>, found: &Finding<'_>) -> Option<Arc<Detail>> {
        let room = &self.handoff.details;
        match notes {
            Some(notes) => notes.detail(room, found.trace.clone()),
            None => room.detail(Vec::new(), 0, found.trace.clone()),
        }
    }
}

/// Whether the request took so long by `now`. Cheaper than to ask how long.
#[inline]
fn has_taken(slot: &Slot, now: Instant, long: Duration) -> bool {
    now >= later(slot.info().started(), long)
}

/// A key's method: without a route there is one key per kind.
pub(super) fn method_of(slot: &Slot, route: RouteRef<'_>) -> MethodName {
    match route {
        RouteRef::Known(_) => MethodName::of(slot.info().method()),
        RouteRef::Unmatched => MethodName::OTHER,
    }
}

fn is_probe(slot: &Slot) -> bool {
    const PROBES: [&[u8]; 3] = [b"kube-probe/", b"ELB-HealthChecker/", b"GoogleHC/"];
    let agent = slot.info().user_agent();
    agent.is_some_and(|agent| PROBES.iter().any(|probe| agent.as_bytes().starts_with(probe)))
}
