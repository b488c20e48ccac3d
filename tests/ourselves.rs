//! What the alerting says of itself, and that nothing it says stops it. Each
//! test runs in a process of its own, since subscribers are the process's.

mod common;

use std::convert::Infallible;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use common::child::passes;
use common::{SOON, check_law, get, response};
use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{
    AlertConfig, AlertConfigBuilder, AlertHandle, BoxFuture, Clock, Delivery, DeliveryError,
    Destination, DropReason, Receipt, RequestAlert, SlackAlertLayer, SlackMessage, Transport,
};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;

#[test]
fn e2_an_outage_is_a_few_lines_in_the_log() {
    passes("in_a_child::an_hour_without_slack");
}

#[test]
fn c8_no_text_of_a_stranger_makes_lines_in_our_log() {
    passes("in_a_child::forged_lines");
}

#[test]
fn d11_a_panic_of_our_own_thread_is_survived() {
    passes("in_a_child::a_subscriber_that_panics");
}

#[test]
fn d17_a_subscriber_may_ask_us_while_we_log() {
    passes("in_a_child::a_subscriber_that_asks");
}

#[test]
fn e3_what_was_refused_is_in_the_count_of_the_next_message() {
    passes("in_a_child::two_refusals");
}

#[test]
#[cfg(target_os = "linux")]
fn d3_runtimes_come_and_go_and_leave_no_thread() {
    passes("in_a_child::three_hundred_runtimes");
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

/// What a [`Door`] does with a message.
#[derive(Clone, Copy)]
enum Does {
    Take,
    /// Nobody is there.
    Fail,
    /// Takes no messages from this sender.
    Revoke,
    /// Does not take this message.
    Refuse,
}

/// A destination that does as it is told, and keeps what it took.
#[derive(Clone)]
struct Door {
    does: Arc<Mutex<Does>>,
    took: Arc<Mutex<Vec<String>>>,
}

impl Door {
    fn that(does: Does) -> Self {
        Door { does: Arc::new(Mutex::new(does)), took: Arc::default() }
    }

    fn now(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    fn took(&self) -> Vec<String> {
        self.took.lock().unwrap().clone()
    }
}

impl Transport for Door {
    fn deliver<'a>(
        &'a self,
        delivery: Delivery<'a>,
    ) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        let answer = match *self.does.lock().unwrap() {
            Does::Take => {
                let text = SlackMessage::built_in(delivery.view(), delivery.op()).to_plain();
                self.took.lock().unwrap().push(text);
                Ok(Receipt::new())
            }
            Does::Fail => Err(DeliveryError::transient().because("nobody_is_there")),
            Does::Revoke => Err(DeliveryError::revoked().because("token_revoked")),
            Does::Refuse => Err(DeliveryError::refused().because("invalid_blocks")),
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
        let door = Door::that(Does::Take);
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
        for (does, begins) in
            [(Does::Fail, "could not deliver"), (Does::Revoke, "takes no messages")]
        {
            door.now(Does::Take);
            pass(Duration::from_secs(1_200)).await;
            kept.0.lock().unwrap().clear();
            door.now(does);
            pass(Duration::from_secs(3_600)).await;
            let said = kept.0.lock().unwrap().clone();
            assert_eq!(kept.lines(begins).len(), 1, "{said:#?}");
            assert!(kept.lines("undelivered for").len() <= 1, "{said:#?}");
            assert!(said.len() <= 3, "{said:#?}");
            door.now(Does::Take);
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
        let door = Door::that(Does::Fail);
        let (_layer, handle) = start(&door, |config| config);
        let forged = "jobs\n🟢 recovered\u{1b}[31m";
        handle.report(forged, &std::io::Error::other(forged));
        let report = handle.shutdown_blocking(Duration::from_secs(1));
        assert!(!report.completed());
        // A busy machine may give the report first.
        let begun = std::time::Instant::now();
        while kept.lines("not told before the end").is_empty() {
            assert!(begun.elapsed() < SOON, "{:#?}", kept.lines(""));
            std::thread::sleep(Duration::from_millis(2));
        }
        let all = kept.lines("");
        for line in all {
            assert!(!line.contains('\n') && !line.contains('\u{1b}'), "{line:?}");
        }
        assert!(!report.to_string().contains('\n'), "{report}");
    }

    /// Slack refuses a message and its plain text. The log and the statistics
    /// say so at once, and the next message counts what the lost one had told.
    #[tokio::test]
    #[ignore = "run in a process of its own"]
    async fn two_refusals() {
        let kept = Kept::default();
        tracing_subscriber::registry().with(kept.clone()).init();
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_349_040));
        let door = Door::that(Does::Refuse);
        let (layer, handle) = start(&door, |config| config.clock(clock.clone()));
        fail(&layer, "/orders");
        let _next = handle.settle().await;
        let stats = handle.stats();
        check_law(&stats);
        assert_eq!(stats.destinations()[0].account().dropped(DropReason::Refused), 1, "{stats:#?}");
        assert!(stats.destinations()[0].last_fault().unwrap().contains("invalid_blocks"));
        let dropped = kept.lines("dropped, since Slack refused it");
        assert_eq!(dropped.len(), 1, "{dropped:#?}");
        assert!(dropped[0].contains("500 GET /orders"), "{dropped:#?}");
        assert!(door.took().is_empty());
        door.now(Does::Take);
        for _ in 0..40 {
            fail(&layer, "/orders");
            clock.advance(Duration::from_secs(60));
            let _next = handle.settle().await;
        }
        let told = door.took();
        let stats = handle.stats();
        check_law(&stats);
        let account = stats.destinations()[0].account();
        // All that was observed, the lost one included.
        let total = account.delivered() + account.coalesced() + 1;
        assert!(told[0].contains("500 GET /orders · 0 ms · 2 so far"), "{told:#?}");
        let says = format!(" more · {total} since ");
        assert!(told.last().is_some_and(|last| last.contains(&says)), "{total}: {told:#?}");
    }

    fn threads() -> usize {
        std::fs::read_dir("/proc/self/task").map(Iterator::count).unwrap_or(0)
    }

    /// Each makes a layer, fails a request and is gone, as tests of a service do.
    #[test]
    #[ignore = "run in a process of its own"]
    fn three_hundred_runtimes() {
        let door = Door::that(Does::Take);
        let before = threads();
        for number in 0..300 {
            let mut builder = match number % 2 {
                0 => tokio::runtime::Builder::new_current_thread(),
                _ => tokio::runtime::Builder::new_multi_thread(),
            };
            let runtime = builder.worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let (layer, _handle) = start(&door, |config| config);
                fail(&layer, "/orders");
            });
        }
        let begun = std::time::Instant::now();
        // Nobody waits for what a dropped layer tells in its last second.
        while threads() > before {
            assert!(begun.elapsed() < SOON, "{} threads, {before} before", threads());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!door.took().is_empty());
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
        let door = Door::that(Does::Take);
        let (layer, handle) = start(&door, |config| config);
        fail(&layer, "/orders");
        fail(&layer, "/users");
        assert!(handle.flush(SOON).await.completed(), "{:#?}", handle.stats());
        fail(&layer, "/carts");
        assert!(handle.flush(SOON).await.completed(), "{:#?}", handle.stats());
        let stats = handle.stats();
        check_law(&stats);
        assert_eq!((stats.observed(), stats.restarts()), (3, 1), "{stats:#?}");
        assert!(door.took().len() >= 2);
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
        let door = Door::that(Does::Fail);
        let (layer, handle) = start(&door, |config| config);
        *asks.0.lock().unwrap() = Some(handle.clone());
        fail(&layer, "/orders");
        let begun = std::time::Instant::now();
        while asks.1.load(Ordering::SeqCst) == 0 {
            assert!(begun.elapsed() < SOON, "nothing was said");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        door.now(Does::Take);
        let begun = std::time::Instant::now();
        while door.took().is_empty() {
            assert!(begun.elapsed() < SOON, "nothing was told: {:#?}", handle.stats());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        asks.0.lock().unwrap().take();
        assert!(handle.shutdown(SOON).await.completed());
        check_law(&handle.stats());
    }
}
