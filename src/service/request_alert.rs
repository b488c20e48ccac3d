//! [`RequestAlert`]: the handle of the request being handled.

use std::error::Error;
use std::fmt::{self, Display};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::handoff::Notes;
use crate::observation::ReportedError;

use crate::handoff::{Current, Scoped, with_current};

/// The handle of the request being handled: adds to its alert, if there will
/// be one.
///
/// It is found through a thread-local that is set while the request's future
/// or body is polled, so it costs nothing unless it is asked for. Outside of a
/// watched request all its methods do nothing. With the feature `axum` it is
/// an infallible extractor as well.
///
/// ```
/// use tower_slack_alert::RequestAlert;
///
/// async fn handler() {
///     RequestAlert::current().note("tenant", "acme");
/// }
/// # let _ = handler();
/// ```
#[derive(Clone, Default)]
pub struct RequestAlert {
    notes: Option<Arc<Notes>>,
}

impl RequestAlert {
    /// The request being polled on this thread, if any.
    #[must_use]
    pub fn current() -> Self {
        let notes = with_current(|current| match current {
            Current::Nothing => None,
            Current::Request(slot) => Some(Arc::clone(slot.notes())),
            Current::Scope(notes) => Some(Arc::clone(notes)),
        });
        RequestAlert { notes: notes.flatten() }
    }

    /// Notes a value for the alert, such as a tenant. At most 8 names of 40
    /// bytes with values of 120; the last value of a name stands. Values pass
    /// the redactor.
    pub fn note(&self, name: &str, value: impl Display) {
        if let Some(notes) = &self.notes {
            notes.note(name, &value.to_string());
        }
    }

    /// Says which error is behind a failing response, with its causes. The
    /// last one stands; a [`ReportedError`] in the response wins over it.
    pub fn error(&self, error: &(dyn Error + '_)) {
        if let Some(notes) = &self.notes {
            notes.set_error(&ReportedError::new(error));
        }
    }

    /// Keeps this request from being told, unless it panics. It is counted as
    /// suppressed by [`Rule::Handler`](crate::Rule::Handler).
    pub fn ignore(&self) {
        if let Some(notes) = &self.notes {
            notes.ignore();
        }
    }

    /// Wraps a future that will run elsewhere, so that
    /// [`RequestAlert::current`] finds this request there:
    /// `tokio::spawn(RequestAlert::current().scope(work()))`.
    /// A panic there is told with this request, if it fails for it; with
    /// [`background_panics`](crate::AlertConfigBuilder::background_panics) in
    /// any case.
    pub fn scope<F: Future>(&self, future: F) -> Scope<F> {
        Scope { future: Some(future), notes: self.notes.clone() }
    }

    /// As [`scope`](RequestAlert::scope), for code that is not async:
    ///
    /// ```
    /// # use tower_slack_alert::RequestAlert;
    /// # async fn handler() {
    /// let alert = RequestAlert::current();
    /// let sum = tokio::task::spawn_blocking(move || alert.in_scope(|| 1 + 1)).await;
    /// # let _ = sum;
    /// # }
    /// ```
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        let _scoped = self.notes.clone().map(Scoped::new);
        work()
    }
}

impl fmt::Debug for RequestAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestAlert").field("in_request", &self.notes.is_some()).finish()
    }
}

#[cfg(feature = "axum")]
impl<S: Send + Sync> axum::extract::FromRequestParts<S> for RequestAlert {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        _parts: &mut http::request::Parts,
        _state: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(RequestAlert::current())
    }
}

pin_project! {
    /// The future of [`RequestAlert::scope`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Scope<F> {
        #[pin]
        future: Option<F>,
        notes: Option<Arc<Notes>>,
    }

    impl<F> PinnedDrop for Scope<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What its destructors do is still part of the request.
            let _scoped = this.notes.clone().map(Scoped::new);
            this.future.set(None);
        }
    }
}

impl<F> fmt::Debug for Scope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let _scoped = this.notes.clone().map(Scoped::new);
        match this.future.as_mut().as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        }
    }
}
