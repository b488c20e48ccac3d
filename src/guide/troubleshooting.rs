//! Troubleshooting: no alert arrives, or too many.
//!
//! # Ask it
//!
//! ```
//! use std::time::Duration;
//! use tower_slack_alert::{AlertConfig, Destination, SlackAlertLayer};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let alerts = SlackAlertLayer::new(AlertConfig::builder(Destination::log()).build()?);
//! let handle = alerts.handle();
//! // Posts nothing: is the token or the URL good, and is Slack there?
//! println!("{}", handle.check().await);
//! // Posts a message.
//! println!("{}", handle.test_message().await);
//! // Where every observation is, and what can't be reached.
//! let stats = handle.stats();
//! println!("{} observed; {:?}", stats.observed(), stats.faults());
//! for destination in stats.destinations() {
//!     let (name, account) = (destination.name(), destination.account());
//!     println!("{name}: {account}; last fault: {:?}", destination.last_fault());
//! }
//! # handle.shutdown(Duration::from_secs(1)).await;
//! # Ok(())
//! # }
//! ```
//!
//! Logs go to `tracing` with targets that begin with `tower_slack_alert`. If your
//! filter is an allow-list, add `tower_slack_alert=info`; without a subscriber
//! nothing is said anywhere, so ask `stats()`.
//!
//! # No alert arrives
//!
//! | what `check()`, `stats()` or the log says | why | what to do |
//! |---|---|---|
//! | "no alerts will be sent: …" in the log at the start | no destination is set, a setting is wrong, or `enabled(false)` | the line names the setting |
//! | `0 observed` | the layer does not see the request | [where to put the layer](super::layers); is the path ignored, or the probe's? |
//! | `suppressed` grows | a rule keeps it quiet: `never`, a probe, the grace at the start, [`RequestAlert::ignore`], a silence | `stats()` counts them by rule |
//! | `pending` grows | Slack can't be reached, or asked to wait | `stats()` says the last fault; counts are kept and told when it is back |
//! | `dropped` grows | Slack refused the message, or the alerting is shut down | by reason in `stats()` |
//! | `not_in_channel` | the bot is no member | `/invite @bot` in the channel |
//! | `channel_not_found` | a private channel's name, or a wrong one | use the id, `C024BE91L` |
//! | `missing_scope` | the app lacks `chat:write` | add it and install the app again |
//! | `invalid_token`, `no_service`, `token_revoked`, `account_inactive` | the URL or the token is no longer good | make a new one; until then it is probed every 10 minutes |
//! | `tls` | TLS is intercepted, or the platform's certificates are missing in the image | [`root_certificate_pem`], or `ca-certificates` |
//! | `connect_timeout`, `connection_refused`, `dns` | no way out to slack.com | a firewall, the name resolution, or [`proxy`] |
//! | it is delivered, and not in the channel | another channel's webhook | the webhook's channel is chosen when it is made |
//!
//! What is not a failure to this layer: 4xx ([`failure_statuses`]), a request
//! that is slower than you like and faster than [`slow_after`], and panics
//! outside of requests without [`background_panics`].
//!
//! # Nobody is mentioned
//!
//! Only in [`mention_environments`], `production` and `prod`, and so never where
//! no environment is set. The log says so at the start.
//!
//! # Too many alerts
//!
//! Raise a route's threshold, `tell_after` a count, `never(kind)` for what is
//! known, or a silence while you mend it ([tuning](super::tuning)). A message
//! for each process is `replicas`; a message for each path is a layer around the
//! router, which does not know the routes ([layers](super::layers)).
//!
//! # Try it here
//!
//! `cargo run --example server` starts a local Slack with it and prints its
//! page's address. `cargo run -p slack-inbox` in the repository is that Slack
//! alone: point a webhook or a bot at it.
//!
//! [`RequestAlert::ignore`]: crate::RequestAlert::ignore
//! [`root_certificate_pem`]: crate::AlertConfigBuilder::root_certificate_pem
//! [`proxy`]: crate::AlertConfigBuilder::proxy
//! [`failure_statuses`]: crate::AlertConfigBuilder::failure_statuses
//! [`slow_after`]: crate::AlertConfigBuilder::slow_after
//! [`background_panics`]: crate::AlertConfigBuilder::background_panics
//! [`mention_environments`]: crate::AlertConfigBuilder::mention_environments
