//! [`EditSeries`]: at which ages a message is brought up to date.

use std::time::Duration;

use super::{HOUR, MINUTE, SECOND};

/// At which ages a message is brought up to date: soon at first, then at a
/// slowing pace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EditSeries {
    pub(crate) first: Vec<Duration>,
    /// From each age on, how often.
    pub(crate) later: Vec<(Duration, Duration)>,
}

impl Default for EditSeries {
    fn default() -> Self {
        EditSeries {
            first: [2, 5, 10].map(|n| n * SECOND).to_vec(),
            later: vec![
                (10 * SECOND, 30 * SECOND),
                (10 * MINUTE, MINUTE),
                (HOUR, 5 * MINUTE),
                (6 * HOUR, 15 * MINUTE),
            ],
        }
    }
}

impl EditSeries {
    /// The first mark after an age, and how far it is from the one before.
    pub(crate) fn after(&self, age: Duration) -> (Duration, Duration) {
        let mut before = Duration::ZERO;
        for mark in &self.first {
            if *mark > age {
                return (*mark, mark.saturating_sub(before));
            }
            before = *mark;
        }
        let mut steps = self.later.iter().peekable();
        while let Some((from, every)) = steps.next() {
            let from = (*from).max(before);
            let until = steps.peek().map(|(next, _)| *next).filter(|next| *next > from);
            if until.is_some_and(|until| age >= until) {
                continue;
            }
            let every = (*every).max(Duration::from_millis(1));
            let passed = age.saturating_sub(from).as_nanos() / every.as_nanos();
            let steps = u32::try_from(passed).unwrap_or(u32::MAX).saturating_add(1);
            let mark = from.saturating_add(every.saturating_mul(steps));
            return (until.map_or(mark, |until| mark.min(until)), every);
        }
        // No later steps: the last one of the first repeats.
        let every = before.max(SECOND);
        (age.saturating_add(every), every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soon_at_first_and_then_slower() {
        let series = EditSeries::default();
        let mut age = Duration::ZERO;
        let mut marks = Vec::new();
        while age < 8 * HOUR {
            age = series.after(age).0;
            marks.push(age.as_secs());
        }
        assert_eq!(marks[..6], [2, 5, 10, 40, 70, 100]);
        let count = |from: u64, to: u64| marks.iter().filter(|m| (from..to).contains(m)).count();
        assert_eq!(count(600, 3600), 50);
        assert_eq!(count(3600, 6 * 3600), 60);
        assert_eq!(count(6 * 3600, 7 * 3600), 4);
        assert!(marks.contains(&600) && marks.contains(&3600));
    }

    #[test]
    fn the_next_mark_is_always_later() {
        for series in [
            EditSeries::default(),
            EditSeries { first: vec![], later: vec![] },
            EditSeries { first: vec![SECOND], later: vec![] },
            EditSeries { first: vec![], later: vec![(Duration::ZERO, SECOND)] },
        ] {
            for millis in (0..40_000_000).step_by(7_919) {
                let age = Duration::from_millis(millis);
                assert!(series.after(age).0 > age, "{series:?} at {age:?}");
            }
        }
    }
}
