//! [`Account`]: where a destination's observations went, so that none is lost
//! silently.

use std::fmt;

use super::Fate;

/// Why an observation is not told, by a rule somebody set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A health probe, known by its `User-Agent`.
    Probe,
    /// `never(kind)` on its route.
    Never,
    /// Slow within `startup_grace`.
    StartupGrace,
    /// The handler said `RequestAlert::ignore()`.
    Handler,
    /// Fewer than `tell_after` asks for.
    BelowThreshold,
    /// A silence covers it.
    Silence,
    /// Told by another destination; this one stands by as its fallback.
    Standby,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 7] = [
        Rule::Probe,
        Rule::Never,
        Rule::StartupGrace,
        Rule::Handler,
        Rule::BelowThreshold,
        Rule::Silence,
        Rule::Standby,
    ];

    /// Its name in statistics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Rule::Probe => "probe",
            Rule::Never => "never",
            Rule::StartupGrace => "startup_grace",
            Rule::Handler => "handler",
            Rule::BelowThreshold => "below_threshold",
            Rule::Silence => "silence",
            Rule::Standby => "standby",
        }
    }
}

/// Why an observation was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The destination refused the message, and its plain text as well.
    Refused,
    /// The process shut down before it could be delivered.
    Shutdown,
    /// It was observed after the shutdown.
    AfterShutdown,
    /// Our own thread could not be started.
    NoThread,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [DropReason; 4] = [
        DropReason::Refused,
        DropReason::Shutdown,
        DropReason::AfterShutdown,
        DropReason::NoThread,
    ];

    /// Its name in statistics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            DropReason::Refused => "refused",
            DropReason::Shutdown => "shutdown",
            DropReason::AfterShutdown => "after_shutdown",
            DropReason::NoThread => "no_thread",
        }
    }
}

/// A count for each [`Rule`].
pub(crate) type ByRule = [u64; Rule::ALL.len()];

/// Where a destination's observations went. In every snapshot,
/// `observed == delivered + coalesced + suppressed + dropped + pending`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Account {
    pub(crate) delivered: u64,
    pub(crate) coalesced: u64,
    pub(crate) suppressed: ByRule,
    pub(crate) dropped: [u64; DropReason::ALL.len()],
    pub(crate) pending: u64,
}

impl Account {
    /// Observations told in detail, each in a message of its own.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Observations told as part of a count.
    #[must_use]
    pub fn coalesced(&self) -> u64 {
        self.coalesced
    }

    /// Observations not told because of `rule`.
    #[must_use]
    pub fn suppressed(&self, rule: Rule) -> u64 {
        self.suppressed.get(rule as usize).copied().unwrap_or(0)
    }

    /// Observations lost for `reason`.
    #[must_use]
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped.get(reason as usize).copied().unwrap_or(0)
    }

    /// Observations that wait to be told.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// The sum of all of the above.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        self.delivered
            + self.coalesced
            + self.suppressed.iter().sum::<u64>()
            + self.dropped.iter().sum::<u64>()
            + self.pending
    }

    fn cell(&mut self, fate: Fate) -> Option<&mut u64> {
        match fate {
            Fate::Coalesced => Some(&mut self.coalesced),
            Fate::Delivered => Some(&mut self.delivered),
            Fate::Suppressed(rule) => self.suppressed.get_mut(rule as usize),
            Fate::Dropped(reason) => self.dropped.get_mut(reason as usize),
        }
    }

    /// How many came to `fate`.
    pub(crate) fn of(&self, fate: Fate) -> u64 {
        match fate {
            Fate::Coalesced => self.coalesced,
            Fate::Delivered => self.delivered,
            Fate::Suppressed(rule) => self.suppressed(rule),
            Fate::Dropped(reason) => self.dropped(reason),
        }
    }

    /// So many more came to `fate`.
    pub(crate) fn settle(&mut self, fate: Fate, count: u64) {
        if let Some(cell) = self.cell(fate) {
            *cell += count;
        }
    }

    /// All that came to a fate there is counted here.
    pub(crate) fn merge(&mut self, other: &Account) {
        Fate::all().for_each(|fate| self.settle(fate, other.of(fate)));
    }

    /// Takes back up to `count` of those that came to `fate`; returns how many.
    pub(crate) fn unsettle(&mut self, fate: Fate, count: u64) -> u64 {
        let Some(cell) = self.cell(fate) else { return 0 };
        let taken = count.min(*cell);
        *cell -= taken;
        taken
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} delivered, {} coalesced", self.delivered, self.coalesced)?;
        for rule in Rule::ALL.into_iter().filter(|&rule| self.suppressed(rule) > 0) {
            write!(f, ", {} suppressed ({})", self.suppressed(rule), rule.as_str())?;
        }
        for reason in DropReason::ALL.into_iter().filter(|&reason| self.dropped(reason) > 0) {
            write!(f, ", {} dropped ({})", self.dropped(reason), reason.as_str())?;
        }
        write!(f, ", {} pending", self.pending)
    }
}
