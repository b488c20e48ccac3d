//! [`Entry`]: a key that is counted, and its samples.

use std::sync::Arc;
use std::time::Duration;

use crate::observation::lock::{relock, try_relock};
use crate::observation::{Age, Key, Samples, Window};

use super::super::sync::Mutex;
use super::super::sync::atomic::{AtomicU64, Ordering};

/// Of so many observations each sample is wanted.
const FIRST_FEW: u64 = 8;

/// A key that is counted, and its samples, which all threads share.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) window: Mutex<Window>,
    /// What took at least so long, in nanoseconds, is slower than all in the
    /// window: asked without its lock, which all threads share.
    pub(super) slower_from: AtomicU64,
}

impl Entry {
    pub(super) fn new(key: Key) -> Arc<Self> {
        Arc::new(Entry { key, window: Mutex::default(), slower_from: AtomicU64::new(0) })
    }

    /// Whether a sample is wanted of the `count`th observation since our thread
    /// has drained: of the first few, of fewer and fewer later on, and of those
    /// that are slower than before.
    #[inline]
    pub(super) fn wants(&self, count: u64, took: Duration) -> bool {
        count <= FIRST_FEW
            || count.is_power_of_two()
            || Age::from(took).nanos() >= self.slower_from.load(Ordering::Relaxed)
    }

    /// Offers a sample to the window, unless somebody else holds it.
    #[inline]
    pub(super) fn offer(&self, fill: impl FnOnce(&mut Window)) {
        let Some(mut window) = try_relock(&self.window) else { return };
        fill(&mut window);
        let slowest = window.slowest().map_or(0, |took| Age::from(took).nanos());
        self.slower_from.store(slowest.saturating_add(1), Ordering::Relaxed);
    }

    pub(super) fn drain(&self) -> Samples {
        let mut window = relock(&self.window);
        self.slower_from.store(0, Ordering::Relaxed);
        window.drain()
    }
}
