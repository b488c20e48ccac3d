//! [`ReportedError`]: the error behind a response, carried in its extensions.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::text::CappedText;

/// At most so many causes, of so many bytes each, are kept.
const MAX_CAUSES: usize = 6;
const MAX_BYTES: usize = 160;
/// So many are asked for their source.
const MAX_ASKED: usize = 32;

/// The error behind a response, carried in the response's extensions.
///
/// By the time a handler's error is a response, its cause is gone. Put it
/// into the extensions where the error is turned into a response, and the
/// alert shows the whole chain:
///
/// ```
/// use http::{Response, StatusCode};
/// use tower_slack_alert::ReportedError;
///
/// fn into_response(error: std::io::Error) -> Response<String> {
///     let mut response = Response::new(String::new());
///     *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
///     response.extensions_mut().insert(ReportedError::new(&error));
///     response
/// }
/// # assert!(into_response(std::io::Error::other("disk full"))
/// #     .extensions().get::<ReportedError>().is_some());
/// ```
///
/// With axum and `anyhow`:
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use axum::http::StatusCode;
/// use axum::response::{IntoResponse, Response};
/// use tower_slack_alert::ReportedError;
///
/// struct AppError(anyhow::Error);
///
/// impl IntoResponse for AppError {
///     fn into_response(self) -> Response {
///         let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
///         response.extensions_mut().insert(ReportedError::new(self.0.as_ref()));
///         response
///     }
/// }
///
/// impl<E: Into<anyhow::Error>> From<E> for AppError {
///     fn from(error: E) -> Self {
///         AppError(error.into())
///     }
/// }
/// # let error = anyhow::anyhow!("pool timed out").context("could not save the order");
/// # assert!(AppError(error).into_response().extensions().get::<ReportedError>().is_some());
/// ```
///
/// With `thiserror`, where some errors are the client's own:
///
#[cfg_attr(feature = "axum", doc = "```")]
#[cfg_attr(not(feature = "axum"), doc = "```ignore")]
/// use axum::http::StatusCode;
/// use axum::response::{IntoResponse, Response};
/// use tower_slack_alert::ReportedError;
///
/// #[derive(Debug, thiserror::Error)]
/// enum OrderError {
///     #[error("no such order")]
///     NotFound,
///     #[error("could not save the order")]
///     Storage(#[source] std::io::Error),
/// }
///
/// impl IntoResponse for OrderError {
///     fn into_response(self) -> Response {
///         let status = match &self {
///             OrderError::NotFound => StatusCode::NOT_FOUND,
///             OrderError::Storage(_) => StatusCode::INTERNAL_SERVER_ERROR,
///         };
///         let mut response = (status, self.to_string()).into_response();
///         response.extensions_mut().insert(ReportedError::new(&self));
///         response
///     }
/// }
/// # let error = OrderError::Storage(std::io::Error::other("disk full"));
/// # assert!(error.into_response().extensions().get::<ReportedError>().is_some());
/// # let _ = OrderError::NotFound;
/// ```
///
/// At most 6 causes of 160 bytes each are kept. Their text passes the
/// redactor before it is told.
#[derive(Clone, PartialEq, Eq)]
pub struct ReportedError {
    chain: Arc<[String]>,
}

impl ReportedError {
    /// Takes the text of `error` and of the errors behind it.
    #[must_use]
    pub fn new(error: &(dyn Error + '_)) -> Self {
        let mut chain = Vec::new();
        let mut next = Some(error);
        let mut text = CappedText::default();
        // An error may be its own source.
        for _ in 0..MAX_ASKED {
            let Some(error) = next.filter(|_| chain.len() < MAX_CAUSES) else { break };
            text.set_display(&error, MAX_BYTES);
            text.hide_cut_word();
            // Errors that repeat their cause in their own text are common.
            if chain.last().is_none_or(|last: &String| last != text.as_str()) {
                chain.push(text.as_str().to_owned());
            }
            next = error.source();
        }
        ReportedError { chain: chain.into() }
    }

    /// Takes a plain text, for errors that are not `Error`.
    #[must_use]
    pub fn message(text: &str) -> Self {
        let mut capped = CappedText::default();
        capped.set(text, MAX_BYTES);
        capped.hide_cut_word();
        ReportedError { chain: [capped.as_str().to_owned()].into() }
    }

    pub(crate) fn chain(&self) -> &[String] {
        &self.chain
    }
}

impl fmt::Debug for ReportedError {
    /// Says how many causes there are, not what they say.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportedError").field("causes", &self.chain.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Layered(&'static str, Option<Box<Layered>>);
    impl fmt::Display for Layered {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }
    impl Error for Layered {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn takes_the_chain_once_each_and_no_more_than_its_cap() {
        let cause = Layered("pool timed out", None);
        let error = Layered("connection refused", Some(Box::new(cause)));
        assert_eq!(ReportedError::new(&error).chain(), ["connection refused", "pool timed out"]);

        let repeated = Layered("same", Some(Box::new(Layered("same", None))));
        assert_eq!(ReportedError::new(&repeated).chain(), ["same"]);

        let deep = (0..20).fold(Layered("x", None), |inner, n| {
            Layered(if n % 2 == 0 { "a" } else { "b" }, Some(Box::new(inner)))
        });
        assert_eq!(ReportedError::new(&deep).chain().len(), MAX_CAUSES);
    }

    #[test]
    fn an_error_that_is_its_own_source_comes_to_an_end() {
        #[derive(Debug)]
        struct Own;
        impl fmt::Display for Own {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("again")
            }
        }
        impl Error for Own {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(self)
            }
        }
        assert_eq!(ReportedError::new(&Own).chain(), ["again"]);
    }
}
