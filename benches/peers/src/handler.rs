//! [`Answer`]: the service inside, as cheap as one can be.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;

/// When the service inside has its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At the first poll.
    Ready,
    /// At the second one.
    PendingOnce,
}

/// The answer of the service inside.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    is_pending: bool,
}

impl Answer {
    /// An answer with this status.
    #[must_use]
    pub fn new(status: StatusCode, pace: Pace) -> Self {
        Answer { status, is_pending: pace == Pace::PendingOnce }
    }
}

impl Future for Answer {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::take(&mut self.is_pending) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut response = Response::new(Full::new(Bytes::from_static(b"a user\n")));
        *response.status_mut() = self.status;
        Poll::Ready(Ok(response))
    }
}
