//! [`AlertConfigBuilder`]: records settings; `build()` checks them all.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::response::Parts;

use crate::capture::PanicBacktrace;
use crate::incident::{IncidentPolicy, Mention, MentionRule, TellAfter};
use crate::observation::{Clock, Kind, PathCapture, QueryCapture, RequestHead, RequestInfo};
use crate::service::{Callback, Measure, PanicPolicy, Probes, Rules, Verdict};
use crate::slack::{HttpSettings, Links};
use crate::worker::Gauge;

use super::disabled::Disabled;
use super::{AlertConfig, ConfigError, ConfigFault, Destination, RouteConfig};

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
    pub(super) hung_after: Option<Duration>,
    pub(super) slow_is_set: bool,
    pub(super) extra_headers: Vec<String>,
    pub(super) failure_statuses: Option<Vec<u16>>,
    pub(super) policy: IncidentPolicy,
    pub(super) close_after: Option<Duration>,
    pub(super) routes: Vec<(String, RouteConfig)>,
    pub(super) panic_hook: bool,
    pub(super) panic_backtrace: PanicBacktrace,
    pub(super) gauges: Vec<Gauge>,
    pub(super) links: Vec<(String, String)>,
    pub(super) slack_links: Links,
    /// Some link shows the trace's id.
    pub(super) needs_trace: bool,
    pub(super) http: HttpSettings,
    pub(super) clock: Clock,
    pub(super) seed: u64,
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
            hung_after: None,
            slow_is_set: false,
            extra_headers: Vec::new(),
            failure_statuses: None,
            policy: IncidentPolicy::default(),
            close_after: None,
            routes: Vec::new(),
            panic_hook: true,
            panic_backtrace: PanicBacktrace::default(),
            gauges: Vec::new(),
            links: Vec::new(),
            slack_links: Links::default(),
            needs_trace: false,
            http: HttpSettings::default(),
            clock: Clock::default(),
            seed: fastrand::u64(..),
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
    /// off in debug builds. A disabled layer watches nothing and starts no thread.
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
        self.slow_is_set = true;
        self
    }

    /// When a request that has no response yet is told, while it still runs;
    /// never before it is slow. Its end is told in the same message, or by one
    /// more where messages can't be edited. Default: 30 s.
    pub fn hung_after(mut self, threshold: Duration) -> Self {
        self.hung_after = Some(threshold);
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

    /// Adds a threshold: an incident of this kind opens only after `count`
    /// observations within `window`. Slow requests and those that hang are one
    /// kind here. Default: with the first.
    pub fn tell_after(mut self, kind: Kind, count: u64, window: Duration) -> Self {
        self.policy.tell_after.push(TellAfter { kind, route: None, count, window });
        self
    }

    /// The numbers by which incidents are told. Keeps what `close_after`,
    /// `tell_after`, `mention` and `replicas` set.
    pub fn policy(mut self, policy: IncidentPolicy) -> Self {
        let before = std::mem::replace(&mut self.policy, policy);
        self.policy.tell_after = before.tell_after;
        self.policy.mentions = before.mentions;
        self.policy.mention_environments = before.mention_environments;
        self.policy.replicas = before.replicas;
        self
    }

    /// Adds somebody who is mentioned with the first message of an incident of
    /// this kind, in
    /// [`mention_environments`](AlertConfigBuilder::mention_environments). Once
    /// per incident, and the same one at most once in 30 minutes unless it gets
    /// worse.
    pub fn mention(self, kind: Kind, mention: Mention) -> Self {
        self.mention_when(MentionRule::new(mention).kind(kind))
    }

    /// Adds somebody who is mentioned by more than the kind: by route, count and
    /// environment as well.
    pub fn mention_when(mut self, rule: MentionRule) -> Self {
        self.policy.mentions.push(rule);
        self
    }

    /// In which environments anybody is mentioned. Default: `production` and
    /// `prod`.
    pub fn mention_environments<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.policy.mention_environments = names.into_iter().map(Into::into).collect();
        self
    }

    /// How many replicas of the service share the channel, from 1 to 10,000:
    /// each takes its part of the pace and the budget, and names its instance
    /// in every headline. Default: 1.
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.policy.replicas = replicas;
        self
    }

    /// How long without observations ends an incident. Default: 5 minutes.
    pub fn close_after(mut self, quiet: Duration) -> Self {
        self.close_after = Some(quiet);
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
    /// Connecting may take half of it, and at most 5 s.
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.http.total_timeout = limit;
        self
    }

    /// A proxy for calls to Slack, in place of the environment's.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.http.proxy = Some(url.into());
        self
    }

    /// Adds root certificates, as PEM, to trust when calling Slack. A PEM
    /// without a certificate, or with one that can't be read, is an error.
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

    /// Feeds every choice that is left to chance, for simulations. Default: a
    /// different one each time.
    #[cfg(any(test, feature = "test-util"))]
    #[cfg_attr(docsrs, doc(cfg(feature = "test-util")))]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
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
        self.take_hung_after(&mut faults);
        self.check_thresholds(&mut faults);
        self.check_ignores(&mut faults);
        self.check_http(&mut faults);
        self.take_links(&mut faults);
        self.rules.panic_sites = self.panic_hook;
        self.check_gauges(&mut faults);
        self.take_headers(&mut faults);
        self.take_statuses(&mut faults);
        self.take_routes(&mut faults);
        if let Some(quiet) = self.close_after {
            self.policy.close_after = quiet;
        }
        self.check_policy(&mut faults);
        self.warn_of_mentions(&identity);
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
            panic_hook: self.panic_hook.then_some(self.panic_backtrace),
            gauges: self.gauges,
            links: Arc::new(self.slack_links),
            http: self.http,
            destinations,
            clock: self.clock,
            seed: self.seed,
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
