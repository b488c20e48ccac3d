//! Privacy: what leaves the process.
//!
//! A Slack channel has more readers than a log. By default an alert has:
//!
//! | | by default | less | more |
//! |---|---|---|---|
//! | method, route, status, durations, counts | told | | |
//! | the path | told, with segments that look like secrets shown as `…` | [`PathCapture::TemplateOnly`]; `hide_path()` of a route | [`PathCapture::Full`] |
//! | the query string | not told | | [`QueryCapture::Names`], [`QueryCapture::Full`] |
//! | request headers | `user-agent`, `x-request-id` | | [`header`] adds one |
//! | bodies, cookies, addresses of clients | never | | |
//! | texts of errors, panics and logs | told, redacted | | |
//! | notes by [`RequestAlert::note`] | told, redacted | | |
//! | host, service, environment, release | told, as configured | | |
//!
//! The redactor takes out of free text what looks like a secret: values after
//! names such as `password`, `token` or `api_key`, bearer and basic
//! credentials, passwords in URLs, Slack's tokens and hook URLs, JSON Web
//! Tokens, and e-mail addresses. It goes by shape and can't know everything:
//! a secret of two words without quotes stays. Don't put secrets into errors.
//!
//! ```
//! use tower_slack_alert::{AlertConfig, Destination, PathCapture, QueryCapture};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = AlertConfig::builder(Destination::log())
//!     // Paths hold names of patients: tell the template alone.
//!     .path_capture(PathCapture::TemplateOnly)
//!     .query_capture(QueryCapture::Names)
//!     .header("x-tenant")
//!     .build()?;
//! # drop(config);
//! # Ok(())
//! # }
//! ```
//!
//! The webhook's URL and the bot's token are secrets too: whoever has the URL
//! can post to the channel. They are in no `Debug`, error, log line or message
//! of this crate, and redirects, which could carry them elsewhere, are not
//! followed. Text of strangers can't mention anybody, make links or fake other
//! lines: it is escaped where the message is built.
//!
//! [`PathCapture::TemplateOnly`]: crate::PathCapture::TemplateOnly
//! [`PathCapture::Full`]: crate::PathCapture::Full
//! [`QueryCapture::Names`]: crate::QueryCapture::Names
//! [`QueryCapture::Full`]: crate::QueryCapture::Full
//! [`header`]: crate::AlertConfigBuilder::header
//! [`RequestAlert::note`]: crate::RequestAlert::note
