//! [`ShutdownReport`], [`FlushReport`], [`CheckReport`]: what came of asking.

use std::fmt;

use crate::delivery::DeliveryError;
use crate::handoff::Stats;
use crate::observation::DropReason;
use crate::slack::hint;

/// What [`AlertHandle::shutdown`](crate::AlertHandle::shutdown) left behind.
#[derive(Clone, Debug)]
pub struct ShutdownReport {
    completed: bool,
    stats: Stats,
}

impl ShutdownReport {
    pub(super) fn new(completed: bool, stats: Stats) -> Self {
        ShutdownReport { completed, stats }
    }

    /// Whether everything was told before the deadline.
    #[must_use]
    pub fn completed(&self) -> bool {
        self.completed
    }

    /// Observations that the shutdown lost or left pending, over all
    /// destinations.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let accounts = self.stats.destinations().iter().map(|destination| destination.account());
        accounts.map(|account| account.dropped(DropReason::Shutdown) + account.pending()).sum()
    }

    /// Where every observation went.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stats.destinations().is_empty() {
            return f.write_str("nothing was watched");
        }
        let how = if self.completed { "all told" } else { "not all told before the deadline" };
        write!(f, "{how}; {} observed", self.stats.observed())?;
        for destination in self.stats.destinations() {
            write!(f, "; {}: {}", destination.name(), destination.account())?;
            if let Some(fault) = destination.last_fault().filter(|_| !self.completed) {
                write!(f, " (last fault: {fault})")?;
            }
        }
        Ok(())
    }
}

/// What [`AlertHandle::flush`](crate::AlertHandle::flush) achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushReport {
    completed: bool,
    pending: u64,
}

impl FlushReport {
    pub(super) fn new(completed: bool, stats: &Stats) -> Self {
        let pending = stats.destinations().iter().map(|d| d.account().pending()).sum();
        FlushReport { completed, pending }
    }

    /// Whether everything was told before the deadline.
    #[must_use]
    pub fn completed(&self) -> bool {
        self.completed
    }

    /// Observations still pending, over all destinations.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending
    }
}

/// Which destinations work.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CheckReport {
    results: Vec<(String, Result<(), DeliveryError>)>,
}

impl CheckReport {
    pub(super) fn new(results: Vec<(String, Result<(), DeliveryError>)>) -> Self {
        CheckReport { results }
    }

    /// Whether every destination works; `true` for a disabled layer, which has
    /// none.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.results.iter().all(|(_, result)| result.is_ok())
    }

    /// Each destination's name and result.
    pub fn results(&self) -> impl Iterator<Item = (&str, Result<(), &DeliveryError>)> {
        self.results.iter().map(|(name, result)| (name.as_str(), result.as_ref().copied()))
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (name, result)) in self.results.iter().enumerate() {
            if n > 0 {
                f.write_str("; ")?;
            }
            match result {
                Ok(()) => write!(f, "{name}: works")?,
                Err(error) => {
                    write!(f, "{name}: {error}")?;
                    if let Some(hint) = hint(error.code()) {
                        write!(f, "; {hint}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
