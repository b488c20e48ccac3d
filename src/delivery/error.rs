//! [`DeliveryError`]: why a delivery failed, as a class and a code.

use std::fmt;
use std::time::Duration;

/// Longest code that is kept of what a stranger answered.
const MAX_CODE: usize = 64;

/// Why a delivery failed: a class that decides what happens next, and a short
/// code. It holds no URL, no token, and no text of a stranger beyond a code of
/// at most 64 letters, digits and underscores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryError {
    class: Class,
    code: String,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Wait for as long as it says, else 30 s; then the latest state.
    RateLimited(Option<Duration>),
    /// Try again, with backoff.
    Transient,
    /// This message is not wanted; its plain text may be.
    Refused,
    /// Credentials or channel don't work; stop, and probe now and then.
    Revoked,
    /// The message to edit is gone; post a new one.
    StaleRef,
    /// It may have arrived; try again, and say that it may be a repeat.
    UnknownOutcome,
}

impl DeliveryError {
    /// The destination wants to be left alone for this long (30 s if it did
    /// not say).
    #[must_use]
    pub fn rate_limited(retry_after: Option<Duration>) -> Self {
        DeliveryError::new(Class::RateLimited(retry_after), "rate_limited")
    }

    /// It did not arrive, and may work next time.
    #[must_use]
    pub fn transient() -> Self {
        DeliveryError::new(Class::Transient, "transient")
    }

    /// The destination does not take this message. It is sent once more as
    /// plain text, then dropped.
    #[must_use]
    pub fn refused() -> Self {
        DeliveryError::new(Class::Refused, "refused")
    }

    /// The destination takes nothing from us until somebody mends its
    /// configuration. It is probed every 10 minutes.
    #[must_use]
    pub fn revoked() -> Self {
        DeliveryError::new(Class::Revoked, "revoked")
    }

    /// The message to edit or reply to is gone. A new one is posted.
    #[must_use]
    pub fn stale_ref() -> Self {
        DeliveryError::new(Class::StaleRef, "stale_ref")
    }

    /// Nobody knows whether it arrived. It is sent again and says that it may
    /// be a repeat.
    #[must_use]
    pub fn unknown_outcome() -> Self {
        DeliveryError::new(Class::UnknownOutcome, "unknown_outcome")
    }

    /// Says more exactly why, as a short code such as `channel_is_archived`.
    /// Other characters than letters, digits and underscores are left out.
    #[must_use]
    pub fn because(mut self, code: &str) -> Self {
        let code: String = code
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
            .take(MAX_CODE)
            .collect();
        if !code.is_empty() {
            self.code = code;
        }
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn class(&self) -> Class {
        self.class
    }

    fn new(class: Class, code: &str) -> Self {
        DeliveryError { class, code: code.to_owned() }
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.class {
            Class::RateLimited(_) => "the destination asked to wait",
            Class::Transient => "the delivery failed for now",
            Class::Refused => "the destination refused the message",
            Class::Revoked => "the destination no longer takes messages from us",
            Class::StaleRef => "the message to edit is gone",
            Class::UnknownOutcome => "the delivery may or may not have arrived",
        };
        write!(f, "{what} ({})", self.code)
    }
}

impl std::error::Error for DeliveryError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_means_and_why() {
        let said = [
            (DeliveryError::rate_limited(None), "the destination asked to wait (rate_limited)"),
            (DeliveryError::transient().because("dns"), "the delivery failed for now (dns)"),
            (
                DeliveryError::refused().because("no_text"),
                "the destination refused the message (no_text)",
            ),
        ];
        for (error, expected) in said {
            assert_eq!(error.to_string(), expected);
        }
    }
}
