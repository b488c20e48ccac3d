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
#[inline]
pub(crate) fn with_current<R>(with: impl FnOnce(&Current) -> R) -> Option<R> {
    CURRENT
        .try_with(|cell| {
            let current = cell.take();
            if let Current::Nothing = current {
                // There is nothing to put back.
                return with(&Current::Nothing);
            }
            let restore = Restore { cell, current };
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
/// It changes places with what was current before, and back, also when
/// somebody unwinds: that costs less than a reference count.
pub(crate) struct Entered<'a> {
    home: &'a mut Current,
}

impl<'a> Entered<'a> {
    #[inline]
    pub(crate) fn new(home: &'a mut Current) -> Self {
        change_places(home);
        Entered { home }
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        change_places(self.home);
    }
}

/// While the thread ends there is no current request, and nothing changes.
#[inline]
fn change_places(home: &mut Current) {
    let _ended = CURRENT.try_with(|cell| *home = cell.replace(std::mem::take(home)));
}

/// While it lives, notes made on this thread go to a request elsewhere.
pub(crate) struct Scoped {
    /// What is put back; `None` where that request is the current one anyway.
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
        let mut scope = (!is_here).then_some(Current::Scope(notes));
        if let Some(scope) = &mut scope {
            change_places(scope);
        }
        Scoped { outer: scope }
    }
}

impl Drop for Scoped {
    fn drop(&mut self) {
        if let Some(outer) = &mut self.outer {
            change_places(outer);
        }
    }
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
        let a = registry.enter(1, None, Instant::now(), |_| {});
        let b = registry.enter(2, None, Instant::now(), |_| {});
        let (mut a, mut b) = (Current::Request(a), Current::Request(b));
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
        let is_home = |home: &Current, layer| match home {
            Current::Request(slot) => slot.is_watched_by(layer),
            _ => false,
        };
        assert!(is_home(&a, 1) && is_home(&b, 2));
        assert!(with_current(|current| matches!(current, Current::Nothing)).unwrap());
    }
}
