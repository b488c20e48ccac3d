//! [`Tally`]: what requests count, until our thread takes it.

mod batch;
mod entry;
mod key_hash;
mod stripe;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::observation::lock::relock;
use crate::observation::{Counts, DropReason, Facts, Key, KeyRef, Kind, MAX_KEYS, Rule, Window};

use super::stripe::Striped;
use super::sync::Mutex;
use super::sync::atomic::{AtomicBool, Ordering};

use batch::{BatchRow, Undrained};
use entry::Entry;
use key_hash::Prehashed;
use stripe::{Row, Stripe, recent_place};

pub(crate) use batch::Batch;

/// What requests count, until our thread takes it.
///
/// Counts are striped by thread and exact. Samples are best effort: one
/// window per key, skipped while somebody else holds it. In the steady state
/// an observation allocates nothing.
#[derive(Debug)]
pub(crate) struct Tally {
    hasher: RandomState,
    stripes: Striped<Stripe>,
    known: Mutex<HashMap<u64, Arc<Entry>, Prehashed>>,
    others: [Arc<Entry>; Kind::COUNT],
    waiting: AtomicBool,
    wake: Notify,
}

/// Where an observation had been before it is counted.
#[derive(Clone, Copy)]
enum Before<'a> {
    Nothing,
    Suppressed(Rule),
    /// It is counted there already.
    Same,
    Counted(KeyRef<'a>),
}

impl Tally {
    pub(crate) fn new() -> Self {
        Tally {
            hasher: RandomState::new(),
            stripes: Striped::new(Stripe::default),
            known: Mutex::default(),
            others: std::array::from_fn(|index| {
                let kind = Kind::ALL.into_iter().find(|kind| kind.index() == index);
                Entry::new(Key::Other { kind: kind.unwrap_or(Kind::Failed) })
            }),
            waiting: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }

    /// Counts one observation, and keeps it as a sample if it can.
    /// Says whether it found no room and counts as `other`; so do the next two.
    pub(crate) fn record(&self, key: KeyRef<'_>, facts: &Facts<'_>) -> bool {
        self.record_with(key, (facts.at, facts.took), |window| window.take(facts))
    }

    /// As [`record`](Tally::record), where the facts are gathered only if they
    /// are wanted: `fill` runs nobody's code, since that is under a lock.
    pub(crate) fn record_with(
        &self,
        key: KeyRef<'_>,
        when: (Instant, Duration),
        fill: impl FnOnce(&mut Window),
    ) -> bool {
        self.count(Before::Nothing, key, when, |entry, count| {
            if entry.wants(count, when.1) {
                entry.offer(fill);
            }
        })
    }

    /// Counts an observation under `to` that had been counted under `from`.
    pub(crate) fn amend(&self, from: KeyRef<'_>, to: KeyRef<'_>, facts: &Facts<'_>) -> bool {
        self.count_facts(Before::Counted(from), to, facts)
    }

    /// Says more of an observation that is counted under `key` already.
    pub(crate) fn renew(&self, key: KeyRef<'_>, facts: &Facts<'_>) -> bool {
        self.count_facts(Before::Same, key, facts)
    }

    /// Counts an observation under `to` that `rule` had kept from being told.
    pub(crate) fn unsuppress(&self, rule: Rule, to: KeyRef<'_>, facts: &Facts<'_>) -> bool {
        self.count_facts(Before::Suppressed(rule), to, facts)
    }

    /// Counts an observation that `rule` keeps from being told.
    pub(crate) fn suppress(&self, rule: Rule) {
        let stripe = self.stripes.at(self.stripes.here());
        let mut stripe = relock(stripe);
        stripe.observed += 1;
        if let Some(cell) = stripe.suppressed.get_mut(rule as usize) {
            *cell += 1;
        }
    }

    fn count_facts(&self, before: Before<'_>, key: KeyRef<'_>, facts: &Facts<'_>) -> bool {
        let (at, took) = (facts.at, facts.took);
        self.count(before, key, (at, took), |entry, _| entry.offer(|window| window.take(facts)))
    }

    #[inline]
    fn count(
        &self,
        before: Before<'_>,
        key: KeyRef<'_>,
        (at, took): (Instant, Duration),
        sample: impl FnOnce(&Entry, u64),
    ) -> bool {
        let stripe = self.stripes.at(self.stripes.here());
        let as_other = {
            // One lock for all of it: a snapshot sees it whole or not at all.
            let mut stripe = relock(stripe);
            let is_new = matches!(before, Before::Nothing);
            stripe.observed += u64::from(is_new);
            if let Some(reason) = stripe.closed {
                if let Some(cell) = stripe.dropped.get_mut(reason as usize) {
                    *cell += u64::from(is_new);
                }
                return false;
            }
            match before {
                Before::Nothing | Before::Same => {}
                Before::Suppressed(rule) => {
                    if let Some(cell) = stripe.suppressed.get_mut(rule as usize) {
                        *cell -= 1;
                    }
                }
                Before::Counted(from) => {
                    let row = self.row(&mut stripe, from);
                    if let Some(row) = stripe.touch(row) {
                        row.moved_out += 1;
                    }
                }
            }
            let row = self.row(&mut stripe, key);
            let Some(row) = stripe.touch(row) else { return false };
            row.counts.add(at, took, u64::from(!matches!(before, Before::Same)));
            row.moved_in += u64::from(matches!(before, Before::Counted(_)));
            sample(&row.entry, row.counts.total);
            matches!(row.entry.key, Key::Other { .. })
        };
        self.wake();
        as_other
    }

    /// The key's row in this stripe; made if there is none.
    #[inline]
    fn row(&self, stripe: &mut Stripe, key: KeyRef<'_>) -> usize {
        let place = recent_place(key);
        let recent = place.and_then(|place| stripe.recent.get(place)).copied();
        if let Some(row) = recent.filter(|row| stripe.is_of(*row, key)) {
            return row;
        }
        let row = self.row_by_hash(stripe, key);
        if let Some(recent) = place.and_then(|place| stripe.recent.get_mut(place)) {
            *recent = row;
        }
        row
    }

    fn row_by_hash(&self, stripe: &mut Stripe, key: KeyRef<'_>) -> usize {
        let hash = self.hasher.hash_one(key);
        if let Some(&row) = stripe.index.get(&hash) {
            if stripe.is_of(row, key) {
                return row;
            }
        }
        let (hash, entry) = self.entry(hash, key);
        if let Some(&row) = stripe.index.get(&hash) {
            return row;
        }
        let fresh =
            Row { entry, counts: Counts::default(), moved_in: 0, moved_out: 0, touched: false };
        let row = match stripe.vacant.pop() {
            Some(vacant) => {
                if let Some(cell) = stripe.rows.get_mut(vacant) {
                    *cell = fresh;
                }
                vacant
            }
            None => {
                stripe.rows.push(fresh);
                stripe.rows.len() - 1
            }
        };
        stripe.index.insert(hash, row);
        row
    }

    /// The key's entry, shared by all stripes; `other` where there is no room.
    fn entry(&self, hash: u64, key: KeyRef<'_>) -> (u64, Arc<Entry>) {
        if let KeyRef::Other(kind) = key {
            let entry = self.others.get(kind.index()).map(Arc::clone);
            return (hash, entry.unwrap_or_else(|| Entry::new(Key::Other { kind })));
        }
        let mut known = relock(&self.known);
        match known.get(&hash) {
            Some(entry) if entry.key.is(key) => return (hash, Arc::clone(entry)),
            None if known.len() < MAX_KEYS => {
                let entry = Entry::new(key.to_key());
                known.insert(hash, Arc::clone(&entry));
                return (hash, entry);
            }
            // No room, or another key with the same 64 bits.
            _ => {}
        }
        drop(known);
        let kind = key.kind();
        let hash = self.hasher.hash_one(KeyRef::Other(kind));
        let entry = self.others.get(kind.index()).map(Arc::clone);
        (hash, entry.unwrap_or_else(|| Entry::new(Key::Other { kind })))
    }

    /// Wakes our thread, only if it has nothing to take yet.
    fn wake(&self) {
        if !self.waiting.load(Ordering::Relaxed) && !self.waiting.swap(true, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }

    /// Waits until there may be something to take.
    pub(crate) async fn filled(&self) {
        if !self.waiting.load(Ordering::Acquire) {
            self.wake.notified().await;
        }
    }

    /// Takes what was counted since the last time.
    pub(crate) fn drain(&self) -> Batch {
        // Before the stripes are read: what comes later wakes us again.
        self.waiting.store(false, Ordering::SeqCst);
        let mut batch = Batch::default();
        let mut entries: Vec<Arc<Entry>> = Vec::new();
        let mut places: HashMap<*const Entry, usize> = HashMap::new();
        for stripe in self.stripes.iter() {
            let mut stripe = relock(stripe);
            let mut touched = std::mem::take(&mut stripe.touched);
            for row in touched.drain(..) {
                let Some(row) = stripe.rows.get_mut(row) else { continue };
                row.touched = false;
                let place = *places.entry(Arc::as_ptr(&row.entry)).or_insert_with(|| {
                    entries.push(Arc::clone(&row.entry));
                    batch.rows.push(BatchRow::new(row.entry.key.clone()));
                    batch.rows.len() - 1
                });
                if let Some(taken) = batch.rows.get_mut(place) {
                    taken.counts.merge(&std::mem::take(&mut row.counts));
                    taken.moved_in += std::mem::take(&mut row.moved_in);
                    taken.moved_out += std::mem::take(&mut row.moved_out);
                }
            }
            stripe.touched = touched;
        }
        for (row, entry) in batch.rows.iter_mut().zip(&entries) {
            row.samples = entry.drain();
        }
        batch
    }

    /// Makes room: forgets `keys`, unless they count something right now.
    pub(crate) fn forget(&self, keys: &[Key]) {
        for key in keys.iter().filter(|key| !matches!(key, Key::Other { .. })) {
            let hash = self.hasher.hash_one(KeyRef::from(key));
            let mut busy = false;
            for stripe in self.stripes.iter() {
                let mut stripe = relock(stripe);
                let Some(&row) = stripe.index.get(&hash) else { continue };
                if stripe.rows.get(row).is_some_and(|row| row.touched) {
                    busy = true;
                } else {
                    stripe.index.remove(&hash);
                    stripe.vacant.push(row);
                    // Nor shall a vacant row hold on to samples.
                    if let (Some(row), Some(other)) =
                        (stripe.rows.get_mut(row), self.others.first())
                    {
                        row.entry = Arc::clone(other);
                    }
                }
            }
            if !busy {
                relock(&self.known).remove(&hash);
            }
        }
    }

    /// Nobody will drain any more; takes the rest, and counts what comes from
    /// now on as dropped for `reason`.
    pub(crate) fn close(&self, reason: DropReason) -> Batch {
        for stripe in self.stripes.iter() {
            relock(stripe).closed.get_or_insert(reason);
        }
        self.drain()
    }

    /// What a ledger snapshot needs; nothing may drain meanwhile.
    pub(crate) fn undrained(&self) -> Undrained {
        let mut sum = Undrained::default();
        let mut suppressed = [0_i64; Rule::ALL.len()];
        for stripe in self.stripes.iter() {
            let stripe = relock(stripe);
            sum.observed += stripe.observed;
            let touched = stripe.touched.iter().filter_map(|row| stripe.rows.get(*row));
            sum.waiting += touched
                .map(|row| i128::from(row.counts.total) - i128::from(row.moved_out))
                .sum::<i128>();
            for (sum, here) in suppressed.iter_mut().zip(stripe.suppressed) {
                *sum += here;
            }
            for (sum, here) in sum.dropped.iter_mut().zip(stripe.dropped) {
                *sum += here;
            }
        }
        // One that a stripe unsuppressed before the other's count was read here
        // is told elsewhere already.
        let ahead: i64 = suppressed.iter().filter(|count| **count < 0).sum();
        sum.waiting += i128::from(ahead);
        sum.suppressed = suppressed.map(|count| u64::try_from(count).unwrap_or(0));
        sum
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::observation::{MethodName, Reason, RouteRef, Status};

    fn facts<'a>() -> Facts<'a> {
        Facts {
            took: Duration::from_millis(5),
            reason: Reason::Text("boom"),
            in_flight: 1,
            ..Facts::at(Instant::now())
        }
    }

    fn key(kind: Kind, route: &str) -> KeyRef<'_> {
        KeyRef::Request {
            kind,
            method: MethodName::of(&http::Method::GET),
            route: RouteRef::Known(route),
            status: (kind == Kind::Failed).then_some(Status::Http(500)),
        }
    }

    fn total(batch: &Batch) -> u64 {
        batch.rows.iter().map(|row| row.counts.total).sum()
    }

    #[test]
    fn counts_are_exact_across_threads_and_drains() {
        let tally = Tally::new();
        let mut sum = 0;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|n| {
                    let tally = &tally;
                    scope.spawn(move || {
                        for i in 0..5_000 {
                            let route = format!("/r{}", (n + i) % 7);
                            tally.record(key(Kind::Failed, &route), &facts());
                        }
                    })
                })
                .collect();
            while threads.iter().any(|thread| !thread.is_finished()) {
                sum += total(&tally.drain());
            }
        });
        sum += total(&tally.drain());
        assert_eq!(sum, 20_000);
        assert_eq!(tally.undrained().observed, 20_000);
        assert_eq!(tally.undrained().waiting, 0);
    }

    #[test]
    fn what_does_not_fit_is_other_and_still_counted() {
        let tally = Tally::new();
        for n in 0..1_000 {
            tally.record(key(Kind::Failed, &format!("/r{n}")), &facts());
        }
        let batch = tally.drain();
        assert_eq!(total(&batch), 1_000);
        assert_eq!(batch.rows.len(), MAX_KEYS + 1);
        let other = batch.rows.iter().find(|row| matches!(row.key, Key::Other { .. })).unwrap();
        assert_eq!((other.key.kind(), other.counts.total), (Kind::Failed, 744));

        // Room is made when incidents end.
        let ended: Vec<Key> = batch.rows.iter().map(|row| row.key.clone()).collect();
        tally.forget(&ended);
        tally.record(key(Kind::Failed, "/fresh"), &facts());
        assert_eq!(tally.drain().rows.first().unwrap().key, key(Kind::Failed, "/fresh").to_key());
    }

    #[test]
    fn an_amendment_moves_one_observation() {
        let tally = Tally::new();
        tally.record(key(Kind::Slow, "/a"), &facts());
        tally.amend(key(Kind::Slow, "/a"), key(Kind::BodyFailed, "/a"), &facts());
        let undrained = tally.undrained();
        assert_eq!((undrained.observed, undrained.waiting), (1, 1));
        let batch = tally.drain();
        assert_eq!(batch.net(), 1);
        let row = |kind| batch.rows.iter().find(|row| row.key.kind() == kind).unwrap();
        assert_eq!((row(Kind::Slow).counts.total, row(Kind::Slow).moved_out), (1, 1));
        assert_eq!((row(Kind::BodyFailed).counts.total, row(Kind::BodyFailed).moved_in), (1, 1));
    }

    #[test]
    fn a_storm_is_sampled_now_and_then_and_its_slowest_always() {
        let tally = Tally::new();
        tally.record(key(Kind::Failed, "/a"), &facts());
        tally.drain();
        let mut samples = 0;
        for n in 1..=1_000_u64 {
            let took = Duration::from_millis(if n == 777 { 900 } else { 5 });
            let when = (Instant::now(), took);
            tally.record_with(key(Kind::Failed, "/a"), when, |window| {
                samples += 1;
                window.take(&Facts { took, ..facts() });
            });
        }
        // Eight, then 16, 32, … 512, and the slowest.
        assert_eq!(samples, 8 + 6 + 1);
        let row = tally.drain().rows.remove(0);
        assert_eq!(row.counts.total, 1_000);
        assert_eq!(row.samples.slowest().unwrap().took(), Duration::from_millis(900));

        // One that is amended into it later takes nothing from the slowest.
        let slow = Facts { took: Duration::from_secs(9), ..facts() };
        tally.record(key(Kind::Failed, "/a"), &slow);
        tally.record(key(Kind::Slow, "/b"), &facts());
        tally.amend(key(Kind::Slow, "/b"), key(Kind::Failed, "/a"), &facts());
        let batch = tally.drain();
        let row = batch.rows.iter().find(|row| row.key.kind() == Kind::Failed).unwrap();
        assert_eq!(row.samples.slowest().unwrap().took(), Duration::from_secs(9));
        assert_eq!(row.samples.last().unwrap().took(), Duration::from_millis(5));
    }

    #[test]
    fn the_first_sample_is_given_once_and_the_rest_follow() {
        let tally = Tally::new();
        let mut slow = facts();
        tally.record(key(Kind::Slow, "/a"), &facts());
        slow.took = Duration::from_secs(9);
        tally.record(key(Kind::Slow, "/a"), &slow);
        let samples = tally.drain().rows.remove(0).samples;
        assert_eq!(samples.first().unwrap().took(), Duration::from_millis(5));
        assert_eq!(samples.slowest().unwrap().took(), Duration::from_secs(9));
        assert_eq!(samples.last().unwrap().took(), Duration::from_secs(9));

        tally.record(key(Kind::Slow, "/a"), &facts());
        let samples = tally.drain().rows.remove(0).samples;
        assert!(samples.first().is_none());
        assert_eq!(samples.last().unwrap().causes().next(), Some("boom"));
    }

    #[tokio::test]
    async fn wakes_once_per_filling() {
        let tally = Tally::new();
        tally.record(key(Kind::Slow, "/a"), &facts());
        tally.record(key(Kind::Slow, "/a"), &facts());
        tally.filled().await;
        tally.drain();
        let nothing = tokio::time::timeout(Duration::from_millis(20), async {
            // The first notification left a permit; the second wait is real.
            tally.filled().await;
            tally.filled().await;
        });
        assert!(nothing.await.is_err());
        tally.record(key(Kind::Slow, "/a"), &facts());
        tally.filled().await;
    }

    #[test]
    fn after_closing_everything_is_dropped_by_reason() {
        let tally = Tally::new();
        tally.record(key(Kind::Slow, "/a"), &facts());
        assert_eq!(total(&tally.close(DropReason::AfterShutdown)), 1);
        tally.record(key(Kind::Slow, "/a"), &facts());
        let undrained = tally.undrained();
        assert_eq!((undrained.observed, undrained.waiting), (2, 0));
        assert_eq!(undrained.dropped[DropReason::AfterShutdown as usize], 1);
    }
}
