//! [`ResponseBody`]: the body of a watched response.

use std::fmt::{self, Display};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Buf;
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
            let Some(mut watch) = this.watch.take() else { return };
            watch.watched.look_at_the_clock();
            if let Err(payload) = watch.watched.run(Timing::IfLong, || this.inner.set(Inner::Empty)) {
                watch.panicked(&payload);
                drop(watch);
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

    pub(super) fn watched(body: B, watch: BodyWatch) -> Self {
        ResponseBody { inner: Inner::Body { body }, watch: Some(watch) }
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
        let polled = watch.watched.run(Timing::IfLong, || body.as_mut().poll_frame(cx));
        match &polled {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(Some(Ok(frame)))) => {
                watch.frame(frame);
                watch.said_its_end = quietly(|| body.is_end_stream()).unwrap_or(false);
                // A gRPC body that says so early may still have trailers.
                let may_go_on = watch.nature == Nature::Grpc && !frame.is_trailers();
                if frame.is_trailers() || (watch.said_its_end && !may_go_on) {
                    watch.ended();
                }
            }
            Ok(Poll::Ready(Some(Err(error)))) => watch.failed(error),
            Ok(Poll::Ready(None)) => watch.ended(),
            Err(payload) => watch.panicked(payload),
        }
        polled.unwrap_or_else(|payload| resume_unwind(payload))
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

/// What is left to learn of a request once its head is out.
pub(super) struct BodyWatch {
    watched: Watched,
    nature: Nature,
    /// The head settled whether it failed; trailers change nothing.
    judged: bool,
    status: Status,
    bytes: u64,
    expected: Option<u64>,
    /// The body said after its last frame that nothing will follow.
    said_its_end: bool,
    /// The head was slow already, and judged by the end.
    head_was_slow: bool,
    /// There is nothing to learn any more but whether its destructor panics.
    is_finished: bool,
}

impl BodyWatch {
    pub(super) fn new(
        watched: Watched,
        nature: Nature,
        judged: bool,
        status: Status,
        expected: Option<u64>,
    ) -> Self {
        BodyWatch {
            watched,
            nature,
            judged,
            status,
            bytes: 0,
            expected,
            said_its_end: false,
            head_was_slow: false,
            is_finished: false,
        }
    }

    /// For a response that is judged by its end, and was slow at its head.
    pub(super) fn head_was_slow(self, slow: bool) -> Self {
        BodyWatch { head_was_slow: slow, ..self }
    }

    /// For a body that is over at the head.
    pub(super) fn finished(watched: Watched) -> Self {
        let watch = BodyWatch::new(watched, Nature::Complete, true, Status::Http(0), None);
        BodyWatch { is_finished: true, ..watch }
    }

    fn frame<D: Buf>(&mut self, frame: &Frame<D>) {
        if let Some(data) = frame.data_ref() {
            let bytes = quietly(|| data.remaining()).unwrap_or_default();
            self.bytes = self.bytes.saturating_add(bytes as u64);
        }
        let Some(trailers) = frame.trailers_ref().filter(|_| self.nature == Nature::Grpc) else {
            return;
        };
        let status = classify::grpc_status(trailers).filter(|_| !self.judged);
        let failure = status.filter(|code| classify::is_grpc_failure(*code));
        self.judged |= status.is_some();
        if let Some(code) = failure {
            let message = classify::grpc_message(trailers);
            self.judged = true;
            self.watched.observe(&Finding {
                status: Some(Status::Grpc(code)),
                reason: reason(&message),
                ..Finding::new(Kind::Failed)
            });
        }
    }

    /// The body is over and well.
    fn ended(&mut self) {
        if std::mem::replace(&mut self.is_finished, true) {
            return;
        }
        // A gRPC call that says no status is not known to have gone well.
        if self.nature != Nature::Grpc || self.judged {
            self.watched.answered();
        }
        let recorder = self.watched.recorder();
        let by_end = recorder.rules.measure == Measure::EndOfBody && self.nature == Nature::Body;
        let slow = by_end && (self.head_was_slow || self.watched.is_slow());
        if slow {
            self.watched.observe(&Finding {
                status: Some(self.status),
                outcome: Outcome::SlowBody,
                bytes: Some(self.bytes),
                ..Finding::new(Kind::Slow)
            });
        }
    }

    fn failed<E: Display + 'static>(&mut self, error: &E) {
        self.is_finished = true;
        let rules = Arc::clone(&self.watched.recorder().rules);
        rules.error_types.reason(error, |reason| {
            self.watched.observe(&Finding {
                status: Some(self.status),
                outcome: Outcome::DuringBody,
                reason,
                bytes: Some(self.bytes),
                ..Finding::new(Kind::BodyFailed)
            });
        });
    }

    fn panicked(&mut self, payload: &panics::Payload) {
        self.is_finished = true;
        self.watched.panicked(payload, Outcome::DuringBody, Some(self.bytes));
    }

    /// The body was dropped, maybe before its end.
    fn dropped(&mut self) {
        if self.is_finished {
            return;
        }
        // With an exact length, its consumer may stop at the last byte.
        let is_complete = self.expected.is_some_and(|expected| self.bytes >= expected);
        if is_complete || self.said_its_end || self.head_was_slow {
            self.ended();
            return;
        }
        let recorder = self.watched.recorder();
        recorder.handoff.ledger.body_cancelled();
        if recorder.rules.body_cancelled && self.nature == Nature::Body {
            self.watched.cancelled(Outcome::DuringBody, Some(self.bytes));
        }
    }
}
