//! What strangers can make the alerting remember is bounded.
//!
//! `cargo test --release --all-features --test memory` does it with a million paths.

mod common;

use std::alloc::System;
use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::{check_law, response};
use http::{Method, Request, Response};
use http_body_util::Empty;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{
    AlertConfig, BoxFuture, Capabilities, Clock, Delivery, DeliveryError, Destination, MessageRef,
    Receipt, ReportedError, SlackAlertLayer, Transport,
};

#[global_allocator]
static MEMORY: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Tally, engine and outbox together, with two destinations.
const LIMIT: usize = 2 * 1024 * 1024;

/// What the second half of the flood may add: nothing for each path.
const GROWTH: usize = 64 * 1024;

/// Without optimization a million take a minute.
const PATHS: u32 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

type Answer = Result<Response<Empty<&'static [u8]>>, Infallible>;

fn live() -> usize {
    let stats = MEMORY.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

/// Takes everything, or nothing.
struct Sink {
    works: bool,
}

impl Transport for Sink {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().edit().thread()
    }

    fn deliver<'a>(&'a self, _: Delivery<'a>) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        let answer = match self.works {
            true => Ok(Receipt::with_reference(MessageRef::new("C1", "1.2"))),
            false => Err(DeliveryError::transient()),
        };
        Box::pin(async move { answer })
    }
}

#[derive(Debug)]
struct Long(String);

impl std::fmt::Display for Long {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Long {}

#[tokio::test]
async fn a_flood_of_paths_ten_thousand_routes_and_methods_stay_within_the_limit() {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_349_040));
    let config = AlertConfig::builder(Destination::transport(Sink { works: true }))
        .also(Destination::transport(Sink { works: false }))
        .clock(clock.clone())
        .route_fn(|head| {
            let path = head.uri().path();
            path.starts_with("/route").then(|| Arc::from(path))
        });
    let layer = SlackAlertLayer::new(config.build().unwrap());
    let handle = layer.handle();
    handle.settle().await;
    let error = ReportedError::new(&Long("why ".repeat(200)));
    let mut service = layer.layer(service_fn(move |_: Request<()>| {
        let mut answer = response(500, Empty::new());
        answer.extensions_mut().insert(error.clone());
        ready(Answer::Ok(answer))
    }));
    let before = live();
    let (mut most, mut sent, mut halfway) = (0, 0, 0);
    let tail = "x".repeat(200);
    for n in 0..PATHS + 10_000 {
        let path = match n {
            n if n < PATHS => format!("/{n:x}-{}/{}?{tail}", n % 977, n % 13),
            n => format!("/route/{n}/of/many"),
        };
        let method = Method::from_bytes(format!("M{}", n % 10_000).as_bytes()).unwrap();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("user-agent", tail.as_str())
            .header("x-request-id", tail.as_str())
            .body(())
            .unwrap();
        drop(service.call(request).await);
        sent += 1;
        // Fast at first, then slow enough for incidents to end and others to
        // take their place.
        let (every, step) = if n < PATHS { (PATHS / 100, 1) } else { (50, 20) };
        if n % every == 0 {
            most = most.max(live().saturating_sub(before));
            clock.advance(Duration::from_secs(step));
            handle.settle().await;
            most = most.max(live().saturating_sub(before));
        }
        // As much as one of each takes is taken by then.
        if n == PATHS / 2 {
            halfway = live();
        } else if n == PATHS - 1 {
            let grown = live().saturating_sub(halfway);
            assert!(grown < GROWTH, "{grown} bytes more by the second half of the paths");
        }
    }
    for _ in 0..200 {
        clock.advance(Duration::from_secs(60));
        handle.settle().await;
        most = most.max(live().saturating_sub(before));
    }
    let stats = handle.stats();
    check_law(&stats);
    assert_eq!(stats.observed(), sent);
    let [well, dead] = stats.destinations() else { panic!("two destinations") };
    assert_eq!(well.account().delivered() + well.account().coalesced(), sent);
    assert_eq!(dead.account().pending(), sent);
    assert!(most < LIMIT, "{most} bytes");
    println!("at most {most} bytes");
}
