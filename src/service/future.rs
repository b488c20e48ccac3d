//! [`ResponseFuture`]: the future of a watched request.

use std::fmt::{self, Display};
use std::future::Future;
use std::mem::{forget, replace, swap};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::response::Parts;
use http::{Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;

use crate::observation::{Kind, Outcome, Reason, ReportedError, Status};

use super::body::Rest;
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
                // By hand, as below: `map` moves a response once more.
                StateProj::Running { future } => match future.poll(cx) {
                    Poll::Ready(Ok(response)) => {
                        let (head, body) = response.into_parts();
                        let body = ResponseBody::unwatched(body);
                        Poll::Ready(Ok(Response::from_parts(head, body)))
                    }
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    Poll::Pending => Poll::Pending,
                },
                StateProj::Answer => {
                    this.state.set(State::Done);
                    Poll::Ready(Ok(internal_server_error()))
                }
                StateProj::Done => Poll::Pending,
            };
        };
        let state = &mut this.state;
        // Filled from inside, since what is returned is moved at each return.
        let mut answer = Poll::Pending;
        let mut dropped = Ok(());
        let ran = watched.run(Timing::Exact, || {
            if let StateProj::Running { future } = state.as_mut().project() {
                // Nothing was there that had to be dropped.
                forget(replace(&mut answer, future.poll(cx)));
            }
            if answer.is_ready() {
                // Now, so that what its destructors do is still part of it.
                dropped = catch_unwind(AssertUnwindSafe(|| state.set(State::Done)));
            }
        });
        if ran.is_ok() && answer.is_pending() {
            watched.settle();
            return Poll::Pending;
        }
        watched.no_longer_runs();
        if ran.is_err() || dropped.is_err() {
            // Taken out first, so that it is not told again where this unwinds.
            let Some(mut watched) = this.watched.take() else { return Poll::Pending };
            if let Err(payload) = dropped {
                after_panic(&mut watched, payload);
            }
            if let Err(payload) = ran {
                if let Err(second) = drop_inside(&mut watched, this.state) {
                    panics::discard(second);
                }
                after_panic(&mut watched, payload);
                return Poll::Ready(Ok(internal_server_error()));
            }
            *this.watched = Some(watched);
        }
        let rest = match (&mut answer, &mut *this.watched) {
            (Poll::Ready(Ok(response)), Some(watched)) => judge_head(response, watched),
            (Poll::Ready(Err(error)), Some(watched)) => {
                judge_error(error, watched);
                *this.watched = None;
                Rest::nothing()
            }
            _ => Rest::nothing(),
        };
        match answer {
            Poll::Ready(Ok(response)) => {
                let (head, body) = response.into_parts();
                let body = ResponseBody::watched(body, this.watched.take(), rest);
                Poll::Ready(Ok(Response::from_parts(head, body)))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
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

/// Judges the head; what is left to watch.
#[inline]
fn judge_head<B: Body>(response: &mut Response<B>, watched: &mut Watched) -> Rest {
    let verdict = verdict(watched, response);
    let Some(slot) = watched.slot() else { return Rest::nothing() };
    let nature = classify::nature(slot.info().method(), response);
    let code = response.status().as_u16();
    let rules = &watched.recorder().rules;
    let is_plain = verdict == Verdict::Default
        && nature == Nature::Body
        && rules.measure == Measure::Head
        && !rules.failure_statuses.contains(code)
        && watched.is_untold();
    if !is_plain {
        return judge_other_head(response, watched, verdict, nature);
    }
    let (is_over, expected) = what_follows(response);
    if watched.is_slow() {
        let status = Some(Status::Http(code));
        watched.observe(&Finding { status, ..Finding::new(Kind::Slow) });
    }
    if is_over {
        watched.answered();
        return Rest::nothing();
    }
    Rest { nature, judged: false, code, expected, head_was_slow: false, is_over }
}

/// Judges a head that a rule, its status or its nature makes special.
#[cold]
fn judge_other_head<B: Body>(
    response: &Response<B>,
    watched: &mut Watched,
    verdict: Verdict,
    nature: Nature,
) -> Rest {
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
    let (is_over, expected) = match nature {
        Nature::Complete => (true, u64::MAX),
        _ => what_follows(response),
    };
    let ends_late = rules.measure == Measure::EndOfBody && nature == Nature::Body && !is_over;
    if let Some((status, outcome)) = failed {
        judge_failure(response, watched, status, outcome);
    } else if watched.has_failed() {
        // As the panic behind it.
    } else if watched.was_hung() || (!ends_late && watched.is_slow()) {
        let status = Some(grpc.map_or(Status::Http(code), Status::Grpc));
        watched.observe(&Finding { status, ..Finding::new(Kind::Slow) });
    }
    if is_over {
        watched.answered();
        return Rest::nothing();
    }
    Rest {
        nature,
        judged: verdict != Verdict::Default || grpc.is_some(),
        code,
        expected,
        head_was_slow: ends_late && watched.is_slow(),
        is_over,
    }
}

/// Whether the body is over already, and how many bytes it has: more than any,
/// if nobody says.
#[inline]
fn what_follows<B: Body>(response: &Response<B>) -> (bool, u64) {
    let body = response.body();
    let said = quietly(|| match body.is_end_stream() {
        true => (true, None),
        false => (false, body.size_hint().exact()),
    });
    match said.unwrap_or_default() {
        (true, _) => (true, u64::MAX),
        (false, Some(exact)) => (false, exact),
        (false, None) => (false, classify::content_length(response.headers()).unwrap_or(u64::MAX)),
    }
}

fn judge_failure<B>(
    response: &Response<B>,
    watched: &mut Watched,
    status: Status,
    outcome: Outcome,
) {
    // An error that is reported is the reason, whatever panicked before.
    let reported = response.extensions().get::<ReportedError>();
    if reported.is_none() && watched.failed_by_panic() {
        return;
    }
    let message = match status {
        Status::Grpc(_) => classify::grpc_message(response.headers()),
        _ => String::new(),
    };
    let behind = match reported {
        Some(error) => Reason::Chain(error.chain()),
        None => reason(&message),
    };
    watched.observe(&Finding {
        status: Some(status),
        outcome,
        reason: behind,
        ..Finding::new(Kind::Failed)
    });
}

/// What the user's rule says of it.
#[inline]
fn verdict<B>(watched: &Watched, response: &mut Response<B>) -> Verdict {
    let recorder = watched.recorder();
    match (&recorder.rules.failure_when, watched.slot()) {
        (Some(failure_when), Some(slot)) => lend_head(response, |head| {
            failure_when
                .call(&recorder.handoff.ledger, |failure_when| failure_when(slot.info(), head))
                .unwrap_or_default()
        }),
        _ => Verdict::Default,
    }
}

/// Lends out a response's head as parts, and puts it back.
fn lend_head<B, R>(response: &mut Response<B>, with: impl FnOnce(&Parts) -> R) -> R {
    let (mut head, ()) = Response::new(()).into_parts();
    let change_places = |response: &mut Response<B>, head: &mut Parts| {
        swap(response.status_mut(), &mut head.status);
        swap(response.version_mut(), &mut head.version);
        swap(response.headers_mut(), &mut head.headers);
        swap(response.extensions_mut(), &mut head.extensions);
    };
    change_places(response, &mut head);
    let said = with(&head);
    change_places(response, &mut head);
    said
}
