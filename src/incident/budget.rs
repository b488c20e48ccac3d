//! [`Budget`]: how much a destination's channel is shown.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::observation::later;

use super::IncidentPolicy;

const HOUR: Duration = Duration::from_secs(3600);

/// What a visible message counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Slow and cancelled requests, reminders, digests, what a silence held.
    Minor,
    /// Everything else that is seen.
    Major,
    /// The one message that says what is held; a place is kept for it.
    Holding,
}

/// How much a destination's channel is shown: so many visible messages within
/// a window and within an hour.
///
/// A message takes its place when it is asked for and keeps it until it has
/// been in the channel for that long, so the bound holds whenever within its
/// delivery it appeared.
#[derive(Debug)]
pub(super) struct Budget {
    window: Duration,
    limit: usize,
    minor: usize,
    hourly: usize,
    shown: VecDeque<(Instant, Weight)>,
    asked: Vec<Weight>,
}

impl Budget {
    pub(super) fn new(policy: &IncidentPolicy) -> Self {
        let share = |of, at_least| {
            if policy.each {
                usize::MAX
            } else {
                usize::try_from(policy.share(of, at_least)).unwrap_or(usize::MAX)
            }
        };
        Budget {
            window: policy.budget_window,
            limit: share(policy.budget, 2),
            minor: share(policy.budget_minor, 1),
            hourly: share(policy.budget_hourly, 2),
            shown: VecDeque::new(),
            asked: Vec::new(),
        }
    }

    /// From when on there is room for one more; `None` for now.
    pub(super) fn free_at(&self, now: Instant, weight: Weight) -> Option<Instant> {
        let kept = usize::from(weight != Weight::Holding);
        let all = |_: &Weight| true;
        let is_minor = |weight: &Weight| *weight == Weight::Minor;
        let mut free = self.room(now, self.window, self.limit.saturating_sub(kept), all);
        free = free.max(self.room(now, HOUR, self.hourly.saturating_sub(kept), all));
        if weight == Weight::Minor {
            free = free.max(self.room(now, self.window, self.minor, is_minor));
        }
        free
    }

    /// When fewer than `limit` of some weights will be within `window`.
    fn room(
        &self,
        now: Instant,
        window: Duration,
        limit: usize,
        counts: impl Fn(&Weight) -> bool,
    ) -> Option<Instant> {
        let recent = self
            .shown
            .iter()
            .filter(|(at, weight)| counts(weight) && now.saturating_duration_since(*at) < window);
        let recent: Vec<Instant> = recent.map(|(at, _)| *at).collect();
        let asked = self.asked.iter().filter(|weight| counts(weight)).count();
        let over = (recent.len() + asked + 1).saturating_sub(limit);
        if over == 0 {
            return None;
        }
        // Without enough that passes, an answer has to come first; it wakes us.
        let passes = recent.get(over - 1).map(|at| later(*at, window));
        Some(passes.unwrap_or_else(|| later(now, window)))
    }

    /// Takes a place for a message that is asked for.
    pub(super) fn take(&mut self, weight: Weight) {
        self.asked.push(weight);
    }

    /// A message that was asked for came to its end; `shown` if it is in the
    /// channel.
    pub(super) fn settle(&mut self, now: Instant, weight: Weight, shown: bool) {
        if let Some(place) = self.asked.iter().position(|asked| *asked == weight) {
            self.asked.swap_remove(place);
        }
        if shown {
            self.shown.push_back((now, weight));
        }
        let keep = self.window.max(HOUR);
        while self.shown.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= keep) {
            self.shown.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn show(budget: &mut Budget, now: Instant, weight: Weight) {
        budget.take(weight);
        budget.settle(now, weight, true);
    }

    #[test]
    fn a_place_is_kept_for_saying_what_is_held() {
        let mut budget = Budget::new(&IncidentPolicy::default());
        let now = Instant::now();
        for _ in 0..19 {
            assert_eq!(budget.free_at(now, Weight::Major), None);
            show(&mut budget, now, Weight::Major);
        }
        assert_eq!(budget.free_at(now, Weight::Major), Some(now + 10 * MINUTE));
        assert_eq!(budget.free_at(now, Weight::Holding), None);
        show(&mut budget, now, Weight::Holding);
        assert_eq!(budget.free_at(now, Weight::Holding), Some(now + 10 * MINUTE));
        assert_eq!(budget.free_at(now + 10 * MINUTE, Weight::Major), None);
    }

    #[test]
    fn a_place_is_free_when_the_oldest_that_takes_one_passes() {
        let mut budget = Budget::new(&IncidentPolicy::default());
        let now = Instant::now();
        for n in 0..19 {
            show(&mut budget, now + n * Duration::from_secs(1), Weight::Major);
        }
        let at = now + 19 * Duration::from_secs(1);
        assert_eq!(budget.free_at(at, Weight::Major), Some(now + 10 * MINUTE));
        // Two too many: the second one has to pass as well.
        budget.take(Weight::Major);
        assert_eq!(
            budget.free_at(at, Weight::Major),
            Some(now + 10 * MINUTE + Duration::from_secs(1))
        );
    }

    #[test]
    fn what_is_minor_leaves_room_for_the_rest() {
        let mut budget = Budget::new(&IncidentPolicy::default());
        let now = Instant::now();
        for _ in 0..12 {
            show(&mut budget, now, Weight::Minor);
        }
        assert_eq!(budget.free_at(now, Weight::Minor), Some(now + 10 * MINUTE));
        assert_eq!(budget.free_at(now, Weight::Major), None);
    }

    #[test]
    fn replicas_share_it() {
        let budget = Budget::new(&IncidentPolicy { replicas: 4, ..IncidentPolicy::default() });
        assert_eq!((budget.limit, budget.minor, budget.hourly), (5, 3, 15));
        let many = Budget::new(&IncidentPolicy { replicas: 100, ..IncidentPolicy::default() });
        assert_eq!((many.limit, many.minor, many.hourly), (2, 1, 2));
    }

    proptest! {
        /// Whenever within its delivery each message appeared: never more than
        /// 20 within 10 minutes and 60 within an hour, 12 of them minor.
        #[test]
        fn never_over(
            steps in proptest::collection::vec((0u64..90, 0u64..120, any::<bool>(), 0u64..=100), 1..200)
        ) {
            let mut budget = Budget::new(&IncidentPolicy::default());
            let start = Instant::now();
            let mut now = start;
            let mut seen: Vec<(Instant, bool)> = Vec::new();
            let mut open: Vec<(Instant, Instant, Weight, u64)> = Vec::new();
            for (idle, takes, minor, appears) in steps {
                now += Duration::from_secs(idle);
                open.retain(|(asked, ends, weight, appears)| {
                    if *ends > now { return true }
                    budget.settle(*ends, *weight, true);
                    let within = ends.duration_since(*asked).mul_f64(*appears as f64 / 100.0);
                    seen.push((*asked + within, *weight == Weight::Minor));
                    false
                });
                let weight = if minor { Weight::Minor } else { Weight::Major };
                for weight in [weight, Weight::Holding] {
                    if budget.free_at(now, weight).is_none() {
                        budget.take(weight);
                        open.push((now, now + Duration::from_secs(takes), weight, appears));
                        break;
                    }
                }
            }
            for (from, _) in &seen {
                let within = |span: Duration, minor_only: bool| seen.iter().filter(|(at, minor)| {
                    at >= from && at.duration_since(*from) < span && (*minor || !minor_only)
                }).count();
                prop_assert!(within(10 * MINUTE, false) <= 20);
                prop_assert!(within(10 * MINUTE, true) <= 12);
                prop_assert!(within(HOUR, false) <= 60);
            }
        }
    }
}
