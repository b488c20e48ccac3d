//! [`Registry`]: the requests in flight, in pooled slots.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::observation::RequestInfo;
use crate::observation::lock::relock;

use super::Slot;
use super::stripe::Striped;
use super::sync::Mutex;

/// So many entries are looked at in one go.
const SCANNED: usize = 1024;
/// Time for those who wait meanwhile.
const BETWEEN_TURNS: Duration = Duration::from_micros(20);
/// Idle slots kept by each shard.
const POOLED: usize = 1024;

/// The requests in flight. Entering locks one shard and leaving the same one,
/// and they allocate only while the number in flight grows; a shard keeps up to 1,024 idle slots.
/// Nothing is shared by all threads.
#[derive(Debug)]
pub(crate) struct Registry {
    shards: Striped<Shard>,
}

#[derive(Debug, Default)]
struct Shard {
    entries: Vec<Option<Arc<Slot>>>,
    /// Idle slots. Each keeps its entry.
    pool: Vec<Arc<Slot>>,
    /// Entries whose slot is gone.
    vacant: Vec<usize>,
}

/// Where a request stands in the registry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    shard: usize,
    entry: usize,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Registry { shards: Striped::new(Shard::default) }
    }

    /// Requests in flight now. Looks at each shard: not for every request.
    pub(crate) fn in_flight(&self) -> usize {
        self.shards.iter().map(|shard| relock(shard).in_flight()).sum()
    }

    /// Enters a request; `fill` describes it, and runs nobody's code. The
    /// caller must [`leave`](Registry::leave).
    #[inline]
    pub(crate) fn enter(
        &self,
        layer: usize,
        parent: Option<Arc<Slot>>,
        now: Instant,
        fill: impl FnOnce(&mut RequestInfo),
    ) -> Arc<Slot> {
        let number = self.shards.here();
        let mut shard = relock(self.shards.at(number));
        let mut slot = shard.pool.pop().unwrap_or_else(|| shard.new_slot(number, now));
        // Always so: nobody else has a pooled slot.
        if let Some(open) = Arc::get_mut(&mut slot) {
            open.open(layer, parent, fill);
        }
        if let Some(entry) = shard.entries.get_mut(slot.place().entry) {
            *entry = Some(Arc::clone(&slot));
        }
        slot
    }

    /// Looks at every request in flight, a few at a time, so that no request
    /// waits for its shard for long.
    pub(crate) fn scan(&self, mut look: impl FnMut(&Arc<Slot>)) {
        for shard in self.shards.iter() {
            let mut from = Some(0);
            while let Some(entry) = from {
                from = turn(shard, entry, &mut look);
                if from.is_some() {
                    // The lock is not fair: who waits for it would not get it
                    // between two of our turns, and wait for all of them.
                    std::thread::sleep(BETWEEN_TURNS);
                }
            }
        }
    }

    /// Takes a request out that is [closed](Slot::close), and lets go of what it
    /// held: not under the lock, since that may be somebody's.
    #[inline]
    pub(crate) fn leave(&self, mut slot: Arc<Slot>) {
        let place = slot.place();
        let shard = self.shards.at(place.shard);
        let entered = {
            let mut shard = relock(shard);
            shard.entries.get_mut(place.entry).and_then(Option::take)
        };
        drop(entered);
        // Somebody may still read it; then the slot goes when they let go.
        let mut idle = Idle { shard, entry: place.entry, slot: None };
        if let Some(open) = Arc::get_mut(&mut slot) {
            open.clear();
            idle.slot = Some(slot);
        }
    }
}

/// An entry that nobody's request has any more; dropped also when the clearing
/// of its slot unwinds.
struct Idle<'a> {
    shard: &'a Mutex<Shard>,
    entry: usize,
    /// Its slot, if it can be used again.
    slot: Option<Arc<Slot>>,
}

impl Drop for Idle<'_> {
    #[inline]
    fn drop(&mut self) {
        let slot = self.slot.take();
        let mut shard = relock(self.shard);
        match slot {
            Some(slot) if shard.pool.len() < POOLED => shard.pool.push(slot),
            _ => shard.vacant.push(self.entry),
        }
    }
}

/// Looks at the few entries that follow `from`; where the next turn begins.
fn turn(shard: &Mutex<Shard>, from: usize, look: &mut impl FnMut(&Arc<Slot>)) -> Option<usize> {
    let locked = relock(shard);
    let rest = locked.entries.get(from..).unwrap_or_default();
    rest.iter().take(SCANNED).flatten().for_each(look);
    (rest.len() > SCANNED).then_some(from + SCANNED)
}

impl Shard {
    #[cold]
    fn new_slot(&mut self, shard: usize, now: Instant) -> Arc<Slot> {
        let entry = self.vacant.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len() - 1
        });
        Arc::new(Slot::empty(Place { shard, entry }, now))
    }

    fn in_flight(&self) -> usize {
        self.entries.len() - self.vacant.len() - self.pool.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::observation::RequestHead;

    #[test]
    fn slots_are_reused_and_cleared() {
        let registry = Registry::new();
        let now = Instant::now();
        let slot = registry.enter(7, None, now, |_| {});
        slot.notes().note("tenant", "acme");
        assert_eq!(registry.in_flight(), 1);
        let address = Arc::as_ptr(&slot);
        registry.leave(slot);
        assert_eq!(registry.in_flight(), 0);

        let again = registry.enter(7, None, now, |_| {});
        assert_eq!(Arc::as_ptr(&again), address);
        assert!(again.taken_notes().is_none());
        registry.leave(again);
    }

    #[test]
    fn a_slot_that_is_still_held_is_not_reused() {
        let registry = Registry::new();
        let now = Instant::now();
        let slot = registry.enter(7, None, now, |_| {});
        let held = Arc::clone(&slot);
        registry.leave(slot);
        let other = registry.enter(7, None, now, |_| {});
        assert!(!Arc::ptr_eq(&held, &other));
        registry.leave(other);
    }

    #[test]
    fn what_panics_as_it_is_let_go_of_takes_no_entry_along() {
        struct Bomb;
        impl AsRef<[u8]> for Bomb {
            fn as_ref(&self) -> &[u8] {
                b"id"
            }
        }
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("let go of");
            }
        }
        let registry = Registry::new();
        let now = Instant::now();
        for _ in 0..3 {
            let value = http::HeaderValue::from_maybe_shared(bytes::Bytes::from_owner(Bomb));
            let mut request = http::Request::new(());
            request.headers_mut().insert("x-request-id", value.unwrap());
            let slot = registry.enter(1, None, now, |info| {
                info.fill(&RequestHead::of(&request), &Arc::default(), None, now);
            });
            drop(request);
            let leave = std::panic::AssertUnwindSafe(|| registry.leave(slot));
            assert!(std::panic::catch_unwind(leave).is_err());
            assert_eq!(registry.in_flight(), 0);
        }
        registry.scan(|_| unreachable!("nothing runs"));
        let slot = registry.enter(1, None, now, |_| {});
        assert_eq!(registry.in_flight(), 1);
        registry.leave(slot);
    }

    #[test]
    fn a_layer_inside_shares_notes_with_the_one_around_it() {
        let registry = Registry::new();
        let now = Instant::now();
        let outer = registry.enter(1, None, now, |_| {});
        outer.notes().ignore();
        outer.notes().note("tenant", "acme");
        let inner = registry.enter(2, Some(Arc::clone(&outer)), now, |_| {});
        let notes = inner.taken_notes().unwrap();
        assert!(notes.is_ignored());
        assert_eq!(notes.notes(), [("tenant".to_owned(), "acme".to_owned())]);
        inner.notes().note("order", "7");
        assert_eq!(outer.notes().notes().len(), 2);
        registry.leave(inner);
        registry.leave(outer);
    }

    #[test]
    fn b13_a_hundred_thousand_in_flight_hold_nobody_up_and_leave_little_behind() {
        const MANY: usize = 100_000;
        let registry = Registry::new();
        let now = Instant::now();
        let slots: Vec<_> = (0..MANY).map(|_| registry.enter(1, None, now, |_| {})).collect();
        assert_eq!(registry.in_flight(), MANY);
        let mut seen = 0;
        registry.scan(|_| seen += 1);
        assert_eq!(seen, MANY);
        // The lock is let go of after a few each time, however many there are.
        let shard = registry.shards.at(registry.shards.here());
        let (mut from, mut all) = (Some(0), 0);
        while let Some(entry) = from {
            let mut looked = 0;
            from = turn(shard, entry, &mut |_| looked += 1);
            assert!(looked <= SCANNED, "{looked} in one turn");
            all += looked;
        }
        assert_eq!(all, MANY);
        // And who waits for it gets it then, not after them all.
        let is_let_in = || {
            let (seen, at) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let begun = std::sync::Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    begun.wait();
                    drop(relock(shard));
                    at.store(seen.load(Ordering::Relaxed), Ordering::Relaxed);
                });
                registry.scan(|_| {
                    if seen.fetch_add(1, Ordering::Relaxed) == 0 {
                        begun.wait();
                    }
                });
            });
            at.into_inner() < MANY / 2
        };
        let let_in = (0..10).filter(|_| is_let_in()).count();
        assert!(let_in >= 5, "{let_in} times of 10");
        slots.into_iter().for_each(|slot| registry.leave(slot));
        assert_eq!(registry.in_flight(), 0);
        let kept: usize = registry.shards.iter().map(|shard| relock(shard).pool.len()).sum();
        assert_eq!(kept, POOLED);
    }

    #[test]
    fn many_threads_leave_nothing_behind() {
        let registry = Registry::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let a = registry.enter(1, None, Instant::now(), |_| {});
                        let b = registry.enter(1, Some(Arc::clone(&a)), Instant::now(), |_| {});
                        registry.leave(a);
                        registry.leave(b);
                    }
                });
            }
        });
        assert_eq!(registry.in_flight(), 0);
        for shard in registry.shards.iter() {
            let shard = relock(shard);
            assert!(shard.entries.iter().all(Option::is_none));
            assert_eq!(shard.vacant.len() + shard.pool.len(), shard.entries.len());
        }
    }
}
