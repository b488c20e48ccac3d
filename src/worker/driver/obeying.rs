//! What handles ask for.

use tokio::sync::oneshot;

use crate::incident::Input;

use super::super::attempt::{guarded, panicked};
use super::super::control::Command;
use super::super::reports::CheckReport;
use super::Driver;

impl Driver {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Flush { deadline, reply } => {
                let successes = self.handoff.successes.take();
                self.engine.handle(self.now(), Input::Succeeded(successes));
                let batch = self.handoff.ledger.take(&self.handoff.tally);
                self.observe(batch);
                self.engine.handle(self.now(), Input::Flush);
                self.flushes.push((deadline, reply));
            }
            Command::Shutdown { deadline, reply } => self.stop(deadline, reply),
            Command::Silence { id, matcher, lasting } => {
                self.engine.handle(self.now(), Input::Silence { id, matcher, lasting });
                self.silences.taken(id);
            }
            #[cfg(any(test, feature = "test-util"))]
            Command::Settle { reply } => self.lockstep = Some(Some(reply)),
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
}
