//! What the alerting says of itself, and that nothing it says stops it. Each
//! test runs in a process of its own, since subscribers are the process's.

mod common;

use std::convert::Infallible;
use std::future::ready;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use common::{SOON, check_law, get, response};
use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{
    AlertConfig, AlertConfigBuilder, AlertHandle, BoxFuture, Clock, Delivery, DeliveryError,
    Destination, Receipt, RequestAlert, SlackAlertLayer, Transport,
};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;

/// Runs one of the tests below in a process of its own.
fn child(name: &str) -> Output {
    let arguments = ["--exact", name, "--ignored", "--nocapture", "--test-threads=1"];
    let output = Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn e2_an_outage_is_a_few_lines_in_the_log() {
    child("in_a_child::an_hour_without_slack");
}

#[test]
fn c8_no_text_of_a_stranger_makes_lines_in_our_log() {
    child("in_a_child::forged_lines");
}

#[test]
fn d11_a_panic_of_our_own_thread_is_survived() {
    child("in_a_child::a_subscriber_that_panics");
}

#[test]
fn d17_a_subscriber_may_ask_us_while_we_log() {
    child("in_a_child::a_subscriber_that_asks");
}

/// Keeps what our own targets log.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl Kept {
    fn lines(&self, with: &str) -> Vec<String> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|line| line.contains(with)).cloned().collect()
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Kept {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if metadata.target().starts_with("tower_slack_alert")
            && *metadata.level() <= tracing::Level::INFO
        {
            let mut message = Message(String::new());
            event.record(&mut message);
            self.0.lock().unwrap().push(format!("{} {}", metadata.level(), message.0));
        }
    }
}

/// Does what it is told: 0 takes, 1 is not there, 2 refuses the credentials.
#[derive(Clone, Default)]
struct Door(Arc<AtomicU8>, Arc<AtomicUsize>);

impl Transport for Door {
    fn deliver<'a>(&'a self, _: Delivery<'a>) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        let answer = match self.0.load(Ordering::SeqCst) {
            0 => {
                self.1.fetch_add(1, Ordering::SeqCst);
                Ok(Receipt::new())
            }
            1 => Err(DeliveryError::transient().because("nobody_is_there")),
            _ => Err(DeliveryError::revoked().because("token_revoked")),
        };
        Box::pin(ready(answer))
    }
}

fn start(
    door: &Door,
    configure: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder,
) -> (SlackAlertLayer, AlertHandle) {
    let config = AlertConfig::builder(Destination::transport(door.clone()));
    let layer = SlackAlertLayer::new(configure(config).build().unwrap());
    let handle = layer.handle();
    (layer, handle)
}

fn fail(layer: &SlackAlertLayer, path: &str) {
    let mut service = layer.layer(service_fn(|_: Request<()>| {
        ready(Ok::<Response<Empty<&[u8]>>, Infallible>(response(500, Empty::new())))
    }));
    futures_util::FutureExt::now_or_never(service.call(get(path))).unwrap().unwrap();
}

mod in_a_child {
    use super::*;

    #[tokio::test]
    #[ignore = "run in a process of its own"]
    async fn an_hour_without_slack() {
        let kept = Kept::default();
        tracing_subscriber::registry().with(kept.clone()).init();
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_349_040));
        let door = Door::default();
        let (layer, handle) = start(&door, |config| config.clock(clock.clone()));
        let pass = async |time: Duration| {
            let mut left = time;
            while left > Duration::ZERO {
                fail(&layer, "/orders");
                let step = Duration::from_secs(10).min(left);
                clock.advance(step);
                left -= step;
                let _next = handle.settle().await;
            }
        };
        for (state, begins) in [(1, "could not deliver"), (2, "takes no messages")] {
            door.0.store(0, Ordering::SeqCst);
            pass(Duration::from_secs(1_200)).await;
            kept.0.lock().unwrap().clear();
            door.0.store(state, Ordering::SeqCst);
            pass(Duration::from_secs(3_600)).await;
            let said = kept.0.lock().unwrap().clone();
            assert_eq!(kept.lines(begins).len(), 1, "{said:#?}");
            assert!(kept.lines("undelivered for").len() <= 1, "{said:#?}");
            assert!(said.len() <= 3, "{said:#?}");
            door.0.store(0, Ordering::SeqCst);
            pass(Duration::from_secs(1_200)).await;
            assert_eq!(
                kept.lines("takes messages again").len(),
                1,
                "{:#?}",
                kept.0.lock().unwrap()
            );
        }
        check_law(&handle.stats());
    }

    #[test]
    #[ignore = "run in a process of its own"]
    fn forged_lines() {
        let kept = Kept::default();
        tracing_subscriber::registry().with(kept.clone()).init();
        let door = Door::default();
        door.0.store(1, Ordering::SeqCst);
        let (_layer, handle) = start(&door, |config| config);
        let forged = "jobs\n🟢 recovered\u{1b}[31m";
        handle.report(forged, &std::io::Error::other(forged));
        let report = handle.shutdown_blocking(Duration::from_secs(1));
        assert!(!report.completed());
        let all = kept.0.lock().unwrap().clone();
        assert!(all.iter().any(|line| line.contains("not told before the end")), "{all:#?}");
        for line in all {
            assert!(!line.contains('\n') && !line.contains('\u{1b}'), "{line:?}");
        }
        assert!(!report.to_string().contains('\n'), "{report}");
    }

    /// Panics at the first line about an alert that was told.
    struct PanicsOnce(AtomicUsize);

    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for PanicsOnce {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let is_ours = event.metadata().target() == "tower_slack_alert::alert";
            if is_ours && self.0.fetch_add(1, Ordering::SeqCst) == 0 {
                panic!("in the subscriber");
            }
        }
    }

    #[tokio::test]
    #[ignore = "run in a process of its own"]
    async fn a_subscriber_that_panics() {
        tracing_subscriber::registry().with(PanicsOnce(AtomicUsize::new(0))).init();
        let door = Door::default();
        let (layer, handle) = start(&door, |config| config);
        fail(&layer, "/orders");
        fail(&layer, "/users");
        assert!(handle.flush(SOON).await.completed(), "{:#?}", handle.stats());
        fail(&layer, "/carts");
        assert!(handle.flush(SOON).await.completed(), "{:#?}", handle.stats());
        let stats = handle.stats();
        check_law(&stats);
        assert_eq!((stats.observed(), stats.restarts()), (3, 1), "{stats:#?}");
        assert!(door.1.load(Ordering::SeqCst) >= 2);
        assert!(handle.shutdown(SOON).await.completed());
    }

    /// Asks the alerting about itself whenever it says something.
    #[derive(Clone, Default)]
    struct Asks(Arc<Mutex<Option<AlertHandle>>>, Arc<AtomicUsize>);

    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Asks {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            if event.metadata().target().starts_with("tower_slack_alert") {
                let handle = self.0.lock().unwrap().clone();
                let Some(handle) = handle else { return };
                let _stats = handle.stats();
                RequestAlert::current().note("asked", 1);
                handle.report("in a subscriber", &std::io::Error::other("so what"));
                self.1.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    #[tokio::test]
    #[ignore = "run in a process of its own"]
    async fn a_subscriber_that_asks() {
        let asks = Asks::default();
        tracing_subscriber::registry().with(asks.clone()).init();
        let door = Door::default();
        door.0.store(1, Ordering::SeqCst);
        let (layer, handle) = start(&door, |config| config);
        *asks.0.lock().unwrap() = Some(handle.clone());
        fail(&layer, "/orders");
        let begun = std::time::Instant::now();
        while asks.1.load(Ordering::SeqCst) == 0 {
            assert!(begun.elapsed() < SOON, "nothing was said");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        door.0.store(0, Ordering::SeqCst);
        let begun = std::time::Instant::now();
        while door.1.load(Ordering::SeqCst) == 0 {
            assert!(begun.elapsed() < SOON, "nothing was told: {:#?}", handle.stats());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        asks.0.lock().unwrap().take();
        assert!(handle.shutdown(SOON).await.completed());
        check_law(&handle.stats());
    }
}
