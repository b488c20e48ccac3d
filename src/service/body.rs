//! [`ResponseBody`]: the body of a watched response.

use std::fmt::{self, Display};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Buf;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::observation::{Kind, Outcome, Status};

use super::Measure;
use super::classify::{self, Nature};
use super::panics;
use super::recorder::Finding;
use super::shown::{quietly, reason};
use super::watched::{Timing, Watched};

pin_project! {
    /// The response body of [`SlackAlert`](crate::SlackAlert). Frames,
    /// trailers, errors, `size_hint` and `is_end_stream` are those of the body
    /// inside.
    pub struct ResponseBody<B> {
        #[pin]
        inner: Inner<B>,
        watch: Option<BodyWatch>,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let Some(watch) = this.watch else { return };
            watch.watched.look_at_the_clock();
            if let Err(payload) = watch.watched.run(Timing::IfLong, || this.inner.set(Inner::Empty)) {
                watch.panicked(&payload);
                *this.watch = None;
                if !std::thread::panicking() {
                    resume_unwind(payload);
                }
                panics::discard(payload);
            } else {
                watch.dropped();
            }
        }
    }
}

pin_project! {
    #[project = InnerProj]
    enum Inner<B> {
        Body { #[pin] body: B },
        Empty,
    }
}

impl<B> ResponseBody<B> {
    pub(super) fn unwatched(body: B) -> Self {
        ResponseBody { inner: Inner::Body { body }, watch: None }
    }

    #[inline]
    pub(super) fn watched(body: B, watched: Option<Watched>, rest: Rest) -> Self {
        let watch =
            watched.map(|watched| BodyWatch { watched, rest, bytes: 0, said_its_end: false });
        ResponseBody { inner: Inner::Body { body }, watch }
    }

    pub(super) fn empty() -> Self {
        ResponseBody { inner: Inner::Empty, watch: None }
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("watched", &self.watch.is_some()).finish()
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Display + 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let InnerProj::Body { mut body } = this.inner.as_mut().project() else {
            return Poll::Ready(None);
        };
        let Some(watch) = this.watch else { return body.poll_frame(cx) };
        watch.watched.look_at_the_clock();
        // Filled from inside, since what is returned is moved at each return.
        let mut polled = Poll::Pending;
        let ran = watch.watched.run(Timing::IfLong, || polled = body.as_mut().poll_frame(cx));
        if let Err(payload) = ran {
            watch.panicked(&payload);
            resume_unwind(payload);
        }
        match &polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => {
                let mut bytes = 0;
                let said_its_end = quietly(|| {
                    bytes = frame.data_ref().map_or(0, Buf::remaining);
                    body.is_end_stream()
                });
                watch.bytes = watch.bytes.saturating_add(bytes as u64);
                watch.said_its_end = said_its_end.unwrap_or(false);
                let is_grpc = watch.rest.nature == Nature::Grpc;
                let trailers = frame.trailers_ref();
                if let Some(trailers) = trailers.filter(|_| is_grpc) {
                    watch.grpc_trailers(trailers);
                }
                // A gRPC body that says so early may still have trailers.
                if trailers.is_some() || (watch.said_its_end && !is_grpc) {
                    watch.ended();
                }
            }
            Poll::Ready(Some(Err(error))) => watch.failed(error),
            Poll::Ready(None) => watch.ended(),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Body { body } => body.is_end_stream(),
            Inner::Empty => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Body { body } => body.size_hint(),
            Inner::Empty => SizeHint::with_exact(0),
        }
    }
}

/// What the head says of the rest of a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    pub(super) nature: Nature,
    /// The head settled whether it failed; trailers change nothing.
    pub(super) judged: bool,
    /// What it was answered with, if it goes on.
    pub(super) code: u16,
    /// So many bytes, if it says so; else more than any body has.
    pub(super) expected: u64,
    /// The head was slow already, and is judged by the end.
    pub(super) head_was_slow: bool,
    /// There is nothing to learn any more but whether its destructor panics.
    pub(super) is_over: bool,
}

impl Rest {
    /// Of a response that is over at its head.
    pub(super) fn nothing() -> Self {
        Rest {
            nature: Nature::Complete,
            judged: true,
            code: 0,
            expected: u64::MAX,
            head_was_slow: false,
            is_over: true,
        }
    }
}

/// What is left to learn of a request once its head is out.
struct BodyWatch {
    watched: Watched,
    rest: Rest,
    bytes: u64,
    /// The body said after its last frame that nothing will follow.
    said_its_end: bool,
}

impl BodyWatch {
    /// The status in a gRPC call's trailers.
    fn grpc_trailers(&mut self, trailers: &HeaderMap) {
        let status = classify::grpc_status(trailers).filter(|_| !self.rest.judged);
        let failure = status.filter(|code| classify::is_grpc_failure(*code));
        self.rest.judged |= status.is_some();
        if let Some(code) = failure {
            let message = classify::grpc_message(trailers);
            self.rest.judged = true;
            self.watched.observe(&Finding {
                status: Some(Status::Grpc(code)),
                reason: reason(&message),
                ..Finding::new(Kind::Failed)
            });
        }
    }

    /// The body is over and well.
    #[inline]
    fn ended(&mut self) {
        if std::mem::replace(&mut self.rest.is_over, true) {
            return;
        }
        // A gRPC call that says no status is not known to have gone well.
        if self.rest.nature != Nature::Grpc || self.rest.judged {
            self.watched.answered();
        }
        let recorder = self.watched.recorder();
        let by_end =
            recorder.rules.measure == Measure::EndOfBody && self.rest.nature == Nature::Body;
        let slow = by_end && (self.rest.head_was_slow || self.watched.is_slow());
        if slow {
            self.watched.observe(&Finding {
                status: Some(Status::Http(self.rest.code)),
                outcome: Outcome::SlowBody,
                bytes: Some(self.bytes),
                ..Finding::new(Kind::Slow)
            });
        }
    }

    fn failed<E: Display + 'static>(&mut self, error: &E) {
        self.rest.is_over = true;
        let rules = Arc::clone(&self.watched.recorder().rules);
        rules.error_types.reason(error, |reason| {
            self.watched.observe(&Finding {
                status: Some(Status::Http(self.rest.code)),
                outcome: Outcome::DuringBody,
                reason,
                bytes: Some(self.bytes),
                ..Finding::new(Kind::BodyFailed)
            });
        });
    }

    fn panicked(&mut self, payload: &panics::Payload) {
        self.rest.is_over = true;
        self.watched.panicked(payload, Outcome::DuringBody, Some(self.bytes));
    }

    /// The body was dropped, maybe before its end.
    #[inline]
    fn dropped(&mut self) {
        if self.rest.is_over {
            return;
        }
        // With an exact length, its consumer may stop at the last byte.
        let is_complete = self.bytes >= self.rest.expected;
        if is_complete || self.said_its_end || self.rest.head_was_slow {
            self.ended();
            return;
        }
        let recorder = self.watched.recorder();
        recorder.handoff.ledger.body_cancelled();
        if recorder.rules.body_cancelled && self.rest.nature == Nature::Body {
            self.watched.cancelled(Outcome::DuringBody, Some(self.bytes));
        }
    }
}
