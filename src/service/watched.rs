//! [`Watched`]: one request's place in the registry, left on every path.

use std::sync::Arc;
use std::time::Duration;

use crate::handoff::{HungAs, Slot, Ticket};
use crate::observation::{Kind, Outcome, Reason, RequestHead};

use super::current::{Current, Entered, with_current};
use super::panics::Payload;
use super::recorder::{Finding, Recorder, Told};
use super::shown::said;

/// One request under watch. Dropping it leaves the registry.
pub(super) struct Watched {
    recorder: Arc<Recorder>,
    slot: Option<Arc<Slot>>,
    place: Ticket,
    told: Told,
    /// There was an answer, and nothing was wrong with it.
    answered: bool,
    /// Something worse than slow was found, told or not.
    failed: bool,
}

impl Watched {
    /// Begins to watch a request, unless a rule says not to, or the same layer
    /// already watches it further out.
    pub(super) fn begin(recorder: &Arc<Recorder>, head: &RequestHead<'_>) -> Option<Self> {
        let parent = with_current(|current| match current {
            Current::Request(slot) => Some(Arc::clone(slot)),
            _ => None,
        });
        let parent = parent.flatten();
        if parent.as_ref().is_some_and(|parent| parent.is_watched_by(recorder.id())) {
            return None;
        }
        let (rules, handoff) = (&recorder.rules, &recorder.handoff);
        let named = rules.route_fn.as_ref().and_then(|route_fn| {
            route_fn.call(&handoff.ledger, |route_fn| route_fn(head)).flatten()
        });
        if rules.ignore.covers(head, named.as_deref(), &handoff.ledger) {
            return None;
        }
        let now = handoff.clock.now();
        let (slot, place) = handoff.registry.enter(recorder.id(), parent, now, |info| {
            info.fill(head, &rules.headers, named, now);
        });
        if handoff.unrouted.note(slot.info().has_route()) {
            tracing::warn!(
                target: "tower_slack_alert",
                "100 requests without any route, so routes are guessed from paths: apply the layer \
                 inside the router (Router::layer), or set route_fn"
            );
        }
        let recorder = Arc::clone(recorder);
        Some(Watched {
            recorder,
            slot: Some(slot),
            place,
            told: Told::Nothing,
            answered: false,
            failed: false,
        })
    }

    pub(super) fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// Makes this the current request of the thread for a while.
    pub(super) fn enter(&mut self) -> Entered<'_> {
        Entered::new(&mut self.slot)
    }

    pub(super) fn slot(&self) -> Option<&Slot> {
        self.slot.as_deref()
    }

    /// Time since the request came.
    pub(super) fn elapsed(&self) -> Duration {
        let now = self.recorder.now();
        self.slot()
            .map(|slot| now.saturating_duration_since(slot.info().started()))
            .unwrap_or_default()
    }

    /// Whether it has taken so long by now that it is slow on its route.
    pub(super) fn is_slow(&self) -> bool {
        let elapsed = self.elapsed();
        self.slot().is_some_and(|slot| self.recorder.is_slow(slot, elapsed))
    }

    /// Counts what was found.
    pub(super) fn observe(&mut self, found: &Finding<'_>) {
        let now = self.recorder.now();
        self.failed |= found.kind.severity() > Kind::Hung.severity();
        if let Some(slot) = &self.slot {
            self.recorder.observe(slot, &mut self.told, now, found);
            slot.hang().settle();
        }
    }

    /// Its future is over: whether it had been told while it ran.
    pub(super) fn no_longer_runs(&mut self) {
        let hung = self.slot().and_then(|slot| slot.hang().end());
        match hung {
            Some(HungAs::Suppressed(rule)) => self.told = Told::Suppressed(rule),
            Some(HungAs::Counted { as_other }) => {
                self.told = Told::Counted { kind: Kind::Hung, status: None, as_other };
            }
            None => {}
        }
    }

    /// How it ended is counted, or will not be.
    fn settle(&self) {
        if let Some(slot) = self.slot() {
            slot.hang().settle();
        }
    }

    /// Whether it was told while it ran.
    pub(super) fn was_hung(&self) -> bool {
        matches!(self.told, Told::Counted { kind: Kind::Hung, .. })
    }

    /// It was answered; unless something is found yet, it went well.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }

    /// Counts a panic with what it said.
    pub(super) fn panicked(&mut self, payload: &Payload, outcome: Outcome, bytes: Option<u64>) {
        said(&**payload, |text| {
            self.observe(&Finding {
                reason: Reason::Text(text),
                outcome,
                bytes,
                ..Finding::new(Kind::Panicked)
            });
        });
    }

    /// Counts a dropped request, if it had taken long enough to matter.
    pub(super) fn cancelled(&mut self, outcome: Outcome, bytes: Option<u64>) {
        if self.was_hung() && outcome == Outcome::Plain {
            let outcome = Outcome::GivenUp;
            self.observe(&Finding { outcome, ..Finding::new(Kind::Cancelled) });
            return;
        }
        let elapsed = self.elapsed();
        if self.slot().is_some_and(|slot| self.recorder.is_cancellation(slot, elapsed)) {
            self.observe(&Finding { outcome, bytes, ..Finding::new(Kind::Cancelled) });
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.settle();
        if let Some(slot) = self.slot.take() {
            // One that only a rule kept from being told was answered well.
            let is_fine = matches!(self.told, Told::Nothing | Told::Suppressed(_)) && !self.failed;
            if self.answered && is_fine {
                self.recorder.succeeded(&slot);
            }
            self.recorder.handoff.registry.leave(self.place, slot);
        }
    }
}
