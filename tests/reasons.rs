//! The reason with every alert, as it arrives in Slack.

mod common;

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use common::slack::{bot, start, webhook};
use common::{SOON, get, response};
use http::{Request, Response};
use http_body_util::Empty;
use serde_json::Value;
use slack_inbox::{Inbox, Message};
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{AlertConfig, AlertConfigBuilder, PanicBacktrace, SlackAlertLayer};

type Answer<E = Infallible> = Result<Response<Empty<&'static [u8]>>, E>;

async fn ask<F, E>(layer: &SlackAlertLayer, request: Request<()>, handler: impl Fn() -> F)
where
    F: Future<Output = Answer<E>>,
    E: fmt::Display + 'static,
{
    let mut service = layer.layer(service_fn(|_: Request<()>| handler()));
    let _ = service.call(request).await;
}

fn deep_down() -> Answer {
    panic!("no such item")
}

#[tokio::test]
async fn a_bots_thread_has_the_backtrace_and_a_webhooks_message_what_fits() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(
        bot(&inbox)
            .panic_backtrace(PanicBacktrace::Always)
            .link("Dashboard", "https://boards.example.com/"),
    );
    ask(&layer, get("/cart"), || async { deep_down() }).await;
    let reply = inbox.wait_for(|message| message.thread_ts().is_some(), SOON).await.unwrap();
    let first = inbox.messages().remove(0);
    assert!(first.text().contains("panic GET /cart · no such item"), "{}", first.text());
    assert!(first.lines().iter().all(|line| !line.contains("deep_down")), "{:?}", first.lines());
    assert_eq!(reply.thread_ts(), Some(first.ts()));
    assert!(!reply.payload()["reply_broadcast"].as_bool().unwrap_or(false));
    let lines = reply.lines();
    assert!(
        lines.iter().any(|line| line.contains("deep_down") && line.contains("tests/reasons.rs:"))
    );
    // Nothing of the message above is said again.
    assert!(
        reply.text().starts_with("🔎 backtrace · panic at tests/reasons.rs:"),
        "{}",
        reply.text()
    );
    assert_eq!((buttons(&first).len(), buttons(&reply).len()), (1, 0));
    handle.shutdown(SOON).await;

    // A webhook has no thread: its message has what fits. In one test, since
    // nobody takes a backtrace while the names of another are looked up.
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(webhook(&inbox).panic_backtrace(PanicBacktrace::Always));
    ask(&layer, get("/cart"), || async { deep_down() }).await;
    assert!(handle.flush(SOON).await.completed());
    let lines = inbox.messages().remove(0).lines();
    let frames = lines.iter().filter(|line| line.contains("   ")).count();
    assert!(lines.iter().any(|line| line.contains("deep_down")), "{lines:?}");
    assert!(frames <= 8, "{lines:?}");
}

/// The buttons of a message: their texts and URLs.
fn buttons(message: &Message) -> Vec<(String, String)> {
    let blocks = message.payload()["attachments"][0]["blocks"].as_array().cloned();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let actions = blocks.unwrap_or_default().into_iter().filter(|block| block["type"] == "actions");
    let elements = actions.flat_map(|block| block["elements"].as_array().cloned().unwrap());
    elements.map(|button| (text(&button["text"]["text"]), text(&button["url"]))).collect()
}

#[tokio::test]
async fn links_lead_on_and_the_runbook_comes_first() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(
        webhook(&inbox)
            .route_fn(|head| Some(head.uri().path().replace("/1234", "/{id}").into()))
            .link("Trace", "https://tracing.example.com/{trace_id}")
            .link("Logs", "https://logs.example.com/?r={route}&m={method}&id={request_id}")
            .link("Dashboard", "https://boards.example.com/?from={from}&to={to}")
            .route("/orders/{id}", |route| route.runbook("https://wiki.example.com/orders")),
    );
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = Request::builder()
        .uri("/orders/1234")
        .header("traceparent", format!("00-{id}-00f067aa0ba902b7-01"))
        .header("x-request-id", "01JX &<b>")
        .header("user-agent", "x".repeat(100));
    ask(&layer, request.body(()).unwrap(), || async {
        Answer::<Infallible>::Ok(response(500, Empty::new()))
    })
    .await;
    ask(&layer, get("/users"), || async { Answer::<Infallible>::Ok(response(500, Empty::new())) })
        .await;
    assert!(handle.flush(SOON).await.completed());
    let messages = inbox.messages();
    let found = buttons(&messages[0]);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Runbook", "Trace", "Logs", "Dashboard"]);
    assert_eq!(found[0].1, "https://wiki.example.com/orders");
    assert_eq!(found[1].1, format!("https://tracing.example.com/{id}"));
    let expected = "https://logs.example.com/?r=%2Forders%2F%7Bid%7D&m=GET&id=01JX%20%26%3Cb%3E";
    assert_eq!(found[2].1, expected);
    let from: u64 = found[3].1.split(['=', '&']).nth(1).unwrap().parse().unwrap();
    let to: u64 = found[3].1.split(['=', '&']).nth(3).unwrap().parse().unwrap();
    assert!((600_000..601_000).contains(&(to - from)), "{} to {}", from, to);
    assert!(messages[0].lines().iter().any(|line| line.contains(&format!("trace {id}"))));
    // What a request does not have makes no link.
    let names: Vec<String> = buttons(&messages[1]).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Dashboard"]);
    assert!(inbox.requests().iter().all(|request| request.outcome() == "ok"));
}

#[derive(Debug)]
struct OrderError(std::io::Error);

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the order was not saved")
    }
}

impl Error for OrderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn order_error() -> OrderError {
    OrderError(std::io::Error::other("connection refused"))
}

#[tokio::test]
async fn errors_of_services_show_their_causes() {
    const CHAIN: &str = "the order was not saved ← connection refused";
    async fn told<E: fmt::Display + 'static>(
        configure: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder,
        error: impl Fn() -> E,
    ) -> Vec<String> {
        let inbox = Inbox::start().await.unwrap();
        let (layer, handle) = start(configure(webhook(&inbox)));
        ask(&layer, get("/orders"), || async { Answer::Err(error()) }).await;
        assert!(handle.flush(SOON).await.completed());
        inbox.messages().remove(0).lines()
    }
    let boxed = || -> Box<dyn Error + Send + Sync> { order_error().into() };
    assert_eq!(told(|config| config, boxed).await[1], CHAIN);
    let unknown = told(|config| config, order_error).await;
    assert!(unknown[0].contains("the order was not saved"), "{unknown:?}");
    assert_ne!(unknown[1], CHAIN);
    let known = told(|config| config.error_type::<OrderError>(), order_error).await;
    assert_eq!(known[1], CHAIN);
}

#[tokio::test]
async fn a_slow_request_says_how_it_spent_its_time_and_what_went_on() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(
        bot(&inbox)
            .slow_after(Duration::from_millis(100))
            .gauge("db idle", || 3)
            .gauge("broken", || -> u8 { panic!("user") })
            .gauge("late", || {
                std::thread::sleep(Duration::from_millis(900));
                1
            }),
    );
    ask(&layer, get("/reports"), || async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        Answer::<Infallible>::Ok(response(200, Empty::new()))
    })
    .await;
    assert!(handle.flush(SOON).await.completed());
    let lines = inbox.messages().remove(0).lines();
    assert!(
        lines[1].starts_with("waiting 0.") && lines[1].contains(", computing 0.0 s in "),
        "{lines:?}"
    );
    // A process that has just started says that first.
    assert!(lines[2].starts_with("0 s after start · "), "{lines:?}");
    let gauges = lines.iter().find(|line| line.contains("db idle 3")).unwrap();
    assert!(!gauges.contains("late") && !gauges.contains("broken"), "{gauges}");
}

#[test]
fn settings_are_checked() {
    let error = AlertConfig::webhook("https://hooks.slack.com/services/T0/B0/x")
        .link("Trace", "tracing.example.com")
        .link("Logs", "https://logs.example.com/{span_id}")
        .route("/a", |route| route.runbook("wiki"))
        .gauge("", || 1)
        .blocked_after(Duration::ZERO)
        .build()
        .unwrap_err();
    let settings: Vec<&str> = error.faults().iter().map(|fault| fault.setting()).collect();
    let expected =
        ["blocked_after", "link(\"Trace\")", "link(\"Logs\")", "gauge", "route(\"/a\") runbook"];
    assert_eq!(settings, expected);
}
