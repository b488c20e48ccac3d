//! [`Floor`]: what any layer of this kind has to do, and nothing else.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Method, Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::Service;

/// Two looks at the clock and one at the status.
#[derive(Clone, Debug)]
pub(crate) struct Clocked<S>(pub(crate) S);

impl<S, R, B> Service<Request<R>> for Clocked<S>
where
    S: Service<Request<R>, Response = Response<B>, Error = Infallible>,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = ClockedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        ClockedFuture { began: Instant::now(), inner: self.0.call(request) }
    }
}

pin_project! {
    /// The future of [`Clocked`].
    pub(crate) struct ClockedFuture<F> {
        began: Instant,
        #[pin]
        inner: F,
    }
}

impl<F, B> Future for ClockedFuture<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = this.inner.poll(cx);
        if let Poll::Ready(Ok(response)) = &answer {
            let is_slow = this.began.elapsed().as_secs() > 5;
            black_box(is_slow || response.status().is_server_error());
        }
        answer
    }
}

/// Requests in flight, in the simplest registry.
#[derive(Debug, Default)]
struct Slab {
    entries: Vec<Option<Instant>>,
    vacant: Vec<usize>,
}

/// As [`Clocked`]; panics are caught, method and URI kept, the
/// request entered in a registry, and the body's end awaited.
#[derive(Clone, Debug)]
pub(crate) struct Floor<S> {
    inner: S,
    slab: Arc<Mutex<Slab>>,
}

impl<S> Floor<S> {
    pub(crate) fn new(inner: S) -> Self {
        Floor { inner, slab: Arc::default() }
    }
}

impl<S, R, B> Service<Request<R>> for Floor<S>
where
    S: Service<Request<R>, Response = Response<B>, Error = Infallible>,
{
    type Response = Response<FloorBody<B>>;
    type Error = Infallible;
    type Future = FloorFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let began = Instant::now();
        let entry = self.slab.lock().map_or(0, |mut slab| match slab.vacant.pop() {
            Some(entry) => {
                if let Some(cell) = slab.entries.get_mut(entry) {
                    *cell = Some(began);
                }
                entry
            }
            None => {
                slab.entries.push(Some(began));
                slab.entries.len() - 1
            }
        });
        let watch = Watch { began, method, uri, entry, slab: Arc::clone(&self.slab) };
        match catch_unwind(AssertUnwindSafe(|| self.inner.call(request))) {
            Ok(inner) => FloorFuture { inner, watch: Some(watch) },
            Err(payload) => resume_unwind(payload),
        }
    }
}

/// A request in the registry.
#[derive(Debug)]
pub(crate) struct Watch {
    began: Instant,
    method: Method,
    uri: Uri,
    entry: usize,
    slab: Arc<Mutex<Slab>>,
}

impl Watch {
    fn look(&self) {
        black_box((self.began.elapsed().as_secs() > 5, &self.method, &self.uri));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Ok(mut slab) = self.slab.lock() {
            if let Some(cell) = slab.entries.get_mut(self.entry) {
                *cell = None;
            }
            slab.vacant.push(self.entry);
        }
    }
}

pin_project! {
    /// The future of [`Floor`].
    pub(crate) struct FloorFuture<F> {
        #[pin]
        inner: F,
        watch: Option<Watch>,
    }
}

impl<F, B> Future for FloorFuture<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<FloorBody<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match catch_unwind(AssertUnwindSafe(|| this.inner.poll(cx))) {
            Ok(answer) => answer.map_ok(|response| {
                if let Some(watch) = this.watch.as_ref() {
                    watch.look();
                }
                black_box(response.status().is_server_error());
                let watch = this.watch.take();
                response.map(|inner| FloorBody { inner, watch })
            }),
            Err(payload) => resume_unwind(payload),
        }
    }
}

pin_project! {
    /// The body of [`Floor`].
    pub(crate) struct FloorBody<B> {
        #[pin]
        inner: B,
        watch: Option<Watch>,
    }
}

impl<B: Body> Body for FloorBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let polled = this.inner.as_mut().poll_frame(cx);
        let is_over = match &polled {
            Poll::Pending => false,
            Poll::Ready(Some(Ok(_))) => this.inner.is_end_stream(),
            Poll::Ready(_) => true,
        };
        if is_over && let Some(watch) = this.watch.take() {
            watch.look();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
