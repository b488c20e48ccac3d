//! [`Beside`]: a case next to what it is compared with.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Empty;
use tower::Service;

use crate::{Case, Pace, Visit};

/// Does something with a case and what it is compared with, in turns.
pub trait Beside {
    /// Does it.
    fn compare<S, B, T, C>(self, base: S, service: T)
    where
        S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        B: Body,
        T: Service<Request<Empty<Bytes>>, Response = Response<C>> + Clone + Send + 'static,
        C: Body;
}

impl Case {
    /// Shows the case and its base to a visitor of both.
    pub fn show_beside(self, pace: Pace, visitor: impl Beside) {
        self.base().show(pace, Base { case: self, pace, visitor });
    }
}

struct Base<V> {
    case: Case,
    pace: Pace,
    visitor: V,
}

impl<V: Beside> Visit for Base<V> {
    fn visit<S, B>(self, base: S)
    where
        S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        B: Body,
    {
        self.case.show(self.pace, Both { base, visitor: self.visitor });
    }
}

struct Both<S, V> {
    base: S,
    visitor: V,
}

impl<T, C, V> Visit for Both<T, V>
where
    T: Service<Request<Empty<Bytes>>, Response = Response<C>> + Clone + Send + 'static,
    C: Body,
    V: Beside,
{
    fn visit<S, B>(self, service: S)
    where
        S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        B: Body,
    {
        self.visitor.compare(self.base, service);
    }
}
