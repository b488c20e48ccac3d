//! [`Control`]: what keeps our thread alive and tells it what to do.

use std::sync::mpsc::{self as sync, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::handoff::{Handoff, Outside, own_thread};
use crate::incident::Matcher;
use crate::observation::later;
use crate::observation::lock::relock;

use super::reports::{CheckReport, FlushReport, ShutdownReport};
use super::setup::Setup;
use super::silences::Silences;

/// What our thread is told to do.
pub(super) enum Command {
    Flush {
        deadline: Instant,
        reply: sync::SyncSender<bool>,
    },
    /// Without a reply when nobody waits for it.
    Shutdown {
        deadline: Instant,
        reply: Option<sync::SyncSender<bool>>,
    },
    Check {
        reply: oneshot::Sender<CheckReport>,
    },
    TestMessage {
        reply: oneshot::Sender<CheckReport>,
    },
    Silence {
        id: u64,
        matcher: Matcher,
        lasting: Duration,
    },
    /// Do everything that is due, and say when the next thing is.
    #[cfg(any(test, feature = "test-util"))]
    Settle {
        reply: oneshot::Sender<Option<Instant>>,
    },
}

/// What keeps our thread alive and tells it what to do. When the last clone of
/// the layer, its services and its handles is gone, the thread drains for at
/// most a second and ends.
#[derive(Debug)]
pub(crate) struct Control {
    pub(super) handoff: Arc<Handoff>,
    pub(super) silences: Arc<Silences>,
    /// Hears of things outside of requests for as long as this lives.
    _outside: Arc<Outside>,
    commands: mpsc::UnboundedSender<Command>,
    ended: Mutex<Option<ShutdownReport>>,
}

impl Control {
    pub(super) fn new(setup: &Setup) -> (Self, mpsc::UnboundedReceiver<Command>) {
        let (commands, receiver) = mpsc::unbounded_channel();
        let control = Control {
            handoff: Arc::clone(&setup.handoff),
            silences: Arc::clone(&setup.silences),
            _outside: Arc::clone(&setup.outside),
            commands,
            ended: Mutex::new(None),
        };
        (control, receiver)
    }

    pub(super) fn silence(&self, matcher: Matcher, lasting: Duration) {
        let id = self.silences.ask(&matcher, lasting);
        if self.commands.send(Command::Silence { id, matcher, lasting }).is_err() {
            // Without a thread there is nothing to silence.
            self.silences.withdraw(id);
        }
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(super) async fn settle(&self) -> Option<Instant> {
        let (reply, replied) = oneshot::channel();
        self.commands.send(Command::Settle { reply }).ok()?;
        replied.await.ok().flatten()
    }

    pub(super) fn flush_blocking(&self, limit: Duration) -> FlushReport {
        let deadline = later(Instant::now(), limit);
        let (reply, replied) = sync::sync_channel(1);
        let _ = self.commands.send(Command::Flush { deadline, reply });
        let answer = replied.recv_timeout(limit);
        FlushReport::new(self.is_all_told(answer), &self.handoff.stats())
    }

    /// Returns by the deadline, whatever our thread is doing. The first report
    /// stands.
    pub(super) fn shutdown_blocking(&self, limit: Duration) -> ShutdownReport {
        if let Some(report) = &*relock(&self.ended) {
            return report.clone();
        }
        let deadline = later(Instant::now(), limit);
        let (reply, replied) = sync::sync_channel(1);
        let _ = self.commands.send(Command::Shutdown { deadline, reply: Some(reply) });
        let answer = replied.recv_timeout(limit);
        let report = ShutdownReport::new(self.is_all_told(answer), self.handoff.stats());
        relock(&self.ended).get_or_insert(report).clone()
    }

    /// What our thread said, or would have: it may have ended meanwhile, by
    /// another's call, or never have begun.
    fn is_all_told(&self, answer: Result<bool, RecvTimeoutError>) -> bool {
        match answer {
            Ok(all_told) => all_told,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                let all_told = self.handoff.all_told.get();
                all_told.copied().unwrap_or_else(|| self.handoff.stats().is_nothing_lost())
            }
        }
    }

    pub(super) async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<CheckReport>) -> Command,
    ) -> Option<CheckReport> {
        let (reply, replied) = oneshot::channel();
        self.commands.send(command(reply)).ok()?;
        replied.await.ok()
    }
}

/// Waits for blocking work without blocking the caller's runtime, and without
/// its timer: on a thread of its own.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + Sync + Clone + 'static,
) -> T {
    let (done, waited) = oneshot::channel();
    let there = work.clone();
    let thread = std::thread::Builder::new().name("slack-alert-wait".to_owned());
    let spawned = thread.spawn(move || {
        own_thread::mark();
        let _ = done.send(there());
    });
    if spawned.is_ok() {
        if let Ok(answer) = waited.await {
            return answer;
        }
    }
    // No thread to be had: then here, for as long as it was asked for.
    work()
}
