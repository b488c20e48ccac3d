//! What goes out, and how it ended.

use crate::delivery::{DeliveryError, Dispatch, Health, Receipt, Resolution};
use crate::incident::{DestinationIndex, IncidentView, Input, Moment, Placement, SentOutcome};
use crate::observation::{DropReason, Endpoint, Key, Kind, Time};

use super::super::attempt::{Attempt, Ended, Runner};
use super::super::gauges::Gauges;
use super::super::record::{self, Turn};
use super::Driver;

/// So many requests in flight are shown beside a slow one.
const MOST_OLDEST: usize = 5;

impl Driver {
    /// Starts what a destination can be told now. Returns whether something
    /// turned out to have nothing to say.
    pub(super) fn dispatch(&mut self, now: Time, destination: DestinationIndex) -> bool {
        let mut skipped = false;
        loop {
            let engine = &self.engine;
            let manner = |subject| engine.manner(destination, subject);
            let Some(dispatch) = self.outbox.poll(now.mono, destination, manner) else {
                return skipped;
            };
            let Some(target) = self.destinations.get(destination) else { return skipped };
            let runner = Runner::new(destination, target.channel.clone(), self.ended.0.clone());
            let (subject, form, maybe_repeat) = match dispatch {
                Dispatch::Probe => {
                    runner.probe();
                    continue;
                }
                Dispatch::Test => {
                    runner.test(self.engine.test_view(now));
                    continue;
                }
                Dispatch::Send { subject, form, maybe_repeat } => (subject, form, maybe_repeat),
            };
            let Some((mut view, carried, placement)) = self.engine.view(now, destination, subject)
            else {
                self.outbox.skip(destination, subject);
                self.engine.skipped(now, destination, subject);
                skipped = true;
                continue;
            };
            // An edit can't be there twice.
            view.maybe_repeat = maybe_repeat && !matches!(placement, Placement::Edit(_));
            let gauges = self.look_around(now, &mut view);
            runner.send(subject, carried, view, placement, form, gauges);
        }
    }

    /// What goes on beside slow and hung requests, at the moment they are told.
    fn look_around(&self, now: Time, view: &mut IncidentView) -> Option<Gauges> {
        if let Key::Blocked { method, route } = view.key() {
            let by = Endpoint { method: *method, route: route.clone() };
            let since = now.wall.duration_since(view.since()).unwrap_or_default();
            let since = now.mono.checked_sub(since).unwrap_or(self.started);
            view.block = self.handoff.blocks.by(&by, since, now.mono);
        }
        let is_news = matches!(
            view.moment(),
            Moment::First | Moment::Progress | Moment::Again | Moment::Worse | Moment::Reminder
        );
        if view.key().kind() != Kind::Slow || !is_news {
            return None;
        }
        if let Some(watch) = &self.watch {
            view.oldest = watch.oldest(now.mono, MOST_OLDEST);
        }
        Some(self.gauges.clone())
    }

    pub(super) fn take(&mut self, ended: Ended) {
        let now = self.now();
        let destination = ended.destination;
        let was_failing = self.outbox.is_failing(destination);
        let was_down = self.outbox.is_down(now.mono, destination);
        match ended.what {
            Attempt::Probed(result) => {
                let probed = result.as_ref().copied();
                self.outbox.probed(now.mono, destination, probed);
            }
            Attempt::Tested(result) => {
                self.outbox.done(now.mono, destination, result.as_ref().copied());
                let names = || self.destinations.iter().map(|target| target.name.clone());
                self.tests.answered(destination, &result, names);
            }
            Attempt::Sent { subject, carried, headline, result } => {
                let resolution =
                    self.outbox.done(now.mono, destination, result.as_ref().map(|_| ()));
                let fault = result.as_ref().err().cloned();
                let outcome = match resolution {
                    Resolution::Delivered => {
                        Some(SentOutcome::Posted(result.ok().and_then(Receipt::into_reference)))
                    }
                    Resolution::Stale => Some(SentOutcome::Stale),
                    Resolution::Refused => Some(SentOutcome::Dropped(DropReason::Refused)),
                    Resolution::Again => None,
                };
                // Before anything is logged: a subscriber may panic.
                if let Some(outcome) = outcome {
                    let sent = Input::Sent { destination, subject, carried, outcome };
                    self.engine.handle(now, sent);
                }
                let is_open = self.outbox.health(now.mono, destination) == Health::Open;
                let turn = Turn { was_failing, was_down, is_open };
                self.write_down(destination, &headline, resolution, fault.as_ref(), turn);
            }
        }
    }

    /// Writes the local record of an attempt.
    fn write_down(
        &mut self,
        destination: DestinationIndex,
        headline: &str,
        resolution: Resolution,
        fault: Option<&DeliveryError>,
        turn: Turn,
    ) {
        let since_start = self.handoff.clock.now().saturating_duration_since(self.started);
        let code = fault.map(|fault| fault.code().to_owned());
        self.handoff.ledger.describe(|destinations| {
            let Some(stats) = destinations.get_mut(destination) else { return };
            match &code {
                Some(code) => stats.last_fault = Some(code.clone()),
                None => {
                    stats.messages += 1;
                    stats.last_delivery = Some(since_start);
                }
            }
        });
        let Some(target) = self.destinations.get_mut(destination) else { return };
        target.last_fault = code;
        if !(target.is_log && resolution == Resolution::Delivered) {
            record::attempt(&target.name, headline, resolution, fault, turn);
        }
    }
}
