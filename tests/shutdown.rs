//! Shutting down: in every kind of runtime, by the deadline, truthfully.

mod common;

use std::convert::Infallible;
use std::future::ready;
use std::time::{Duration, Instant};

use common::{SOON, check_law, get, response};
use http::{Request, Response};
use http_body_util::Empty;
use slack_inbox::{Fault, Inbox};
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{
    AlertConfig, AlertHandle, Destination, DropReason, ShutdownReport, SlackAlertLayer,
};

fn start(inbox: &Inbox) -> (SlackAlertLayer, AlertHandle) {
    let config = AlertConfig::webhook(inbox.webhook_url()).service("shop-api");
    let layer = SlackAlertLayer::new(config.build().unwrap());
    let handle = layer.handle();
    (layer, handle)
}

fn inbox() -> Inbox {
    Inbox::builder().start().unwrap()
}

/// A failing request, without any runtime.
fn fail(layer: &SlackAlertLayer) {
    let mut service = layer.layer(service_fn(|_: Request<()>| {
        ready(Ok::<Response<Empty<&[u8]>>, Infallible>(response(500, Empty::new())))
    }));
    let response = futures_util::FutureExt::now_or_never(service.call(get("/a")));
    assert_eq!(response.unwrap().unwrap().status(), 500);
}

#[test]
fn without_any_runtime() {
    let inbox = inbox();
    let (layer, handle) = start(&inbox);
    fail(&layer);
    let report = handle.shutdown_blocking(SOON);
    assert!(report.completed(), "{report}");
    assert_eq!(report.lost(), 0);
    check_law(report.stats());
    told(&inbox);
}

/// The failure was told, and that nobody watches any more: in its own message,
/// or in a second one if it was on its way already.
fn told(inbox: &Inbox) {
    let messages = inbox.messages();
    assert!(messages[0].text().contains("500 GET /a"), "{}", messages[0].text());
    let lines = messages.iter().flat_map(slack_inbox::Message::lines);
    let watched = lines.filter(|line| line.to_lowercase().contains("no longer watched")).count();
    assert_eq!(watched, 1);
}

#[test]
fn in_current_thread_and_multi_thread_runtimes_without_a_timer() {
    let current = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let multi = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    for runtime in [current(), multi()] {
        let inbox = inbox();
        let report = runtime.block_on(async {
            let (layer, handle) = start(&inbox);
            fail(&layer);
            handle.shutdown(SOON).await
        });
        assert!(report.completed(), "{report}");
        told(&inbox);
    }
}

#[test]
fn after_the_runtime_that_made_it_is_gone() {
    let inbox = inbox();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (layer, handle) = runtime.block_on(async { start(&inbox) });
    drop(runtime);
    fail(&layer);
    assert!(handle.shutdown_blocking(SOON).completed());
    told(&inbox);
}

#[test]
fn by_the_deadline_whatever_slack_does() {
    let faults = [
        Fault::Hang,
        Fault::Drip,
        Fault::Answer(503, String::new()),
        Fault::Error("no_service".to_owned()),
        Fault::RateLimited(Some("600".to_owned())),
    ];
    for fault in faults {
        let inbox = inbox();
        inbox.fault(fault.clone());
        let (layer, handle) = start(&inbox);
        fail(&layer);
        let begun = Instant::now();
        let report = handle.shutdown_blocking(Duration::from_millis(400));
        // The deadline, and what a busy machine needs to run us again.
        assert!(begun.elapsed() < Duration::from_millis(800), "{fault:?}: {:?}", begun.elapsed());
        assert!(!report.completed(), "{fault:?}");
        assert_eq!(report.lost(), 1, "{fault:?}: {report}");
        check_law(report.stats());
        // The worker settles the account right after, if it had not yet.
        while handle.stats().destinations()[0].account().pending() > 0 {
            assert!(begun.elapsed() < SOON);
            std::thread::sleep(Duration::from_millis(2));
        }
        let account = *handle.stats().destinations()[0].account();
        assert_eq!(account.dropped(DropReason::Shutdown), 1, "{fault:?}");
    }
}

#[test]
fn nothing_is_waited_for_that_can_not_come() {
    let inbox = inbox();
    inbox.fault(Fault::RateLimited(Some("600".to_owned())));
    let (layer, handle) = start(&inbox);
    fail(&layer);
    let begun = Instant::now();
    while inbox.requests().is_empty() {
        assert!(begun.elapsed() < SOON);
        std::thread::sleep(Duration::from_millis(2));
    }
    let report = handle.shutdown_blocking(Duration::from_secs(30));
    assert!(begun.elapsed() < Duration::from_secs(5), "waited {:?}", begun.elapsed());
    assert_eq!(report.lost(), 1);
    // No last attempt inside the pause.
    assert_eq!(inbox.requests().len(), 1);
}

#[test]
fn twice_and_late_requests_are_counted() {
    let inbox = inbox();
    let (layer, handle) = start(&inbox);
    fail(&layer);
    let first = handle.shutdown_blocking(SOON);
    assert!(first.completed());
    fail(&layer);
    let second = handle.shutdown_blocking(SOON);
    assert_eq!(second.to_string(), first.to_string());
    let stats = handle.stats();
    check_law(&stats);
    assert_eq!(stats.observed(), 2);
    assert_eq!(stats.destinations()[0].account().dropped(DropReason::AfterShutdown), 1);
}

#[test]
fn a_guard_shuts_down_also_when_its_function_panics() {
    let inbox = inbox();
    let (layer, handle) = start(&inbox);
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _guard = handle.flush_on_drop(SOON);
        fail(&layer);
        panic!("main panicked");
    }));
    assert!(unwound.is_err());
    told(&inbox);
    check_law(&handle.stats());
}

#[test]
fn a_fallback_speaks_at_once_when_the_process_is_about_to_end() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let spare = inbox();
    let config = AlertConfig::webhook(format!("http://{closed}/services/T0/B0/x"))
        .fallback(tower_slack_alert::Destination::webhook(spare.webhook_url()));
    let layer = SlackAlertLayer::new(config.build().unwrap());
    let handle = layer.handle();
    fail(&layer);
    let report = handle.shutdown_blocking(Duration::from_secs(3));
    check_law(report.stats());
    assert!(spare.messages()[0].text().contains("500 GET /a"), "{report}");
}

/// Everybody who asks for the end, for a flush or for a test message gets an
/// answer in time, however they come together.
#[test]
fn d6_flushes_checks_and_several_ends_at_once() {
    for fault in [None, Some(Fault::Hang)] {
        let inbox = inbox();
        let hangs = fault.is_some();
        fault.into_iter().for_each(|fault| inbox.fault(fault));
        let (layer, handle) = start(&inbox);
        fail(&layer);
        let begun = Instant::now();
        let limit = Duration::from_millis(if hangs { 400 } else { 5_000 });
        let reports: Vec<String> = std::thread::scope(|scope| {
            let together: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        fail(&layer);
                        let report = handle.shutdown_blocking(limit);
                        fail(&layer);
                        check_law(&handle.stats());
                        report.to_string()
                    })
                })
                .collect();
            for _ in 0..2 {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    runtime.block_on(async {
                        let _flushed = handle.flush(limit).await;
                        let _checked = handle.check().await;
                        let _said = handle.test_message().await;
                    });
                });
            }
            together.into_iter().map(|end| end.join().unwrap()).collect()
        });
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        // One end, and the same report of it for all.
        assert!(reports.iter().all(|report| *report == reports[0]), "{reports:#?}");
        assert_eq!(handle.shutdown_blocking(limit).to_string(), reports[0]);
        while handle.stats().destinations()[0].account().pending() > 0 {
            assert!(begun.elapsed() < SOON, "{:#?}", handle.stats());
            std::thread::sleep(Duration::from_millis(2));
        }
        fail(&layer);
        let stats = handle.stats();
        check_law(&stats);
        assert_eq!(stats.observed(), 10);
        let account = stats.destinations()[0].account();
        let late = account.dropped(DropReason::AfterShutdown);
        let lost = account.dropped(DropReason::Shutdown);
        assert!(late >= 1, "{stats:#?}");
        assert_eq!(account.delivered() + account.coalesced() + late + lost, 10, "{stats:#?}");
        assert_eq!(hangs, account.delivered() + account.coalesced() == 0, "{stats:#?}");
    }
}

/// Who asks for the end while our thread is ending by another's call is told
/// what that one is.
#[test]
fn d6_whoever_comes_second_is_told_that_it_is_completed() {
    for round in 0..50 {
        let config = AlertConfig::builder(Destination::log()).build().unwrap();
        let layer = SlackAlertLayer::new(config);
        let handle = layer.handle();
        let reports: Vec<ShutdownReport> = std::thread::scope(|scope| {
            let ends: Vec<_> =
                (0..4).map(|_| scope.spawn(|| handle.shutdown_blocking(SOON))).collect();
            ends.into_iter().map(|end| end.join().unwrap()).collect()
        });
        for report in reports {
            assert!(report.completed(), "{round}: {report}");
        }
    }
}
