//! Panics.
//!
//! A panic in a handler kills the request and nothing else: Tokio or hyper
//! catches it, the connection is reset, and a line on stderr is all there is.
//! This layer answers the request with an empty 500 and tells the panic with
//! its place, its text and its request.
//!
//! | where it happens | what becomes of it |
//! |---|---|
//! | in the service's `call`, or in its future | told; answered 500, or unwound on with [`PanicPolicy::Resume`] |
//! | in a destructor of the future or of the body | told; a response that is there already is kept |
//! | in the body | told with the bytes that were out; always unwinds on, so that the client sees a cut and no clean end |
//! | in `poll_ready` | not caught: there is no request yet, and the service may be broken |
//! | caught by a `CatchPanicLayer` inside and answered 500 | told as that panic |
//! | caught on purpose, and answered well | not told |
//! | in a task that the handler spawned, in [`RequestAlert::scope`] | told with the request, if that fails; else with [`background_panics`] |
//! | in any other task or thread | told with [`background_panics`], as outside of any request |
//! | while another panic unwinds | the process aborts, as everywhere in Rust |
//!
//! # The hook
//!
//! Where a panic was is known only to the panic hook. `SlackAlertLayer::new`
//! sets one in front of the process's own, which is called as before. It takes
//! down the place and, if `RUST_BACKTRACE` or [`panic_backtrace`] says so, the
//! stack; names are looked up on the alerting's own thread. A hook that is set
//! later and does not call the one before leaves the panic's text without its
//! place. [`panic_hook(false)`](crate::AlertConfigBuilder::panic_hook) sets
//! none.
//!
//! # Tasks
//!
//! ```
//! use axum::{Router, routing::post};
//! use tower_slack_alert::{AlertConfig, Destination, RequestAlert, SlackAlertLayer};
//!
//! async fn order() -> &'static str {
//!     // Still this request's, for its notes, logs and panics.
//!     tokio::spawn(RequestAlert::current().scope(async { /* send the mail */ }));
//!     "ordered"
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = AlertConfig::builder(Destination::log()).background_panics(true).build()?;
//! let app: Router = Router::new()
//!     .route("/orders", post(order))
//!     .layer(SlackAlertLayer::new(config));
//! # drop(app);
//! # Ok(())
//! # }
//! ```
//!
//! # Keeping a layer of yours that answers panics
//!
//! ```
//! use axum::{Router, routing::get};
//! use tower_http::catch_panic::CatchPanicLayer;
//! use tower_slack_alert::{AlertConfig, Destination, PanicPolicy, SlackAlertLayer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config =
//!     AlertConfig::builder(Destination::log()).panic_policy(PanicPolicy::Resume).build()?;
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "hello" }))
//!     .layer(SlackAlertLayer::new(config))
//!     // Outside: it answers what this crate has told and unwinds on.
//!     .layer(CatchPanicLayer::new());
//! # drop(app);
//! # Ok(())
//! # }
//! ```
//!
//! # `panic = "abort"`
//!
//! Nothing unwinds, so the hook itself tells the panic and waits for its
//! delivery, at most 2 s, before the process ends.
//!
//! [`PanicPolicy::Resume`]: crate::PanicPolicy::Resume
//! [`RequestAlert::scope`]: crate::RequestAlert::scope
//! [`background_panics`]: crate::AlertConfigBuilder::background_panics
//! [`panic_backtrace`]: crate::AlertConfigBuilder::panic_backtrace
