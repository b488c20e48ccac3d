//! [`Slot`]: one request in flight.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::observation::RequestInfo;

use super::{Hang, Notes, PollMeter};

/// One request in flight, as the registry, the current-request thread-local
/// and the request's own future share it.
#[derive(Debug)]
pub(crate) struct Slot {
    info: RequestInfo,
    /// Which layer watches it.
    layer: usize,
    /// The request around it, when one layer runs inside another.
    parent: Option<Arc<Slot>>,
    /// Made at the first use only. Users' handles hold the notes and not the
    /// slot, since the slot keeps the connection's read buffer alive.
    notes: OnceLock<Arc<Notes>>,
    hang: Hang,
    polls: PollMeter,
}

impl Slot {
    pub(super) fn empty(now: Instant) -> Self {
        Slot {
            info: RequestInfo::empty(now),
            layer: 0,
            parent: None,
            notes: OnceLock::new(),
            hang: Hang::default(),
            polls: PollMeter::default(),
        }
    }

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

    pub(super) fn clear(&mut self) {
        self.info.clear();
        self.parent = None;
        self.notes = OnceLock::new();
        self.hang.clear();
        self.polls.clear();
    }

    /// The request is over.
    pub(super) fn close(&self) {
        // Around it, another layer's goes on.
        if let (None, Some(notes)) = (&self.parent, self.notes.get()) {
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
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.info.started())
    }

    /// The notes, shared by all layers around the request.
    pub(crate) fn notes(&self) -> &Arc<Notes> {
        match &self.parent {
            Some(parent) => parent.notes(),
            None => self.notes.get_or_init(Arc::default),
        }
    }

    /// The notes, if anybody asked for them.
    #[inline]
    pub(crate) fn taken_notes(&self) -> Option<&Notes> {
        match &self.parent {
            Some(parent) => parent.taken_notes(),
            None => self.notes.get().map(|notes| &**notes),
        }
    }

    /// Whether `layer` already watches this request, here or further out.
    pub(crate) fn is_watched_by(&self, layer: usize) -> bool {
        self.layer == layer
            || self.parent.as_ref().is_some_and(|parent| parent.is_watched_by(layer))
    }
}
