//! What was seen: kinds, routes, keys, requests, samples, counts and time.
//!
//! Imports no other room of the crate.

mod account;
mod age;
mod blocked;
mod clock;
mod counts;
mod detail;
mod endpoint;
mod facts;
mod fate;
mod identity;
mod in_flight;
mod key;
mod kind;
pub(crate) mod lock;
mod log_line;
mod method;
mod outcome;
mod polls;
mod privacy;
mod redact;
mod reported_error;
mod request_head;
mod request_info;
mod route;
mod sample;
mod sample_buffer;
mod samples;
mod site;
pub(crate) mod spoken;
mod status;
mod text;
mod thread_name;
mod time;
mod trace;
mod window;

pub use account::{Account, DropReason, Rule};
pub use blocked::Blocked;
pub use clock::Clock;
pub use counts::Counts;
pub use identity::Identity;
pub use in_flight::InFlight;
pub use key::Key;
pub use kind::Kind;
pub use log_line::LogLine;
pub use method::MethodName;
pub use outcome::Outcome;
pub use polls::Polls;
pub use privacy::{PathCapture, QueryCapture};
pub use reported_error::ReportedError;
pub use request_head::RequestHead;
pub use request_info::RequestInfo;
pub use route::Route;
pub use sample::Sample;
pub use samples::Samples;
pub use site::Site;
pub use status::Status;
pub use time::Time;

pub(crate) use account::ByRule;
pub(crate) use age::Age;
pub(crate) use detail::{Detail, DetailRoom};
pub(crate) use endpoint::Endpoint;
pub(crate) use facts::{Facts, Reason};
pub(crate) use fate::Fate;
pub(crate) use key::KeyRef;
#[cfg(feature = "request-logs")]
pub(crate) use privacy::MASK;
#[cfg(feature = "request-logs")]
pub(crate) use redact::is_secret_name;
pub(crate) use request_info::{REQUEST_ID, TRACE_PARENT, is_grpc_call, is_grpc_type};
pub(crate) use route::{RouteBudget, RouteRef};
pub(crate) use text::{CappedText, floor_boundary};
pub(crate) use thread_name::ThreadName;
pub(crate) use time::later;
pub(crate) use trace::Trace;
pub(crate) use window::Window;

/// Live keys; what does not fit is counted under one `other` key per kind.
pub(crate) const MAX_KEYS: usize = 256;
/// Incidents that are over and remembered, beyond those.
pub(crate) const MAX_REMEMBERED: usize = 64;
