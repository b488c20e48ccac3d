//! [`Batch`]: what our thread takes from the tally.

use crate::observation::{ByRule, Counts, DropReason, Key, Samples};

/// What our thread takes from the tally.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<BatchRow>,
}

/// What was counted of one key since the last time.
#[derive(Debug)]
pub(crate) struct BatchRow {
    pub(crate) key: Key,
    /// New observations; `total` includes `moved_in` and not `moved_out`.
    pub(crate) counts: Counts,
    /// Requests that had been counted under another key and ended worse.
    pub(crate) moved_in: u64,
    /// Requests counted here before that ended under a worse key.
    pub(crate) moved_out: u64,
    pub(crate) samples: Samples,
}

impl Batch {
    /// By how much this batch changes the number of pending observations.
    pub(crate) fn net(&self) -> i128 {
        self.rows.iter().map(|row| i128::from(row.counts.total) - i128::from(row.moved_out)).sum()
    }
}

impl BatchRow {
    pub(crate) fn new(key: Key) -> Self {
        BatchRow {
            key,
            counts: Counts::default(),
            moved_in: 0,
            moved_out: 0,
            samples: Samples::default(),
        }
    }
}

/// The tally's part of a ledger snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Undrained {
    pub(crate) observed: u64,
    pub(crate) waiting: i128,
    pub(crate) suppressed: ByRule,
    pub(crate) dropped: [u64; DropReason::ALL.len()],
}
