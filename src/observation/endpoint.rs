//! [`Endpoint`]: a method on a route, where requests are compared.

use super::{Key, KeyRef, MethodName, Route};

/// A method on a route: where the requests that go well are counted next to
/// those that don't.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Endpoint {
    pub(crate) method: MethodName,
    pub(crate) route: Route,
}

impl Endpoint {
    /// The key of requests that this one kept waiting.
    pub(crate) fn blocked(&self) -> KeyRef<'_> {
        KeyRef::Blocked { method: self.method, route: (&self.route).into() }
    }

    /// The endpoint that a key belongs to, if it belongs to one. Those that wait
    /// for a blocked runtime are of any.
    pub(crate) fn of(key: &Key) -> Option<Self> {
        if let Key::Blocked { .. } = key {
            return None;
        }
        Some(Endpoint { method: key.method()?, route: key.route()?.clone() })
    }
}
