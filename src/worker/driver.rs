//! [`Driver`]: carries facts into the engine and its actions out to Slack.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc as sync;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::delivery::{DeliveryError, Dispatch, Health, Outbox, Receipt, Resolution};
use crate::handoff::{Batch, DestinationState, Handoff};
use crate::incident::{DestinationIndex, Engine, Input, Observed, Placement, Role, SentOutcome};
use crate::observation::{DropReason, Time, later};

use super::attempt::{Attempt, Ended, Runner, guarded, panicked};
use super::channel::{self, Channel};
use super::control::Command;
use super::record::{self, Turn};
use super::reports::CheckReport;
use super::setup::{ChannelSetup, Setup};
use super::test_messages::Tests;

/// At the most so often the tally is drained.
const DRAIN_EVERY: Duration = Duration::from_millis(20);
/// How long the thread drains when everybody has let go of it.
const ABANDONED_FOR: Duration = Duration::from_secs(1);

/// Carries facts into the engine and its actions out to Slack.
pub(super) struct Driver {
    handoff: Arc<Handoff>,
    started: Instant,
    engine: Engine,
    outbox: Outbox,
    destinations: Vec<Target>,
    commands: mpsc::UnboundedReceiver<Command>,
    ended: (mpsc::UnboundedSender<Ended>, mpsc::UnboundedReceiver<Ended>),
    flushes: Vec<(Instant, sync::SyncSender<bool>)>,
    tests: Tests,
    stopping: Option<Stopping>,
    drained_at: Option<Instant>,
}

struct Target {
    name: String,
    is_fallback: bool,
    stands_by: bool,
    channel: Channel,
    /// The dry run writes the whole message; its one-line record would repeat it.
    is_log: bool,
    warned_late: bool,
    last_fault: Option<String>,
}

/// The process is about to end.
struct Stopping {
    deadline: Instant,
    replies: Vec<sync::SyncSender<bool>>,
}

/// What woke the driver.
enum Event {
    Command(Option<Command>),
    Ended(Ended),
    Time,
    Filled,
}

impl Driver {
    pub(super) async fn new(setup: &Setup, commands: mpsc::UnboundedReceiver<Command>) -> Self {
        let handoff = Arc::clone(&setup.handoff);
        let channels = channel::open(setup);
        // All at once: somebody's transport may take its time.
        let asked: Vec<_> = channels
            .iter()
            .map(|channel| {
                let channel = channel.clone();
                tokio::spawn(async move { channel.capabilities().await })
            })
            .collect();
        let mut roles = Vec::new();
        for (asked, destination) in asked.into_iter().zip(&setup.destinations) {
            let can_edit = asked.await.unwrap_or_default().can_edit();
            roles.push(Role { can_edit, is_fallback: destination.is_fallback });
        }
        let now = Time::now(&handoff.clock);
        let places = channels.into_iter().zip(&setup.destinations).map(|(channel, setup)| Target {
            name: setup.name.clone(),
            is_fallback: setup.is_fallback,
            stands_by: setup.is_fallback,
            channel,
            is_log: matches!(setup.channel, ChannelSetup::Log),
            warned_late: false,
            last_fault: None,
        });
        let destinations: Vec<Target> = places.collect();
        Driver {
            engine: Engine::new(
                setup.policy.clone(),
                Arc::clone(&setup.identity),
                now,
                fastrand::u64(..),
                roles,
            ),
            outbox: Outbox::new(destinations.len(), fastrand::u64(..)),
            started: now.mono,
            handoff,
            destinations,
            commands,
            ended: mpsc::unbounded_channel(),
            flushes: Vec::new(),
            tests: Tests::default(),
            stopping: None,
            drained_at: None,
        }
    }

    /// Runs until it has been told to stop and there is nothing left to do.
    pub(super) async fn run(&mut self) {
        loop {
            self.step();
            if self.is_over() {
                self.finish();
                return;
            }
            match self.next_event().await {
                Event::Command(Some(command)) => self.obey(command),
                // Everybody has let go.
                Event::Command(None) => self.stop(later(Instant::now(), ABANDONED_FOR), None),
                Event::Ended(ended) => self.take(ended),
                Event::Time | Event::Filled => {}
            }
        }
    }

    fn now(&self) -> Time {
        Time::now(&self.handoff.clock)
    }

    /// Does everything that can be done without waiting.
    fn step(&mut self) {
        if self.stopping.is_none() && self.may_drain() {
            let batch = self.handoff.ledger.take(&self.handoff.tally);
            self.drained_at = Some(Instant::now());
            self.observe(batch);
        }
        let now = self.now();
        self.engine.tick(now);
        self.relieve();
        loop {
            let actions: Vec<_> = self.engine.actions().collect();
            for action in actions {
                self.outbox.push(now.mono, action);
            }
            let mut skipped = false;
            for destination in 0..self.destinations.len() {
                skipped |= self.dispatch(now, destination);
            }
            // What was skipped may leave the engine something else to ask for.
            if !skipped {
                break;
            }
            self.engine.tick(now);
        }
        self.account(now);
        self.answer_flushes();
    }

    fn observe(&mut self, batch: Batch) {
        let observed = batch.rows.into_iter().map(|row| Observed {
            key: row.key,
            counts: row.counts,
            moved_in: row.moved_in,
            moved_out: row.moved_out,
            samples: row.samples,
        });
        self.engine.handle(self.now(), Input::Observed(observed.collect()));
    }

    /// Lets fallbacks speak when nobody else can, and stand by again.
    fn relieve(&mut self) {
        let now = self.now();
        let all_down =
            self.destinations.iter().enumerate().filter(|(_, place)| !place.is_fallback).all(
                |(index, _)| {
                    // There is no time left to wait and see.
                    let in_haste = self.stopping.is_some() && self.outbox.is_failing(index);
                    in_haste || self.outbox.is_down(now.mono, index)
                },
            );
        for destination in 0..self.destinations.len() {
            let Some(place) = self.destinations.get_mut(destination) else { continue };
            if place.is_fallback && place.stands_by == all_down {
                place.stands_by = !all_down;
                let stands_by = place.stands_by;
                self.engine.handle(now, Input::Standby { destination, stands_by });
            }
        }
    }

    /// Starts what a destination can be told now. Returns whether something
    /// turned out to have nothing to say.
    fn dispatch(&mut self, now: Time, destination: DestinationIndex) -> bool {
        let mut skipped = false;
        loop {
            let engine = &self.engine;
            let is_edit = |subject| engine.is_edit(destination, subject);
            let Some(dispatch) = self.outbox.poll(now.mono, destination, is_edit) else {
                return skipped;
            };
            let Some(target) = self.destinations.get(destination) else { return skipped };
            let runner = Runner::new(destination, target.channel.clone(), self.ended.0.clone());
            let (subject, form, maybe_repeat, outage) = match dispatch {
                Dispatch::Probe => {
                    runner.probe();
                    continue;
                }
                Dispatch::Test => {
                    runner.test(self.engine.test_view(now));
                    continue;
                }
                Dispatch::Send { subject, form, maybe_repeat, outage } => {
                    (subject, form, maybe_repeat, outage)
                }
            };
            let Some((mut view, carried, placement)) = self.engine.view(now, destination, subject)
            else {
                self.outbox.skip(destination, subject);
                self.engine.skipped(destination, subject);
                skipped = true;
                continue;
            };
            // An edit can't be there twice.
            view.maybe_repeat = maybe_repeat && placement == Placement::New;
            view.outage = outage;
            runner.send(subject, carried, view, placement, form);
        }
    }

    fn take(&mut self, ended: Ended) {
        let now = self.now();
        let destination = ended.destination;
        let was_failing = self.outbox.is_failing(destination);
        let was_down = self.outbox.is_down(now.mono, destination);
        match ended.what {
            Attempt::Probed(result) => {
                self.outbox.probed(now.mono, destination, result.is_ok());
            }
            Attempt::Tested(result) => {
                self.outbox.done(now.mono, destination, result.as_ref().copied());
                let names = || self.destinations.iter().map(|target| target.name.clone());
                self.tests.answered(destination, &result, names);
            }
            Attempt::Sent { subject, carried, last_word, headline, result } => {
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
                    let sent = Input::Sent { destination, subject, carried, last_word, outcome };
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

    /// Brings the ledger up to date, and says what is late.
    fn account(&mut self, now: Time) {
        self.handoff.tally.forget(&self.engine.take_ended());
        self.handoff.ledger.settle(self.engine.accounts());
        for (index, place) in self.destinations.iter_mut().enumerate() {
            let late = self.outbox.late(now.mono, index);
            if let Some(late) = late.filter(|_| !place.warned_late) {
                record::late(&place.name, late.as_secs(), place.last_fault.as_deref());
            }
            place.warned_late = late.is_some();
        }
        let healths: Vec<Health> =
            (0..self.destinations.len()).map(|index| self.outbox.health(now.mono, index)).collect();
        self.handoff.ledger.describe(|destinations| {
            for (stats, health) in destinations.iter_mut().zip(healths) {
                stats.state = match health {
                    Health::Ready => DestinationState::Ready,
                    Health::Paused => DestinationState::Paused,
                    Health::Retrying => DestinationState::Retrying,
                    Health::Open => DestinationState::Open,
                };
            }
        });
    }

    fn is_idle(&self) -> bool {
        let empty = (0..self.destinations.len())
            .all(|destination| self.stands_by(destination) || self.outbox.is_empty(destination));
        empty && self.engine.is_idle()
    }

    fn stands_by(&self, destination: DestinationIndex) -> bool {
        self.destinations.get(destination).is_none_or(|place| place.stands_by)
    }

    fn answer_flushes(&mut self) {
        if self.flushes.is_empty() {
            return;
        }
        let flushed = self.engine.is_flushed();
        let now = Instant::now();
        let flushes = std::mem::take(&mut self.flushes);
        for (deadline, reply) in flushes {
            if flushed || now >= deadline || self.is_hopeless_by(deadline) {
                let _ = reply.try_send(flushed);
            } else {
                self.flushes.push((deadline, reply));
            }
        }
    }

    /// Nothing of what is left can go out by then: no need to wait for it.
    fn is_hopeless_by(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let horizon = later(self.now().mono, left);
        (0..self.destinations.len()).all(|destination| {
            let is_edit = |subject| self.engine.is_edit(destination, subject);
            self.stands_by(destination)
                || !self.outbox.can_progress_by(destination, horizon, is_edit)
        })
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Flush { deadline, reply } => {
                let batch = self.handoff.ledger.take(&self.handoff.tally);
                self.observe(batch);
                self.engine.handle(self.now(), Input::Flush);
                self.flushes.push((deadline, reply));
            }
            Command::Shutdown { deadline, reply } => self.stop(deadline, reply),
            Command::Silence { matcher, lasting } => {
                self.engine.handle(self.now(), Input::Silence { matcher, lasting });
            }
            Command::Check { reply } => self.check(reply),
            Command::TestMessage { reply } => self.test(reply),
        }
    }

    fn check(&self, reply: oneshot::Sender<CheckReport>) {
        // All at once: one that hangs holds up none of the others.
        let checks: Vec<_> = self
            .destinations
            .iter()
            .map(|target| {
                let channel = target.channel.clone();
                let checked = tokio::spawn(guarded(async move { channel.check().await }));
                (target.name.clone(), checked)
            })
            .collect();
        tokio::spawn(async move {
            let mut results = Vec::new();
            for (name, checked) in checks {
                results.push((name, checked.await.unwrap_or_else(|_| Err(panicked()))));
            }
            let _ = reply.send(CheckReport::new(results));
        });
    }

    fn test(&mut self, reply: oneshot::Sender<CheckReport>) {
        let destinations = self.destinations.len();
        (0..destinations).for_each(|destination| self.outbox.ask_test(destination));
        self.tests.begin(destinations, reply);
    }

    fn stop(&mut self, deadline: Instant, reply: Option<sync::SyncSender<bool>>) {
        if let Some(stopping) = &mut self.stopping {
            stopping.deadline = stopping.deadline.min(deadline);
            stopping.replies.extend(reply);
            return;
        }
        let batch = self.handoff.ledger.close(&self.handoff.tally, DropReason::AfterShutdown);
        self.observe(batch);
        self.engine.handle(self.now(), Input::Stop);
        self.stopping = Some(Stopping { deadline, replies: reply.into_iter().collect() });
    }

    fn is_over(&self) -> bool {
        let Some(stopping) = &self.stopping else { return false };
        let left = stopping.deadline.saturating_duration_since(Instant::now());
        left < MARGIN || self.is_hopeless_by(stopping.deadline) || self.is_idle()
    }

    fn finish(&mut self) {
        let idle = self.is_idle();
        let held: Vec<_> =
            self.engine.held().map(|(at, key, held)| (at, key.clone(), held)).collect();
        self.engine.handle(self.now(), Input::Abandon);
        self.handoff.ledger.settle(self.engine.accounts());
        for (_, reply) in self.flushes.drain(..) {
            let _ = reply.try_send(idle);
        }
        let replies = self.stopping.take().map(|stopping| stopping.replies);
        for reply in replies.into_iter().flatten() {
            let _ = reply.try_send(idle);
        }
        for (destination, key, held) in held {
            if let Some(target) = self.destinations.get(destination) {
                record::lost(&target.name, &key, held, target.last_fault.as_deref());
            }
        }
    }

    fn may_drain(&self) -> bool {
        self.drained_at.is_none_or(|at| at.elapsed() >= DRAIN_EVERY)
    }

    async fn next_event(&mut self) -> Event {
        let now = self.now();
        let engine = &self.engine;
        let deadlines = (0..self.destinations.len()).filter_map(|destination| {
            let is_edit = |subject| engine.is_edit(destination, subject);
            self.outbox.deadline(now.mono, destination, is_edit)
        });
        let deadline = deadlines.chain(engine.deadline()).min();
        let clock = self.handoff.clock.clone();
        let mut timed = pin!(async move {
            match deadline {
                Some(deadline) => clock.sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        });
        // Promises to callers are kept by the machine's clock.
        let promised = self.flushes.iter().map(|(deadline, _)| *deadline);
        let stopping = self.stopping.as_ref().map(|stopping| earlier(stopping.deadline, MARGIN));
        let promised = promised.chain(stopping).min();
        let mut promised = pin!(async move {
            match promised {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        });
        let stopping = self.stopping.is_some();
        let drain_at = self.drained_at.map(|at| later(at, DRAIN_EVERY));
        let tally = &self.handoff.tally;
        let mut filled = pin!(async move {
            if stopping {
                std::future::pending::<()>().await;
            }
            tally.filled().await;
            if let Some(at) = drain_at {
                tokio::time::sleep_until(at.into()).await;
            }
        });
        let (commands, ended) = (&mut self.commands, &mut self.ended.1);
        poll_fn(|cx| {
            if let Poll::Ready(Some(ended)) = ended.poll_recv(cx) {
                return Poll::Ready(Event::Ended(ended));
            }
            // A closed channel has been heard once; it is always ready then.
            if !(stopping && commands.is_closed() && commands.is_empty()) {
                if let Poll::Ready(command) = commands.poll_recv(cx) {
                    return Poll::Ready(Event::Command(command));
                }
            }
            if filled.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Filled);
            }
            if timed.as_mut().poll(cx).is_ready() || promised.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Time);
            }
            Poll::Pending
        })
        .await
    }
}

/// A report leaves this long before its deadline, so that it arrives in time.
const MARGIN: Duration = Duration::from_millis(20);

fn earlier(at: Instant, by: Duration) -> Instant {
    at.checked_sub(by).unwrap_or(at)
}
