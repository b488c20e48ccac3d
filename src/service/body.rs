//! [`ResponseBody`]: the body of a watched response.

use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::observation::{CappedText, Kind, Outcome, Reason, Status};

use super::Measure;
use super::classify::{self, Nature};
use super::panics;
use super::recorder::Finding;
use super::watched::Watched;

/// How much of an error's text is captured, in bytes.
const ERROR_TEXT: usize = 320;

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
            let dropped = {
                let _entered = watch.watched.enter();
                catch_unwind(AssertUnwindSafe(|| this.inner.set(Inner::Empty)))
            };
            if let Err(payload) = dropped {
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
        let polled = {
            let _entered = watch.watched.enter();
            catch_unwind(AssertUnwindSafe(|| body.as_mut().poll_frame(cx)))
        };
        let over = match &polled {
            Ok(Poll::Pending) => false,
            Ok(Poll::Ready(Some(Ok(frame)))) => {
                watch.frame(frame);
                // A gRPC body that says so early may still have trailers.
                watch.said_its_end = body.is_end_stream();
                let last =
                    frame.is_trailers() || (watch.said_its_end && watch.nature != Nature::Grpc);
                last && watch.ended()
            }
            Ok(Poll::Ready(Some(Err(error)))) => {
                watch.failed(error);
                true
            }
            Ok(Poll::Ready(None)) => watch.ended(),
            Err(payload) => {
                watch.panicked(payload);
                true
            }
        };
        if over {
            *this.watch = None;
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
}

impl BodyWatch {
    pub(super) fn new(
        watched: Watched,
        nature: Nature,
        judged: bool,
        status: Status,
        expected: Option<u64>,
    ) -> Self {
        BodyWatch { watched, nature, judged, status, bytes: 0, expected, said_its_end: false }
    }

    fn frame<D: Buf>(&mut self, frame: &Frame<D>) {
        if let Some(data) = frame.data_ref() {
            self.bytes = self.bytes.saturating_add(data.remaining() as u64);
        }
        let Some(trailers) = frame.trailers_ref().filter(|_| self.nature == Nature::Grpc) else {
            return;
        };
        let failure = classify::grpc_status(trailers)
            .filter(|code| !self.judged && classify::is_grpc_failure(*code));
        if let Some(code) = failure {
            let message = classify::grpc_message(trailers);
            self.judged = true;
            self.watched.observe(&Finding {
                status: Some(Status::Grpc(code)),
                reason: if message.is_empty() { Reason::Unknown } else { Reason::Text(&message) },
                ..Finding::new(Kind::Failed)
            });
        }
    }

    /// The body is over and well; returns `true`.
    fn ended(&mut self) -> bool {
        let recorder = self.watched.recorder();
        let by_end = recorder.rules.measure == Measure::EndOfBody && self.nature == Nature::Body;
        let slow = by_end
            && self
                .watched
                .slot()
                .is_some_and(|slot| recorder.is_slow(slot, self.watched.elapsed()));
        if slow {
            self.watched.observe(&Finding {
                status: Some(self.status),
                outcome: Outcome::SlowBody,
                bytes: Some(self.bytes),
                ..Finding::new(Kind::Slow)
            });
        }
        true
    }

    fn failed(&mut self, error: &dyn Display) {
        let mut text = CappedText::default();
        let shown = catch_unwind(AssertUnwindSafe(|| text.set_display(error, ERROR_TEXT)));
        if let Err(payload) = shown {
            panics::discard(payload);
        }
        self.watched.observe(&Finding {
            status: Some(self.status),
            outcome: Outcome::DuringBody,
            reason: if text.is_empty() { Reason::Unknown } else { Reason::Text(text.as_str()) },
            bytes: Some(self.bytes),
            ..Finding::new(Kind::BodyFailed)
        });
    }

    fn panicked(&mut self, payload: &panics::Payload) {
        self.watched.panicked(payload, Outcome::DuringBody, Some(self.bytes));
    }

    /// The body was dropped, maybe before its end.
    fn dropped(&mut self) {
        // With an exact length, its consumer may stop at the last byte.
        let is_complete = self.expected.is_some_and(|expected| self.bytes >= expected);
        if is_complete || self.said_its_end {
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
