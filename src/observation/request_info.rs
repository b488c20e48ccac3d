//! [`RequestInfo`]: what is known of a request, kept without allocating.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Version};

use super::route::names_a_method;
use super::{RequestHead, Route, RouteBudget, RouteRef};

/// So many headers are few: measured, by the count of instructions.
const FEW: usize = 8;

/// What is known of a request while it runs.
///
/// It holds cheap clones (no allocation on requests read by hyper) and lives
/// no longer than the request, since those clones keep the connection's read
/// buffer alive. Closures such as `failure_when` are given it by reference.
pub struct RequestInfo {
    method: Method,
    target: Option<PathAndQuery>,
    version: Version,
    template: Template,
    is_grpc: bool,
    request_id: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    /// The headers that are wanted besides those two.
    names: Arc<[HeaderName]>,
    values: Vec<Option<HeaderValue>>,
    started: Instant,
}

#[derive(Debug, Default)]
enum Template {
    #[default]
    None,
    #[cfg(feature = "axum")]
    Matched(axum::extract::MatchedPath),
    Named(Arc<str>),
}

impl RequestInfo {
    pub(crate) fn empty(now: Instant) -> Self {
        RequestInfo {
            method: Method::GET,
            target: None,
            version: Version::HTTP_11,
            template: Template::None,
            is_grpc: false,
            request_id: None,
            user_agent: None,
            names: Arc::default(),
            values: Vec::new(),
            started: now,
        }
    }

    /// Takes what is wanted of a request: `names` are those headers that are
    /// wanted besides its id and its user agent, `named` is what `route_fn` said.
    #[inline]
    pub(crate) fn fill(
        &mut self,
        head: &RequestHead<'_>,
        names: &Arc<[HeaderName]>,
        named: Option<Arc<str>>,
        now: Instant,
    ) {
        self.method = head.method().clone();
        self.target = head.original_uri().path_and_query().cloned();
        self.version = head.version();
        self.started = now;
        self.is_grpc = is_grpc_call(head);
        self.template = named.map_or(Template::None, Template::Named);
        #[cfg(feature = "axum")]
        if let Some(matched) = head.extensions().get::<axum::extract::MatchedPath>() {
            self.template = Template::Matched(matched.clone());
        }
        self.take_headers(head.headers());
        if !names.is_empty() {
            self.take_more_headers(head.headers(), names);
        }
    }

    #[inline]
    fn take_headers(&mut self, headers: &HeaderMap) {
        if headers.keys_len() > FEW {
            self.look_headers_up(headers);
            return;
        }
        // Few headers are looked through faster than looked up.
        for (name, value) in headers {
            let cell = if *name == header::USER_AGENT {
                &mut self.user_agent
            } else if *name == REQUEST_ID {
                &mut self.request_id
            } else {
                continue;
            };
            if cell.is_none() {
                *cell = Some(value.clone());
            }
        }
    }

    fn look_headers_up(&mut self, headers: &HeaderMap) {
        self.request_id = headers.get(&REQUEST_ID).cloned();
        self.user_agent = headers.get(&USER_AGENT).cloned();
    }

    #[cold]
    fn take_more_headers(&mut self, headers: &HeaderMap, names: &Arc<[HeaderName]>) {
        if !Arc::ptr_eq(&self.names, names) {
            self.names = Arc::clone(names);
            self.values.resize(names.len(), None);
        }
        for (name, cell) in self.names.iter().zip(&mut self.values) {
            *cell = headers.get(name).cloned();
        }
    }

    /// Lets go of everything borrowed from the connection; keeps its buffers.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.method = Method::GET;
        self.target = None;
        self.template = Template::None;
        self.request_id = None;
        self.user_agent = None;
        self.values.iter_mut().for_each(|value| *value = None);
    }

    /// The request's method.
    #[must_use]
    #[inline]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path as the client sent it, before any router stripped a prefix.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.as_ref().map_or("", PathAndQuery::path)
    }

    /// The query string as the client sent it. It is never told unless
    /// [`QueryCapture`](crate::QueryCapture) says so.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.as_ref()?.query()
    }

    /// The HTTP version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The route's template, from axum's `MatchedPath` or from `route_fn`.
    #[must_use]
    pub fn template(&self) -> Option<&str> {
        match &self.template {
            Template::None => None,
            #[cfg(feature = "axum")]
            Template::Matched(matched) => Some(matched.as_str()),
            Template::Named(named) => Some(named),
        }
    }

    /// Whether a route was given and need not be guessed.
    pub(crate) fn has_route(&self) -> bool {
        self.is_grpc || self.template().is_some()
    }

    /// Whether the path is the route: of gRPC, and not a value in it.
    pub(crate) fn is_grpc_route(&self) -> bool {
        self.is_grpc && self.template().is_none() && names_a_method(self.path())
    }

    /// A header's value, if the header is on the allow-list (`user-agent` and
    /// `x-request-id` always are), was sent, and is text.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let mut headers = self.headers();
        headers.find(|(listed, _)| *listed == name)?.1.to_str().ok()
    }

    /// The `user-agent` header, as it came.
    pub(crate) fn user_agent(&self) -> Option<&HeaderValue> {
        self.user_agent.as_ref()
    }

    /// The `x-request-id` header, if there is one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.header(&REQUEST_ID)
    }

    /// When the layer saw the request.
    #[must_use]
    #[inline]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// What was captured, what identifies a request first: a sample has only
    /// so much room.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        let more = || {
            let cells = self.names.iter().zip(&self.values);
            cells.filter_map(|(name, value)| Some((name, value.as_ref()?)))
        };
        let identifies = |name: &HeaderName| *name == TRACE_PARENT;
        let request_id = self.request_id.iter().map(|value| (&REQUEST_ID, value));
        let user_agent = self.user_agent.iter().map(|value| (&USER_AGENT, value));
        request_id
            .chain(more().filter(move |(name, _)| identifies(name)))
            .chain(user_agent)
            .chain(more().filter(move |(name, _)| !identifies(name)))
            .filter(|(_, value)| !value.is_sensitive())
    }

    /// Calls `with` with the request's route: its template, else the path of
    /// a gRPC request, else its normalised path, within `budget`.
    pub(crate) fn with_route<R>(
        &self,
        budget: &RouteBudget,
        with: impl FnOnce(RouteRef<'_>) -> R,
    ) -> R {
        match self.template() {
            Some(template) => with(RouteRef::Known(template)),
            None => with(RouteRef::from(&self.fallback_route(budget))),
        }
    }

    /// As [`with_route`](RequestInfo::with_route), but a route that was never
    /// told takes no place in the budget.
    pub(crate) fn with_known_route<R>(
        &self,
        budget: &RouteBudget,
        with: impl FnOnce(RouteRef<'_>) -> R,
    ) -> R {
        match self.template() {
            Some(template) => with(RouteRef::Known(template)),
            None => budget.with_known(self.path(), self.is_grpc, with),
        }
    }

    fn fallback_route(&self, budget: &RouteBudget) -> Route {
        if self.is_grpc { budget.grpc(self.path()) } else { budget.normalised(self.path()) }
    }
}

impl fmt::Debug for RequestInfo {
    /// Says nothing that a client could have put a secret into.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestInfo")
            .field("method", &self.method)
            .field("template", &self.template())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The request id's header.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header that names the client.
pub(crate) static USER_AGENT: HeaderName = header::USER_AGENT;

/// The header of W3C's Trace Context.
pub(crate) static TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

/// The id of a `traceparent` header (W3C Trace Context); all zeros is none.
pub(crate) fn trace_id(header: &str) -> Option<&str> {
    let id = header.split('-').nth(1)?;
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && id.bytes().any(|byte| byte != b'0')).then_some(id)
}

/// Whether a request is gRPC. All of those are POSTs: others are spared the
/// look at their content type.
#[inline]
pub(crate) fn is_grpc_call(head: &RequestHead<'_>) -> bool {
    matches!(*head.method(), Method::POST)
        && head.headers().get(http::header::CONTENT_TYPE).is_some_and(is_grpc_type)
}

/// Whether this content type is gRPC's; gRPC-Web is not gRPC, since its status
/// travels inside the body.
pub(crate) fn is_grpc_type(value: &HeaderValue) -> bool {
    let begins = |prefix: &[u8]| {
        let start = value.as_bytes().get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    begins(b"application/grpc") && !begins(b"application/grpc-web")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traces_id_is_the_second_part() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{id}-00f067aa0ba902b7-01")), Some(id));
        assert_eq!(trace_id("00-00000000000000000000000000000000-00f067aa0ba902b7-01"), None);
        assert_eq!(trace_id("junk"), None);
    }
}
