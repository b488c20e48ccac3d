//! [`AlertConfig`]: a valid configuration.

use std::fmt;
use std::sync::Arc;

use crate::capture::PanicBacktrace;
use crate::incident::IncidentPolicy;
use crate::observation::{Clock, Identity};
use crate::service::Rules;
use crate::slack::{HttpSettings, Links};
use crate::worker::{DestinationSetup, Gauge};

use super::env;
use super::{AlertConfigBuilder, Destination, Disabled};

/// A valid configuration, for [`SlackAlertLayer::new`](crate::SlackAlertLayer::new).
///
/// ```
/// use std::time::Duration;
/// use tower_slack_alert::{AlertConfig, Kind};
///
/// # fn main() -> Result<(), tower_slack_alert::ConfigError> {
/// let config = AlertConfig::webhook("https://hooks.slack.com/services/T000/B000/secret")
///     .service("shop-api")
///     .environment("production")
///     .slow_after(Duration::from_secs(2))
///     .route("/reports/{year}", |route| route.slow_after(Duration::from_secs(60)))
///     .ignore_path("/healthz")
///     .tell_after(Kind::Cancelled, 10, Duration::from_secs(60))
///     .build()?;
/// # let _ = config;
/// # Ok(())
/// # }
/// ```
pub struct AlertConfig {
    pub(crate) disabled: Option<Disabled>,
    pub(crate) rules: Rules,
    pub(crate) policy: IncidentPolicy,
    pub(crate) identity: Arc<Identity>,
    /// `None`: without a hook.
    pub(crate) panic_hook: Option<PanicBacktrace>,
    pub(crate) gauges: Vec<Gauge>,
    pub(crate) links: Arc<Links>,
    pub(crate) http: HttpSettings,
    pub(crate) destinations: Vec<DestinationSetup>,
    pub(crate) clock: Clock,
    pub(crate) seed: u64,
    pub(crate) warnings: Vec<String>,
}

impl AlertConfig {
    /// Begins a configuration that tells an incoming webhook.
    pub fn webhook(url: impl AsRef<str>) -> AlertConfigBuilder {
        AlertConfig::builder(Destination::webhook(url))
    }

    /// Begins a configuration that tells a channel through a bot.
    pub fn bot(token: impl AsRef<str>, channel: impl Into<String>) -> AlertConfigBuilder {
        AlertConfig::builder(Destination::bot(token, channel))
    }

    /// Begins a configuration that tells this destination.
    pub fn builder(destination: Destination) -> AlertConfigBuilder {
        AlertConfigBuilder::empty().also(destination)
    }

    /// Begins a configuration from the environment. Setters override it.
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `SLACK_ALERT_WEBHOOK_URL` | tell this webhook |
    /// | `SLACK_ALERT_BOT_TOKEN`, `SLACK_ALERT_CHANNEL`, `SLACK_ALERT_API_URL` | or this channel, through a bot |
    /// | `SLACK_ALERT_SERVICE`, `_ENVIRONMENT`, `_RELEASE` | who speaks |
    /// | `SLACK_ALERT_SLOW_AFTER`, `_HUNG_AFTER`, `_CANCELLED_AFTER`, `_CLOSE_AFTER` | durations such as `500ms`, `2s`, `1m` |
    /// | `SLACK_ALERT_IGNORE_PATHS` | paths, separated by commas |
    /// | `SLACK_ALERT_MENTION` | who is mentioned for which kind: `panicked=S024BE7LH,failed=here` |
    /// | `SLACK_ALERT_REPLICAS` | how many replicas share the channel |
    /// | `SLACK_ALERT_DRY_RUN` | `true`: write messages to the log instead |
    /// | `SLACK_ALERT_ENABLED` | `false`: watch nothing |
    ///
    /// Without any of the first four, `SLACK_WEBHOOK_URL`, or
    /// `SLACK_BOT_TOKEN`, `SLACK_CHANNEL` and `SLACK_API_URL` are read. With no
    /// destination at all nothing is watched, which is logged once. An unknown
    /// `SLACK_ALERT_` variable is logged with the nearest known one.
    pub fn from_env() -> AlertConfigBuilder {
        env::read(std::env::vars_os())
    }

    /// Whether requests will be watched.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.disabled.is_none()
    }

    pub(super) fn disabled(because: Disabled) -> Self {
        AlertConfig {
            disabled: Some(because),
            rules: Rules::default(),
            policy: IncidentPolicy::default(),
            identity: Arc::default(),
            panic_hook: None,
            gauges: Vec::new(),
            links: Arc::default(),
            http: HttpSettings::default(),
            destinations: Vec::new(),
            clock: Clock::default(),
            seed: 0,
            warnings: Vec::new(),
        }
    }
}

impl fmt::Debug for AlertConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertConfig")
            .field("enabled", &self.is_enabled())
            .field("identity", &self.identity)
            .field("destinations", &self.destinations)
            .field("rules", &self.rules)
            .field("policy", &self.policy)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}
