//! [`RequestHead`]: a request's head, borrowed for ignore rules and `route_fn`.

use std::fmt;

use http::{Extensions, HeaderMap, Method, Request, Uri, Version};

/// A request's head, borrowed for ignore rules and `route_fn`, whatever the
/// type of its body.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    version: Version,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    /// The head of `request`.
    #[must_use]
    #[inline]
    pub fn of<B>(request: &'a Request<B>) -> Self {
        RequestHead {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The method.
    #[must_use]
    #[inline]
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The URI as the layer sees it; a router may have stripped a prefix.
    #[must_use]
    #[inline]
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The URI as the client sent it: axum's `OriginalUri` where there is one.
    #[must_use]
    #[inline]
    pub fn original_uri(&self) -> &'a Uri {
        #[cfg(feature = "axum")]
        if let Some(original) = self.extensions.get::<axum::extract::OriginalUri>() {
            return &original.0;
        }
        self.uri
    }

    /// The HTTP version.
    #[must_use]
    #[inline]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The headers.
    #[must_use]
    #[inline]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The extensions.
    #[must_use]
    #[inline]
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }
}

impl fmt::Debug for RequestHead<'_> {
    /// Says nothing that a client could have put a secret into.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
