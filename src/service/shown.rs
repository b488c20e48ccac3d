//! Asks a user's type something that may panic.

use std::any::Any;
use std::error::Error;
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

/// What a panic said: its text, also of a boxed error.
pub(super) fn said(payload: &(dyn Any + Send), with: impl FnOnce(&str)) {
    match payload.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        Some(error) => {
            let text = shown(error);
            with(if text.is_empty() { "an error without a text" } else { text.as_str() });
        }
        None => with(panics::text(payload)),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::panics::Payload;

    #[test]
    fn knows_the_common_payloads() {
        let said_of = |payload: Payload| {
            let mut out = String::new();
            said(&*payload, |text| out = text.to_owned());
            out
        };
        assert_eq!(said_of(Box::new("str")), "str");
        assert_eq!(said_of(Box::new(String::from("string"))), "string");
        let error: Box<dyn Error + Send + Sync> = "boxed".into();
        assert_eq!(said_of(Box::new(error)), "boxed");
        assert_eq!(said_of(Box::new(7)), "a panic whose payload is not text");
    }
}
