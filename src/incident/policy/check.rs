//! Whether a policy's numbers fit together.

use std::time::Duration;

use super::IncidentPolicy;

/// Longer spans are taken for mistakes.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
const MAX_COUNT: u64 = 1_000_000;
const MAX_STEPS: usize = 64;
const MAX_REPLICAS: u32 = 10_000;

impl IncidentPolicy {
    /// What does not fit: the field's name, and the problem.
    pub(crate) fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        self.check_spans(&mut faults);
        self.check_series(&mut faults);
        self.check_counts(&mut faults);
        for rule in &self.tell_after {
            if !(1..=MAX_COUNT).contains(&rule.count) {
                faults.push(("tell_after", "must count from 1 to 1 000 000".to_owned()));
            }
            if !is_span(rule.window) {
                faults.push(("tell_after window", SPAN.to_owned()));
            }
        }
        for rule in &self.mentions {
            faults.extend(rule.fault().map(|fault| ("mention", fault)));
        }
        faults
    }

    fn check_spans(&self, faults: &mut Vec<(&'static str, String)>) {
        let spans = [
            ("close_after", self.close_after),
            ("policy.reopen_within", self.reopen_within),
            ("policy.calm_after", self.calm_after),
            ("policy.escalate_every", self.escalate_every),
            ("policy.long_after", self.long_after),
            ("policy.quiet_for", self.quiet_for),
            ("policy.holding_every", self.holding_every),
            ("policy.outage_after", self.outage_after),
            ("policy.roll_up_within", self.roll_up_within),
            ("policy.roll_up_open_within", self.roll_up_open_within),
            ("policy.roll_up_joins_within", self.roll_up_joins_within),
            ("policy.pace", self.posts_every),
            ("policy.budget_window", self.budget_window),
            ("policy.mention_every", self.mention_every),
            ("policy.late_tick", self.late_tick),
        ];
        for (name, span) in spans {
            if !is_span(span) {
                faults.push((name, SPAN.to_owned()));
            }
        }
        if self.close_after_max.is_some_and(|longest| !is_span(longest)) {
            faults.push(("policy.close_after_max", SPAN.to_owned()));
        } else if self.close_after_max.is_some_and(|longest| longest < self.close_after) {
            faults.push(("policy.close_after_max", "must not be shorter than close_after".into()));
        }
        if self.calm_after < self.reopen_within {
            faults.push(("policy.calm_after", "must not be shorter than reopen_within".into()));
        }
    }

    fn check_series(&self, faults: &mut Vec<(&'static str, String)>) {
        let later_ages: Vec<Duration> = self.edits.later.iter().map(|(from, _)| *from).collect();
        for (name, steps) in [
            ("policy.digests", &self.digests),
            ("policy.reminders", &self.reminders),
            ("policy.running_ages", &self.running_ages),
        ] {
            if steps.is_empty() || steps.len() > MAX_STEPS || !steps.iter().all(|s| is_span(*s)) {
                let problem = "must have 1 to 64 steps, each more than zero and at most a year";
                faults.push((name, problem.to_owned()));
            } else if !steps.is_sorted() {
                faults.push((name, "must not get shorter".to_owned()));
            }
        }
        if self.edits.first.len() > MAX_STEPS || !self.edits.first.iter().all(|s| is_span(*s)) {
            let problem = "must have at most 64 ages, each more than zero and at most a year";
            faults.push(("policy.first_edits", problem.to_owned()));
        } else if !self.edits.first.is_sorted_by(|a, b| a < b) {
            faults.push(("policy.first_edits", "must grow from age to age".to_owned()));
        }
        let every = self.edits.later.iter().map(|(_, every)| *every);
        if later_ages.len() > MAX_STEPS
            || !every.into_iter().all(is_span)
            || !later_ages.iter().all(|age| *age <= LONGEST)
        {
            let problem = "must have at most 64 steps, each more than zero and at most a year";
            faults.push(("policy.later_edits", problem.to_owned()));
        } else if !later_ages.is_sorted_by(|a, b| a < b) {
            faults.push(("policy.later_edits", "must grow from age to age".to_owned()));
        }
    }

    fn check_counts(&self, faults: &mut Vec<(&'static str, String)>) {
        if self.late_tick < Duration::from_secs(1) && is_span(self.late_tick) {
            // Timers are that late by themselves.
            faults.push(("policy.late_tick", "must be at least a second".to_owned()));
        }
        if self.roll_up_at == 1 {
            let problem = "must be 0 for never, or at least 2: one route is no roll-up";
            faults.push(("policy.roll_up_at", problem.to_owned()));
        }
        // More is a flood, and Slack may disable the app.
        if !(1..=20).contains(&self.posts_burst) {
            faults.push(("policy.pace", "must have a burst of 1 to 20".to_owned()));
        }
        if !(1..=1_000).contains(&self.edits_per_minute) {
            faults.push(("policy.edits_per_minute", "must be from 1 to 1000".to_owned()));
        }
        if !(2..=1_000).contains(&self.budget) {
            let problem = "must be from 2 to 1000: one of them says what is held";
            faults.push(("policy.budget", problem.to_owned()));
        }
        if self.budget_minor < 1 || self.budget_minor > self.budget {
            let problem = "must leave from 1 message to all of them for what is minor";
            faults.push(("policy.budget", problem.to_owned()));
        }
        if !(2..=10_000).contains(&self.budget_hourly) {
            faults.push(("policy.budget_hourly", "must be from 2 to 10000".to_owned()));
        } else if self.budget_hourly < self.budget {
            let problem = "must not be smaller than the budget of one window";
            faults.push(("policy.budget_hourly", problem.to_owned()));
        }
        if !(1..=MAX_REPLICAS).contains(&self.replicas) {
            faults.push(("replicas", "must be from 1 to 10000".to_owned()));
        }
    }
}

const SPAN: &str = "must be more than zero and at most a year";

fn is_span(span: Duration) -> bool {
    !span.is_zero() && span <= LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Mention, MentionRule};

    #[test]
    fn the_defaults_fit() {
        assert_eq!(IncidentPolicy::default().faults(), []);
        assert_eq!(IncidentPolicy::every_event().faults(), []);
    }

    #[test]
    fn zero_reversed_and_overflowing_are_named() {
        let zero = Duration::ZERO;
        let second = Duration::from_secs(1);
        let long = Duration::MAX;
        let policy = IncidentPolicy::new;
        let cases: Vec<(IncidentPolicy, &str)> = vec![
            (policy().close_after(zero), "close_after"),
            (policy().close_after(long), "close_after"),
            (policy().close_after_max(long), "policy.close_after_max"),
            (
                policy().close_after(10 * second).close_after_max(9 * second),
                "policy.close_after_max",
            ),
            (policy().close_after_max(second), "policy.close_after_max"),
            (policy().reopen_within(zero), "policy.reopen_within"),
            (policy().calm_after(second), "policy.calm_after"),
            (policy().first_edits([zero]), "policy.first_edits"),
            (policy().first_edits([2 * second, second]), "policy.first_edits"),
            (policy().later_edits([(zero, zero)]), "policy.later_edits"),
            (policy().later_edits([(second, second), (zero, second)]), "policy.later_edits"),
            (policy().digests([]), "policy.digests"),
            (policy().digests([2 * second, second]), "policy.digests"),
            (policy().reminders([long]), "policy.reminders"),
            (policy().running_ages([]), "policy.running_ages"),
            (policy().running_ages([2 * second, second]), "policy.running_ages"),
            (policy().quiet_for(zero), "policy.quiet_for"),
            (policy().holding_every(zero), "policy.holding_every"),
            (policy().outage_after(zero), "policy.outage_after"),
            (policy().escalate_every(zero), "policy.escalate_every"),
            (policy().long_after(zero), "policy.long_after"),
            (policy().roll_up_at(1), "policy.roll_up_at"),
            (policy().roll_up_within(zero), "policy.roll_up_within"),
            (policy().roll_up_open_within(zero), "policy.roll_up_open_within"),
            (policy().roll_up_joins_within(long), "policy.roll_up_joins_within"),
            (policy().pace(zero, 3), "policy.pace"),
            (policy().pace(second, 0), "policy.pace"),
            (policy().edits_per_minute(0), "policy.edits_per_minute"),
            (policy().budget(1, 1), "policy.budget"),
            (policy().budget(20, 21), "policy.budget"),
            (policy().budget_hourly(10), "policy.budget_hourly"),
            (policy().budget_window(zero), "policy.budget_window"),
            (policy().mention_every(zero), "policy.mention_every"),
            (policy().late_tick(zero), "policy.late_tick"),
            (IncidentPolicy { replicas: 0, ..policy() }, "replicas"),
            (
                IncidentPolicy {
                    mentions: vec![MentionRule::new(Mention::user("bob"))],
                    ..policy()
                },
                "mention",
            ),
        ];
        for (policy, field) in cases {
            let faults = policy.faults();
            assert!(faults.iter().all(|(name, _)| *name == field), "{field}: {faults:?}");
            assert!(!faults.is_empty(), "{field}");
        }
    }

    /// What just fits, and what just does not.
    #[test]
    fn limits_are_what_they_say() {
        let spans = |n: u64| (1..=n).map(Duration::from_secs).collect::<Vec<_>>();
        let steps = |n: u64| spans(n).into_iter().map(|at| (at, at)).collect::<Vec<_>>();
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        let policy = IncidentPolicy::new;
        let cases = [
            (policy().close_after_max(5 * minute), policy().close_after_max(5 * minute - second)),
            (policy().calm_after(30 * minute), policy().calm_after(30 * minute - second)),
            (policy().digests(spans(64)), policy().digests(spans(65))),
            (policy().digests([second, second]), policy().digests([minute, second])),
            (policy().reminders(spans(64)), policy().reminders(spans(65))),
            (policy().running_ages(spans(64)), policy().running_ages(spans(65))),
            (policy().first_edits(spans(64)), policy().first_edits(spans(65))),
            (policy().first_edits([second, minute]), policy().first_edits([second, second])),
            (policy().later_edits(steps(64)), policy().later_edits(steps(65))),
            (
                policy().later_edits([(second, minute), (minute, minute)]),
                policy().later_edits([(second, minute), (second, minute)]),
            ),
            (policy().late_tick(second), policy().late_tick(second / 2)),
            (policy().budget(20, 1), policy().budget(20, 0)),
            (policy().budget(20, 20), policy().budget(20, 21)),
            (policy().budget_hourly(20), policy().budget_hourly(19)),
            (policy().roll_up_at(2), policy().roll_up_at(1)),
            (
                policy().quiet_for(366 * 24 * 60 * minute),
                policy().quiet_for(366 * 24 * 60 * minute + second),
            ),
        ];
        for (number, (fits, does_not)) in cases.into_iter().enumerate() {
            assert_eq!(fits.faults(), [], "{number}");
            assert_eq!(does_not.faults().len(), 1, "{number}");
        }
    }
}
