//! What a caught panic said, and how to get rid of it.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::shown::shown;

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send>;

/// The payload's text, for the types that panics commonly carry.
pub(crate) fn text(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "a panic whose payload is not text"
    }
}

/// As [`text`], and the text of boxed errors.
pub(crate) fn said(payload: &(dyn Any + Send), with: impl FnOnce(&str)) {
    match payload.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        Some(error) => {
            let text = shown(error);
            with(if text.is_empty() { "an error without a text" } else { text.as_str() });
        }
        None => with(text(payload)),
    }
}

/// Drops a payload, which may itself panic.
pub(crate) fn discard(payload: Payload) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // A payload that panics while dropped may hold another one; leak it.
        std::mem::forget(second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_panics_while_dropped_is_survived() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                std::panic::panic_any(Bomb);
            }
        }
        let payload = catch_unwind(|| std::panic::panic_any(Bomb)).unwrap_err();
        discard(payload);
    }

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
