//! [`Driver`]: carries facts into the engine and its actions out to Slack.

mod delivering;
mod ending;
mod obeying;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc as sync;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
#[cfg(any(test, feature = "test-util"))]
use tokio::sync::oneshot;

use crate::delivery::{Health, Outbox};
use crate::handoff::{Batch, DestinationState, Handoff, Watch};
use crate::incident::{Engine, Input, Observed, Role, StillRunning};
use crate::observation::lock::relock;
use crate::observation::{Time, later};

use super::attempt::Ended;
use super::channel::{self, Channel};
use super::control::Command;
use super::gauges::Gauges;
use super::heartbeat::Heartbeat;
use super::record;
use super::setup::{ChannelSetup, Setup};
use super::silences::Silences;
use super::test_messages::Tests;

use ending::{MARGIN, earlier};

/// At the most so often the tally is drained.
const DRAIN_EVERY: Duration = Duration::from_millis(20);
/// How often what was skipped is asked for again within a step.
const MOST_ROUNDS: usize = 16;
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
    silences: Arc<Silences>,
    heartbeat: Heartbeat,
    watch: Option<Box<dyn Watch>>,
    gauges: Gauges,
    look_at: Option<Instant>,
    is_hanging: bool,
    /// A simulation moves us step by step, and waits for this one to be done.
    #[cfg(any(test, feature = "test-util"))]
    lockstep: Option<Option<oneshot::Sender<Option<Instant>>>>,
}

struct Target {
    name: String,
    is_fallback: bool,
    stands_by: bool,
    channel: Channel,
    /// The dry run writes the whole message; its one-line record would repeat it.
    is_log: bool,
    warned_late: bool,
    /// The engine knows that nothing can be delivered.
    is_out: bool,
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
            let can = asked.await.unwrap_or_default();
            roles.push(Role {
                can_edit: can.can_edit(),
                can_reply: can.can_thread(),
                is_fallback: destination.is_fallback,
            });
        }
        let now = Time::now(&handoff.clock);
        let places = channels.into_iter().zip(&setup.destinations).map(|(channel, setup)| Target {
            name: setup.name.clone(),
            is_fallback: setup.is_fallback,
            stands_by: setup.is_fallback,
            channel,
            is_log: matches!(setup.channel, ChannelSetup::Log),
            warned_late: false,
            is_out: false,
            last_fault: None,
        });
        let destinations: Vec<Target> = places.collect();
        Driver {
            engine: Engine::new(
                setup.policy.clone(),
                Arc::clone(&setup.identity),
                now,
                setup.seed,
                roles,
            ),
            outbox: Outbox::new(destinations.len(), &setup.policy, setup.seed.wrapping_add(1)),
            started: now.mono,
            handoff,
            destinations,
            commands,
            ended: mpsc::unbounded_channel(),
            flushes: Vec::new(),
            tests: Tests::default(),
            stopping: None,
            drained_at: None,
            silences: Arc::clone(&setup.silences),
            heartbeat: Heartbeat::new(setup.policy.late_tick),
            watch: relock(&setup.watch).take(),
            gauges: Gauges::new(&setup.gauges, &setup.handoff),
            look_at: Some(now.mono),
            is_hanging: false,
            #[cfg(any(test, feature = "test-util"))]
            lockstep: None,
        }
    }

    /// Runs until it has been told to stop and there is nothing left to do.
    pub(super) async fn run(&mut self) {
        loop {
            // First, so that a silence holds what comes after it.
            while let Ok(command) = self.commands.try_recv() {
                self.obey(command);
            }
            self.step();
            if self.is_over() {
                self.finish();
                return;
            }
            let event = self.next_event().await;
            // Before anything of it is seen: what was missed is nobody's age.
            self.beat();
            match event {
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
        let now = self.now();
        self.look(now);
        if self.stopping.is_none() && self.may_drain() {
            // First: what has ended by now is in the tally by now.
            let running = self.running();
            // Then, so that what went well before a failure is not counted
            // as having gone well since.
            let successes = self.handoff.successes.take();
            self.engine.handle(now, Input::Succeeded(successes));
            let batch = self.handoff.ledger.take(&self.handoff.tally);
            self.drained_at = Some(Instant::now());
            self.observe(batch);
            if let Some(running) = running {
                self.engine.handle(now, Input::Hanging(running));
            }
        }
        self.engine.tick(now);
        self.relieve();
        // A few rounds at most: what is left comes with the next step.
        for _ in 0..MOST_ROUNDS {
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

    /// Takes off what our thread missed.
    fn beat(&mut self) {
        let now = self.now();
        if let Some(gap) = self.heartbeat.beat(&self.handoff.clock, now.mono) {
            self.engine.handle(now, Input::Gap(gap));
            if let Some(watch) = &mut self.watch {
                watch.missed(now.mono, gap);
            }
            record::gap(gap);
        }
    }

    /// Looks for requests that hang by now.
    fn look(&mut self, now: Time) {
        let Some(watch) = self.watch.as_mut().filter(|_| self.stopping.is_none()) else { return };
        if self.look_at.is_some_and(|at| now.mono >= at) {
            self.look_at = Some(watch.look(now.mono));
        }
    }

    /// The requests that were told as hung and still run.
    fn running(&mut self) -> Option<Vec<StillRunning>> {
        let running = self.watch.as_mut()?.running().into_iter();
        let running: Vec<StillRunning> =
            running.map(|(key, count, since)| StillRunning { key, count, since }).collect();
        let was_hanging = std::mem::replace(&mut self.is_hanging, !running.is_empty());
        (was_hanging || self.is_hanging).then_some(running)
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
        for (destination, place) in self.destinations.iter_mut().enumerate() {
            let outage = self.outbox.outage(now.mono, destination);
            if let Some(since) = outage.filter(|_| !place.is_out) {
                self.engine.handle(now, Input::Outage { destination, since });
            }
            place.is_out = outage.is_some();
        }
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

    /// Brings the ledger up to date, and says what is late.
    fn account(&mut self, now: Time) {
        self.handoff.tally.forget(&self.engine.take_ended());
        if let Some(endpoints) = self.engine.take_endpoints() {
            self.handoff.successes.watch(&endpoints);
        }
        self.silences.list(self.engine.silences(now));
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

    /// In a simulation each step drains, so that none is drained in part.
    fn may_drain(&self) -> bool {
        #[cfg(any(test, feature = "test-util"))]
        if let Some(waiting) = &self.lockstep {
            return waiting.is_some();
        }
        self.drained_at.is_none_or(|at| at.elapsed() >= DRAIN_EVERY)
    }

    /// When there is something to do without being told.
    fn deadline(&self, now: Time) -> Option<Instant> {
        let engine = &self.engine;
        let deadlines = (0..self.destinations.len()).filter_map(|destination| {
            let manner = |subject| engine.manner(destination, subject);
            self.outbox.deadline(now.mono, destination, manner)
        });
        let look = self.look_at.filter(|_| self.watch.is_some() && self.stopping.is_none());
        deadlines.chain(engine.deadline()).chain(look).min()
    }

    /// In a simulation, says that this step is done. Whether it is one.
    #[cfg(any(test, feature = "test-util"))]
    fn is_in_lockstep(&mut self) -> bool {
        let now = self.now();
        let deadline = self.deadline(now);
        // What is under way has to end first.
        let is_busy = (0..self.destinations.len()).any(|at| self.outbox.is_busy(at));
        let Some(waiting) = &mut self.lockstep else { return false };
        if !is_busy {
            if let Some(reply) = waiting.take() {
                let _ = reply.send(deadline);
            }
        }
        true
    }

    #[cfg(not(any(test, feature = "test-util")))]
    fn is_in_lockstep(&self) -> bool {
        false
    }

    async fn next_event(&mut self) -> Event {
        let now = self.now();
        let lockstep = self.is_in_lockstep();
        let deadline = self.deadline(now);
        let deadline = self.heartbeat.expect(&self.handoff.clock, now.mono, deadline);
        let deadline = deadline.filter(|_| !lockstep);
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
        let still = stopping || lockstep;
        let drain_at = self.drained_at.map(|at| later(at, DRAIN_EVERY));
        let tally = &self.handoff.tally;
        let mut filled = pin!(async move {
            if still {
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
