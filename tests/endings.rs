//! Ends of a process that nobody can hold up: what is told, and that it ends.
//! `tests/shutdown.rs` has those that tell everything.
#![cfg(unix)]

mod common;

use std::convert::Infallible;
use std::future::ready;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::child::child;
use common::server::{Server, curl};
use common::{SOON, get, response};
use http::{Request, Response};
use http_body_util::Empty;
use slack_inbox::{Fault, Inbox};
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{AlertConfig, SlackAlertLayer};

/// Fails requests on two threads until `until` says that it is enough; how
/// many were answered 500.
fn storm(server: &Server, until: impl FnOnce(&AtomicU64)) -> u64 {
    let (answered, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let address = server.address;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    // One that comes too late is refused.
                    let Ok(answer) = std::panic::catch_unwind(|| curl(address, "GET", "/fail"))
                    else {
                        break;
                    };
                    let is_told = answer.starts_with("HTTP/1.1 500 ");
                    answered.fetch_add(u64::from(is_told), Ordering::Relaxed);
                }
            });
        }
        until(&answered);
        is_over.store(true, Ordering::Relaxed);
    });
    answered.load(Ordering::Relaxed)
}

fn wait_for(what: &AtomicU64, least: u64) {
    let begun = Instant::now();
    while what.load(Ordering::Relaxed) < least {
        assert!(begun.elapsed() < SOON, "the storm does not come up");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn sigterm_under_load_tells_what_was_answered() {
    let inbox = Inbox::builder().start().unwrap();
    let server = Server::start(&[("SLACK_ALERT_WEBHOOK_URL", &inbox.webhook_url())]);
    let answered = storm(&server, |answered| {
        wait_for(answered, 200);
        server.signal("-TERM");
        // Until nobody is answered any more.
        while std::net::TcpStream::connect(server.address).is_ok() {
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let said = server.said();
    let observed = format!("{answered} observed");
    assert!(said.contains("all told; ") && said.contains(&observed), "{answered}: {said}");
    assert!(inbox.messages()[0].text().contains("500 GET /fail"));
}

#[test]
fn a_kill_loses_what_was_not_told_and_nothing_else() {
    let inbox = Inbox::builder().start().unwrap();
    let environment = [("SLACK_ALERT_WEBHOOK_URL", inbox.webhook_url())];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    let server = Server::start(&environment);
    storm(&server, |answered| {
        wait_for(answered, 50);
        let begun = Instant::now();
        while inbox.messages().is_empty() {
            assert!(begun.elapsed() < SOON, "nothing is told");
            std::thread::sleep(Duration::from_millis(2));
        }
        server.signal("-KILL");
    });
    assert!(!server.wait().success());
    // What was told stays told; its successor begins anew and works.
    let told = inbox.messages().len();
    assert!(inbox.messages()[0].text().contains("500 GET /fail"));
    let server = Server::start(&environment);
    curl(server.address, "GET", "/fail");
    assert!(server.stop().contains("all told; 1 observed"));
    assert!(inbox.messages().len() > told);
}

#[test]
fn an_exit_waits_for_nobody() {
    let inbox = Inbox::builder().start().unwrap();
    inbox.fault(Fault::Hang);
    let begun = Instant::now();
    let output = child("in_a_child::exits_with_an_alert_pending")
        .env("SLACK_ALERT_WEBHOOK_URL", inbox.webhook_url())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(begun.elapsed() < Duration::from_secs(5), "took {:?}", begun.elapsed());
}

mod in_a_child {
    use super::*;

    #[test]
    #[ignore = "run in a process of its own, which it ends"]
    fn exits_with_an_alert_pending() {
        let Ok(config) = AlertConfig::from_env().build() else { return };
        let layer = SlackAlertLayer::new(config);
        let mut service = layer.layer(service_fn(|_: Request<()>| {
            ready(Ok::<Response<Empty<&[u8]>>, Infallible>(response(500, Empty::new())))
        }));
        futures_util::FutureExt::now_or_never(service.call(get("/a"))).unwrap().unwrap();
        // Neither told nor waited for.
        std::process::exit(3);
    }
}
