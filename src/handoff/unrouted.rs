//! [`Unrouted`]: notices a layer that never sees a route.

use std::sync::atomic::{AtomicU32, Ordering};

/// So many requests without any route mean that there will be none.
const ENOUGH: u32 = 100;

/// Notices a layer that never sees a route, as one around the whole router.
#[derive(Debug, Default)]
pub(crate) struct Unrouted {
    /// Grows to [`ENOUGH`]; jumps past it with the first route.
    seen: AtomicU32,
}

impl Unrouted {
    /// One more request; says so when it is the one that makes it certain.
    #[inline]
    pub(crate) fn note(&self, has_route: impl FnOnce() -> bool) -> bool {
        // Settled after a moment, and then only read.
        if self.seen.load(Ordering::Relaxed) >= ENOUGH {
            return false;
        }
        if has_route() {
            self.seen.store(u32::MAX / 2, Ordering::Relaxed);
            return false;
        }
        self.seen.fetch_add(1, Ordering::Relaxed) + 1 == ENOUGH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_so_once_and_only_if_no_route_was_ever_seen() {
        let unrouted = Unrouted::default();
        let said = (0..500).filter(|_| unrouted.note(|| false)).count();
        assert_eq!(said, 1);
        let routed = Unrouted::default();
        routed.note(|| false);
        routed.note(|| true);
        assert_eq!((0..500).filter(|_| routed.note(|| false)).count(), 0);
    }
}
