//! Written by requests, read by our thread: counts, requests in flight, and
//! the ledger.

mod blocks;
mod current;
mod hang;
mod ledger;
mod log_buffer;
mod notes;
mod outside;
pub(crate) mod own_thread;
mod panic_record;
mod poll_meter;
mod registry;
mod slot;
mod stats;
mod stripe;
mod successes;
mod sync;
mod tally;
mod told;
mod unrouted;
mod watch;

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use crate::observation::{Clock, DetailRoom, RouteBudget};

pub use stats::{DestinationState, DestinationStats, Stats};

pub(crate) use blocks::Blocks;
pub(crate) use current::{Current, Entered, Scoped, with_current};
pub(crate) use hang::Hang;
pub(crate) use ledger::Ledger;
pub(crate) use notes::Notes;
pub(crate) use outside::Outside;
pub(crate) use panic_record::PanicRecord;
pub(crate) use poll_meter::{Began, PollMeter};
pub(crate) use registry::Registry;
pub(crate) use slot::Slot;
pub(crate) use stripe::{stripe, stripes};
pub(crate) use successes::Successes;
pub(crate) use tally::{Batch, Tally};
pub(crate) use told::Told;
pub(crate) use unrouted::Unrouted;
pub(crate) use watch::Watch;

/// What the request path and our thread share.
#[derive(Debug)]
pub(crate) struct Handoff {
    pub(crate) clock: Clock,
    pub(crate) tally: Tally,
    pub(crate) successes: Successes,
    pub(crate) registry: Registry,
    pub(crate) ledger: Ledger,
    pub(crate) routes: RouteBudget,
    pub(crate) unrouted: Unrouted,
    pub(crate) details: DetailRoom,
    pub(crate) blocks: Blocks,
    /// The service has begun to shut down.
    pub(crate) draining: AtomicBool,
    /// Whether all was told when our thread ended, once it has.
    pub(crate) all_told: OnceLock<bool>,
}

impl Handoff {
    pub(crate) fn new(clock: Clock) -> Self {
        Handoff {
            clock,
            tally: Tally::new(),
            successes: Successes::new(),
            registry: Registry::new(),
            ledger: Ledger::default(),
            routes: RouteBudget::default(),
            unrouted: Unrouted::default(),
            details: DetailRoom::default(),
            blocks: Blocks::default(),
            draining: AtomicBool::new(false),
            all_told: OnceLock::new(),
        }
    }

    /// What became of every observation.
    pub(crate) fn stats(&self) -> Stats {
        self.ledger.stats(&self.tally, self.registry.in_flight())
    }
}

#[cfg(all(test, shuttle))]
mod model;
