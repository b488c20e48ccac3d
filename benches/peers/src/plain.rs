//! [`Plain`]: what an alert of ours says of a request, kept in the plainest way.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, OriginalUri};
use http::header::{self, CONTENT_TYPE, HeaderName};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::Service;

static USER_AGENT: HeaderName = header::USER_AGENT;
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

thread_local! {
    static CURRENT: RefCell<Option<Arc<Kept>>> = const { RefCell::new(None) };
}

/// What is kept of a request: its method, target, route and two headers, and
/// how its time was spent.
#[derive(Debug)]
struct Kept {
    began: Instant,
    method: Method,
    target: Option<PathAndQuery>,
    route: Option<MatchedPath>,
    headers: [Option<HeaderValue>; 2],
    polled_since: AtomicU64,
    busy: AtomicU64,
    longest: AtomicU64,
}

/// Requests in flight.
#[derive(Debug, Default)]
struct Running {
    entries: Vec<Option<Arc<Kept>>>,
    vacant: Vec<usize>,
}

/// As [`Floor`](crate::floor::Floor); each request is also known to its thread
/// while a part of it runs, and its polls are timed.
#[derive(Clone, Debug)]
pub(crate) struct Plain<S> {
    inner: S,
    running: Arc<Mutex<Running>>,
}

impl<S> Plain<S> {
    pub(crate) fn new(inner: S) -> Self {
        Plain { inner, running: Arc::default() }
    }
}

impl<S, R, B> Service<Request<R>> for Plain<S>
where
    S: Service<Request<R>, Response = Response<B>, Error = Infallible>,
{
    type Response = Response<PlainBody<B>>;
    type Error = Infallible;
    type Future = PlainFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        let original = request.extensions().get::<OriginalUri>();
        let uri = original.map_or(request.uri(), |original| &original.0);
        let header = |name: &HeaderName| request.headers().get(name).cloned();
        let kept = Arc::new(Kept {
            began: Instant::now(),
            method: request.method().clone(),
            target: uri.path_and_query().cloned(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            headers: [header(&USER_AGENT), header(&REQUEST_ID)],
            polled_since: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        });
        let entered = Some(Arc::clone(&kept));
        let entry = self.running.lock().map_or(0, |mut running| match running.vacant.pop() {
            Some(entry) => {
                if let Some(cell) = running.entries.get_mut(entry) {
                    *cell = entered;
                }
                entry
            }
            None => {
                running.entries.push(entered);
                running.entries.len() - 1
            }
        });
        let watch = Watch { kept, entry, running: Arc::clone(&self.running) };
        let inner = watch.run(|| self.inner.call(request));
        PlainFuture { inner, watch: Some(watch) }
    }
}

/// A request in flight.
#[derive(Debug)]
pub(crate) struct Watch {
    kept: Arc<Kept>,
    entry: usize,
    running: Arc<Mutex<Running>>,
}

impl Watch {
    fn age(&self) -> u64 {
        u64::try_from(self.kept.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// A part of the request: it is the thread's current one meanwhile.
    fn run<T>(&self, part: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(Arc::clone(&self.kept)));
        let ran = catch_unwind(AssertUnwindSafe(part));
        CURRENT.set(before);
        ran.unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// As [`run`](Watch::run), timed.
    fn poll<T>(&self, part: impl FnOnce() -> T) -> T {
        let began = self.age();
        self.kept.polled_since.store(began, Ordering::Relaxed);
        let ran = self.run(part);
        let took = self.age() - began;
        self.kept.polled_since.store(0, Ordering::Relaxed);
        self.kept.busy.fetch_add(took, Ordering::Relaxed);
        self.kept.longest.fetch_max(took, Ordering::Relaxed);
        ran
    }

    fn look(&self, is_failure: bool) {
        let is_slow = self.kept.began.elapsed() > Duration::from_secs(5);
        black_box((is_slow, is_failure, &self.kept.method, &self.kept.target));
        black_box((&self.kept.route, &self.kept.headers));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Ok(mut running) = self.running.lock() {
            if let Some(cell) = running.entries.get_mut(self.entry) {
                *cell = None;
            }
            running.vacant.push(self.entry);
        }
    }
}

pin_project! {
    /// The future of [`Plain`].
    pub(crate) struct PlainFuture<F> {
        #[pin]
        inner: F,
        watch: Option<Watch>,
    }
}

impl<F, B> Future for PlainFuture<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<PlainBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(watch) = this.watch.as_ref() else { return Poll::Pending };
        let inner = this.inner;
        let answer = watch.poll(|| inner.poll(cx));
        if let Poll::Ready(Ok(response)) = &answer {
            watch.look(response.status().is_server_error());
            black_box(response.headers().get(CONTENT_TYPE));
        }
        answer.map_ok(|response| {
            response.map(|inner| PlainBody { inner: Some(inner), watch: this.watch.take() })
        })
    }
}

pin_project! {
    /// The body of [`Plain`].
    pub(crate) struct PlainBody<B> {
        #[pin]
        inner: Option<B>,
        watch: Option<Watch>,
    }

    impl<B> PinnedDrop for PlainBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(watch) = this.watch.take() else { return };
            watch.run(|| this.inner.set(None));
            watch.look(false);
        }
    }
}

impl<B: Body> Body for PlainBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let (Some(watch), Some(inner)) = (this.watch.as_ref(), this.inner.as_pin_mut()) else {
            return Poll::Ready(None);
        };
        watch.run(|| inner.poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
