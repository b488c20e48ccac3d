//! [`Facts`]: what the request path says of one observation, borrowed.

use std::time::{Duration, Instant};

use super::{Outcome, PathCapture, QueryCapture, RequestInfo, Site, Status};

/// What the request path says of one observation, borrowed from the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) at: Instant,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
    pub(crate) info: Option<&'a RequestInfo>,
    pub(crate) status: Option<Status>,
    pub(crate) reason: Reason<'a>,
    pub(crate) notes: &'a [(String, String)],
    pub(crate) site: Option<&'a Site>,
    pub(crate) bytes: Option<u64>,
    pub(crate) in_flight: usize,
    pub(crate) path: PathCapture,
    pub(crate) query: QueryCapture,
}

/// Why, as far as anybody said.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason<'a> {
    Unknown,
    Text(&'a str),
    Chain(&'a [String]),
}
