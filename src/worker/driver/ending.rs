//! How it comes to an end: what is waited for, and until when.

use std::sync::mpsc as sync;
use std::time::{Duration, Instant};

use crate::incident::{DestinationIndex, Input};
use crate::observation::{DropReason, later};

use super::super::record;
use super::{Driver, Stopping};

/// A report leaves this long before its deadline, so that it arrives in time.
pub(super) const MARGIN: Duration = Duration::from_millis(20);

impl Driver {
    pub(super) fn is_idle(&self) -> bool {
        let empty = (0..self.destinations.len())
            .all(|destination| self.stands_by(destination) || self.outbox.is_empty(destination));
        empty && self.engine.is_idle()
    }

    pub(super) fn stands_by(&self, destination: DestinationIndex) -> bool {
        self.destinations.get(destination).is_none_or(|place| place.stands_by)
    }

    pub(super) fn answer_flushes(&mut self) {
        if self.flushes.is_empty() {
            return;
        }
        let flushed = self.engine.is_flushed();
        let now = Instant::now();
        let flushes = std::mem::take(&mut self.flushes);
        for (deadline, reply) in flushes {
            if flushed || now >= deadline || self.is_hopeless_by(deadline) {
                let _ = reply.try_send(flushed);
            } else {
                self.flushes.push((deadline, reply));
            }
        }
    }

    /// Nothing of what is left can go out by then: no need to wait for it.
    pub(super) fn is_hopeless_by(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let horizon = later(self.now().mono, left);
        (0..self.destinations.len()).all(|destination| {
            let manner = |subject| self.engine.manner(destination, subject);
            self.stands_by(destination)
                || !self.outbox.can_progress_by(destination, horizon, manner)
        })
    }

    pub(super) fn stop(&mut self, deadline: Instant, reply: Option<sync::SyncSender<bool>>) {
        if let Some(stopping) = &mut self.stopping {
            stopping.deadline = stopping.deadline.min(deadline);
            stopping.replies.extend(reply);
            return;
        }
        let batch = self.handoff.ledger.close(&self.handoff.tally, DropReason::AfterShutdown);
        self.observe(batch);
        self.engine.handle(self.now(), Input::Stop);
        self.stopping = Some(Stopping { deadline, replies: reply.into_iter().collect() });
    }

    pub(super) fn is_over(&self) -> bool {
        let Some(stopping) = &self.stopping else { return false };
        let left = stopping.deadline.saturating_duration_since(Instant::now());
        left < MARGIN || self.is_hopeless_by(stopping.deadline) || self.is_idle()
    }

    pub(super) fn finish(&mut self) {
        let idle = self.is_idle();
        let held: Vec<_> =
            self.engine.held().map(|(at, key, held)| (at, key.clone(), held)).collect();
        // Known before the others find that nobody answers them.
        let _ = self.handoff.all_told.set(idle);
        // What is asked for from now on is not taken.
        self.commands.close();
        self.silences.clear();
        self.engine.handle(self.now(), Input::Abandon);
        self.handoff.ledger.settle(self.engine.accounts());
        for (_, reply) in self.flushes.drain(..) {
            let _ = reply.try_send(idle);
        }
        let replies = self.stopping.take().map(|stopping| stopping.replies);
        for reply in replies.into_iter().flatten() {
            let _ = reply.try_send(idle);
        }
        for (destination, key, held) in held {
            if let Some(target) = self.destinations.get(destination) {
                record::lost(&target.name, &key, held, target.last_fault.as_deref());
            }
        }
    }
}

pub(super) fn earlier(at: Instant, by: Duration) -> Instant {
    at.checked_sub(by).unwrap_or(at)
}
