//! [`Stats`]: what became of every observation.

use std::time::Duration;

use crate::observation::{Account, DropReason};

/// What became of every observation, and how the way to Slack fares.
///
/// For each destination, `observed()` equals its account's
/// [`accounted()`](Account::accounted).
#[derive(Clone, Debug, Default)]
pub struct Stats {
    pub(super) observed: u64,
    pub(super) destinations: Vec<DestinationStats>,
    pub(super) in_flight: usize,
    pub(super) bodies_cancelled: u64,
    pub(super) callback_panics: u64,
    pub(super) faults: Vec<String>,
    pub(super) restarts: u64,
}

impl Stats {
    /// Noteworthy requests (and reported errors) so far.
    #[must_use]
    pub fn observed(&self) -> u64 {
        self.observed
    }

    /// Whether nothing waits, and nothing was lost for want of our thread.
    pub(crate) fn is_nothing_lost(&self) -> bool {
        let lost = [DropReason::Shutdown, DropReason::NoThread];
        self.destinations.iter().all(|destination| {
            let account = destination.account();
            account.pending() == 0 && lost.iter().all(|reason| account.dropped(*reason) == 0)
        })
    }

    /// Each destination's share, in the order of the configuration.
    #[must_use]
    pub fn destinations(&self) -> &[DestinationStats] {
        &self.destinations
    }

    /// Requests in flight now, bodies included.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Response bodies dropped before their end, as when a client stops a
    /// download.
    #[must_use]
    pub fn bodies_cancelled(&self) -> u64 {
        self.bodies_cancelled
    }

    /// Panics caught in closures of the configuration. The closure's default
    /// stood in.
    #[must_use]
    pub fn callback_panics(&self) -> u64 {
        self.callback_panics
    }

    /// What does not work about the alerting itself, such as a thread or a
    /// TLS library that did not start. Empty when all is well.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// How often our own thread went on after a panic of its own.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.restarts
    }
}

/// One destination's share of [`Stats`].
#[derive(Clone, Debug)]
pub struct DestinationStats {
    pub(super) name: String,
    pub(crate) account: Account,
    pub(crate) state: DestinationState,
    pub(crate) messages: u64,
    pub(crate) last_fault: Option<String>,
    pub(crate) last_delivery: Option<Duration>,
}

impl DestinationStats {
    pub(super) fn new(name: String) -> Self {
        DestinationStats {
            name,
            account: Account::default(),
            state: DestinationState::Ready,
            messages: 0,
            last_fault: None,
            last_delivery: None,
        }
    }

    /// Its name: `webhook`, `bot`, `log` or `transport`, with a number from
    /// the second on. No secret.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its observations went.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// How it fares.
    #[must_use]
    pub fn state(&self) -> DestinationState {
        self.state
    }

    /// Messages and edits it took.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// What went wrong last, as a short code such as `channel_is_archived`.
    #[must_use]
    pub fn last_fault(&self) -> Option<&str> {
        self.last_fault.as_deref()
    }

    /// How long after the layer's start it last took a message.
    #[must_use]
    pub fn last_delivery(&self) -> Option<Duration> {
        self.last_delivery
    }
}

/// How a destination fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DestinationState {
    /// It takes messages, as far as is known.
    Ready,
    /// It asked to be left alone for a while (429).
    Paused,
    /// The last attempt failed; the next one waits for its backoff.
    Retrying,
    /// Its credentials or channel don't work; probed every 10 minutes.
    Open,
}
