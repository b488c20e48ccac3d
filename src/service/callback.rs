//! [`Callback`]: a user's closure, whose panics are caught and counted.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::handoff::Ledger;

use super::panics::discard;

/// A closure that panicked this often is not called again.
const GIVE_UP_AFTER: u32 = 3;

/// A user's closure. When it panics, the panic is caught and counted, and the
/// caller's default stands in; after three panics it is not called again.
pub(crate) struct Callback<F: ?Sized> {
    panics: AtomicU32,
    run: Box<F>,
}

impl<F: ?Sized> Callback<F> {
    pub(crate) fn new(run: Box<F>) -> Self {
        Callback { panics: AtomicU32::new(0), run }
    }

    /// What the closure says; `None` if it panicked.
    pub(crate) fn call<R>(&self, ledger: &Ledger, with: impl FnOnce(&F) -> R) -> Option<R> {
        if self.panics.load(Ordering::Relaxed) >= GIVE_UP_AFTER {
            return None;
        }
        match catch_unwind(AssertUnwindSafe(|| with(&self.run))) {
            Ok(said) => Some(said),
            Err(payload) => {
                discard(payload);
                self.panics.fetch_add(1, Ordering::Relaxed);
                ledger.callback_panicked();
                None
            }
        }
    }
}

impl<F: ?Sized> std::fmt::Debug for Callback<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Callback(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoff::{Handoff, Stats};
    use crate::observation::Clock;

    #[test]
    fn a_panicking_closure_is_counted_and_given_up() {
        let handoff = Handoff::new(Clock::default());
        let calls = AtomicU32::new(0);
        let callback: Callback<dyn Fn() -> u8> = Callback::new(Box::new(|| panic!("user")));
        for _ in 0..10 {
            let said = callback.call(&handoff.ledger, |run| {
                calls.fetch_add(1, Ordering::Relaxed);
                run()
            });
            assert_eq!(said, None);
        }
        assert_eq!(calls.load(Ordering::Relaxed), GIVE_UP_AFTER);
        let stats: Stats = handoff.stats();
        assert_eq!(stats.callback_panics(), u64::from(GIVE_UP_AFTER));
    }
}
