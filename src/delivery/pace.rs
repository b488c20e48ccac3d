//! [`Pace`]: never more than a burst and one per interval.

use std::time::{Duration, Instant};

use crate::observation::later;

/// Lets through at most `burst` at once and one per `interval` after that, so
/// never more than `burst + t / interval` within any time `t`.
///
/// Something that takes a while happened at an unknown moment in between; the
/// bound holds wherever that moment was, since time is counted from its end.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    interval: Duration,
    tolerance: Duration,
    /// Generic cell rate: the theoretical arrival of the next one.
    next: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(interval: Duration, burst: u32) -> Self {
        Pace { interval, tolerance: interval.saturating_mul(burst.saturating_sub(1)), next: None }
    }

    /// From when on the next one may start.
    pub(crate) fn ready_at(&self) -> Option<Instant> {
        self.next.map(|next| next.checked_sub(self.tolerance).unwrap_or(next))
    }

    #[cfg(test)]
    fn is_ready(&self, now: Instant) -> bool {
        self.ready_at().is_none_or(|ready| now >= ready)
    }

    /// One started at some moment and ended now.
    pub(crate) fn ended(&mut self, now: Instant) {
        let base = self.next.map_or(now, |next| next.max(now));
        self.next = Some(later(base, self.interval));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_and_then_one_by_one() {
        let mut pace = Pace::new(Duration::from_secs(1), 3);
        let start = Instant::now();
        for _ in 0..3 {
            assert!(pace.is_ready(start));
            pace.ended(start);
        }
        assert!(!pace.is_ready(start));
        assert_eq!(pace.ready_at(), Some(start + Duration::from_secs(1)));
    }

    proptest! {
        /// Whenever within its run each message really arrived: never more
        /// than 3 + t in t seconds.
        #[test]
        fn never_more_than_three_and_t_in_t_seconds(
            // Mostly at once and quick, now and then idle or slow for long.
            runs in proptest::collection::vec(
                (
                    prop_oneof![4 => Just(0u64), 1 => 0u64..10_000],
                    prop_oneof![4 => Just(0u64), 1 => 0u64..12_000],
                    0u64..=100,
                ),
                1..60,
            )
        ) {
            let mut pace = Pace::new(Duration::from_secs(1), 3);
            let start = Instant::now();
            let mut now = start;
            let mut arrivals = Vec::new();
            for (idle, takes, arrives) in runs {
                now += Duration::from_millis(idle);
                now = now.max(pace.ready_at().unwrap_or(now));
                prop_assert!(pace.is_ready(now));
                let began = now;
                now += Duration::from_millis(takes);
                pace.ended(now);
                arrivals.push(began + Duration::from_millis(takes * arrives / 100));
            }
            for (i, first) in arrivals.iter().enumerate() {
                for (j, last) in arrivals.iter().enumerate().skip(i) {
                    let within = last.duration_since(*first).as_secs_f64();
                    prop_assert!((j - i + 1) as f64 <= 3.0 + within + 1e-9);
                }
            }
        }
    }
}
