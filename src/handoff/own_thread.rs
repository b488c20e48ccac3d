//! Our own threads, whose logs and panics are nobody's but ours.

use std::cell::Cell;

thread_local! {
    static IS_OURS: Cell<bool> = const { Cell::new(false) };
    static IS_ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Marks the running thread as ours: what is logged on it, also by the HTTP
/// stack that it drives, never comes back as an alert, and neither do panics.
pub(crate) fn mark() {
    let _ = IS_OURS.try_with(|ours| ours.set(true));
}

/// Asks somebody's code something on our own account: its panics are caught, and
/// are nobody's.
#[cfg(feature = "request-logs")]
pub(crate) fn asking<R>(question: impl FnOnce() -> R) -> std::thread::Result<R> {
    let set = |asking| IS_ASKING.try_with(|is_asking| is_asking.replace(asking)).unwrap_or(asking);
    let before = set(true);
    let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(question));
    set(before);
    answer
}

/// Whether the running thread asks somebody's code on our own account.
pub(crate) fn is_asking() -> bool {
    IS_ASKING.try_with(Cell::get).unwrap_or(false)
}

/// Whether the running thread is ours.
pub(crate) fn is_marked() -> bool {
    IS_OURS.try_with(Cell::get).unwrap_or(false)
}
