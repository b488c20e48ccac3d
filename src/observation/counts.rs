//! [`Counts`]: how often, how long, since when, and how counts merge.

use std::time::{Duration, Instant};

/// How often a key was observed, how long those requests took, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counts {
    pub(crate) total: u64,
    pub(crate) slowest: Duration,
    pub(crate) span: Option<(Instant, Instant)>,
}

impl Counts {
    /// How many requests.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The longest of them.
    #[must_use]
    pub fn slowest(&self) -> Duration {
        self.slowest
    }

    /// When the first one ended.
    #[must_use]
    pub fn first(&self) -> Option<Instant> {
        self.span.map(|(first, _)| first)
    }

    /// When the last one ended.
    #[must_use]
    pub fn last(&self) -> Option<Instant> {
        self.span.map(|(_, last)| last)
    }

    /// Adds one observation; that it is a new one `total` says.
    #[inline]
    pub(crate) fn add(&mut self, at: Instant, took: Duration, total: u64) {
        self.total = self.total.saturating_add(total);
        self.slowest = self.slowest.max(took);
        match &mut self.span {
            Some((_, last)) if at >= *last => *last = at,
            Some((first, _)) => *first = at.min(*first),
            None => self.span = Some((at, at)),
        }
    }

    /// Adds `other`. Commutative and associative.
    pub(crate) fn merge(&mut self, other: &Counts) {
        self.total = self.total.saturating_add(other.total);
        self.slowest = self.slowest.max(other.slowest);
        self.span = match (self.span, other.span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (a, b) => a.or(b),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(base: Instant) -> impl Strategy<Value = Counts> {
        (0u64..1000, 0u64..1000, 0u64..1000, 0u64..1000).prop_map(move |(total, slowest, a, b)| {
            Counts {
                total,
                slowest: Duration::from_millis(slowest),
                span: (total > 0).then(|| {
                    let (a, b) = (a.min(b), a.max(b));
                    (base + Duration::from_millis(a), base + Duration::from_millis(b))
                }),
            }
        })
    }

    fn merged(mut a: Counts, b: &Counts) -> Counts {
        a.merge(b);
        a
    }

    proptest! {
        #[test]
        fn adding_one_is_merging_one(
            observed in proptest::collection::vec((0u64..1000, 0u64..1000, 0u64..2), 0..20),
        ) {
            let base = Instant::now();
            let (mut added, mut merged) = (Counts::default(), Counts::default());
            for (at, took, total) in observed {
                let (at, took) = (base + Duration::from_millis(at), Duration::from_millis(took));
                added.add(at, took, total);
                merged.merge(&Counts { total, slowest: took, span: Some((at, at)) });
            }
            prop_assert_eq!(added, merged);
        }

        #[test]
        fn merge_is_commutative_and_associative(
            (a, b, c) in {
                let base = Instant::now();
                (counts(base), counts(base), counts(base))
            }
        ) {
            prop_assert_eq!(merged(a, &b), merged(b, &a));
            prop_assert_eq!(merged(merged(a, &b), &c), merged(a, &merged(b, &c)));
        }
    }
}
