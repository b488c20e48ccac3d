//! When no thread can be started, requests are served and the fault is shown.

mod common;

use std::convert::Infallible;
use std::future::ready;
use std::process::Command;
use std::time::Duration;

use common::{check_law, get, response};
use futures_util::FutureExt;
use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{AlertConfig, Destination, DropReason, SlackAlertLayer};

const INSIDE: &str = "TOWER_SLACK_ALERT_TEST_WITHOUT_THREADS";

#[test]
#[cfg(target_os = "linux")]
fn without_a_thread_requests_are_served_and_counted_as_dropped() {
    if std::env::var_os(INSIDE).is_some() {
        return serve();
    }
    // In a process of its own, whose threads want more stack than there are
    // addresses. Its one test runs on the main thread.
    let name = "without_a_thread_requests_are_served_and_counted_as_dropped";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--test-threads=1", "--nocapture"])
        .env("RUST_MIN_STACK", (1_u64 << 46).to_string())
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("served without a thread"), "{said}");
}

fn serve() {
    assert!(std::thread::Builder::new().spawn(|| {}).is_err(), "threads start after all");
    let layer = SlackAlertLayer::new(AlertConfig::builder(Destination::log()).build().unwrap());
    let handle = layer.handle();
    let mut service = layer.layer(service_fn(|_: Request<()>| {
        ready(Ok::<Response<Empty<&[u8]>>, Infallible>(response(500, Empty::new())))
    }));
    let answered = service.call(get("/a")).now_or_never().unwrap().unwrap();
    assert_eq!(answered.status(), 500);
    let stats = handle.stats();
    check_law(&stats);
    assert_eq!(stats.destinations()[0].account().dropped(DropReason::NoThread), 1);
    assert!(stats.faults()[0].contains("could not start"), "{:?}", stats.faults());
    let report = handle.shutdown_blocking(Duration::from_secs(5));
    assert!(!report.completed(), "{report}");
    println!("served without a thread");
}
