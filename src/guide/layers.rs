//! Where to put the layer.
//!
//! Layers are an onion: a request passes them from the outside in, its response
//! from the inside out. This layer sees what comes out of the layers inside it,
//! and nothing of those outside. So put it outside of everything whose outcome
//! your users feel, and inside the router, so that it knows the route:
//!
//! ```text
//!            request ↓        ↑ response
//!    TraceLayer               logs what the client gets, the 500 of a panic too
//!    SetRequestIdLayer        gives the request the id that alerts show
//!    CompressionLayer         what it does to the body is not our business
//!    SlackAlertLayer          this crate
//!    TimeoutLayer             its 503 or 504 is seen as a failure
//!    your middleware          what it answers is seen: 401 is nobody's failure, 503 is one
//!    handlers
//! ```
//!
//! With axum, what is added last is outermost, so in code that reads from the
//! bottom up:
//!
//! ```
//! use std::time::Duration;
//! use axum::{Router, http::StatusCode, routing::get};
//! use tower_http::{timeout::TimeoutLayer, trace::TraceLayer};
//! use tower_slack_alert::{AlertConfig, Destination, SlackAlertLayer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let alerts = SlackAlertLayer::new(AlertConfig::builder(Destination::log()).build()?);
//! let limit = Duration::from_secs(30);
//! let app: Router = Router::new()
//!     .route("/users/{id}", get(|| async { "a user" }))
//!     .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, limit))
//!     .layer(alerts)
//!     .layer(TraceLayer::new_for_http());
//! # drop(app);
//! # Ok(())
//! # }
//! ```
//!
//! With [`tower::ServiceBuilder`], what is added first is outermost.
//!
//! # What is seen from each place
//!
//! `tests/positions.rs` in the repository shows each row.
//!
//! | place | what is seen |
//! |---|---|
//! | `Router::layer`, on the outermost router | every request with its route's template, `/users/{id}`; what nobody routed, as one key without a route |
//! | `Router::layer` on a nested router | that router's requests, with the whole template, `/api/users/{id}` |
//! | `Router::route_layer` | only what was routed: a failing fallback is not seen |
//! | around the whole router, `alerts.layer(router)` | every request, without its template: routes are guessed from paths, `/users/{}`; set [`route_fn`] |
//! | outside of a timeout | its answer: 503 and 504 fail, 408 does not ([`failure_statuses`]) |
//! | inside of a timeout | a dropped request: told as cancelled, if it had taken [`cancelled_after`] |
//! | outside of `CatchPanicLayer` | the panic itself, by the panic hook; without the hook, a 500 |
//! | inside of `CatchPanicLayer` | the panic; it is answered here ([`PanicPolicy`]) and the other layer has nothing to catch |
//! | inside of a middleware that answers itself | nothing of those requests |
//! | outside of it | its answers, judged by their status |
//! | on both sides of Tower's `Buffer` | each request twice, since it goes on in another task |
//! | twice around the same service otherwise | each request once |
//!
//! Two different layers, made of two configurations, each tell what they see.
//!
//! # Without axum
//!
//! Any `Service<Request<ReqBody>, Response = Response<ResBody>>` can be wrapped.
//! Nobody tells the route then, so name it, or let paths be normalised (values
//! such as numbers, ids and hashes are replaced; at most 64 routes are told
//! apart):
//!
//! ```
//! use std::convert::Infallible;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//! use tower_slack_alert::{AlertConfig, Destination, SlackAlertLayer};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = AlertConfig::builder(Destination::log())
//!     .route_fn(|head| head.uri().path().starts_with("/users/").then(|| "/users/{id}".into()))
//!     .build()?;
//! let service = SlackAlertLayer::new(config).layer(service_fn(|_: Request<()>| async {
//!     Ok::<_, Infallible>(Response::new(Full::<bytes::Bytes>::from("a user")))
//! }));
//! let response = service.oneshot(Request::get("/users/7").body(())?).await?;
//! assert_eq!(response.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! [`tower::ServiceBuilder`]: https://docs.rs/tower/0.5/tower/struct.ServiceBuilder.html
//! [`route_fn`]: crate::AlertConfigBuilder::route_fn
//! [`failure_statuses`]: crate::AlertConfigBuilder::failure_statuses
//! [`cancelled_after`]: crate::AlertConfigBuilder::cancelled_after
//! [`PanicPolicy`]: crate::PanicPolicy
