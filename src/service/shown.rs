//! Asks a user's type something that may panic.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::observation::{CappedText, Reason};

use super::panics;

/// How much of an error's text is captured, in bytes.
const ERROR_TEXT: usize = 320;

/// What `error` displays, as far as it gets.
pub(super) fn shown(error: &dyn Display) -> CappedText {
    let mut text = CappedText::default();
    quietly(|| text.set_display(error, ERROR_TEXT));
    text
}

/// A reason from a text, if there is any.
pub(super) fn reason(text: &str) -> Reason<'_> {
    if text.is_empty() { Reason::Unknown } else { Reason::Text(text) }
}

/// The answer to a question that the bare service would not have been asked
/// here, so its panic is nobody's but ours.
pub(super) fn quietly<R>(question: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(question)).map_err(panics::discard).ok()
}
