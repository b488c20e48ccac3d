//! [`AlertHandle`]: asks the alerting to flush, shut down, and say how it is.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::delivery::DeliveryError;
use crate::handoff::Stats;
use crate::incident::{Matcher, Silence};
use crate::observation::{Facts, KeyRef, Reason, ReportedError, Site, floor_boundary};

use super::control::{Command, Control, off_thread};
use super::{CheckReport, FlushGuard, FlushReport, ShutdownReport};

/// A report's title is cut after so many bytes.
const MAX_TITLE: usize = 80;

/// Asks the alerting to flush, to shut down, and to say how it is. Clones are
/// cheap; the handle of a disabled layer answers at once.
///
/// While a handle lives, the alerting's thread does.
#[derive(Clone)]
pub struct AlertHandle {
    control: Option<Arc<Control>>,
}

impl AlertHandle {
    pub(crate) fn new(control: Option<Arc<Control>>) -> Self {
        AlertHandle { control }
    }

    /// Tells now what is held back, also by the budget, and waits until it is delivered, for at
    /// most `limit`. Needs no runtime of any kind to be running elsewhere.
    pub async fn flush(&self, limit: Duration) -> FlushReport {
        match self.control.clone() {
            Some(control) => off_thread(move || control.flush_blocking(limit)).await,
            None => FlushReport::new(true, &Stats::default()),
        }
    }

    /// Tells what is pending and which incidents are no longer watched, then
    /// ends the alerting. Never takes longer than `limit`; requests that come
    /// later are served and counted, not told. A second call returns the first
    /// report.
    ///
    /// Call it after the server has stopped:
    ///
    /// ```no_run
    /// # async fn serve() {}
    /// # async fn run(handle: tower_slack_alert::AlertHandle) {
    /// serve().await; // axum::serve(..).with_graceful_shutdown(..)
    /// let report = handle.shutdown(std::time::Duration::from_secs(5)).await;
    /// println!("{report}");
    /// # }
    /// ```
    pub async fn shutdown(&self, limit: Duration) -> ShutdownReport {
        match self.control.clone() {
            Some(control) => off_thread(move || control.shutdown_blocking(limit)).await,
            None => ShutdownReport::new(true, Stats::default()),
        }
    }

    /// As [`shutdown`](AlertHandle::shutdown), for code that is not async.
    pub fn shutdown_blocking(&self, limit: Duration) -> ShutdownReport {
        match &self.control {
            Some(control) => control.shutdown_blocking(limit),
            None => ShutdownReport::new(true, Stats::default()),
        }
    }

    /// A guard that shuts down, for at most `limit`, when it is dropped: also
    /// when `main` returns early or panics. Inside async code it blocks its
    /// thread for that long; prefer [`shutdown`](AlertHandle::shutdown).
    pub fn flush_on_drop(&self, limit: Duration) -> FlushGuard {
        FlushGuard::new(self.clone(), limit)
    }

    /// Says that the service has begun to shut down: requests that are cut off
    /// from now on are one line of the last message, not alerts of their own.
    pub fn draining(&self) {
        if let Some(control) = &self.control {
            control.handoff.draining.store(true, Ordering::Relaxed);
        }
    }

    /// What became of every observation, and how the way to Slack fares.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.control.as_ref().map(|control| control.handoff.stats()).unwrap_or_default()
    }

    /// Finds out whether every destination works, without posting anything:
    /// `auth.test` for a bot; for a webhook an empty payload, whose refusal
    /// proves that the hook lives.
    pub async fn check(&self) -> CheckReport {
        self.ask(|reply| Command::Check { reply }).await
    }

    /// Posts a test message to every destination.
    pub async fn test_message(&self) -> CheckReport {
        self.ask(|reply| Command::TestMessage { reply }).await
    }

    /// Keeps quiet about what `matcher` covers, for `lasting`. It is counted
    /// as suppressed by [`Rule::Silence`](crate::Rule::Silence), and how much
    /// was held is told when the silence ends. An incident that is open stays
    /// open while a silence holds its observations. Of two silences that cover
    /// the same, the earlier one counts. It is this process's alone, covers
    /// panics too, and can't be lifted early. At most 64 are in force; the
    /// first of more ends early.
    ///
    /// ```no_run
    /// # fn quiet(handle: tower_slack_alert::AlertHandle) {
    /// use std::time::Duration;
    /// use tower_slack_alert::{Kind, Matcher};
    ///
    /// let noisy = Matcher::all().kind(Kind::Slow).route("/reports/{year}");
    /// handle.silence(noisy, Duration::from_secs(30 * 60));
    /// # }
    /// ```
    pub fn silence(&self, matcher: Matcher, lasting: Duration) {
        if let Some(control) = &self.control {
            control.silence(matcher, lasting);
        }
    }

    /// The silences in force, in the order in which they were asked for.
    #[must_use]
    pub fn silences(&self) -> Vec<Silence> {
        self.control.as_ref().map(|control| control.silences.listed()).unwrap_or_default()
    }

    /// For simulations on a manual clock: does everything that is due at the
    /// clock's time, waits until it is done, and says how long after that the
    /// next thing is due, if anything is.
    ///
    /// From the first call on the alerting moves only within this call, so that
    /// a simulation is exact. Destinations have to answer without waiting for
    /// the clock.
    #[cfg(any(test, feature = "test-util"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
    pub async fn settle(&self) -> Option<Duration> {
        let control = self.control.as_ref()?;
        let next = control.settle().await?;
        Some(next.saturating_duration_since(control.handoff.clock.now()))
    }

    /// Tells an error that belongs to no request, such as a job's. Errors of
    /// one place and title are one incident. The title is cut after 80 bytes.
    #[track_caller]
    pub fn report(&self, title: &str, error: &(dyn Error + '_)) {
        let Some(control) = &self.control else { return };
        let site = Site::of(Location::caller());
        let title = title.get(..floor_boundary(title, MAX_TITLE)).unwrap_or_default();
        let error = ReportedError::new(error);
        let (handoff, key) = (&control.handoff, KeyRef::Log { target: title, site: &site });
        let now = handoff.clock.now();
        handoff.tally.record_with(key, (now, Duration::ZERO), |window| {
            window.take(&Facts {
                reason: Reason::Chain(error.chain()),
                site: Some(&site),
                in_flight: handoff.registry.in_flight(),
                ..Facts::at(now)
            });
        });
    }

    async fn ask(
        &self,
        command: impl FnOnce(tokio::sync::oneshot::Sender<CheckReport>) -> Command,
    ) -> CheckReport {
        let Some(control) = &self.control else { return CheckReport::default() };
        match control.ask(command).await {
            Some(report) => report,
            None => {
                let stopped = DeliveryError::revoked().because("alerting_is_not_running");
                let stats = control.handoff.stats();
                let names = stats.destinations().iter().map(|d| d.name().to_owned());
                CheckReport::new(names.map(|name| (name, Err(stopped.clone()))).collect())
            }
        }
    }
}

impl fmt::Debug for AlertHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertHandle").field("enabled", &self.control.is_some()).finish()
    }
}
