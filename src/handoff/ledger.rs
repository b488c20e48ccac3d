//! [`Ledger`]: where every observation is, at any moment.

use crate::observation::lock::relock;
use crate::observation::{Account, DropReason};

use super::sync::Mutex;
use super::sync::atomic::{AtomicU64, Ordering};
use super::{Batch, DestinationStats, Stats, Tally};

/// Where every observation is, at any moment. Our thread writes it; a
/// snapshot holds its lock, so that nothing moves while it is taken.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    state: Mutex<State>,
    bodies_cancelled: AtomicU64,
    callback_panics: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Drained, and not in any account yet.
    between: i128,
    destinations: Vec<DestinationStats>,
    faults: Vec<String>,
    restarts: u64,
}

impl Ledger {
    /// Names the destinations; before anything is drained.
    pub(crate) fn open(&self, names: impl Iterator<Item = String>) {
        relock(&self.state).destinations = names.map(DestinationStats::new).collect();
    }

    /// A response body was dropped by its client before its end.
    pub(crate) fn body_cancelled(&self) {
        self.bodies_cancelled.fetch_add(1, Ordering::Relaxed);
    }

    /// A user's closure panicked.
    pub(crate) fn callback_panicked(&self) {
        self.callback_panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Something about ourselves does not work.
    pub(crate) fn fault(&self, fault: String) {
        let mut state = relock(&self.state);
        if state.faults.len() < 16 && !state.faults.contains(&fault) {
            state.faults.push(fault);
        }
    }

    /// Our thread went on after a panic of its own.
    pub(crate) fn restarted(&self) {
        relock(&self.state).restarts += 1;
    }

    /// Takes the tally's batch; until the accounts say otherwise it is pending.
    pub(crate) fn take(&self, tally: &Tally) -> Batch {
        let mut state = relock(&self.state);
        let batch = tally.drain();
        state.between += batch.net();
        batch
    }

    /// As [`take`](Ledger::take), for the last time.
    pub(crate) fn close(&self, tally: &Tally, reason: DropReason) -> Batch {
        let mut state = relock(&self.state);
        let batch = tally.close(reason);
        state.between += batch.net();
        batch
    }

    /// The accounts after everything taken so far is in them.
    pub(crate) fn settle(&self, accounts: impl Iterator<Item = Account>) {
        let mut state = relock(&self.state);
        state.between = 0;
        for (destination, account) in state.destinations.iter_mut().zip(accounts) {
            destination.account = account;
        }
    }

    /// Lets `update` say how a destination fares.
    pub(crate) fn describe(&self, update: impl FnOnce(&mut [DestinationStats])) {
        update(&mut relock(&self.state).destinations);
    }

    /// A snapshot in which every observation is somewhere.
    pub(crate) fn stats(&self, tally: &Tally, in_flight: usize) -> Stats {
        let state = relock(&self.state);
        let undrained = tally.undrained();
        let mut destinations = state.destinations.clone();
        for destination in &mut destinations {
            let account = &mut destination.account;
            let pending = i128::from(account.pending) + state.between + undrained.waiting;
            account.pending = u64::try_from(pending.max(0)).unwrap_or(u64::MAX);
            for (sum, here) in account.suppressed.iter_mut().zip(undrained.suppressed) {
                *sum += here;
            }
            for (sum, here) in account.dropped.iter_mut().zip(undrained.dropped) {
                *sum += here;
            }
        }
        Stats {
            observed: undrained.observed,
            destinations,
            in_flight,
            bodies_cancelled: self.bodies_cancelled.load(Ordering::Relaxed),
            callback_panics: self.callback_panics.load(Ordering::Relaxed),
            faults: state.faults.clone(),
            restarts: state.restarts,
        }
    }
}
