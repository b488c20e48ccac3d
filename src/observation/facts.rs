//! [`Facts`]: what the request path says of one observation, borrowed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{
    Blocked, Detail, MethodName, Outcome, PathCapture, Polls, QueryCapture, RequestInfo, RouteRef,
    Site, Status,
};

/// What the request path says of one observation, borrowed from the request.
#[derive(Clone, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
    pub(crate) info: Option<&'a RequestInfo>,
    /// Where the request went, if its key does not say it.
    pub(crate) endpoint: Option<(MethodName, RouteRef<'a>)>,
    pub(crate) status: Option<Status>,
    pub(crate) reason: Reason<'a>,
    pub(crate) notes: &'a [(String, String)],
    pub(crate) site: Option<&'a Site>,
    pub(crate) bytes: Option<u64>,
    pub(crate) polls: Option<Polls>,
    pub(crate) blocked: Option<Blocked>,
    pub(crate) detail: Option<Arc<Detail>>,
    pub(crate) in_flight: usize,
    pub(crate) path: PathCapture,
    pub(crate) query: QueryCapture,
}

impl Facts<'_> {
    /// Nothing but when it was; of no request.
    pub(crate) fn at(at: Instant) -> Self {
        Facts {
            at,
            took: Duration::ZERO,
            outcome: Outcome::Plain,
            info: None,
            endpoint: None,
            status: None,
            reason: Reason::Unknown,
            notes: &[],
            site: None,
            bytes: None,
            polls: None,
            blocked: None,
            detail: None,
            in_flight: 0,
            path: PathCapture::TemplateOnly,
            query: QueryCapture::Nothing,
        }
    }
}

/// Why, as far as anybody said.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason<'a> {
    Unknown,
    Text(&'a str),
    Chain(&'a [String]),
}
