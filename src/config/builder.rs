//! [`AlertConfigBuilder`]: records settings; `build()` checks them all.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderName};
use http::response::Parts;

use crate::incident::{IncidentPolicy, TellAfter};
use crate::observation::{
    Clock, Identity, Kind, PathCapture, QueryCapture, REQUEST_ID, RequestHead, RequestInfo,
};
use crate::service::{Callback, Measure, PanicPolicy, Probes, Rules, StatusSet, Verdict};
use crate::slack::HttpSettings;
use crate::worker::DestinationSetup;

use super::disabled::Disabled;
use super::{AlertConfig, ConfigError, ConfigFault, Destination, RouteConfig};

/// Names and values shown in every message are at most so long.
const MAX_NAME: usize = 64;
const MAX_HEADERS: usize = 8;
const MAX_COUNT: u64 = 1_000_000;

/// Records settings; [`build`](AlertConfigBuilder::build) checks them all at
/// once. Later calls of a setter override earlier ones and the environment,
/// unless they say "adds".
#[must_use = "a builder does nothing until it is built"]
pub struct AlertConfigBuilder {
    pub(super) destinations: Vec<(Destination, bool)>,
    pub(super) service: Option<String>,
    pub(super) environment: Option<String>,
    pub(super) release: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) enabled: bool,
    pub(super) disabled: Option<Disabled>,
    pub(super) rules: Rules,
    pub(super) extra_headers: Vec<String>,
    pub(super) failure_statuses: Option<Vec<u16>>,
    pub(super) policy: IncidentPolicy,
    pub(super) routes: Vec<(String, RouteConfig)>,
    pub(super) http: HttpSettings,
    pub(super) clock: Clock,
    pub(super) faults: Vec<ConfigFault>,
    pub(super) warnings: Vec<String>,
}

impl AlertConfigBuilder {
    pub(super) fn empty() -> Self {
        AlertConfigBuilder {
            destinations: Vec::new(),
            service: None,
            environment: None,
            release: None,
            instance: None,
            enabled: true,
            disabled: None,
            rules: Rules::default(),
            extra_headers: Vec::new(),
            failure_statuses: None,
            policy: IncidentPolicy::default(),
            routes: Vec::new(),
            http: HttpSettings::default(),
            clock: Clock::default(),
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The service's name, at most 64 characters. Default: the binary's name.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// The environment, such as `production`, at most 64 characters. Default:
    /// none is shown.
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment = Some(name.into());
        self
    }

    /// The release, such as `1.8.2` or a commit, at most 64 characters. Default:
    /// none is shown.
    pub fn release(mut self, release: impl Into<String>) -> Self {
        self.release = Some(release.into());
        self
    }

    /// The instance, at most 64 characters. Default: the host's name.
    pub fn instance(mut self, name: impl Into<String>) -> Self {
        self.instance = Some(name.into());
        self
    }

    /// Whether to watch at all: `.enabled(!cfg!(debug_assertions))` switches it
    /// off in debug builds. A disabled layer costs one branch per request.
    /// Default: `true`.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Adds a destination that is told everything as well.
    pub fn also(mut self, destination: Destination) -> Self {
        self.destinations.push((destination, false));
        self
    }

    /// Adds a destination that is told what the others can't deliver: when
    /// none of them works, or has for 60 seconds.
    pub fn fallback(mut self, destination: Destination) -> Self {
        self.destinations.push((destination, true));
        self
    }

    /// Whether a destination is set: useful after
    /// [`AlertConfig::from_env`], to name one for development.
    #[must_use]
    pub fn has_destination(&self) -> bool {
        !self.destinations.is_empty()
    }

    /// When a response counts as slow. Default: 5 s.
    pub fn slow_after(mut self, threshold: Duration) -> Self {
        self.rules.slow_after = threshold;
        self
    }

    /// What a slow response is judged by. Default: the time to its head.
    pub fn measure(mut self, measure: Measure) -> Self {
        self.rules.measure = measure;
        self
    }

    /// From which age on a request that is dropped without a response counts
    /// as cancelled. Default: `slow_after`.
    pub fn cancelled_after(mut self, threshold: Duration) -> Self {
        self.rules.cancelled_after = Some(threshold);
        self
    }

    /// Whether a response body that is dropped before its end is told, not
    /// only counted. Streams never are. Default: `false`, since clients stop
    /// downloads all the time.
    pub fn body_cancelled(mut self, told: bool) -> Self {
        self.rules.body_cancelled = told;
        self
    }

    /// For how long after the start slow responses are not told, while caches
    /// and pools fill. Default: zero.
    pub fn startup_grace(mut self, grace: Duration) -> Self {
        self.rules.startup_grace = grace;
        self
    }

    /// What happens after a caught panic. Default: the client gets a 500.
    pub fn panic_policy(mut self, policy: PanicPolicy) -> Self {
        self.rules.panic_policy = policy;
        self
    }

    /// Which status codes are failures. Default: `500..=599`.
    pub fn failure_statuses(mut self, codes: impl IntoIterator<Item = u16>) -> Self {
        self.failure_statuses = Some(codes.into_iter().collect());
        self
    }

    /// Judges responses by more than their status. A panic in the closure is
    /// caught, and the status decides.
    pub fn failure_when<F>(mut self, judge: F) -> Self
    where
        F: Fn(&RequestInfo, &Parts) -> Verdict + Send + Sync + 'static,
    {
        self.rules.failure_when = Some(Callback::new(Box::new(judge)));
        self
    }

    /// Names the route of requests for which no router did. A few names are
    /// good, one for each path is not: at most 256 keys are told apart.
    pub fn route_fn<F>(mut self, name: F) -> Self
    where
        F: Fn(&RequestHead<'_>) -> Option<Arc<str>> + Send + Sync + 'static,
    {
        self.rules.route_fn = Some(Callback::new(Box::new(name)));
        self
    }

    /// Sets thresholds and rules for one route, by its template.
    pub fn route(
        mut self,
        template: impl Into<String>,
        configure: impl FnOnce(RouteConfig) -> RouteConfig,
    ) -> Self {
        self.routes.push((template.into(), configure(RouteConfig::default())));
        self
    }

    /// Adds a path whose requests are not watched: `/healthz` covers itself
    /// and everything below it, and not `/healthzzz`.
    pub fn ignore_path(mut self, path: impl Into<String>) -> Self {
        self.rules.ignore.paths.push(path.into());
        self
    }

    /// Adds a route template whose requests are not watched.
    pub fn ignore_route(mut self, template: impl Into<String>) -> Self {
        self.rules.ignore.routes.push(template.into());
        self
    }

    /// Adds a method whose requests are not watched.
    pub fn ignore_method(mut self, method: http::Method) -> Self {
        self.rules.ignore.methods.push(method);
        self
    }

    /// Keeps requests from being watched by more than path, route and method.
    /// A panic in the closure is caught, and the request watched.
    pub fn ignore_when<F>(mut self, ignore: F) -> Self
    where
        F: Fn(&RequestHead<'_>) -> bool + Send + Sync + 'static,
    {
        self.rules.ignore.when = Some(Callback::new(Box::new(ignore)));
        self
    }

    /// Whether requests of health probes are told. Default: only their panics.
    pub fn probes(mut self, probes: Probes) -> Self {
        self.rules.probes = probes;
        self
    }

    /// Opens an incident of this kind only after `count` observations within
    /// `window`. Default: with the first.
    pub fn tell_after(mut self, kind: Kind, count: u64, window: Duration) -> Self {
        self.policy.tell_after.push(TellAfter { kind, route: None, count, window });
        self
    }

    /// The numbers by which incidents are told. Keeps what `tell_after` set.
    pub fn policy(mut self, policy: IncidentPolicy) -> Self {
        let tell_after = std::mem::take(&mut self.policy.tell_after);
        self.policy = policy;
        self.policy.tell_after.extend(tell_after);
        self
    }

    /// How long without observations ends an incident. Default: 5 minutes.
    pub fn close_after(mut self, quiet: Duration) -> Self {
        self.policy.close_after = quiet;
        self
    }

    /// How much of a path is told. Default: with secret-looking segments
    /// masked.
    pub fn path_capture(mut self, capture: PathCapture) -> Self {
        self.rules.path = capture;
        self
    }

    /// How much of a query string is told. Default: nothing.
    pub fn query_capture(mut self, capture: QueryCapture) -> Self {
        self.rules.query = capture;
        self
    }

    /// Adds a request header that is told, cut after 80 bytes. `user-agent`
    /// and `x-request-id` always are. Headers that carry credentials are
    /// refused, and values marked as sensitive left out.
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.extra_headers.push(name.into());
        self
    }

    /// How long one call to Slack may take, from 100 ms to 60 s. Default: 10 s.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.http.total_timeout = limit;
        self
    }

    /// A proxy for calls to Slack, in place of the environment's.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.http.proxy = Some(url.into());
        self
    }

    /// Adds a root certificate, as PEM, to trust when calling Slack.
    pub fn root_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.http.root_certificates.push(pem.into());
        self
    }

    /// The source of time, for tests.
    #[cfg(any(test, feature = "test-util"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] that lists every fault with its setting.
    pub fn build(mut self) -> Result<AlertConfig, ConfigError> {
        let mut faults = std::mem::take(&mut self.faults);
        let destinations = self.destinations(&mut faults);
        let identity = self.identity(&mut faults);
        self.check_thresholds(&mut faults);
        self.check_ignores(&mut faults);
        self.check_http(&mut faults);
        self.take_headers(&mut faults);
        self.take_statuses(&mut faults);
        self.take_routes(&mut faults);
        self.check_policy(&mut faults);
        ConfigError::of(faults)?;
        let disabled = match self.disabled {
            _ if !self.enabled => Some(Disabled::ByChoice),
            disabled if destinations.is_empty() => {
                Some(disabled.unwrap_or(Disabled::NoDestination))
            }
            _ => None,
        };
        Ok(AlertConfig {
            disabled,
            rules: self.rules,
            policy: self.policy,
            identity: Arc::new(identity),
            http: self.http,
            destinations,
            clock: self.clock,
            warnings: self.warnings,
        })
    }

    /// As [`build`](AlertConfigBuilder::build), but faults are logged as an
    /// error and requests are served without alerts.
    #[must_use]
    pub fn build_or_disabled(self) -> AlertConfig {
        self.build().unwrap_or_else(|error| {
            tracing::error!(target: "tower_slack_alert", "no alerts will be sent: {error}");
            AlertConfig::disabled(Disabled::Invalid)
        })
    }

    fn destinations(&mut self, faults: &mut Vec<ConfigFault>) -> Vec<DestinationSetup> {
        let mut setups: Vec<DestinationSetup> = Vec::new();
        let mut kinds: Vec<&str> = Vec::new();
        for (destination, is_fallback) in self.destinations.drain(..) {
            match destination.into_setup() {
                Ok((kind, channel)) => {
                    kinds.push(kind);
                    let nth = kinds.iter().filter(|known| **known == kind).count();
                    let name = if nth > 1 { format!("{kind}-{nth}") } else { kind.to_owned() };
                    setups.push(DestinationSetup { name, is_fallback, channel });
                }
                Err(fault) => faults.push(fault),
            }
        }
        let speaks_http = kinds.iter().any(|kind| matches!(*kind, "webhook" | "bot"));
        if speaks_http && !HAS_HTTP {
            faults.push(ConfigFault::new(
                "destination",
                "needs one of the features `rustls`, `rustls-no-provider`, `native-tls`",
            ));
        }
        setups
    }

    fn identity(&mut self, faults: &mut Vec<ConfigFault>) -> Identity {
        let mut named = |setting: &str, value: Option<String>| {
            let value = value?;
            let trimmed = value.trim();
            if trimmed.is_empty() || trimmed.chars().count() > MAX_NAME {
                faults.push(ConfigFault::new(setting, "must have 1 to 64 characters"));
            } else if trimmed.chars().any(char::is_control) {
                faults.push(ConfigFault::new(setting, "must not have control characters"));
            }
            Some(trimmed.to_owned())
        };
        Identity {
            service: named("service", self.service.take()).unwrap_or_else(binary_name),
            environment: named("environment", self.environment.take()),
            release: named("release", self.release.take()),
            instance: named("instance", self.instance.take()).unwrap_or_else(host_name),
        }
    }

    fn check_thresholds(&self, faults: &mut Vec<ConfigFault>) {
        check_positive("slow_after", Some(self.rules.slow_after), faults);
        check_positive("cancelled_after", self.rules.cancelled_after, faults);
    }

    fn check_ignores(&self, faults: &mut Vec<ConfigFault>) {
        for path in self.rules.ignore.paths.iter().filter(|path| !path.starts_with('/')) {
            let shown: String = path.chars().take(MAX_NAME).collect();
            faults.push(ConfigFault::new("ignore_path", format!("must begin with /: {shown:?}")));
        }
    }

    fn check_http(&self, faults: &mut Vec<ConfigFault>) {
        let limits = Duration::from_millis(100)..=Duration::from_secs(60);
        if !limits.contains(&self.http.total_timeout) {
            faults.push(ConfigFault::new("request_timeout", "must be from 100 ms to 60 s"));
        }
        if let Err((setting, problem)) = self.http.check() {
            faults.push(ConfigFault::new(setting, problem));
        }
    }

    fn take_headers(&mut self, faults: &mut Vec<ConfigFault>) {
        let mut names = vec![header::USER_AGENT, REQUEST_ID.clone()];
        for name in self.extra_headers.drain(..) {
            match HeaderName::try_from(name.to_ascii_lowercase()) {
                Err(_) => faults.push(ConfigFault::new("header", "is not a header's name")),
                Ok(name) if is_credential(name.as_str()) => faults.push(ConfigFault::new(
                    "header",
                    format!("{name} carries credentials and is never told"),
                )),
                Ok(name) if names.contains(&name) => {}
                Ok(name) => names.push(name),
            }
        }
        if names.len() > MAX_HEADERS {
            faults.push(ConfigFault::new("header", "is set for more than 6 further headers"));
        }
        self.rules.headers = names.into();
    }

    fn take_statuses(&mut self, faults: &mut Vec<ConfigFault>) {
        let Some(codes) = self.failure_statuses.take() else { return };
        if codes.iter().any(|code| !(100..=999).contains(code)) {
            faults.push(ConfigFault::new("failure_statuses", "must be codes from 100 to 999"));
        }
        self.rules.failure_statuses = StatusSet::of(codes);
    }

    fn take_routes(&mut self, faults: &mut Vec<ConfigFault>) {
        for (template, config) in self.routes.drain(..) {
            let setting = |name: &str| format!("route({template:?}) {name}");
            check_positive(&setting("slow_after"), config.rules.slow_after, faults);
            check_positive(&setting("cancelled_after"), config.rules.cancelled_after, faults);
            // The last call for a route stands.
            self.policy.tell_after.retain(|rule| rule.route.as_ref() != Some(&template));
            for rule in config.tell_after {
                let route = Some(template.clone());
                self.policy.tell_after.push(TellAfter { route, ..rule });
            }
            self.rules.routes.insert(template, config.rules);
        }
    }

    fn check_policy(&self, faults: &mut Vec<ConfigFault>) {
        check_positive("close_after", Some(self.policy.close_after), faults);
        if self.policy.digests.is_empty() || self.policy.digests.iter().any(Duration::is_zero) {
            faults.push(ConfigFault::new("digests", "must have at least one step, none of zero"));
        }
        for rule in &self.policy.tell_after {
            if !(1..=MAX_COUNT).contains(&rule.count) {
                faults.push(ConfigFault::new("tell_after", "must count from 1 to 1 000 000"));
            }
            check_positive("tell_after window", Some(rule.window), faults);
        }
    }
}

impl fmt::Debug for AlertConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertConfigBuilder")
            .field("destinations", &self.destinations)
            .field("service", &self.service)
            .field("environment", &self.environment)
            .field("release", &self.release)
            .field("enabled", &self.enabled)
            .field("rules", &self.rules)
            .field("policy", &self.policy)
            .field("routes", &self.routes)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

const HAS_HTTP: bool = cfg!(feature = "__http");

fn check_positive(setting: &str, duration: Option<Duration>, faults: &mut Vec<ConfigFault>) {
    const LONGEST: Duration = Duration::from_secs(366 * 86_400);
    if duration.is_some_and(|duration| duration.is_zero() || duration > LONGEST) {
        faults.push(ConfigFault::new(setting, "must be more than zero and at most a year"));
    }
}

fn is_credential(name: &str) -> bool {
    const PARTS: [&str; 8] = [
        "authorization",
        "cookie",
        "token",
        "secret",
        "api-key",
        "apikey",
        "password",
        "credential",
    ];
    PARTS.iter().any(|part| name.contains(part))
}

fn binary_name() -> String {
    let path = std::env::current_exe().ok();
    let stem = path.as_deref().and_then(|path| path.file_stem()?.to_str());
    stem.unwrap_or("service").chars().take(MAX_NAME).collect()
}

fn host_name() -> String {
    let name = hostname::get().ok().and_then(|name| name.into_string().ok());
    let name: String = name.unwrap_or_default().chars().take(MAX_NAME).collect();
    if name.trim().is_empty() { "unknown host".to_owned() } else { name }
}
