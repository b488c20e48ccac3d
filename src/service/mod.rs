//! What wraps a service: the middleware, its future and its body, and the
//! rules by which it judges.

mod body;
mod callback;
mod classify;
mod error_types;
mod future;
mod hung_watch;
mod panics;
mod recorder;
mod recorders;
mod request_alert;
mod rules;
#[allow(clippy::module_inception)]
mod service;
mod shown;
mod verdict;
mod watched;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use request_alert::{RequestAlert, Scope};
pub use service::SlackAlert;
pub use verdict::{Measure, PanicPolicy, Probes, Verdict};

pub(crate) use callback::Callback;
pub(crate) use hung_watch::HungWatch;
pub(crate) use recorder::Recorder;
pub(crate) use recorders::Recorders;
pub(crate) use rules::{RouteRules, Rules, StatusSet};
