//! [`Fate`]: what became of an observation.

use super::{DropReason, Rule};

/// What became of an observation at one destination. It stays so, unless the
/// request ends worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Told as part of a count.
    Coalesced,
    /// Told in a message of its own.
    Delivered,
    Suppressed(Rule),
    Dropped(DropReason),
}

impl Fate {
    /// Every fate, the mildest first.
    pub(crate) fn all() -> impl Iterator<Item = Fate> {
        let told = [Fate::Coalesced, Fate::Delivered].into_iter();
        told.chain(Rule::ALL.map(Fate::Suppressed)).chain(DropReason::ALL.map(Fate::Dropped))
    }
}
