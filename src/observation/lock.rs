//! Locking that outlives a panic elsewhere.

use std::ops::DerefMut;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A lock: the standard library's, or, where code is checked by a model of its
/// schedules, that model's.
pub(crate) trait Lock {
    type Data;
    type Guard<'a>: DerefMut<Target = Self::Data>
    where
        Self: 'a;

    /// Locks, and takes the data as it is if a holder panicked.
    fn locked(&self) -> Self::Guard<'_>;

    /// As [`locked`](Lock::locked), but `None` while somebody else holds it.
    fn try_locked(&self) -> Option<Self::Guard<'_>>;
}

impl<T> Lock for Mutex<T> {
    type Data = T;
    type Guard<'a>
        = MutexGuard<'a, T>
    where
        T: 'a;

    fn locked(&self) -> MutexGuard<'_, T> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_locked(&self) -> Option<MutexGuard<'_, T>> {
        match self.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

#[cfg(all(test, shuttle))]
impl<T> Lock for shuttle::sync::Mutex<T> {
    type Data = T;
    type Guard<'a>
        = shuttle::sync::MutexGuard<'a, T>
    where
        T: 'a;

    fn locked(&self) -> Self::Guard<'_> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn try_locked(&self) -> Option<Self::Guard<'_>> {
        self.try_lock().ok()
    }
}

/// Locks, and takes the data as it is if a holder panicked: nothing here is
/// left half-written by code that can panic.
pub(crate) fn relock<L: Lock>(lock: &L) -> L::Guard<'_> {
    lock.locked()
}

/// As [`relock`], but `None` while somebody else holds it.
pub(crate) fn try_relock<L: Lock>(lock: &L) -> Option<L::Guard<'_>> {
    lock.try_locked()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b22_a_lock_outlives_the_panic_of_its_holder() {
        let lock = Mutex::new(7);
        let held = std::panic::AssertUnwindSafe(|| {
            let _guard = lock.lock();
            panic!("while it is held");
        });
        assert!(std::panic::catch_unwind(held).is_err());
        assert!(lock.is_poisoned());
        assert_eq!(*relock(&lock), 7);
        assert_eq!(try_relock(&lock).map(|guard| *guard), Some(7));
        let _held = relock(&lock);
        assert!(try_relock(&lock).is_none());
    }
}
