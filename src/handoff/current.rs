//! The request being polled on this thread.

use std::cell::Cell;
use std::sync::Arc;

use super::{Notes, Slot};

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current::Nothing) };
}

/// What runs on this thread now.
#[derive(Default)]
pub(crate) enum Current {
    #[default]
    Nothing,
    /// A request's own future or body is being polled.
    Request(Arc<Slot>),
    /// A task that a request's handler spawned within its scope.
    Scope(Arc<Notes>),
}

/// Looks at the current request. It is put back before this returns.
pub(crate) fn with_current<R>(with: impl FnOnce(&Current) -> R) -> Option<R> {
    CURRENT
        .try_with(|cell| {
            let restore = Restore { cell, current: cell.take() };
            with(&restore.current)
        })
        .ok()
}

struct Restore<'a> {
    cell: &'a Cell<Current>,
    current: Current,
}

impl Drop for Restore<'_> {
    #[inline]
    fn drop(&mut self) {
        self.cell.set(std::mem::take(&mut self.current));
    }
}

/// While it lives, its request is the current one of this thread.
///
/// The slot is moved in and, also when somebody unwinds, moved back: that
/// costs less than a reference count.
pub(crate) struct Entered<'a> {
    home: &'a mut Option<Arc<Slot>>,
    outer: Option<Current>,
}

impl<'a> Entered<'a> {
    #[inline]
    pub(crate) fn new(home: &'a mut Option<Arc<Slot>>) -> Self {
        let outer = home.take().map(|slot| replace(Current::Request(slot)));
        Entered { home, outer }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let Some(outer) = self.outer.take() else { return };
        if let Current::Request(slot) = replace(outer) {
            *self.home = Some(slot);
        }
    }
}

/// While it lives, notes made on this thread go to a request elsewhere.
pub(crate) struct Scoped {
    /// `None` where that request is the current one anyway.
    outer: Option<Current>,
}

impl Scoped {
    pub(crate) fn new(notes: Arc<Notes>) -> Self {
        let is_here = with_current(|current| match current {
            Current::Request(slot) => {
                slot.taken_notes().is_some_and(|own| std::ptr::eq(own, &*notes))
            }
            _ => false,
        });
        let is_here = is_here.unwrap_or(false);
        Scoped { outer: (!is_here).then(|| replace(Current::Scope(notes))) }
    }
}

impl Drop for Scoped {
    fn drop(&mut self) {
        if let Some(outer) = self.outer.take() {
            drop(replace(outer));
        }
    }
}

/// While the thread ends there is no current request; what was passed in
/// comes straight back then.
#[inline]
fn replace(current: Current) -> Current {
    let mut current = Some(current);
    CURRENT
        .try_with(|cell| cell.replace(current.take().unwrap_or_default()))
        .unwrap_or_else(|_| current.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::time::Instant;

    use super::*;
    use crate::handoff::Registry;

    fn is_request(layer: usize) -> bool {
        with_current(|current| match current {
            Current::Request(slot) => slot.is_watched_by(layer),
            _ => false,
        })
        .unwrap()
    }

    #[test]
    fn nests_and_survives_unwinding() {
        let registry = Registry::new();
        let (a, _) = registry.enter(1, None, Instant::now(), |_| {});
        let (b, _) = registry.enter(2, None, Instant::now(), |_| {});
        let (mut a, mut b) = (Some(a), Some(b));
        {
            let _outer = Entered::new(&mut a);
            assert!(is_request(1));
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                let _inner = Entered::new(&mut b);
                assert!(is_request(2));
                panic!("inside");
            }));
            assert!(unwound.is_err());
            assert!(is_request(1));
        }
        assert!(a.is_some() && b.is_some());
        assert!(with_current(|current| matches!(current, Current::Nothing)).unwrap());
    }
}
