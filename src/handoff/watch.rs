//! [`Watch`]: what our thread looks for among the requests in flight.

use std::time::{Duration, Instant};

use crate::observation::{InFlight, Key};

/// What our thread looks for among the requests in flight. The request path's
/// rules know it; our thread knows when.
pub(crate) trait Watch: Send {
    /// Counts requests that hang by now; returns when to look again.
    fn look(&mut self, now: Instant) -> Instant;

    /// The process did not run for so long, until then: nobody's fault.
    fn missed(&mut self, until: Instant, gap: Duration);

    /// Those that were counted and still run: of which key, how many, and when
    /// the oldest began.
    fn running(&mut self) -> Vec<(Key, u64, Instant)>;

    /// The oldest requests that have no answer yet, at most so many.
    fn oldest(&self, now: Instant, most: usize) -> Vec<InFlight>;
}
