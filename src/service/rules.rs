//! [`Rules`]: which requests are watched, and what makes them noteworthy.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use http::header::HeaderName;

use crate::handoff::Ledger;
use crate::observation::{
    Kind, PathCapture, QueryCapture, RequestHead, RequestInfo, RouteRef, is_grpc_call,
};

use super::callback::Callback;
use super::error_types::ErrorTypes;
use super::{Measure, PanicPolicy, Probes, Verdict};

type IgnoreFn = dyn Fn(&RequestHead<'_>) -> bool + Send + Sync;
type RouteFn = dyn Fn(&RequestHead<'_>) -> Option<Arc<str>> + Send + Sync;
type FailureFn = dyn Fn(&RequestInfo, &http::response::Parts) -> Verdict + Send + Sync;

/// Which requests are watched, and what makes them noteworthy. Valid by the
/// time it is here; the configuration checks it.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) panic_policy: PanicPolicy,
    pub(crate) measure: Measure,
    pub(crate) probes: Probes,
    pub(crate) slow_after: Duration,
    pub(crate) hung_after: Duration,
    pub(crate) cancelled_after: Option<Duration>,
    pub(crate) body_cancelled: bool,
    pub(crate) poll_accounting: bool,
    pub(crate) blocked_after: Duration,
    /// Whether panics are told with what the panic hook saw.
    pub(crate) panic_sites: bool,
    pub(crate) error_logs: bool,
    pub(crate) background_panics: bool,
    pub(crate) error_types: ErrorTypes,
    pub(crate) startup_grace: Duration,
    pub(crate) path: PathCapture,
    pub(crate) query: QueryCapture,
    /// What is captured besides the request's id and its user agent.
    pub(crate) headers: Arc<[HeaderName]>,
    pub(crate) failure_statuses: StatusSet,
    pub(crate) failure_when: Option<Callback<FailureFn>>,
    pub(crate) route_fn: Option<Callback<RouteFn>>,
    pub(crate) ignore: Ignore,
    pub(crate) routes: HashMap<String, RouteRules>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            panic_policy: PanicPolicy::default(),
            measure: Measure::default(),
            probes: Probes::default(),
            slow_after: Duration::from_secs(5),
            hung_after: Duration::from_secs(30),
            cancelled_after: None,
            body_cancelled: false,
            poll_accounting: true,
            blocked_after: Duration::from_secs(1),
            panic_sites: true,
            error_logs: false,
            background_panics: false,
            error_types: ErrorTypes::default(),
            startup_grace: Duration::ZERO,
            path: PathCapture::default(),
            query: QueryCapture::default(),
            headers: Arc::default(),
            failure_statuses: StatusSet::server_errors(),
            failure_when: None,
            route_fn: None,
            ignore: Ignore::default(),
            routes: HashMap::new(),
        }
    }
}

impl Rules {
    /// Whether there is a rule about requests as they come.
    #[inline]
    pub(super) fn asks_at_first(&self) -> bool {
        self.route_fn.is_some() || !self.ignore.is_empty()
    }

    /// No route is slow before this.
    pub(crate) fn slow_floor(&self) -> Duration {
        self.routes
            .values()
            .filter_map(|route| route.slow_after)
            .fold(self.slow_after, Duration::min)
    }

    pub(crate) fn slow_after(&self, route: RouteRef<'_>) -> Duration {
        self.of(route).and_then(|route| route.slow_after).unwrap_or(self.slow_after)
    }

    /// No route hangs before this.
    pub(crate) fn hung_floor(&self) -> Duration {
        let own = self.routes.values().map(|route| self.hung_on(Some(route)));
        own.fold(self.hung_on(None), Duration::min)
    }

    /// A request without an answer hangs after this; never before it is slow.
    pub(crate) fn hung_after(&self, route: RouteRef<'_>) -> Duration {
        self.hung_on(self.of(route))
    }

    fn hung_on(&self, route: Option<&RouteRules>) -> Duration {
        let slow = route.and_then(|route| route.slow_after).unwrap_or(self.slow_after);
        route.and_then(|route| route.hung_after).unwrap_or(self.hung_after).max(slow)
    }

    pub(crate) fn cancelled_after(&self, route: RouteRef<'_>) -> Duration {
        let own = self.of(route);
        own.and_then(|route| route.cancelled_after)
            .or(self.cancelled_after)
            .or(own.and_then(|route| route.slow_after))
            .unwrap_or(self.slow_after)
    }

    /// No route is cancelled before this.
    pub(crate) fn cancelled_floor(&self) -> Duration {
        let own = self.routes.values().flat_map(|route| [route.cancelled_after, route.slow_after]);
        let general = self.cancelled_after.unwrap_or(self.slow_after);
        own.flatten().fold(general, Duration::min)
    }

    pub(crate) fn is_never(&self, route: RouteRef<'_>, kind: Kind) -> bool {
        self.of(route).is_some_and(|route| route.never.contains(&kind))
    }

    pub(crate) fn path_capture(&self, route: RouteRef<'_>) -> PathCapture {
        if self.of(route).is_some_and(|route| route.hide_path) {
            PathCapture::TemplateOnly
        } else {
            self.path
        }
    }

    pub(crate) fn is_in_grace(&self, since: Instant, now: Instant) -> bool {
        now.saturating_duration_since(since) < self.startup_grace
    }

    fn of(&self, route: RouteRef<'_>) -> Option<&RouteRules> {
        if self.routes.is_empty() {
            return None;
        }
        match route {
            RouteRef::Known(template) => self.routes.get(template),
            RouteRef::Unmatched => None,
        }
    }
}

/// Settings of one route's template.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteRules {
    pub(crate) slow_after: Option<Duration>,
    pub(crate) hung_after: Option<Duration>,
    pub(crate) cancelled_after: Option<Duration>,
    pub(crate) never: Vec<Kind>,
    pub(crate) hide_path: bool,
}

/// Requests that are not watched at all.
#[derive(Debug, Default)]
pub(crate) struct Ignore {
    pub(crate) paths: Vec<String>,
    pub(crate) routes: Vec<String>,
    pub(crate) methods: Vec<Method>,
    pub(crate) when: Option<Callback<IgnoreFn>>,
}

impl Ignore {
    pub(crate) fn covers(
        &self,
        head: &RequestHead<'_>,
        named: Option<&str>,
        ledger: &Ledger,
    ) -> bool {
        let path = || head.original_uri().path();
        self.paths.iter().any(|prefix| has_segments(path(), prefix))
            || self.methods.iter().any(|method| method == head.method())
            || (!self.routes.is_empty()
                && (self.covers_route(head, named) || self.covers_grpc(head)))
            || self
                .when
                .as_ref()
                .is_some_and(|when| when.call(ledger, |when| when(head)).unwrap_or(false))
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty()
            && self.methods.is_empty()
            && self.routes.is_empty()
            && self.when.is_none()
    }

    /// A gRPC request's path is its route.
    fn covers_grpc(&self, head: &RequestHead<'_>) -> bool {
        is_grpc_call(head) && self.routes.iter().any(|route| route == head.uri().path())
    }

    fn covers_route(&self, head: &RequestHead<'_>, named: Option<&str>) -> bool {
        #[cfg(feature = "axum")]
        let named = head
            .extensions()
            .get::<axum::extract::MatchedPath>()
            .map(axum::extract::MatchedPath::as_str)
            .or(named);
        #[cfg(not(feature = "axum"))]
        let _ = head;
        named.is_some_and(|named| self.routes.iter().any(|route| route == named))
    }
}

/// Whether `path` begins with the segments of `prefix`.
fn has_segments(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    match path.strip_prefix(prefix) {
        // The bare "/" covers itself only, not the whole service.
        Some(rest) if prefix.is_empty() => matches!(rest, "" | "/"),
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// A set of HTTP status codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StatusSet([u64; 16]);

impl StatusSet {
    fn server_errors() -> Self {
        let mut set = StatusSet([0; 16]);
        (500..600).for_each(|code| set.insert(code));
        set
    }

    pub(crate) fn of(codes: impl IntoIterator<Item = u16>) -> Self {
        let mut set = StatusSet([0; 16]);
        codes.into_iter().for_each(|code| set.insert(code));
        set
    }

    fn insert(&mut self, code: u16) {
        if let Some(word) = self.0.get_mut(usize::from(code / 64)) {
            *word |= 1 << (code % 64);
        }
    }

    #[inline]
    pub(crate) fn contains(&self, code: u16) -> bool {
        self.0.get(usize::from(code / 64)).is_some_and(|word| word >> (code % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_ignored_by_whole_segments() {
        assert!(has_segments("/healthz", "/healthz"));
        assert!(has_segments("/healthz/live", "/healthz"));
        assert!(has_segments("/healthz/", "/healthz/"));
        assert!(!has_segments("/healthzzz", "/healthz"));
        assert!(!has_segments("/api/healthz", "/healthz"));
        assert!(has_segments("/", "/"));
        assert!(!has_segments("/users", "/"));
    }

    #[test]
    fn the_default_failures_are_exactly_5xx() {
        let set = StatusSet::server_errors();
        let all: Vec<u16> = (0..=999).filter(|code| set.contains(*code)).collect();
        assert_eq!(all, (500..600).collect::<Vec<u16>>());
        assert!(!set.contains(u16::MAX));
        assert!(StatusSet::of([404, 500]).contains(404));
    }

    #[test]
    fn a_routes_own_thresholds_win() {
        let mut rules = Rules::default();
        rules.routes.insert(
            "/reports".into(),
            RouteRules { slow_after: Some(Duration::from_secs(60)), ..RouteRules::default() },
        );
        let reports = RouteRef::Known("/reports");
        assert_eq!(rules.slow_after(reports), Duration::from_secs(60));
        assert_eq!(rules.cancelled_after(reports), Duration::from_secs(60));
        assert_eq!(rules.slow_after(RouteRef::Unmatched), Duration::from_secs(5));
        assert_eq!(rules.slow_floor(), Duration::from_secs(5));
    }

    fn on(route: &str, own: RouteRules) -> Rules {
        Rules { routes: HashMap::from([(route.to_owned(), own)]), ..Rules::default() }
    }

    #[test]
    fn the_floors_are_below_every_routes_own() {
        let seconds = Duration::from_secs;
        let (a, other) = (RouteRef::Known("/a"), RouteRef::Known("/other"));
        let rules = Rules::default();
        assert_eq!((rules.slow_floor(), rules.hung_floor()), (seconds(5), seconds(30)));
        assert_eq!((rules.hung_after(a), rules.cancelled_floor()), (seconds(30), seconds(5)));

        let rules = on("/a", RouteRules { slow_after: Some(seconds(2)), ..RouteRules::default() });
        assert_eq!((rules.slow_floor(), rules.cancelled_floor()), (seconds(2), seconds(2)));
        assert_eq!((rules.slow_after(a), rules.slow_after(other)), (seconds(2), seconds(5)));
        assert_eq!(
            (rules.cancelled_after(a), rules.cancelled_after(other)),
            (seconds(2), seconds(5))
        );

        let hung = RouteRules { hung_after: Some(seconds(9)), ..RouteRules::default() };
        let rules = on("/a", hung);
        assert_eq!((rules.hung_floor(), rules.hung_after(a)), (seconds(9), seconds(9)));
        assert_eq!(rules.hung_after(other), seconds(30));
        // Nothing hangs before it is slow.
        let late = RouteRules { slow_after: Some(seconds(60)), ..RouteRules::default() };
        let rules = on("/a", late);
        assert_eq!((rules.hung_floor(), rules.hung_after(a)), (seconds(30), seconds(60)));

        let own = RouteRules { cancelled_after: Some(seconds(1)), ..RouteRules::default() };
        let rules = Rules { cancelled_after: Some(seconds(3)), ..on("/a", own) };
        assert_eq!((rules.cancelled_after(a), rules.cancelled_floor()), (seconds(1), seconds(1)));
        assert_eq!(rules.cancelled_after(other), seconds(3));
    }

    #[test]
    fn a_routes_own_rules_are_for_that_route() {
        let own = RouteRules { never: vec![Kind::Slow], hide_path: true, ..RouteRules::default() };
        let rules = on("/a", own);
        let [a, other] = ["/a", "/b"].map(RouteRef::Known);
        assert!(rules.is_never(a, Kind::Slow) && !rules.is_never(a, Kind::Failed));
        assert!(!rules.is_never(other, Kind::Slow));
        assert!(!rules.is_never(RouteRef::Unmatched, Kind::Slow));
        assert_eq!(rules.path_capture(a), PathCapture::TemplateOnly);
        assert_eq!(rules.path_capture(other), Rules::default().path);
        assert_ne!(Rules::default().path, PathCapture::TemplateOnly);
    }

    #[test]
    fn the_grace_is_shorter_than_its_span() {
        let grace = Duration::from_secs(10);
        let rules = Rules { startup_grace: grace, ..Rules::default() };
        let since = Instant::now();
        assert!(rules.is_in_grace(since, since + grace - Duration::from_nanos(1)));
        assert!(!rules.is_in_grace(since, since + grace));
        assert!(!Rules::default().is_in_grace(since, since));
    }

    #[test]
    fn each_way_to_ignore_is_enough() {
        let ledger = Ledger::default();
        let covers = |ignore: &Ignore, request: &http::Request<()>, named: Option<&str>| {
            ignore.covers(&RequestHead::of(request), named, &ledger)
        };
        let get = |uri: &str| http::Request::builder().uri(uri).body(()).unwrap();
        let mut call = get("/shop.Orders/Create");
        *call.method_mut() = Method::POST;
        call.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        let a = get("/a");
        assert!(!covers(&Ignore::default(), &a, Some("/a")));

        let by_path = Ignore { paths: vec!["/a".into()], ..Ignore::default() };
        assert!(covers(&by_path, &a, None) && !covers(&by_path, &get("/b"), Some("/a")));
        let by_method = Ignore { methods: vec![Method::POST], ..Ignore::default() };
        assert!(covers(&by_method, &call, None) && !covers(&by_method, &a, None));
        let by_route = Ignore { routes: vec!["/users/{id}".into()], ..Ignore::default() };
        assert!(covers(&by_route, &a, Some("/users/{id}")));
        assert!(!covers(&by_route, &a, Some("/other")) && !covers(&by_route, &a, None));
        assert!(!covers(&by_route, &call, None));
        let by_call = Ignore { routes: vec!["/shop.Orders/Create".into()], ..Ignore::default() };
        assert!(covers(&by_call, &call, None));
        // Somebody's path that looks like it is no call.
        assert!(!covers(&by_call, &get("/shop.Orders/Create"), None));
        let when: Box<IgnoreFn> = Box::new(|head| head.uri().path() == "/a");
        let by_rule = Ignore { when: Some(Callback::new(when)), ..Ignore::default() };
        assert!(covers(&by_rule, &a, None) && !covers(&by_rule, &get("/b"), None));
    }
}
