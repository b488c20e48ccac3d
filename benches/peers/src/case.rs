//! [`Case`]: a layer, and what it is compared with.

#[cfg(feature = "heavy")]
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
#[cfg(feature = "heavy")]
use axum_prometheus::PrometheusMetricLayer;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Empty;
#[cfg(feature = "heavy")]
use sentry::integrations::tower::{NewSentryLayer, SentryHttpLayer};
use tower::layer::util::Identity;
use tower::{Layer, Service, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use tower_slack_alert::{
    AlertConfig, AlertConfigBuilder, Destination, Measure, RequestLogLayer, SlackAlertLayer,
    Verdict,
};
#[cfg(feature = "heavy")]
use tracing_layer_slack::SlackLayer;
use tracing_subscriber::prelude::*;

use crate::floor::{Clocked, Floor};
use crate::plain::Plain;
use crate::{Answer, Pace};

/// Routes of [`Case::FailingRoutes`].
pub const ROUTES: usize = 1_000;

/// A layer around a handler, and what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// The handler itself.
    Bare,
    /// Two looks at the clock and one at the status.
    Clocked,
    /// What any layer of this kind has to do.
    Floor,
    /// What an alert of ours says, kept in the plainest way.
    Plain,
    /// Ours, `enabled(false)`.
    Off,
    /// Ours without poll accounting.
    Lean,
    /// Ours as it comes.
    Default,
    /// Ours with every setting that costs something.
    Everything,
    /// tower-http.
    CatchPanic,
    /// tower-http.
    Trace,
    /// tower-http.
    CatchPanicTrace,
    /// sentry-tower with a client that sends nothing.
    #[cfg(feature = "heavy")]
    Sentry,
    /// axum-prometheus.
    #[cfg(feature = "heavy")]
    Prometheus,
    /// The handler itself, which answers 500.
    BareFailing,
    /// Ours as it comes, on a 500 whose incident is open.
    Failing,
    /// As `Failing`; the route is guessed from the path.
    FailingUnrouted,
    /// As `Failing`; the last part of the path says which of 1,000 routes.
    FailingRoutes,
    /// tracing-layer-slack, fed by an `error!` for each failure.
    #[cfg(feature = "heavy")]
    SlackLayer,
    /// sentry-tower, fed by a message for each failure.
    #[cfg(feature = "heavy")]
    SentryFailing,
    /// An axum router.
    Router,
    /// The least that `Router::layer` costs.
    RouterIdentity,
    /// The floor there: a layer that wraps the body.
    RouterBody,
    /// Ours there, as it comes.
    RouterDefault,
    /// tower-http there.
    RouterCatchPanicTrace,
}

/// What is done with a service, whatever its type.
pub trait Visit {
    /// Does it.
    fn visit<S, B>(self, service: S)
    where
        S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        B: Body;
}

impl Case {
    /// In the order of the table of costs.
    pub const ALL: &[Case] = &[
        Case::Bare,
        Case::Clocked,
        Case::Floor,
        Case::Plain,
        Case::Off,
        Case::Lean,
        Case::Default,
        Case::Everything,
        Case::CatchPanic,
        Case::Trace,
        Case::CatchPanicTrace,
        #[cfg(feature = "heavy")]
        Case::Sentry,
        #[cfg(feature = "heavy")]
        Case::Prometheus,
        Case::BareFailing,
        Case::Failing,
        Case::FailingUnrouted,
        #[cfg(feature = "heavy")]
        Case::SlackLayer,
        #[cfg(feature = "heavy")]
        Case::SentryFailing,
        Case::Router,
        Case::RouterIdentity,
        Case::RouterBody,
        Case::RouterDefault,
        Case::RouterCatchPanicTrace,
    ];

    /// Its row in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Case::Bare => "bare `service_fn`",
            Case::Clocked => "two clock reads, status check",
            Case::Floor => "+ catch, method and URI, registry, body's end",
            Case::Plain => "+ route, two headers, current request, polls timed",
            Case::Off => "ours, off",
            Case::Lean => "ours, without poll accounting",
            Case::Default => "**ours, default**",
            Case::Everything => "ours, everything on",
            Case::CatchPanic => "`CatchPanicLayer`",
            Case::Trace => "`TraceLayer`, no subscriber",
            Case::CatchPanicTrace => "**`CatchPanicLayer` + `TraceLayer`**",
            #[cfg(feature = "heavy")]
            Case::Sentry => "`sentry-tower`, nothing sent",
            #[cfg(feature = "heavy")]
            Case::Prometheus => "`axum-prometheus`",
            Case::BareFailing => "bare, answering 500",
            Case::Failing => "**ours, incident open**",
            Case::FailingUnrouted => "ours, incident open, route guessed",
            Case::FailingRoutes => "ours, incidents open",
            #[cfg(feature = "heavy")]
            Case::SlackLayer => "`tracing-layer-slack`, `error!` each",
            #[cfg(feature = "heavy")]
            Case::SentryFailing => "`sentry-tower`, a message each, nothing sent",
            Case::Router => "axum `Router`",
            Case::RouterIdentity => "`Router::layer(Identity)`",
            Case::RouterBody => "`Router::layer` of the floor, which wraps the body",
            Case::RouterDefault => "**`Router::layer`, ours, default**",
            Case::RouterCatchPanicTrace => "`Router`, `CatchPanicLayer` + `TraceLayer`",
        }
    }

    /// What it is compared with.
    #[must_use]
    pub fn base(self) -> Case {
        match self {
            Case::BareFailing | Case::Failing | Case::FailingUnrouted | Case::FailingRoutes => {
                Case::BareFailing
            }
            #[cfg(feature = "heavy")]
            Case::SlackLayer | Case::SentryFailing => Case::BareFailing,
            Case::Router
            | Case::RouterIdentity
            | Case::RouterBody
            | Case::RouterDefault
            | Case::RouterCatchPanicTrace => Case::Router,
            _ => Case::Bare,
        }
    }

    /// Shows the service to `visit`. Once in a process: some set its globals.
    pub fn show(self, pace: Pace, visit: impl Visit) {
        let status = match self.base() {
            Case::BareFailing => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::OK,
        };
        let bare = service_fn(move |_: Request<Empty<Bytes>>| Answer::new(status, pace));
        let router = || {
            let handler = move || async move { Answer::new(status, pace).await };
            Router::new().route("/users/{id}", get(handler))
        };
        match self {
            Case::Bare | Case::BareFailing => visit.visit(bare),
            Case::Clocked => visit.visit(Clocked(bare)),
            Case::Floor => visit.visit(Floor::new(bare)),
            Case::Plain => visit.visit(Plain::new(bare)),
            Case::Off => visit.visit(ours(|config| config.enabled(false)).layer(bare)),
            Case::Lean => visit.visit(ours(|config| config.poll_accounting(false)).layer(bare)),
            Case::Default | Case::FailingUnrouted => visit.visit(ours(|config| config).layer(bare)),
            Case::Failing => {
                // A route as axum gives one, without axum.
                let route: Arc<str> = "/users/{id}".into();
                let routed =
                    |config: AlertConfigBuilder| config.route_fn(move |_| Some(Arc::clone(&route)));
                visit.visit(ours(routed).layer(bare));
            }
            Case::FailingRoutes => {
                let routes: Vec<Arc<str>> =
                    (0..ROUTES).map(|route| format!("/routes/{route}").into()).collect();
                let routed = |config: AlertConfigBuilder| {
                    config.route_fn(move |head| {
                        let number = head.uri().path().rsplit('/').next()?.parse().ok();
                        number.and_then(|number: usize| routes.get(number).cloned())
                    })
                };
                visit.visit(ours(routed).layer(bare));
            }
            Case::Everything => {
                let logs = RequestLogLayer::new().with_filter(RequestLogLayer::filter());
                tracing_subscriber::registry().with(logs).init();
                visit.visit(ours(everything).layer(bare));
            }
            Case::CatchPanic => visit.visit(CatchPanicLayer::new().layer(bare)),
            Case::Trace => visit.visit(TraceLayer::new_for_http().layer(bare)),
            Case::CatchPanicTrace => {
                let caught = CatchPanicLayer::new().layer(bare);
                visit.visit(TraceLayer::new_for_http().layer(caught));
            }
            #[cfg(feature = "heavy")]
            Case::Sentry => {
                let _client = sentry_client();
                let inner = SentryHttpLayer::new().layer(bare);
                visit.visit(NewSentryLayer::new_from_top().layer(inner));
            }
            #[cfg(feature = "heavy")]
            Case::SentryFailing => {
                let _client = sentry_client();
                let inner = SentryHttpLayer::new().layer(reporting(bare, || {
                    sentry::capture_message("it failed", sentry::Level::Error);
                }));
                visit.visit(NewSentryLayer::new_from_top().layer(inner));
            }
            #[cfg(feature = "heavy")]
            Case::Prometheus => {
                let (layer, _metrics) = PrometheusMetricLayer::pair();
                visit.visit(layer.layer(bare));
            }
            #[cfg(feature = "heavy")]
            Case::SlackLayer => {
                // Its worker is not started: what it costs the request counts.
                let webhook = "http://127.0.0.1:9/services/T/B/x";
                let built = SlackLayer::builder("bench", Default::default(), webhook);
                let (layer, _delivery) = built.unwrap_or_else(|error| panic!("{error}")).build();
                tracing_subscriber::registry().with(layer).init();
                visit.visit(reporting(bare, || tracing::error!("it failed")));
            }
            Case::Router => visit.visit(router()),
            Case::RouterIdentity => visit.visit(router().layer(Identity::new())),
            Case::RouterBody => visit.visit(router().layer(tower::layer::layer_fn(Floor::new))),
            Case::RouterDefault => visit.visit(router().layer(ours(|config| config))),
            Case::RouterCatchPanicTrace => {
                let caught = router().layer(CatchPanicLayer::new());
                visit.visit(caught.layer(TraceLayer::new_for_http()));
            }
        }
    }
}

fn ours(configure: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder) -> SlackAlertLayer {
    let config = configure(AlertConfig::builder(Destination::log())).build();
    SlackAlertLayer::new(config.unwrap_or_else(|error| panic!("{error}")))
}

fn everything(config: AlertConfigBuilder) -> AlertConfigBuilder {
    config
        .measure(Measure::EndOfBody)
        .body_cancelled(true)
        .error_logs(true)
        .background_panics(true)
        .header("referer")
        .ignore_path("/healthz")
        .route("/reports", |route| route.slow_after(Duration::from_secs(60)))
        .failure_when(|_, _| Verdict::Default)
        .link("Trace", "https://tracing.example.com/{trace_id}")
        .gauge("one", || 1)
}

/// A service that reports each of its failures, as its authors would by hand.
#[cfg(feature = "heavy")]
fn reporting<S>(
    inner: S,
    report: impl Fn() + Clone + Send + 'static,
) -> impl Service<Request<Empty<Bytes>>, Response = S::Response, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static
where
    S: Service<Request<Empty<Bytes>>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    service_fn(move |request| {
        let report = report.clone();
        let answer = inner.clone().call(request);
        async move {
            let answer = answer.await;
            report();
            answer
        }
    })
}

/// A client that makes its events and sends none.
#[cfg(feature = "heavy")]
fn sentry_client() -> sentry::ClientInitGuard {
    struct Nowhere;

    impl sentry::Transport for Nowhere {
        fn send_envelope(&self, _: sentry::Envelope) {}
    }

    let mut options = sentry::ClientOptions::default();
    options.dsn = "https://key@sentry.invalid/1".parse().ok();
    options.transport =
        Some(Arc::new(|_: &sentry::ClientOptions| Arc::new(Nowhere) as Arc<dyn sentry::Transport>));
    sentry::init(options)
}
