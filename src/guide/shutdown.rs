//! Shutdown.
//!
//! Alerts are kept as counts and told by a thread of this crate's own, so what
//! happened in the last moments has to be told before the process ends:
//!
//! 1. The signal comes: call [`AlertHandle::draining`]. Requests that are cut
//!    off from now on are one line, not alerts of their own.
//! 2. The server stops taking requests and ends those that run.
//! 3. Then [`AlertHandle::shutdown`]: it tells what is pending and which
//!    incidents are no longer watched, and takes at most as long as it is given.
//!
//! ```no_run
//! use std::time::Duration;
//! use axum::{Router, routing::get};
//! use tower_slack_alert::{AlertConfig, SlackAlertLayer};
//!
//! # async fn stop_signal() {}
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let alerts = SlackAlertLayer::new(AlertConfig::from_env().build()?);
//! let handle = alerts.handle();
//! let app: Router = Router::new().route("/", get(|| async { "hello" })).layer(alerts);
//!
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! let draining = handle.clone();
//! axum::serve(listener, app)
//!     .with_graceful_shutdown(async move {
//!         stop_signal().await; // SIGTERM, Ctrl-C
//!         draining.draining();
//!     })
//!     .await?;
//! let report = handle.shutdown(Duration::from_secs(5)).await;
//! println!("alerts: {report}");
//! # Ok(())
//! # }
//! ```
//!
//! Kubernetes kills after `terminationGracePeriodSeconds` (30 s by default):
//! the server's own limit and `shutdown`'s have to fit into that.
//!
//! # What each kind of end leaves told
//!
//! `tests/shutdown.rs` and `tests/endings.rs` in the repository show each row.
//!
//! | the end | what is told |
//! |---|---|
//! | `shutdown(limit)`, on any runtime or none | everything that Slack takes within `limit`; the report says what not |
//! | the runtime is dropped first | the same: the alerting has a thread of its own |
//! | `main` returns early or panics, with a [`flush_on_drop`] guard alive | the same, within the guard's limit |
//! | the last clone of the layer is dropped, without `shutdown` | told as far as the process still lives |
//! | Slack hangs | `shutdown` returns at its limit, and says what is pending |
//! | Slack asked to wait (`Retry-After`) for longer than the limit | nothing is tried again; it returns at once and says what is pending |
//! | `std::process::exit` | nothing more: no destructor runs |
//! | SIGTERM that nobody handles, SIGKILL, out of memory | nothing more |
//! | `panic = "abort"` | the panic itself, by the hook, within 2 s |
//!
//! What is not told at the end is written to the log by
//! `tower_slack_alert::alert`, one line for each incident.
//!
//! [`AlertHandle::draining`]: crate::AlertHandle::draining
//! [`AlertHandle::shutdown`]: crate::AlertHandle::shutdown
//! [`flush_on_drop`]: crate::AlertHandle::flush_on_drop
