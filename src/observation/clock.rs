//! [`Clock`]: the only source of time of everything in the crate.

use std::time::{Instant, SystemTime};

#[cfg(any(test, feature = "test-util"))]
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

#[cfg(any(test, feature = "test-util"))]
use super::lock::relock;

/// The only source of time of everything in the crate: the machine's clocks,
/// or one moved by hand in tests (feature `test-util`).
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    Std,
    #[cfg(any(test, feature = "test-util"))]
    Manual(Arc<Manual>),
}

#[cfg(any(test, feature = "test-util"))]
#[derive(Debug)]
struct Manual {
    base: (Instant, SystemTime),
    passed: Mutex<Duration>,
    moved: tokio::sync::watch::Sender<()>,
}

impl Clock {
    /// A clock that stands still until [`advance`](Clock::advance) moves it;
    /// its wall clock starts at `start`. Clones move together.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn manual(start: SystemTime) -> Self {
        Clock(Source::Manual(Arc::new(Manual {
            base: (Instant::now(), start),
            passed: Mutex::new(Duration::ZERO),
            moved: tokio::sync::watch::Sender::new(()),
        })))
    }

    /// Moves a manual clock forward and wakes who waits for it. The machine's
    /// clocks are not moved.
    #[cfg(any(test, feature = "test-util"))]
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(manual) = &self.0 {
            let mut passed = relock(&manual.passed);
            *passed = passed.saturating_add(by);
            drop(passed);
            manual.moved.send_replace(());
        }
    }

    /// The monotonic time.
    #[must_use]
    #[inline]
    pub fn now(&self) -> Instant {
        match &self.0 {
            Source::Std => Instant::now(),
            #[cfg(any(test, feature = "test-util"))]
            Source::Manual(manual) => {
                let passed = *relock(&manual.passed);
                manual.base.0.checked_add(passed).unwrap_or(manual.base.0)
            }
        }
    }

    /// The wall clock, for what is shown and nothing else.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        match &self.0 {
            Source::Std => SystemTime::now(),
            #[cfg(any(test, feature = "test-util"))]
            Source::Manual(manual) => {
                let passed = *relock(&manual.passed);
                manual.base.1.checked_add(passed).unwrap_or(manual.base.1)
            }
        }
    }

    /// Whether it goes on by itself, and not by hand.
    pub(crate) fn runs_by_itself(&self) -> bool {
        matches!(self.0, Source::Std)
    }

    /// Waits until `deadline`; needs a runtime with time enabled.
    pub(crate) async fn sleep_until(&self, deadline: Instant) {
        match &self.0 {
            Source::Std => tokio::time::sleep_until(deadline.into()).await,
            #[cfg(any(test, feature = "test-util"))]
            Source::Manual(manual) => {
                let mut moved = manual.moved.subscribe();
                while self.now() < deadline {
                    if moved.changed().await.is_err() {
                        return std::future::pending().await;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_moves_by_hand_and_wakes_sleepers() {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH);
        let start = clock.now();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(start + Duration::from_secs(120)).await }
        });
        clock.advance(Duration::from_secs(60));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(60));
        sleeper.await.unwrap();
        assert_eq!(clock.now() - start, Duration::from_secs(120));
        assert_eq!(clock.wall(), SystemTime::UNIX_EPOCH + Duration::from_secs(120));
    }
}
