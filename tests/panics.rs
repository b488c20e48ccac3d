//! Where panics were: the hook, and what becomes of panics in every place.

mod common;

use std::convert::Infallible;
use std::panic::catch_unwind;
use std::process::Output;
use std::time::Duration;

use bytes::Bytes;
use common::child::child;
use common::{SOON, Step, Steps, Watch, get, response};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_slack_alert::{
    AlertConfig, AlertConfigBuilder, Destination, IncidentView, Kind, Op, PanicBacktrace,
    PanicPolicy, RequestAlert, SlackAlertLayer, SlackMessage,
};

type Answer = Result<Response<Empty<Bytes>>, Infallible>;

fn watch(configure: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder) -> Watch {
    Watch::with(|config| configure(config.panic_hook(true)))
}

fn said(view: &IncidentView) -> String {
    SlackMessage::built_in(view, Op::Post).to_plain()
}

/// `tests/panics.rs:LINE:COLUMN` of a panic on `line`.
fn at(line: u32) -> String {
    format!("tests/panics.rs:{line}:")
}

async fn ask<F>(watch: &Watch, path: &str, handler: impl Fn() -> F) -> u16
where
    F: Future<Output = Answer>,
{
    let mut service = watch.layer.layer(service_fn(|_: Request<()>| handler()));
    service.call(get(path)).await.unwrap().status().as_u16()
}

fn ok() -> Answer {
    Ok(response(200, Empty::new()))
}

#[tokio::test]
async fn a_panic_is_told_with_its_site_and_its_request() {
    let watch = watch(|config| config);
    let line = line!() + 1;
    let status = ask(&watch, "/cart", || async { panic!("no such item: {}", 7) }).await;
    assert_eq!(status, 500);
    let view = watch.only().await;
    assert!(view.key().to_string().starts_with(&format!("panicked at {}", at(line))));
    let said = said(&view);
    assert!(said.contains(&format!("panic GET /cart · no such item: 7 · {}", at(line))), "{said}");
    // One place is one incident, whichever routes lead there.
    let broken = || async { "no number".parse::<u8>().map(|_| ok()).unwrap() };
    ask(&watch, "/a", broken).await;
    ask(&watch, "/b", broken).await;
    let mut keys: Vec<String> = watch.keys().await.into_iter().map(|(key, _)| key).collect();
    keys.dedup();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert_eq!(watch.handle.stats().observed(), 3);
}

#[tokio::test]
async fn a_panic_answered_by_a_catch_panic_layer_inside_is_that_panic() {
    let watch = watch(|config| config);
    let inner = service_fn(|_: Request<()>| async { panic!("inside") as Answer });
    let service = watch.layer.layer(CatchPanicLayer::new().layer(inner));
    assert_eq!(service.oneshot(get("/cart")).await.unwrap().status(), 500);
    let view = watch.only().await;
    assert_eq!(view.kind(), Kind::Panicked);
    assert!(said(&view).contains("panic GET /cart · inside · tests/panics.rs:"), "{}", said(&view));
}

#[tokio::test]
async fn a_panic_caught_on_purpose_and_answered_200_is_not_told() {
    let watch = watch(|config| config);
    let caught = || async {
        assert!(catch_unwind(|| panic!("tried")).is_err());
        ok()
    };
    assert_eq!(ask(&watch, "/a", caught).await, 200);
    watch.nothing().await;
}

#[tokio::test]
async fn an_earlier_panic_is_not_taken_for_a_later_one() {
    let watch = watch(|config| config);
    let again = || async {
        let _ = catch_unwind(|| panic!("tried"));
        // It runs no hook, so that its place is not known.
        std::panic::resume_unwind(Box::new("raised"))
    };
    assert_eq!(ask(&watch, "/a", again).await, 500);
    let view = watch.only().await;
    assert_eq!(view.key().to_string(), "panicked GET /a");
    assert!(said(&view).contains("panic GET /a · raised"), "{}", said(&view));

    let line = line!() + 3;
    let twice = || async {
        let _ = catch_unwind(|| panic!("tried"));
        panic!("for good")
    };
    ask(&watch, "/b", twice).await;
    let views = watch.views().await;
    assert!(said(&views[1]).contains(&at(line)), "{}", said(&views[1]));
}

#[tokio::test]
async fn a_panic_of_a_body_or_a_destructor_has_its_site() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let watch = watch(|config| config.panic_policy(PanicPolicy::Respond));
    ask(&watch, "/drop", || async {
        let _bomb = Bomb;
        ok()
    })
    .await;
    let mut service = watch.layer.layer(service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(response(200, Steps::of([Step::Data("some"), Step::Panic])))
    }));
    let body = service.call(get("/read")).await.unwrap().into_body();
    let read = tokio::spawn(body.collect());
    assert!(read.await.unwrap_err().is_panic());
    let views = watch.views().await;
    assert!(said(&views[0]).contains("panic GET /drop · dropped · tests/panics.rs:"));
    assert!(said(&views[1]).contains("panic GET /read · the body panicked · tests/common/mod.rs:"));
}

#[tokio::test]
async fn a_backtrace_shows_own_frames_first_and_its_thread() {
    let watch = watch(|config| config.panic_backtrace(PanicBacktrace::Always));
    fn deep_down_in_the_shop() -> Answer {
        panic!("traced")
    }
    ask(&watch, "/cart", || async { deep_down_in_the_shop() }).await;
    let view = watch.only().await;
    let sample = view.samples().first().unwrap();
    let trace = sample.backtrace().unwrap();
    let first = trace.lines().next().unwrap();
    assert!(
        first.contains("deep_down_in_the_shop") && first.contains("tests/panics.rs:"),
        "{trace}"
    );
    assert_eq!(sample.thread().as_deref(), std::thread::current().name());
    // Without a thread below the message, it is in it.
    assert!(said(&view).contains("deep_down_in_the_shop"), "{}", said(&view));
}

/// What background panics there were with this text; others may be told too,
/// since the hook is the process's.
async fn in_background(watch: &Watch, text: &str) -> Vec<String> {
    let said: Vec<String> = watch.views().await.iter().map(said).collect();
    said.into_iter().filter(|said| said.contains(text)).collect()
}

#[tokio::test]
async fn background_panics_are_told_if_asked_for() {
    let (quiet, watch) = (watch(|config| config), watch(|config| config.background_panics(true)));
    assert!(tokio::spawn(async { panic!("in a task") }).await.is_err());
    assert!(tokio::task::spawn_blocking(|| panic!("on a thread")).await.is_err());
    // Of a request's own task, which the hook can't know of.
    ask(&watch, "/spawns", || async {
        assert!(tokio::spawn(async { panic!("spawned") }).await.is_err());
        ok()
    })
    .await;
    for text in ["in a task", "on a thread", "spawned"] {
        let said = in_background(&watch, text).await;
        assert_eq!(said.len(), 1, "{text}: {said:?}");
        let expected = format!("panic outside any request · {text} · tests/panics.rs:");
        assert!(said[0].contains(&expected), "{said:?}");
    }
    quiet.nothing().await;
}

#[tokio::test]
async fn within_a_requests_scope_it_is_told_with_the_request() {
    let spawn = |text: &'static str| {
        tokio::spawn(RequestAlert::current().scope(async move { panic!("{text}") }))
    };
    let watch = watch(|config| config);
    // It fails because of that: one panic, not a 500 without a reason.
    ask(&watch, "/fails", || async {
        let ended: Result<(), _> = spawn("made it fail").await;
        Ok(response(if ended.is_err() { 500 } else { 200 }, Empty::new()))
    })
    .await;
    let view = watch.only().await;
    assert!(said(&view).contains("panic GET /fails · made it fail · tests/panics.rs:"));

    // It did not mind: told only if background panics are.
    let goes_well = || async {
        let _: Result<(), _> = spawn("did not matter").await;
        let alert = RequestAlert::current();
        let work = move || alert.in_scope(|| panic!("nor did this"));
        let _: Result<(), _> = tokio::task::spawn_blocking(work).await;
        ok()
    };
    ask(&watch, "/fine", goes_well).await;
    assert_eq!(watch.views().await.len(), 1);
    let watch = self::watch(|config| config.background_panics(true));
    ask(&watch, "/fine", goes_well).await;
    // The first one stands for the request; the other one is told all the same.
    let said = in_background(&watch, "did not matter").await;
    assert!(said[0].contains("panic GET /fine · did not matter · tests/panics.rs:"), "{said:?}");
    let said = in_background(&watch, "nor did this").await;
    assert!(said[0].contains("panic outside any request · nor did this"), "{said:?}");
}

#[tokio::test]
async fn a_scope_that_outlives_its_request_panics_outside() {
    let watch = watch(|config| config.background_panics(true));
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let (handle, tasks) = std::sync::mpsc::channel();
    let gone = std::sync::Mutex::new(Some(gone));
    ask(&watch, "/fine", || async {
        let gone = gone.lock().unwrap().take().unwrap();
        let task = RequestAlert::current().scope(async move {
            let _ = gone.await;
            panic!("much later")
        });
        handle.send(tokio::spawn(task)).unwrap();
        ok()
    })
    .await;
    go.send(()).unwrap();
    let ended: Result<(), _> = tasks.recv().unwrap().await;
    assert!(ended.is_err());
    let said = in_background(&watch, "much later").await;
    assert!(said[0].contains("panic outside any request · much later"), "{said:?}");
}

#[tokio::test]
async fn without_the_hook_panics_are_told_by_their_text() {
    // Another layer has it installed; this one does not use it.
    let _other = watch(|config| config);
    let watch = Watch::with(|config| config.panic_hook(false));
    ask(&watch, "/cart", || async { panic!("no such item") }).await;
    assert_eq!(watch.only().await.key().to_string(), "panicked GET /cart");
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_hook_of_before_is_called_once_for_each() {
    let output = child("in_a_child::hooks_before_ours").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stdout(&output).matches("BEFORE OURS").count(), 1, "{output:?}");
}

#[test]
fn a_hook_set_later_that_does_not_call_ours_leaves_the_text() {
    let output = child("in_a_child::a_hook_after_ours").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(stdout(&output).contains("TOLD panicked GET /cart"), "{output:?}");
}

#[test]
fn a_panic_in_main_before_serving_is_told_by_a_guard() {
    let output = child("in_a_child::main_panics").output().unwrap();
    assert!(!output.status.success());
    let said = stdout(&output);
    assert!(said.contains("TOLD 🟣"), "{output:?}");
    assert!(said.contains("panic outside any request · no listener: "), "{said}");
}

#[tokio::test]
async fn c2_texts_that_differ_make_no_keys() {
    let watch = watch(|config| config);
    for n in 0..50 {
        ask(&watch, "/orders", || async move { panic!("order {n} is gone") }).await;
    }
    assert_eq!(watch.handle.stats().observed(), 50);
    let view = watch.views().await.pop().unwrap();
    assert_eq!(view.counts().total(), 50, "{view:#?}");
}

#[test]
fn b6_a_panic_within_a_panic_aborts_and_hangs_nobody() {
    let begun = std::time::Instant::now();
    let output = child("in_a_child::panics_twice").output().unwrap();
    assert!(begun.elapsed() < SOON, "took {:?}", begun.elapsed());
    assert!(!output.status.success());
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(output.status.signal(), Some(6), "{output:?}");
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("the first one") && said.contains("the second one"), "{said}");
}

mod in_a_child {
    use super::*;
    use tower_slack_alert::{BoxFuture, Delivery, DeliveryError, Receipt, Transport};

    struct Print(fn(&IncidentView) -> String);

    impl Transport for Print {
        fn deliver<'a>(
            &'a self,
            delivery: Delivery<'a>,
        ) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
            println!("TOLD {}", self.0(delivery.view()));
            Box::pin(async { Ok(Receipt::new()) })
        }
    }

    fn layer(print: fn(&IncidentView) -> String) -> SlackAlertLayer {
        let config = AlertConfig::builder(Destination::transport(Print(print)));
        SlackAlertLayer::new(config.background_panics(true).build().unwrap())
    }

    #[tokio::test]
    #[ignore = "run in a process of its own"]
    async fn hooks_before_ours() {
        std::panic::set_hook(Box::new(|_| println!("BEFORE OURS")));
        let watches = [watch(|config| config), watch(|config| config)];
        ask(&watches[0], "/cart", || async { panic!("once") }).await;
        assert!(watches[0].only().await.key().to_string().starts_with("panicked at "));
    }

    #[tokio::test]
    #[ignore = "run in a process of its own"]
    async fn a_hook_after_ours() {
        let layer = layer(|view| view.key().to_string());
        let handle = layer.handle();
        std::panic::set_hook(Box::new(|_| {}));
        let mut service =
            layer.layer(service_fn(|_: Request<()>| async { panic!("no item") as Answer }));
        assert_eq!(service.call(get("/cart")).await.unwrap().status(), 500);
        assert!(handle.flush(SOON).await.completed());
    }

    #[test]
    #[ignore = "run in a process of its own"]
    fn main_panics() {
        let layer = layer(said);
        let _guard = layer.handle().flush_on_drop(Duration::from_secs(5));
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        std::net::TcpListener::bind(address).expect("no listener");
    }

    #[tokio::test]
    #[ignore = "run in a process of its own, which it ends"]
    async fn panics_twice() {
        struct Bad;

        impl Drop for Bad {
            fn drop(&mut self) {
                panic!("the second one");
            }
        }

        let watch = watch(|config| config.panic_backtrace(PanicBacktrace::Always));
        ask(&watch, "/cart", || async {
            let _bad = Bad;
            panic!("the first one")
        })
        .await;
    }
}
