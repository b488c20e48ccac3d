//! [`Slot`]: one request in flight.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::observation::{Age, RequestInfo};

use super::registry::Place;
use super::sync::atomic::{AtomicBool, Ordering};
use super::{Hang, Notes, PollMeter};

/// One request in flight, as the registry, the current-request thread-local
/// and the request's own future share it.
///
/// Its references are counted on cache lines of its own, and not on one of a
/// pair that is prefetched together: a neighbour may be another thread's.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Slot {
    info: RequestInfo,
    place: Place,
    /// Which layer watches it.
    layer: usize,
    /// The request around it, when one layer runs inside another.
    parent: Option<Arc<Slot>>,
    /// Made at the first use only. Users' handles hold the notes and not the
    /// slot, since the slot keeps the connection's read buffer alive.
    notes: OnceLock<Arc<Notes>>,
    hang: Hang,
    polls: PollMeter,
    is_closed: AtomicBool,
}

impl Slot {
    pub(super) fn empty(place: Place, now: Instant) -> Self {
        Slot {
            info: RequestInfo::empty(now),
            place,
            layer: 0,
            parent: None,
            notes: OnceLock::new(),
            hang: Hang::default(),
            polls: PollMeter::default(),
            is_closed: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(super) fn open(
        &mut self,
        layer: usize,
        parent: Option<Arc<Slot>>,
        fill: impl FnOnce(&mut RequestInfo),
    ) {
        self.layer = layer;
        self.parent = parent;
        fill(&mut self.info);
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.info.clear();
        self.parent = None;
        self.notes.take();
        self.hang.clear();
        self.polls.clear();
        self.is_closed = AtomicBool::new(false);
    }

    #[inline]
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The request is over: what is noted from now on is not its own.
    #[inline]
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        if let Some(notes) = self.notes.get() {
            notes.close();
        }
    }

    #[inline]
    pub(crate) fn info(&self) -> &RequestInfo {
        &self.info
    }

    #[inline]
    pub(crate) fn hang(&self) -> &Hang {
        &self.hang
    }

    #[inline]
    pub(crate) fn polls(&self) -> &PollMeter {
        &self.polls
    }

    /// How old the request is.
    #[inline]
    pub(crate) fn age(&self, now: Instant) -> Age {
        self.took(now).into()
    }

    /// As [`age`](Slot::age).
    #[inline]
    pub(crate) fn took(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.info.started())
    }

    /// The layer's notes on the request, which know those of the layers around.
    pub(crate) fn notes(&self) -> &Arc<Notes> {
        self.notes.get_or_init(|| {
            let around = self.parent.as_ref().map(|parent| Arc::clone(parent.notes()));
            Arc::new(Notes::new(around, self.is_closed.load(Ordering::Acquire)))
        })
    }

    /// The notes, if anybody asked for them, here or in a layer around.
    #[inline]
    pub(crate) fn taken_notes(&self) -> Option<&Notes> {
        match (self.notes.get(), &self.parent) {
            (Some(notes), _) => Some(notes),
            (None, Some(parent)) => self.notes_of_parent(parent),
            (None, None) => None,
        }
    }

    fn notes_of_parent(&self, parent: &Slot) -> Option<&Notes> {
        parent.taken_notes().map(|_| &**self.notes())
    }

    /// Whether `layer` already watches this request, here or further out.
    pub(crate) fn is_watched_by(&self, layer: usize) -> bool {
        self.layer == layer
            || self.parent.as_ref().is_some_and(|parent| parent.is_watched_by(layer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_in_flight_takes_what_the_tuning_guide_says() {
        // With the lines that the two counts of its `Arc` take.
        assert_eq!(align_of::<Slot>() + size_of::<Slot>(), 512);
    }
}
