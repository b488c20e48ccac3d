//! What a destination is to be told of an incident next, and when.

use std::time::{Duration, Instant};

use crate::observation::{Key, Kind, Route, later};

use super::super::budget::Weight;
use super::super::incident::Incident;
use super::super::telling::Telling;
use super::{Broadcast, DestinationIndex, Engine, Mention};

/// What there is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The first word.
    First,
    /// Its message is gone; a new one takes its place.
    Anew,
    /// One more, where each is told.
    Each,
    /// It is back.
    Again,
    /// A worse kind joined.
    Worse,
    /// Ten times as many.
    Grown,
    /// Somebody is to be mentioned.
    Mention,
    /// It still goes on.
    Reminder,
    /// None of its requests runs any more.
    Settled,
    /// What was held.
    Digest,
    /// It is over.
    End,
}

/// Something to say, from some time on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub(super) at: Instant,
    pub(super) what: What,
}

impl Engine {
    /// What is to be told by a message that is seen.
    pub(super) fn visible_due(
        &self,
        now: Instant,
        incident: &Incident,
        destination: DestinationIndex,
    ) -> Option<Due> {
        let telling = incident.tellings.get(destination)?;
        if incident.host.is_some() || !self.is_told(incident) {
            return None;
        }
        let at_once = |what| Some(Due { at: now, what });
        let held = self.held_of(incident, destination);
        let wanted = self.is_due_at_once(incident, destination, telling);
        if !telling.is_known {
            // After a refusal it keeps the pace of the series.
            let refused = telling.last_message;
            let after = refused.map(|last| self.step_after(destination, last, telling.step));
            let at_once = wanted || self.stopping;
            let at = after.filter(|at| *at > now && !at_once).unwrap_or(now);
            // Its routes may have been told by themselves, and what hangs by
            // what it was part of.
            let runs = self.hanging_of(incident).count > 0;
            let is_roll_up = matches!(incident.key, Key::RollUp { .. });
            // What the budget held was told by its number only.
            let place = self.destinations.get(destination);
            let was_held =
                place.is_some_and(|place| place.holding.incidents.contains(&incident.id));
            let is_news = held > 0 || (!incident.is_over() && (runs || is_roll_up || was_held));
            return is_news.then_some(Due { at, what: What::First });
        }
        if telling.is_lost {
            return at_once(What::Anew);
        }
        if self.policy.each && held > 0 {
            return at_once(What::Each);
        }
        if incident.is_over() {
            return if self.is_end_seen(incident, destination, telling, held) {
                at_once(What::End)
            } else {
                None
            };
        }
        if incident.round.number > telling.told.round {
            return at_once(What::Again);
        }
        let worst = self.worst_of(incident).severity();
        if telling.told.severity.is_some_and(|told| worst > told) {
            return at_once(What::Worse);
        }
        if !self.mentions_due(now, incident, destination).is_empty() {
            return at_once(What::Mention);
        }
        if self.is_editable(destination, telling) {
            self.seen_again(now, incident, destination, telling)
        } else {
            self.digest(now, incident, destination, telling)
        }
    }

    /// What is seen of an incident whose message can't be edited.
    fn digest(
        &self,
        now: Instant,
        incident: &Incident,
        destination: DestinationIndex,
        telling: &Telling,
    ) -> Option<Due> {
        let runs = self.hanging_of(incident).count;
        let ran = telling.told.hanging;
        if ran > 0 && runs == 0 && self.round_total(incident) > 0 {
            return Some(Due { at: now, what: What::Settled });
        }
        let last = telling.last_message.or(telling.last_visible)?;
        let wanted = self.is_due_at_once(incident, destination, telling);
        // Some of what ran has ended, and that has not been told.
        let turned = runs < ran && self.round_total(incident) > 0;
        if self.held_of(incident, destination) == 0 && !turned {
            return (runs > 0).then(|| self.reminder(destination, telling, last));
        }
        let at = self.step_after(destination, last, telling.step);
        if !wanted && self.is_left_to_the_end(incident, at) {
            return None;
        }
        Some(Due { at: if wanted { now } else { at }, what: What::Digest })
    }

    /// What is seen of an incident whose message is edited.
    fn seen_again(
        &self,
        now: Instant,
        incident: &Incident,
        destination: DestinationIndex,
        telling: &Telling,
    ) -> Option<Due> {
        let last = telling.last_visible?;
        // What may be over by now needs nobody's attention; the next
        // observation brings it back.
        let quiet = later(self.last_seen(incident).mono, self.policy.quiet_for);
        if now > quiet && self.hanging_of(incident).count == 0 {
            return None;
        }
        let grown = decade(self.round_total(incident)) > telling.told.decade;
        let grown =
            grown.then(|| Due { at: later(last, self.policy.escalate_every), what: What::Grown });
        let reminder = self.reminder(destination, telling, last);
        grown.into_iter().chain([reminder]).min_by_key(|due| due.at)
    }

    /// That it still goes on, some time after `last`.
    fn reminder(&self, destination: DestinationIndex, telling: &Telling, last: Instant) -> Due {
        let after = self.policy.reminder_after(telling.reminders);
        Due { at: self.late(destination, later(last, after), after), what: What::Reminder }
    }

    /// Whether its state is told without keeping to the series.
    fn is_due_at_once(
        &self,
        incident: &Incident,
        destination: DestinationIndex,
        telling: &Telling,
    ) -> bool {
        telling.catches_up || self.is_wanted(incident, destination)
    }

    /// Whether it has been quiet before a digest would be due, and its end,
    /// which tells the rest, comes soon.
    fn is_left_to_the_end(&self, incident: &Incident, at: Instant) -> bool {
        let quiet = later(self.last_seen(incident).mono, self.policy.quiet_for);
        let soon = later(at, self.policy.close_after);
        at > quiet && self.quiet_at(incident).is_some_and(|end| end <= soon)
    }

    /// Whether the end of an incident is to be seen.
    fn is_end_seen(
        &self,
        incident: &Incident,
        destination: DestinationIndex,
        telling: &Telling,
        held: u64,
    ) -> bool {
        let long = self.lasted(incident) > self.policy.long_after;
        if self.is_editable(destination, telling) {
            let told = &telling.told;
            let always = self.policy.broadcast == Broadcast::Always;
            !told.visible_end && (long || told.again || !told.mention_rules.is_empty() || always)
        } else {
            // What was said to be back must not be left at that.
            let again = incident.round.number > 0 && !self.policy.each;
            held > 0 || (!telling.told.end && (long || again))
        }
    }

    /// When an incident's message is to be edited.
    pub(super) fn edit_due(
        &self,
        now: Instant,
        incident: &Incident,
        destination: DestinationIndex,
    ) -> Option<Instant> {
        let telling = incident.tellings.get(destination)?;
        if !self.is_editable(destination, telling) || !self.is_told(incident) {
            return None;
        }
        if incident.host.is_some() {
            return (!telling.told.joined).then_some(now);
        }
        let changed = incident.version != telling.shown.version;
        let wanted = self.is_due_at_once(incident, destination, telling);
        // What ran has ended, or the other way round.
        let turned = (telling.told.hanging > 0) != (self.hanging_of(incident).count > 0);
        if changed && (incident.is_over() || telling.shown.is_end || wanted || turned) {
            return Some(now);
        }
        let last = telling.shown_at.unwrap_or(now);
        if changed {
            let began = telling.began.unwrap_or(last);
            let (mark, step) = self.policy.edits.after(last.saturating_duration_since(began));
            return Some(self.late(destination, later(began, mark), step));
        }
        // Nothing but the age of what still runs.
        let began = self.hanging_of(incident).began.filter(|_| !incident.is_over())?;
        let since = self.engine_instant(began);
        let age = self.policy.next_running_age(last.saturating_duration_since(since));
        Some(later(since, age))
    }

    pub(super) fn is_editable(&self, destination: DestinationIndex, telling: &Telling) -> bool {
        let can_edit = self.destinations.get(destination).is_some_and(|place| place.can_edit);
        can_edit && telling.message.is_some() && !self.policy.each
    }

    /// When the digest after `last` may follow.
    fn step_after(&self, destination: DestinationIndex, last: Instant, step: usize) -> Instant {
        let after = self.policy.digest_after(step);
        self.late(destination, later(last, after), after)
    }

    /// Later by this process's part of a step, so that replicas take turns.
    fn late(&self, destination: DestinationIndex, at: Instant, step: Duration) -> Instant {
        let phase = self.destinations.get(destination).map_or(0.0, |place| place.phase);
        later(at, step.mul_f64(phase.clamp(0.0, 1.0) / 2.0))
    }

    /// Who is to be mentioned now, with a message about an incident.
    pub(super) fn mentions_due(
        &self,
        now: Instant,
        incident: &Incident,
        destination: DestinationIndex,
    ) -> Vec<(usize, Mention)> {
        if self.policy.mentions.is_empty() {
            return Vec::new();
        }
        let (Some(telling), Some(place)) =
            (incident.tellings.get(destination), self.destinations.get(destination))
        else {
            return Vec::new();
        };
        let (kind, total) = (self.worst_of(incident), self.round_total(incident));
        let counted = self.counted(incident);
        let places = counted.iter().map(|one| (one.key.route().cloned(), one.endpoint()));
        let places = places.filter_map(|(own, at)| own.or(at.map(|at| at.route)));
        let places: Vec<Route> = places.collect();
        let mut due: Vec<(usize, Mention)> = Vec::new();
        for (number, rule) in self.policy.mentions.iter().enumerate() {
            let routes = places.iter().map(Route::as_str);
            let is_here =
                rule.is_for(self.identity.environment(), &self.policy.mention_environments);
            let is_done = telling.told.mention_rules.contains(&number);
            if is_done || !is_here || !rule.covers(kind, total, routes) {
                continue;
            }
            let rests = place.mentioned.get(&rule.mention).is_some_and(|(at, severity)| {
                now < later(*at, self.policy.mention_every) && kind.severity() <= *severity
            });
            if !rests {
                due.push((number, rule.mention.clone()));
            }
        }
        due
    }

    /// When somebody may be mentioned again who is to be.
    pub(super) fn mention_rests(
        &self,
        now: Instant,
        incident: &Incident,
        destination: DestinationIndex,
    ) -> Option<Instant> {
        if self.policy.mentions.is_empty() || incident.is_over() || incident.host.is_some() {
            return None;
        }
        let place = self.destinations.get(destination)?;
        let ends = place.mentioned.values().map(|(at, _)| later(*at, self.policy.mention_every));
        ends.filter(|at| *at > now).min()
    }

    /// What a message takes of the budget.
    pub(super) fn weight(&self, incident: &Incident, what: What) -> Weight {
        let is_mild = matches!(self.worst_of(incident), Kind::Slow | Kind::Cancelled);
        match what {
            What::Digest | What::Reminder => Weight::Minor,
            _ if is_mild => Weight::Minor,
            _ => Weight::Major,
        }
    }

    /// How bad it is: what is worse goes first.
    pub(super) fn severity(&self, incident: &Incident) -> u8 {
        match incident.key {
            // Several routes are worse than one of them.
            Key::RollUp { .. } => self.worst_of(incident).severity() + 1,
            _ => self.worst_of(incident).severity(),
        }
    }
}

/// How many zeros the number of the count's size has.
pub(super) fn decade(count: u64) -> u32 {
    count.checked_ilog10().unwrap_or(0)
}
