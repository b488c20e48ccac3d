//! [`HungWatch`]: finds requests that take too long while they still run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::handoff::{Handoff, Slot, Told, Watch};
use crate::observation::{Endpoint, InFlight, Key, KeyRef, Kind, Outcome, RouteRef, later};

use super::recorder::{Capture, Finding, method_of, suppression};
use super::rules::Rules;

/// How often it looks at the most, and while nothing is in flight.
const LOOK_AT_MOST: Duration = Duration::from_millis(250);
const LOOK_IDLY: Duration = Duration::from_secs(1);

/// Finds requests that have no response head long after they came in, and
/// those that have the async runtime blocked.
pub(crate) struct HungWatch {
    rules: Arc<Rules>,
    handoff: Arc<Handoff>,
    floor: Duration,
    since: Instant,
    told: Vec<Running>,
    /// When the process had not run, and for how long.
    gaps: Vec<(Instant, Duration)>,
}

struct Running {
    slot: Arc<Slot>,
    key: Key,
    /// Since when it is told to run.
    since: Instant,
}

/// What one look at all requests in flight finds.
#[derive(Default)]
struct Look {
    /// No answer for long, and not told.
    old: Vec<Arc<Slot>>,
    /// When the oldest of the younger ones began.
    young: Option<Instant>,
    /// Polled for long without a break, and for how long.
    blocking: Vec<(Arc<Slot>, Duration)>,
    /// Without an answer, and not told.
    waiting: usize,
}

impl HungWatch {
    pub(crate) fn new(rules: Arc<Rules>, handoff: Arc<Handoff>) -> Self {
        let since = handoff.clock.now();
        HungWatch {
            floor: rules.hung_floor(),
            since,
            rules,
            handoff,
            told: Vec::new(),
            gaps: Vec::new(),
        }
    }

    fn scan(&self, now: Instant) -> Look {
        let mut look = Look::default();
        let measured = self.rules.poll_accounting;
        let blocked_after = self.rules.blocked_after;
        self.handoff.registry.scan(|slot| {
            let age = slot.age(now);
            if measured {
                let polled = slot.polls().current(age);
                if let Some(polled) = polled.filter(|polled| *polled >= blocked_after) {
                    look.blocking.push((Arc::clone(slot), polled));
                }
            }
            if !slot.hang().is_silent() {
                return;
            }
            look.waiting += 1;
            if Duration::from(age) < self.floor {
                let began = slot.info().started();
                look.young = Some(look.young.map_or(began, |young| young.min(began)));
            } else {
                look.old.push(Arc::clone(slot));
            }
        });
        // Not those that only did not run, as nobody did.
        look.blocking.retain_mut(|(_, polled)| {
            let began = now.checked_sub(*polled).unwrap_or(now);
            *polled = polled.saturating_sub(self.missed_since(began));
            *polled >= blocked_after
        });
        look.blocking.sort_by_key(|(_, polled)| std::cmp::Reverse(*polled));
        look
    }

    /// Tells those that have the runtime blocked, several at once; ends it when
    /// they have not any more.
    fn consider_block(&mut self, look: &Look, now: Instant) {
        let handoff = &self.handoff;
        // It is blocked since the second one joined the first.
        let Some((_, polled)) = look.blocking.get(1) else {
            handoff.blocks.end(now);
            return;
        };
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let silent = look.blocking.iter().filter(|(slot, _)| slot.hang().is_silent()).count();
        let counts = (number(look.blocking.len()), number(look.waiting.saturating_sub(silent)));
        let endpoint = |(slot, _): &(Arc<Slot>, Duration)| {
            slot.info().with_route(&handoff.routes, |route| Endpoint {
                method: method_of(slot, route),
                route: route.to_route(),
            })
        };
        let by: Vec<Endpoint> = look.blocking.iter().map(endpoint).collect();
        let began = now.checked_sub(*polled).unwrap_or(now);
        let Some(by) = handoff.blocks.go_on(began, now, counts, &by) else { return };
        for (slot, polled) in &look.blocking {
            let since = now.checked_sub(*polled).unwrap_or(now);
            self.tell(slot, now, since, Some(&by));
        }
    }

    /// Counts a request as hung, if it is by its route's rule; returns when it
    /// would be.
    fn consider(&mut self, slot: &Arc<Slot>, now: Instant) -> Option<Instant> {
        let began = slot.info().started();
        let hung_after =
            slot.info().with_route(&self.handoff.routes, |route| self.rules.hung_after(route));
        let at = later(began, hung_after.saturating_add(self.missed_since(began)));
        if now < at {
            return Some(at);
        }
        let blocks = &self.handoff.blocks;
        let waited = slot.polls().longest_wait(slot.age(now));
        let by = blocks.behind(began, now, hung_after, waited);
        if by.is_some() && !blocks.is_under_way() {
            // Time that a block took is not its own.
            return Some(later(at, blocks.lost(began, now)));
        }
        self.tell(slot, now, began, by.as_ref());
        None
    }

    /// Tells a request that still runs, unless it was told or has ended.
    fn tell(&mut self, slot: &Arc<Slot>, now: Instant, since: Instant, by: Option<&Arc<Endpoint>>) {
        let key = slot.info().with_route(&self.handoff.routes, |route| {
            let method = method_of(slot, route);
            let key = match by {
                Some(by) => by.blocked(),
                None => KeyRef::Request { kind: Kind::Slow, method, route, status: None },
            };
            match slot.hang().tell(|| self.count(slot, route, key, now, by)) {
                Some(Told::Counted { as_other: true, .. }) => Some(Key::Other { kind: Kind::Slow }),
                Some(Told::Counted { as_other: false, .. }) => Some(key.to_key()),
                _ => None,
            }
        });
        if let Some(key) = key {
            self.told.push(Running { slot: Arc::clone(slot), key, since });
        }
    }

    /// For how long the process has not run since then.
    fn missed_since(&self, began: Instant) -> Duration {
        let missed =
            self.gaps.iter().map(|(until, gap)| until.saturating_duration_since(began).min(*gap));
        missed.sum()
    }

    fn count(
        &self,
        slot: &Slot,
        route: RouteRef<'_>,
        key: KeyRef<'_>,
        now: Instant,
        by: Option<&Arc<Endpoint>>,
    ) -> Told {
        let span = (self.since, now);
        if let Some(rule) = suppression(&self.rules, slot, route, span, Kind::Hung) {
            self.handoff.tally.suppress(rule);
            return Told::Suppressed(rule);
        }
        let found = Finding { outcome: Outcome::Running, ..Finding::new(Kind::Hung) };
        let capture = Capture {
            rules: &self.rules,
            handoff: &self.handoff,
            slot,
            route,
            now,
            took: slot.took(now),
            by: by.map(|by| &**by),
        };
        let as_other = capture.record(key, &found);
        Told::Counted { kind: Kind::Hung, status: None, as_other, by: by.cloned() }
    }

    /// When to look again for those that block the runtime. A clock that is
    /// moved by hand tells nothing of that.
    fn next_for_blocks(&self, now: Instant) -> Option<Instant> {
        if !self.rules.poll_accounting || !self.handoff.clock.runs_by_itself() {
            return None;
        }
        let often = (self.rules.blocked_after / 2).clamp(LOOK_AT_MOST, LOOK_IDLY);
        let idle = self.handoff.registry.in_flight() == 0;
        Some(later(now, if idle { LOOK_IDLY } else { often }))
    }
}

impl Watch for HungWatch {
    fn look(&mut self, now: Instant) -> Instant {
        let look = self.scan(now);
        if self.rules.poll_accounting {
            self.consider_block(&look, now);
        }
        // One that comes in now can't hang before that.
        let mut next = later(look.young.unwrap_or(now), self.floor);
        for slot in &look.old {
            if let Some(at) = self.consider(slot, now) {
                next = next.min(at);
            }
        }
        // Many that came one after the other are found together.
        let next = self.next_for_blocks(now).map_or(next, |at| at.min(next));
        next.max(later(now, LOOK_AT_MOST))
    }

    fn missed(&mut self, until: Instant, gap: Duration) {
        // Older requests than the oldest of so many are told a little early.
        const KEPT: usize = 16;
        if self.gaps.len() >= KEPT {
            self.gaps.remove(0);
        }
        self.gaps.push((until, gap));
    }

    fn running(&mut self) -> Vec<(Key, u64, Instant)> {
        self.told.retain(|told| told.slot.hang().is_told());
        let mut running: Vec<(Key, u64, Instant)> = Vec::new();
        for told in &self.told {
            match running.iter_mut().find(|(key, ..)| *key == told.key) {
                Some((_, count, since)) => (*count, *since) = (*count + 1, told.since.min(*since)),
                None => running.push((told.key.clone(), 1, told.since)),
            }
        }
        running
    }

    fn oldest(&self, now: Instant, most: usize) -> Vec<InFlight> {
        let mut oldest: Vec<Arc<Slot>> = Vec::new();
        self.handoff.registry.scan(|slot| {
            let began = slot.info().started();
            let is_older = oldest.len() < most
                || oldest.last().is_some_and(|last| began < last.info().started());
            if slot.hang().runs() && is_older {
                let at = oldest.partition_point(|older| older.info().started() <= began);
                oldest.insert(at, Arc::clone(slot));
                oldest.truncate(most);
            }
        });
        let row = |slot: &Arc<Slot>| {
            let age = slot.age(now);
            let polled_for = slot.polls().current(age);
            slot.info().with_route(&self.handoff.routes, |route| InFlight {
                method: method_of(slot, route),
                route: route.to_route(),
                age: age.into(),
                polled_for,
            })
        };
        oldest.iter().map(row).collect()
    }
}
