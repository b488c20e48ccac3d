//! What was seen: kinds, routes, keys, requests, samples, counts and time.
//!
//! Imports no other room of the crate.

mod account;
mod clock;
mod counts;
mod endpoint;
mod facts;
mod identity;
mod key;
mod kind;
pub(crate) mod lock;
mod method;
mod outcome;
mod privacy;
mod redact;
mod reported_error;
mod request_head;
mod request_info;
mod route;
mod sample;
mod site;
pub(crate) mod spoken;
mod status;
mod text;
mod time;

pub use account::{Account, DropReason, Rule};
pub use clock::Clock;
pub use counts::Counts;
pub use identity::Identity;
pub use key::Key;
pub use kind::Kind;
pub use method::MethodName;
pub use outcome::Outcome;
pub use privacy::{PathCapture, QueryCapture};
pub use reported_error::ReportedError;
pub use request_head::RequestHead;
pub use request_info::RequestInfo;
pub use route::Route;
pub use sample::{Sample, Samples};
pub use site::Site;
pub use status::Status;
pub use time::Time;

pub(crate) use account::ByRule;
pub(crate) use endpoint::Endpoint;
pub(crate) use facts::{Facts, Reason};
pub(crate) use key::KeyRef;
pub(crate) use request_info::{REQUEST_ID, is_grpc};
pub(crate) use route::{RouteBudget, RouteRef};
pub(crate) use sample::Window;
pub(crate) use text::{CappedText, floor_boundary};
pub(crate) use time::later;

/// Live keys; what does not fit is counted under one `other` key per kind.
pub(crate) const MAX_KEYS: usize = 256;
/// Incidents that are over and remembered, beyond those.
pub(crate) const MAX_REMEMBERED: usize = 64;
