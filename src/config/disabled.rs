//! [`Disabled`]: why nothing is watched.

/// Why nothing is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disabled {
    /// `.enabled(false)`.
    ByChoice,
    /// No destination is set.
    NoDestination,
    /// `build_or_disabled()` found faults, and logged them.
    Invalid,
}
