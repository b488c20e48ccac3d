//! [`Stripe`]: what one group of threads counts.

use std::collections::HashMap;
use std::sync::Arc;

use crate::observation::{Counts, DropReason, KeyRef, RouteRef, Rule};

use super::entry::Entry;
use super::key_hash::Prehashed;

/// So many rows are remembered without a hash.
const RECENT: usize = 16;

/// What one group of threads counts.
#[derive(Debug, Default)]
pub(super) struct Stripe {
    /// All that was ever observed here.
    pub(super) observed: u64,
    /// Signed: what one thread suppressed, another may tell after all.
    pub(super) suppressed: [i64; Rule::ALL.len()],
    pub(super) dropped: [u64; DropReason::ALL.len()],
    /// Nobody drains any more: count what comes as dropped.
    pub(super) closed: Option<DropReason>,
    pub(super) index: HashMap<u64, usize, Prehashed>,
    /// Where keys of requests were found last: spares a storm the hash of its
    /// key. Only guesses, which the row's key confirms.
    pub(super) recent: [usize; RECENT],
    pub(super) rows: Vec<Row>,
    /// Rows that count something.
    pub(super) touched: Vec<usize>,
    pub(super) vacant: Vec<usize>,
}

/// What was counted of one key since our thread drained.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) entry: Arc<Entry>,
    pub(super) counts: Counts,
    pub(super) moved_in: u64,
    pub(super) moved_out: u64,
    pub(super) touched: bool,
}

impl Stripe {
    /// Whether that row is the key's.
    #[inline]
    pub(super) fn is_of(&self, row: usize, key: KeyRef<'_>) -> bool {
        self.rows.get(row).is_some_and(|row| row.entry.key.is(key))
    }

    #[inline]
    pub(super) fn touch(&mut self, row: usize) -> Option<&mut Row> {
        let found = self.rows.get_mut(row)?;
        if !found.touched {
            found.touched = true;
            self.touched.push(row);
        }
        Some(found)
    }
}

/// Where a key's row is remembered: by where its route is written, which is the
/// router's own text.
#[inline]
pub(super) fn recent_place(key: KeyRef<'_>) -> Option<usize> {
    let KeyRef::Request { route: RouteRef::Known(route), .. } = key else { return None };
    Some((route.as_ptr().addr() / 16 + route.len()) % RECENT)
}
