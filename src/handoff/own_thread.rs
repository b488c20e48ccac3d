//! Our own threads, whose logs and panics are nobody's but ours.

use std::cell::Cell;

thread_local! {
    static IS_OURS: Cell<bool> = const { Cell::new(false) };
}

/// Marks the running thread as ours: what is logged on it, also by the HTTP
/// stack that it drives, never comes back as an alert, and neither do panics.
pub(crate) fn mark() {
    let _ = IS_OURS.try_with(|ours| ours.set(true));
}

/// Whether the running thread is ours.
pub(crate) fn is_marked() -> bool {
    IS_OURS.try_with(Cell::get).unwrap_or(false)
}
