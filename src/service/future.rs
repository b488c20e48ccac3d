//! [`ResponseFuture`]: the future of a watched request.

use std::fmt::{self, Display};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;

use crate::observation::{Kind, Outcome, Reason, ReportedError, Status};

use super::body::BodyWatch;
use super::classify::{self, Nature};
use super::panics::{self, Payload};
use super::recorder::Finding;
use super::shown::{quietly, reason};
use super::watched::{Timing, Watched};
use super::{Measure, PanicPolicy, ResponseBody, Verdict};

pin_project! {
    /// The response future of [`SlackAlert`](crate::SlackAlert).
    ///
    /// Like most futures, it is not to be polled again once it is ready.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
        watched: Option<Watched>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let Some(mut watched) = this.watched.take() else { return };
            watched.no_longer_runs();
            watched.look_at_the_clock();
            match drop_inside(&mut watched, this.state) {
                Ok(()) => watched.cancelled(Outcome::Plain, None),
                Err(payload) => {
                    watched.panicked(&payload, Outcome::Plain, None);
                    let resume = watched.recorder().rules.panic_policy == PanicPolicy::Resume;
                    drop(watched);
                    if resume && !std::thread::panicking() {
                        resume_unwind(payload);
                    }
                    panics::discard(payload);
                }
            }
        }
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Running { #[pin] future: F },
        /// `call` panicked: answer for it.
        Answer,
        Done,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn unwatched(future: F) -> Self {
        ResponseFuture { state: State::Running { future }, watched: None }
    }

    pub(super) fn watched(future: F, watched: Watched) -> Self {
        ResponseFuture { state: State::Running { future }, watched: Some(watched) }
    }

    pub(super) fn answered() -> Self {
        ResponseFuture { state: State::Answer, watched: None }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("watched", &self.watched.is_some()).finish()
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    B::Error: Display + 'static,
    E: Display + 'static,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(watched) = this.watched else {
            return match this.state.as_mut().project() {
                StateProj::Running { future } => {
                    future.poll(cx).map_ok(|response| response.map(ResponseBody::unwatched))
                }
                StateProj::Answer => {
                    this.state.set(State::Done);
                    Poll::Ready(Ok(internal_server_error()))
                }
                StateProj::Done => Poll::Pending,
            };
        };
        let state = &mut this.state;
        let ran = watched.run(Timing::Exact, || {
            let polled = match state.as_mut().project() {
                StateProj::Running { future } => future.poll(cx),
                StateProj::Answer | StateProj::Done => Poll::Pending,
            };
            polled.map(|ended| {
                // Now, so that what its destructors do is still part of it.
                let dropped = catch_unwind(AssertUnwindSafe(|| state.set(State::Done)));
                (ended, dropped)
            })
        });
        let ended = match ran {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(ended)) => Ok(ended),
            Err(payload) => Err(payload),
        };
        let Some(mut watched) = this.watched.take() else { return Poll::Pending };
        watched.no_longer_runs();
        match ended {
            Ok((ended, dropped)) => {
                if let Err(payload) = dropped {
                    after_panic(&mut watched, payload);
                }
                Poll::Ready(match ended {
                    Ok(response) => Ok(judge_head(response, watched)),
                    Err(error) => {
                        judge_error(&error, &mut watched);
                        Err(error)
                    }
                })
            }
            Err(payload) => {
                if let Err(second) = drop_inside(&mut watched, this.state) {
                    panics::discard(second);
                }
                after_panic(&mut watched, payload);
                Poll::Ready(Ok(internal_server_error()))
            }
        }
    }
}

/// Drops the service's future; a destructor may panic.
fn drop_inside<F>(watched: &mut Watched, mut state: Pin<&mut State<F>>) -> Result<(), Payload> {
    watched.run(Timing::IfLong, || state.set(State::Done))
}

/// Records a panic and, if that is the policy, unwinds on.
fn after_panic(watched: &mut Watched, payload: Payload) {
    watched.panicked(&payload, Outcome::Plain, None);
    match watched.recorder().rules.panic_policy {
        PanicPolicy::Resume => resume_unwind(payload),
        PanicPolicy::Respond => panics::discard(payload),
    }
}

fn internal_server_error<B>() -> Response<ResponseBody<B>> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn judge_error<E: Display + 'static>(error: &E, watched: &mut Watched) {
    let rules = Arc::clone(&watched.recorder().rules);
    rules.error_types.reason(error, |reason| {
        let status = Some(Status::Error);
        watched.observe(&Finding { status, reason, ..Finding::new(Kind::Failed) });
    });
}

/// Judges the head, and sets the watch for the rest.
fn judge_head<B: Body>(response: Response<B>, mut watched: Watched) -> Response<ResponseBody<B>> {
    let (verdict, response) = verdict(&watched, response);
    let Some(slot) = watched.slot() else { return response.map(ResponseBody::unwatched) };
    let nature = classify::nature(slot.info().method(), &response);
    let code = response.status().as_u16();
    let grpc =
        (nature == Nature::Grpc).then(|| classify::grpc_status(response.headers())).flatten();
    let rules = &watched.recorder().rules;
    let failed = match verdict {
        Verdict::Failure => Some((Status::Http(code), Outcome::Judged)),
        Verdict::Success => None,
        Verdict::Default if rules.failure_statuses.contains(code) => {
            Some((Status::Http(code), Outcome::Plain))
        }
        Verdict::Default => grpc
            .filter(|code| classify::is_grpc_failure(*code))
            .map(|code| (Status::Grpc(code), Outcome::Plain)),
    };
    let is_over =
        nature == Nature::Complete || quietly(|| response.body().is_end_stream()).unwrap_or(false);
    let ends_late = rules.measure == Measure::EndOfBody && nature == Nature::Body && !is_over;
    // An error that is reported is the reason, whatever panicked before.
    let is_reported = response.extensions().get::<ReportedError>().is_some();
    let failed = failed.filter(|_| is_reported || !watched.failed_by_panic());
    if let Some((status, outcome)) = failed {
        let message = match status {
            Status::Grpc(_) => classify::grpc_message(response.headers()),
            _ => String::new(),
        };
        let reported = response.extensions().get::<ReportedError>();
        let behind = match reported {
            Some(error) => Reason::Chain(error.chain()),
            None => reason(&message),
        };
        let found =
            Finding { status: Some(status), outcome, reason: behind, ..Finding::new(Kind::Failed) };
        watched.observe(&found);
    } else if watched.has_failed() {
        // As the panic behind it.
    } else if watched.was_hung() || (!ends_late && watched.is_slow()) {
        let status = Some(grpc.map_or(Status::Http(code), Status::Grpc));
        watched.observe(&Finding { status, ..Finding::new(Kind::Slow) });
    }
    let watch = if is_over {
        watched.answered();
        BodyWatch::finished(watched)
    } else {
        let exact = quietly(|| response.body().size_hint().exact()).flatten();
        let expected = exact.or_else(|| classify::content_length(response.headers()));
        let judged = verdict != Verdict::Default || grpc.is_some();
        let slow = ends_late && watched.is_slow();
        BodyWatch::new(watched, nature, judged, Status::Http(code), expected).head_was_slow(slow)
    };
    response.map(|body| ResponseBody::watched(body, watch))
}

fn verdict<B>(watched: &Watched, response: Response<B>) -> (Verdict, Response<B>) {
    let recorder = watched.recorder();
    let (Some(failure_when), Some(slot)) = (&recorder.rules.failure_when, watched.slot()) else {
        return (Verdict::Default, response);
    };
    let (parts, body) = response.into_parts();
    let said = failure_when
        .call(&recorder.handoff.ledger, |failure_when| failure_when(slot.info(), &parts));
    (said.unwrap_or_default(), Response::from_parts(parts, body))
}
