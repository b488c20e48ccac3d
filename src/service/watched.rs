//! [`Watched`]: one request's place in the registry, left on every path.

use std::sync::Arc;
use std::time::Duration;

use crate::handoff::{Place, Slot};
use crate::observation::{Kind, Outcome, Reason};

use super::current::Entered;
use super::panics::{self, Payload};
use super::recorder::{Finding, Recorder, Told};

/// One request under watch. Dropping it leaves the registry.
pub(super) struct Watched {
    recorder: Arc<Recorder>,
    slot: Option<Arc<Slot>>,
    place: Place,
    told: Told,
}

impl Watched {
    pub(super) fn new(recorder: Arc<Recorder>, slot: Arc<Slot>, place: Place) -> Self {
        Watched { recorder, slot: Some(slot), place, told: Told::Nothing }
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

    /// Counts what was found.
    pub(super) fn observe(&mut self, found: &Finding<'_>) {
        let now = self.recorder.now();
        if let Some(slot) = &self.slot {
            self.recorder.observe(slot, &mut self.told, now, found);
        }
    }

    /// Counts a panic with what it said.
    pub(super) fn panicked(&mut self, payload: &Payload, outcome: Outcome, bytes: Option<u64>) {
        panics::said(&**payload, |text| {
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
        let elapsed = self.elapsed();
        if self.slot().is_some_and(|slot| self.recorder.is_cancellation(slot, elapsed)) {
            self.observe(&Finding { outcome, bytes, ..Finding::new(Kind::Cancelled) });
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.recorder.handoff.registry.leave(self.place, slot);
        }
    }
}
