//! Tuning: thresholds, storms, mentions, replicas, and what it costs.
//!
//! # Thresholds
//!
//! Begin with the defaults (slow after 5 s, hung after 30 s) and look at the
//! channel for a week. A slow alert that nobody acts on is a threshold that is
//! too low, so give routes their own:
//!
//! ```
//! use std::time::Duration;
//! use tower_slack_alert::{AlertConfig, Destination, Kind, Mention};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = AlertConfig::builder(Destination::log())
//!     .environment("production")
//!     .slow_after(Duration::from_secs(2))
//!     .route("/reports/{year}", |route| route.slow_after(Duration::from_secs(60)))
//!     .route("/search", |route| route.slow_after(Duration::from_millis(500)))
//!     // Caches are cold at first.
//!     .startup_grace(Duration::from_secs(30))
//!     // A single 502 of the upstream is life: tell five in a minute.
//!     .route("/proxy/{*path}", |route| {
//!         route.tell_after(Kind::Failed, 5, Duration::from_secs(60))
//!     })
//!     // A panic rings, everything else waits for somebody to look.
//!     .mention(Kind::Panicked, Mention::group("S024BE7LH"))
//!     .build()?;
//! # drop(config);
//! # Ok(())
//! # }
//! ```
//!
//! # Storms
//!
//! Nothing has to be set: what goes wrong in the same way on the same route is
//! one incident with one message, and a channel gets at most 20 visible messages
//! in 10 minutes. [`IncidentPolicy`] has every number. A bot (scope
//! `chat:write`) edits its message as counts grow; a webhook can't edit and posts
//! digests, so a bot makes the quieter channel.
//!
//! # Mentions
//!
//! Nobody is mentioned by default, and only in the environments `production`
//! and `prod` ([`mention_environments`]) once somebody is: once in an incident,
//! and the same one at most once in 30 minutes unless it gets worse. Mention a
//! group, not a person, and few kinds.
//!
//! # Replicas
//!
//! Each process tells for itself. Slack takes about one message a second for a
//! channel; with `replicas(N)` each process keeps to its share of that and of
//! the budget. Messages name the instance.
//!
//! # What it costs
//!
//! A healthy request takes no lock that another thread often wants, and nothing
//! is allocated for it (by axum's `Router::layer`, less than for another layer
//! that wraps the body). Without axum it costs about as much time as a
//! `TraceLayer` that nobody listens to; `benches/RESULTS.md` in the repository has
//! the last figures, beside those of `tower-http`, Sentry and Prometheus, and how
//! to run them. Where requests wait, the dearest thing to switch off is
//! [`poll_accounting`]: two looks at the clock for each poll, which tell
//! waiting from computing. Without it a slow request does not say how its time was
//! spent, and a blocked runtime is not told. `route_fn`, further headers and
//! `failure_when` are asked with each request. `enabled(false)` leaves one more
//! future and body to move through.
//!
//! Memory is bounded: 256 live keys, 64 guessed routes, about 2 MiB of samples
//! and 1 MiB of logs and backtraces that wait to be told; plus 512 bytes for each
//! request in flight, of which up to 1,024 for each processor are kept for the
//! next ones when a peak is over.
//!
//! [`IncidentPolicy`]: crate::IncidentPolicy
//! [`mention_environments`]: crate::AlertConfigBuilder::mention_environments
//! [`poll_accounting`]: crate::AlertConfigBuilder::poll_accounting
