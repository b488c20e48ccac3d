//! [`InFlight`]: a request that runs while another one is told.

use std::time::Duration;

use super::{MethodName, Route};

/// A request that runs while another one is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    pub(crate) method: MethodName,
    pub(crate) route: Route,
    pub(crate) age: Duration,
    pub(crate) polled_for: Option<Duration>,
}

impl InFlight {
    /// Its method.
    #[must_use]
    pub fn method(&self) -> MethodName {
        self.method
    }

    /// Its route.
    #[must_use]
    pub fn route(&self) -> &Route {
        &self.route
    }

    /// How long ago it came.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.age
    }

    /// For how long it has been polled without a break, if it is being polled.
    #[must_use]
    pub fn polled_for(&self) -> Option<Duration> {
        self.polled_for
    }
}
