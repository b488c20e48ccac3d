//! [`Kind`]: what went wrong with a request.

use std::fmt;

/// What went wrong with a request.
///
/// One request is counted once, under the worst kind that applies to it:
/// `Panicked`, then `Failed`, `BodyFailed`, `Hung`, `Slow`, `Cancelled`.
/// There is no `Ord`, since "greater" would be ambiguous; compare
/// [`severity`](Kind::severity) instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A 5xx response, a service error, a failing gRPC status, or a response
    /// that `failure_when` calls a failure.
    Failed,
    /// The service, its future, its body or one of their destructors panicked.
    Panicked,
    /// The response body ended with an error after the head had been sent.
    BodyFailed,
    /// No response head yet, long after the request came in.
    Hung,
    /// The response came later than the threshold.
    Slow,
    /// The response future was dropped before it had an answer.
    Cancelled,
    /// An error that was logged or reported outside of a failing request.
    Logged,
}

impl Kind {
    /// How many kinds there are.
    pub(crate) const COUNT: usize = 7;

    /// Every kind, worst first, `Logged` last.
    pub const ALL: [Kind; Kind::COUNT] = [
        Kind::Panicked,
        Kind::Failed,
        Kind::BodyFailed,
        Kind::Hung,
        Kind::Slow,
        Kind::Cancelled,
        Kind::Logged,
    ];

    /// How bad it is: 6 for the worst ([`Kind::Panicked`]), 0 for
    /// [`Kind::Logged`]. No two kinds share a value.
    #[must_use]
    pub const fn severity(self) -> u8 {
        match self {
            Kind::Panicked => 6,
            Kind::Failed => 5,
            Kind::BodyFailed => 4,
            Kind::Hung => 3,
            Kind::Slow => 2,
            Kind::Cancelled => 1,
            Kind::Logged => 0,
        }
    }

    /// The name used in settings, logs and fingerprints: `failed`, `panicked`,
    /// `body_failed`, `hung`, `slow`, `cancelled`, `logged`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Panicked => "panicked",
            Kind::Failed => "failed",
            Kind::BodyFailed => "body_failed",
            Kind::Hung => "hung",
            Kind::Slow => "slow",
            Kind::Cancelled => "cancelled",
            Kind::Logged => "logged",
        }
    }

    /// The kind whose key it is counted under: what hangs shares it with what
    /// is slow.
    pub(crate) const fn of_key(self) -> Kind {
        match self {
            Kind::Hung => Kind::Slow,
            kind => kind,
        }
    }

    pub(crate) const fn index(self) -> usize {
        self.severity() as usize
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_sorted_worst_first_and_indexes_are_distinct() {
        let severities: Vec<u8> = Kind::ALL.iter().map(|kind| kind.severity()).collect();
        assert_eq!(severities, [6, 5, 4, 3, 2, 1, 0]);
        assert_eq!(Kind::ALL.len(), Kind::COUNT);
        assert_eq!(Kind::ALL.map(Kind::index), [6, 5, 4, 3, 2, 1, 0]);
    }

    #[test]
    fn names_and_whose_key_they_share() {
        let names = ["panicked", "failed", "body_failed", "hung", "slow", "cancelled", "logged"];
        assert_eq!(Kind::ALL.map(Kind::as_str), names);
        assert_eq!(Kind::ALL.map(|kind| kind.to_string()), names);
        let shared = Kind::ALL.iter().filter(|kind| kind.of_key() != **kind);
        assert_eq!(shared.collect::<Vec<_>>(), [&Kind::Hung]);
        assert_eq!(Kind::Hung.of_key(), Kind::Slow);
    }
}
