//! [`SlackAlertLayer`]: ties the rooms together.

use std::fmt;
use std::sync::{Arc, Mutex};

use tower_layer::Layer;

use crate::capture::panic_hook;
use crate::config::{AlertConfig, Disabled};
use crate::handoff::{Handoff, Outside};
use crate::service::{HungWatch, Recorders, SlackAlert};
use crate::worker::{AlertHandle, ChannelSetup, Control, Setup, start};

/// Applies [`SlackAlert`] to services.
///
/// One layer is one set of counts, incidents and threads; its clones and all
/// services it makes share them. Applying the same layer twice to a request's
/// way reports once, at the outer place; not so across a task boundary such as
/// Tower's `Buffer`, where the inner one can't know of the outer one. A request
/// that a handler makes in-process to a service under the same layer is part of
/// the handler's own. Different layers are independent.
///
/// See the [crate's documentation](crate) for an example.
#[derive(Clone)]
pub struct SlackAlertLayer {
    /// `None` when nothing is watched.
    parts: Option<Arc<Parts>>,
}

/// The request path's end and our thread's.
struct Parts {
    recorders: Recorders,
    control: Arc<Control>,
}

impl SlackAlertLayer {
    /// Starts the alerting. Never panics: if a thread or the TLS library can't
    /// start, requests are served, and the fault is logged once and shown in
    /// [`stats()`](AlertHandle::stats).
    #[must_use]
    pub fn new(config: AlertConfig) -> Self {
        for warning in &config.warnings {
            tracing::warn!(target: "tower_slack_alert", "{warning}");
        }
        if let Some(disabled) = config.disabled {
            say_disabled(disabled);
            return SlackAlertLayer { parts: None };
        }
        if config.destinations.iter().all(|place| matches!(place.channel, ChannelSetup::Log)) {
            tracing::info!(target: "tower_slack_alert", "dry run: alerts go to the log only");
        }
        let handoff = Arc::new(Handoff::new(config.clock));
        let rules = Arc::new(config.rules);
        let watch = HungWatch::new(Arc::clone(&rules), Arc::clone(&handoff));
        if let Some(backtrace) = config.panic_hook {
            panic_hook::install(backtrace);
        }
        let outside = Outside::new(Arc::clone(&handoff), rules.error_logs, rules.background_panics);
        let control: Arc<Control> = start(Setup {
            handoff: Arc::clone(&handoff),
            policy: config.policy,
            identity: config.identity,
            http: config.http,
            links: config.links,
            gauges: config.gauges,
            outside: Arc::new(outside),
            destinations: config.destinations,
            silences: Arc::default(),
            seed: config.seed,
            watch: Mutex::new(Some(Box::new(watch))),
        });
        // Services keep the thread alive, not knowing what they hold.
        let recorders = Recorders::new(&rules, &handoff, &(Arc::clone(&control) as _));
        SlackAlertLayer { parts: Some(Arc::new(Parts { recorders, control })) }
    }

    /// A handle to flush, to shut down, and to ask how it is.
    #[must_use]
    pub fn handle(&self) -> AlertHandle {
        AlertHandle::new(self.parts.as_ref().map(|parts| Arc::clone(&parts.control)))
    }
}

impl<S> Layer<S> for SlackAlertLayer {
    type Service = SlackAlert<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SlackAlert::new(inner, self.parts.as_ref().map(|parts| parts.recorders.clone()))
    }
}

impl fmt::Debug for SlackAlertLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlackAlertLayer").field("enabled", &self.parts.is_some()).finish()
    }
}

fn say_disabled(disabled: Disabled) {
    const NO_DESTINATION: &str = "no alerts will be sent: no Slack destination is configured; \
                                  set SLACK_ALERT_WEBHOOK_URL, or SLACK_ALERT_BOT_TOKEN and \
                                  SLACK_ALERT_CHANNEL";
    match disabled {
        // A release build without a destination is likely an oversight.
        Disabled::NoDestination if !cfg!(debug_assertions) => {
            tracing::warn!(target: "tower_slack_alert", "{NO_DESTINATION}");
        }
        Disabled::NoDestination => tracing::info!(target: "tower_slack_alert", "{NO_DESTINATION}"),
        Disabled::ByChoice => {
            tracing::info!(
                target: "tower_slack_alert",
                "no alerts will be sent: switched off by enabled(false) or SLACK_ALERT_ENABLED"
            );
        }
        // The faults have been logged.
        Disabled::Invalid => {}
    }
}
