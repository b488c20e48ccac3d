//! Tells a Slack channel, in real time, what a web service does to its users:
//! requests that fail, panic, hang, take too long or are cancelled, with method,
//! route, path, duration and the reason.
//!
//! [`SlackAlertLayer`] wraps any Tower service. A healthy request costs no
//! allocation and no contended lock; what is noteworthy is counted, and a
//! thread of the crate's own tells it: the first of a kind at once, more of the
//! same as one growing count, never as a flood.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//! use axum::{Router, routing::get};
//! use tower_slack_alert::{AlertConfig, Destination, SlackAlertLayer};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Destination::webhook("https://hooks.slack.com/services/…") in production;
//! // the log is the dry run.
//! let config = AlertConfig::builder(Destination::log())
//!     .service("shop-api")
//!     .environment("production")
//!     .slow_after(Duration::from_secs(2))
//!     .ignore_path("/healthz")
//!     .build()?;
//! let alerts = SlackAlertLayer::new(config);
//! let handle = alerts.handle();
//! let app: Router = Router::new()
//!     .route("/users/{id}", get(|| async { "a user" }))
//!     .layer(alerts);
//!
//! // axum::serve(listener, app).with_graceful_shutdown(signal).await?;
//! # drop(app);
//! let report = handle.shutdown(Duration::from_secs(5)).await;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```
//!
//! The guides say more: [`guide`].
//!
//! # Where to put the layer
//!
//! A layer sees what the layers inside it let through. Put this one outside of
//! everything whose outcome your users feel, and inside the router, so that it
//! knows the route:
//!
//! ```text
//!   Router::layer(..)          from the outside in
//!     TraceLayer               logs what the client gets, the 500 of a panic too
//!     SlackAlertLayer          this crate
//!     TimeoutLayer             its 408 or 504 is seen, and judged by its status
//!     CatchPanicLayer          not needed; a panic that it answers 500 is still that panic
//!     your handlers
//! ```
//!
//! - With axum, use [`Router::layer`] on the outermost router. Inside a nested
//!   router it knows the route as well. Around the whole router
//!   (`layer.layer(router)`) it sees no `MatchedPath`, and names routes by
//!   paths with their values replaced; set
//!   [`route_fn`](AlertConfigBuilder::route_fn) there.
//! - `TimeoutLayer` outside of it: a request that is timed out is dropped, and
//!   reads "cancelled".
//! - Behind Tower's `Buffer`, which runs its service in another task, the same
//!   layer applied on both sides counts a request twice.
//!
//! [`Router::layer`]: https://docs.rs/axum/0.8/axum/struct.Router.html#method.layer
//!
//! # What is told
//!
//! One request is counted once, under the worst [`Kind`] that applies:
//!
//! | kind | when |
//! |---|---|
//! | [`Kind::Panicked`] | the service, its future, its body or a destructor of theirs panicked |
//! | [`Kind::Failed`] | a 5xx response, a service error, a failing gRPC status, or what [`failure_when`](AlertConfigBuilder::failure_when) says |
//! | [`Kind::BodyFailed`] | the body ended with an error |
//! | [`Kind::Hung`] | no head after [`hung_after`](AlertConfigBuilder::hung_after), told while it runs; its end is told in the same message |
//! | [`Kind::Slow`] | the head (or the end of the body) came later than [`slow_after`](AlertConfigBuilder::slow_after) |
//! | [`Kind::Cancelled`] | the future was dropped without a response, after [`cancelled_after`](AlertConfigBuilder::cancelled_after) |
//! | [`Kind::Logged`] | [`AlertHandle::report`]; with [`error_logs`](AlertConfigBuilder::error_logs), errors that are logged outside of requests, or in one that ended well |
//!
//! "Cancelled" is what a client that went away and an outer timeout have in
//! common. On HTTP/1 a client's going away is only sometimes noticed, so that
//! its absence proves nothing.
//!
//! # Incidents
//!
//! What goes wrong in the same way on the same route is one incident. Its
//! first request is told at once and in full; then, with a bot, its one message
//! is edited, and what escalates is a reply that the channel sees; with a
//! webhook there are digests. When it has been quiet for
//! [`close_after`](AlertConfigBuilder::close_after) it is over, and the message
//! says what is known ([`Ending`]): "recovered · 0 of 214 failed since", or
//! "quiet · none answered since 12:07". Routes that fail together become one
//! message, slow requests on a failing route are part of that failure, and what
//! returns within half an hour is the same incident. A channel gets at most 20
//! visible messages in 10 minutes; beyond that, one says what is held. All
//! numbers are [`IncidentPolicy`].
//!
//! `examples/storm` plays storms on a clock moved by hand and prints the
//! channel.
//!
//! # Panics
//!
//! A panic in the service or in its future is caught, recorded, and answered
//! with an empty 500; [`PanicPolicy::Resume`] unwinds on instead. A panic in
//! the body is recorded and always unwinds on, since the head is out. A panic
//! while another one unwinds aborts the process, as it does everywhere in
//! Rust.
//!
//! A hook in front of the process's own takes down where a panic was, in which
//! request, and, if [`PanicBacktrace`] says so, its backtrace; that is formatted
//! on the alerting's own thread. Panics at one place are one incident. A panic
//! that a `CatchPanicLayer` inside answers with a 500 is told as the panic it
//! was, and one that the service catches and answers well is not told. Panics of
//! spawned tasks are told as outside of any request with
//! [`background_panics`](AlertConfigBuilder::background_panics), or with their
//! request through [`RequestAlert::scope`]. With `panic = "abort"` the hook
//! itself tells the panic, and waits up to 2 s for its delivery before the
//! process ends.
//!
//! # Why it happened
//!
//! - Each poll is timed ([`Polls`]): a slow request says whether it waited,
//!   computed, or blocked the async runtime, and on which thread. Several that
//!   are polled for [`blocked_after`](AlertConfigBuilder::blocked_after) at once
//!   are one incident, [`Key::Blocked`], which takes in the requests that were
//!   slow only because they waited. Code inside `tokio::task::block_in_place`
//!   looks the same from here.
//! - [`ReportedError`] and [`RequestAlert::error`] carry the error behind a
//!   response, with its causes; errors of services and bodies show theirs if
//!   their type is known ([`error_type`](AlertConfigBuilder::error_type)).
//! - `RequestLogLayer` (feature `request-logs`) keeps the warnings and errors
//!   that just this request logged.
//! - [`gauge`](AlertConfigBuilder::gauge)s are read when a slow or hung request
//!   is told, and [`link`](AlertConfigBuilder::link)s and runbooks are buttons.
//!
//! A message shows the last few log lines; a bot's thread below it has all of
//! them and the backtrace. All that waits to be told so has 1 MiB: what finds no
//! room there is left out, and the counts stay exact.
//!
//! # Nothing is lost silently
//!
//! For every destination, in every snapshot of [`AlertHandle::stats`],
//! `observed == delivered + coalesced + suppressed + dropped + pending`
//! ([`Account`]). When Slack is down, counts are kept, not messages, and told
//! when it is back.
//!
//! # Privacy
//!
//! Query strings, bodies and headers other than `user-agent` and
//! `x-request-id` are not captured. Path segments that look like secrets are
//! masked ([`PathCapture`]), and texts of errors, panics and notes pass a
//! redactor. The webhook's URL and the token appear in no `Debug`, error, log
//! or message.
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `rustls` | yes | HTTPS by rustls |
//! | `rustls-no-provider` | | HTTPS by rustls with the process's crypto provider, to be installed before the layer is made |
//! | `native-tls` | | HTTPS by the platform's library |
//! | `axum` | yes | routes from `MatchedPath`, [`RequestAlert`] as an extractor |
//! | `request-logs` | | `RequestLogLayer`: the logs of each request with its alert |
//! | `test-util` | | a [`Clock`] that tests move by hand |
//! | `full` | | `rustls`, `axum`, `request-logs` and `test-util` |

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::unreachable,
        clippy::todo
    )
)]

mod capture;
mod config;
mod delivery;
#[cfg(all(any(doc, doctest), feature = "full"))]
pub mod guide;
mod handoff;
mod incident;
mod layer;
mod observation;
mod service;
mod slack;
mod worker;

pub use capture::PanicBacktrace;
#[cfg(feature = "request-logs")]
#[cfg_attr(docsrs, doc(cfg(feature = "request-logs")))]
pub use capture::RequestLogLayer;
pub use config::{
    AlertConfig, AlertConfigBuilder, ConfigError, ConfigFault, Destination, RouteConfig,
};
pub use delivery::{
    BoxFuture, Capabilities, Delivery, DeliveryError, Form, Op, Receipt, Transport,
};
pub use handoff::{DestinationState, DestinationStats, Stats};
pub use incident::{
    Broadcast, Ending, IncidentId, IncidentPolicy, IncidentView, Matcher, Mention, MentionRule,
    MessageRef, Moment, ReplicaId, Shared, Silence, Totals, ViewRow,
};
pub use layer::SlackAlertLayer;
pub use observation::{
    Account, Blocked, Clock, Counts, DropReason, Identity, InFlight, Key, Kind, LogLine,
    MethodName, Outcome, PathCapture, Polls, QueryCapture, ReportedError, RequestHead, RequestInfo,
    Route, Rule, Sample, Samples, Site, Status, Time,
};
pub use service::{
    Measure, PanicPolicy, Probes, RequestAlert, ResponseBody, ResponseFuture, Scope, SlackAlert,
    Verdict,
};
pub use slack::{Color, Line, Render, SlackMessage};
pub use worker::{AlertHandle, CheckReport, FlushGuard, FlushReport, ShutdownReport};

#[cfg(all(doctest, feature = "axum"))]
#[doc = include_str!("../README.md")]
struct Readme;
