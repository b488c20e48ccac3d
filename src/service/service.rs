//! [`SlackAlert`]: the service that the layer makes.

use std::fmt::{self, Display};
use std::panic::resume_unwind;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::observation::{Outcome, RequestHead};

use super::watched::{Timing, Watched};
use super::{PanicPolicy, Recorders, ResponseBody, ResponseFuture, panics};

/// Watches the requests to the service inside and tells Slack of those that
/// fail, panic, take too long or are cancelled.
///
/// Made by [`SlackAlertLayer`](crate::SlackAlertLayer). Readiness, responses
/// and errors pass through untouched; a panic in `call` or in the future is
/// caught and handled by [`PanicPolicy`].
pub struct SlackAlert<S> {
    inner: S,
    recorders: Option<Recorders>,
}

impl<S> SlackAlert<S> {
    pub(crate) fn new(inner: S, recorders: Option<Recorders>) -> Self {
        SlackAlert { inner, recorders }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside, mutably.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without its watch.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: Clone> Clone for SlackAlert<S> {
    fn clone(&self) -> Self {
        SlackAlert { inner: self.inner.clone(), recorders: self.recorders.clone() }
    }
}

impl<S: fmt::Debug> fmt::Debug for SlackAlert<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlackAlert")
            .field("inner", &self.inner)
            .field("enabled", &self.recorders.is_some())
            .finish()
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for SlackAlert<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    S::Error: Display + 'static,
    ResB: Body,
    ResB::Error: Display + 'static,
{
    type Response = Response<ResponseBody<ResB>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqB>) -> Self::Future {
        let watched = self
            .recorders
            .as_ref()
            .and_then(Recorders::here)
            .and_then(|recorder| Watched::begin(recorder, &RequestHead::of(&request)));
        let Some(mut watched) = watched else {
            return ResponseFuture::unwatched(self.inner.call(request));
        };
        let called = watched.run(Timing::Call, || self.inner.call(request));
        match called {
            Ok(future) => ResponseFuture::watched(future, watched),
            Err(payload) => {
                watched.no_longer_runs();
                watched.panicked(&payload, Outcome::Plain, None);
                match watched.recorder().rules.panic_policy {
                    PanicPolicy::Resume => resume_unwind(payload),
                    PanicPolicy::Respond => panics::discard(payload),
                }
                ResponseFuture::answered()
            }
        }
    }
}
