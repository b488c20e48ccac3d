//! Starts our thread, and keeps it running through panics of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::handoff::own_thread;
use crate::observation::DropReason;

use super::control::{Command, Control};
use super::driver::Driver;
use super::setup::Setup;

/// Longest wait before going on after a panic of our own.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Starts our thread. Without one, requests are served and counted as dropped.
pub(crate) fn start(setup: Setup) -> Arc<Control> {
    let handoff = Arc::clone(&setup.handoff);
    handoff.ledger.open(setup.destinations.iter().map(|destination| destination.name.clone()));
    let (control, commands) = Control::new(&setup);
    let outside = Arc::clone(&setup.outside);
    let thread = std::thread::Builder::new().name("slack-alert".to_owned());
    if let Err(error) = thread.spawn(move || run(&setup, commands)) {
        let fault = format!("the alerting thread could not start: {error}");
        tracing::error!(target: "tower_slack_alert", "no alerts will be sent: {fault}");
        handoff.ledger.fault(fault);
        let _ = handoff.ledger.close(&handoff.tally, DropReason::NoThread);
    }
    let control = Arc::new(control);
    let flushed = Arc::downgrade(&control);
    outside.listen(move |limit| {
        if let Some(control) = flushed.upgrade() {
            let _ = control.flush_blocking(limit);
        }
    });
    control
}

fn run(setup: &Setup, commands: mpsc::UnboundedReceiver<Command>) {
    own_thread::mark();
    let handoff = &setup.handoff;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_start(own_thread::mark)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let fault = format!("the alerting runtime could not start: {error}");
            tracing::error!(target: "tower_slack_alert", "no alerts will be sent: {fault}");
            handoff.ledger.fault(fault);
            let _ = handoff.ledger.close(&handoff.tally, DropReason::NoThread);
            return;
        }
    };
    let made = catch_unwind(AssertUnwindSafe(|| runtime.block_on(Driver::new(setup, commands))));
    let Ok(mut driver) = made else {
        let fault = "the alerting panicked while it started".to_owned();
        tracing::error!(target: "tower_slack_alert", "no alerts will be sent: {fault}");
        handoff.ledger.fault(fault);
        let _ = handoff.ledger.close(&handoff.tally, DropReason::NoThread);
        return;
    };
    let mut rest = Duration::from_millis(100);
    loop {
        let ran = catch_unwind(AssertUnwindSafe(|| runtime.block_on(driver.run())));
        if ran.is_ok() {
            break;
        }
        // Our own fault, or a subscriber's while we log. Facts reach the engine
        // before anything is logged, so its counts are whole.
        handoff.ledger.restarted();
        tracing::error!(target: "tower_slack_alert", "the alerting panicked and goes on");
        std::thread::sleep(rest);
        rest = rest.saturating_mul(2).min(LONGEST_REST);
    }
    drop(driver);
    // A lookup that hangs must not hold up the process's end.
    runtime.shutdown_background();
}

#[cfg(all(test, feature = "__http"))]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use super::super::setup::{ChannelSetup, DestinationSetup};
    use super::*;
    use crate::handoff::{Handoff, Outside};
    use crate::incident::IncidentPolicy;
    use crate::observation::{Clock, DropReason, Facts, Identity, KeyRef};
    use crate::slack::{HttpSettings, WebhookUrl};

    fn setup(channel: ChannelSetup, http: HttpSettings) -> Setup {
        let handoff = Arc::new(Handoff::new(Clock::default()));
        let name = "webhook".to_owned();
        Setup {
            handoff: Arc::clone(&handoff),
            policy: IncidentPolicy::default(),
            identity: Arc::new(Identity::default()),
            http,
            links: Arc::default(),
            gauges: Vec::new(),
            outside: Arc::new(Outside::new(handoff, false, false)),
            destinations: vec![DestinationSetup { name, is_fallback: false, channel }],
            silences: Arc::default(),
            seed: 1,
            watch: Mutex::new(None),
        }
    }

    #[test]
    fn a_tls_library_that_does_not_start_is_a_fault_and_no_panic() {
        let url = WebhookUrl::parse("https://hooks.slack.com/services/T0/B0/x").unwrap();
        let channel = ChannelSetup::Webhook { url, render: None };
        // Settings that the configuration would not have let through.
        let http =
            HttpSettings { root_certificates: vec![b"junk".to_vec()], ..HttpSettings::default() };
        let setup = setup(channel, http);
        let handoff = Arc::clone(&setup.handoff);
        let _control = start(setup);
        let begun = Instant::now();
        while handoff.stats().faults().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(10), "no fault was shown");
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(handoff.stats().faults(), ["a root certificate is not valid PEM"]);
    }

    /// The thread may end by another's call before it reads this one.
    #[test]
    fn d6_whose_call_is_not_read_any_more_is_told_what_is_so() {
        let (control, mut commands) =
            Control::new(&setup(ChannelSetup::Log, HttpSettings::default()));
        let limit = Duration::from_secs(10);
        let report = std::thread::scope(|scope| {
            let asked = scope.spawn(|| control.shutdown_blocking(limit));
            drop(commands.blocking_recv());
            asked.join().unwrap()
        });
        assert!(report.completed(), "{report}");
    }

    /// Two wait: what our thread says to one is what the other is told.
    #[test]
    fn d6_nobody_is_told_more_than_is_so() {
        for all_told in [true, false] {
            let (control, mut commands) =
                Control::new(&setup(ChannelSetup::Log, HttpSettings::default()));
            let limit = Duration::from_secs(10);
            let (read, unread) = std::thread::scope(|scope| {
                let read = scope.spawn(|| control.shutdown_blocking(limit));
                let Some(Command::Shutdown { reply, .. }) = commands.blocking_recv() else {
                    panic!("another command");
                };
                // As the driver does when it ends.
                control.handoff.all_told.set(all_told).unwrap();
                let unread = scope.spawn(|| control.shutdown_blocking(limit));
                drop(commands.blocking_recv());
                drop(commands);
                let unread = unread.join().unwrap();
                reply.unwrap().send(all_told).unwrap();
                (read.join().unwrap(), unread)
            });
            assert_eq!((read.completed(), unread.completed()), (all_told, all_told));
        }
    }

    #[test]
    fn without_a_thread_what_it_did_not_take_is_not_told() {
        let (control, commands) = Control::new(&setup(ChannelSetup::Log, HttpSettings::default()));
        drop(commands);
        let limit = Duration::from_secs(10);
        let handoff = &control.handoff;
        assert!(control.flush_blocking(limit).completed());
        handoff.ledger.open(["log".to_owned()].into_iter());
        drop(handoff.ledger.close(&handoff.tally, DropReason::NoThread));
        handoff.tally.record(KeyRef::Cut, &Facts::at(handoff.clock.now()));
        assert!(!control.flush_blocking(limit).completed());
        assert!(!control.shutdown_blocking(limit).completed());
    }
}
