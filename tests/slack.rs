//! Alerts over HTTP to a local Slack: webhook, bot, faults, fallback.

mod common;

use std::future::ready;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use common::slack::{Answer, answer, bot, start, webhook};
use common::{SOON, check_law, get, response};
use http::Request;
use http_body_util::Empty;
use slack_inbox::{Fault, Inbox, Via, busiest};
use tower::{Layer, ServiceExt, service_fn};
use tower_slack_alert::{
    AlertConfig, BoxFuture, Clock, Delivery, DeliveryError, Destination, DestinationState,
    DropReason, IncidentPolicy, IncidentView, Line, Receipt, SlackMessage, Transport,
};

/// Tells more after these steps, so that tests need not wait for minutes.
fn quick() -> IncidentPolicy {
    let step = Duration::from_millis(300);
    IncidentPolicy::new().digests([step]).close_after(Duration::from_secs(60))
}

#[tokio::test]
async fn a_webhook_gets_the_alert() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(webhook(&inbox));
    answer(&layer, "/orders", 500).await;
    let message = inbox.wait_for(|_| true, SOON).await.unwrap();
    assert_eq!(message.via(), Via::Webhook);
    let text = message.text();
    assert!(text.starts_with("🔴 [production] shop-api · 500 GET /orders · "), "{text}");
    let report = handle.shutdown(SOON).await;
    assert!(report.completed());
    // "No longer watched".
    assert!(inbox.messages()[1].text().starts_with("⏹ [production] shop-api · no longer watched"));
    assert!(inbox.requests().iter().all(|request| request.outcome() == "ok"));
}

#[tokio::test]
async fn two_minutes_seven_seconds_read_as_people_say_them() {
    let inbox = Inbox::start().await.unwrap();
    let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_349_040));
    let (layer, _handle) = start(webhook(&inbox).clock(clock.clone()));
    let service = layer.layer(service_fn(move |_: Request<()>| {
        clock.advance(Duration::from_secs(127));
        ready(Answer::Ok(response(200, Empty::new())))
    }));
    service.oneshot(get("/reports/2026")).await.unwrap();
    let message = inbox.wait_for(|_| true, SOON).await.unwrap();
    let expected = "🟡 [production] shop-api · slow 2 min 7 s · GET /reports/{} · 200";
    assert_eq!(message.text(), expected);
}

#[tokio::test]
async fn a_bot_posts_once_and_edits() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(bot(&inbox).policy(quick()));
    answer(&layer, "/orders", 500).await;
    let posted = inbox.wait_for(|_| true, SOON).await.unwrap();
    assert_eq!((posted.via(), posted.edits()), (Via::Api, 0));
    for _ in 0..9 {
        answer(&layer, "/orders", 500).await;
    }
    let edited = inbox.wait_for(|message| message.edits() == 1, SOON).await.unwrap();
    assert_eq!(edited.ts(), posted.ts());
    assert!(edited.text().contains(" · 10 since "), "{}", edited.text());
    assert_eq!(edited.payload()["parse"], "none");
    let report = handle.shutdown(SOON).await;
    assert!(report.completed(), "{report}");
    let messages = inbox.messages();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].text().contains("no longer watched"), "{}", messages[0].text());
    let account = *report.stats().destinations()[0].account();
    assert_eq!((account.delivered(), account.coalesced(), account.pending()), (1, 9, 0));
}

#[tokio::test]
async fn a_webhook_gets_digests() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(webhook(&inbox).policy(quick()));
    answer(&layer, "/orders", 500).await;
    inbox.wait_for(|_| true, SOON).await.unwrap();
    for _ in 0..9 {
        answer(&layer, "/orders", 500).await;
    }
    let digest = inbox.wait_for(|message| message.text().contains("9 more"), SOON).await.unwrap();
    assert!(digest.text().contains("500 GET /orders · 9 more · 10 since "), "{}", digest.text());
    assert_eq!(inbox.messages().len(), 2);
    check_law(&handle.stats());
}

#[tokio::test]
async fn an_edit_of_a_vanished_message_is_a_new_post() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, _handle) = start(bot(&inbox).policy(quick()));
    answer(&layer, "/orders", 500).await;
    inbox.wait_for(|_| true, SOON).await.unwrap();
    inbox.clear();
    answer(&layer, "/orders", 500).await;
    let anew = inbox.wait_for(|message| message.text().contains("2 since"), SOON).await.unwrap();
    assert_eq!(anew.edits(), 0);
    let requests = inbox.requests();
    let outcomes = requests.iter().map(slack_inbox::Request::outcome);
    assert_eq!(outcomes.collect::<Vec<_>>(), ["message_not_found", "ok"]);
}

#[tokio::test]
async fn a_429_is_waited_out_and_nothing_is_lost() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(webhook(&inbox));
    inbox.fault_times(Fault::RateLimited(Some("1".to_owned())), 1);
    answer(&layer, "/orders", 500).await;
    let begun = Instant::now();
    while inbox.requests().is_empty() {
        assert!(begun.elapsed() < SOON, "no request came");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let limited_at = inbox.requests()[0].at();
    answer(&layer, "/orders", 500).await;
    let message = inbox.wait_for(|_| true, SOON).await.unwrap();
    assert!(message.at() - limited_at >= Duration::from_secs(1));
    // The state at the moment it was sent, not at the moment it failed.
    assert!(message.text().ends_with("2 so far"), "{}", message.text());
    assert!(handle.flush(SOON).await.completed());
    let account = *handle.stats().destinations()[0].account();
    assert_eq!((account.delivered(), account.coalesced()), (1, 1));
}

#[tokio::test]
async fn a_refused_message_is_sent_as_plain_text_and_then_dropped() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(webhook(&inbox));
    inbox.fault_times(Fault::Error("invalid_blocks".to_owned()), 1);
    answer(&layer, "/a", 500).await;
    let message = inbox.wait_for(|_| true, SOON).await.unwrap();
    assert_eq!(message.payload()["attachments"], serde_json::json!([]));
    inbox.fault_times(Fault::Error("invalid_blocks".to_owned()), 2);
    answer(&layer, "/b", 500).await;
    let report = handle.flush(SOON).await;
    assert!(report.completed());
    let stats = handle.stats();
    check_law(&stats);
    assert_eq!(stats.destinations()[0].account().dropped(DropReason::Refused), 1);
    assert_eq!(stats.destinations()[0].last_fault(), Some("invalid_blocks"));
}

#[tokio::test]
async fn a_reset_or_a_hang_is_tried_again_and_says_that_it_may_be_a_repeat() {
    for fault in [Fault::Reset, Fault::Hang, Fault::Drip] {
        let inbox = Inbox::start().await.unwrap();
        let (layer, _handle) = start(webhook(&inbox));
        inbox.fault_times(fault.clone(), 1);
        answer(&layer, "/orders", 500).await;
        let message = inbox.wait_for(|_| true, SOON).await.unwrap();
        let lines = message.lines().join("\n");
        assert!(lines.contains("may be a repeat"), "{fault:?}: {lines}");
    }
}

#[tokio::test]
async fn a_redirect_or_a_login_page_is_no_delivery() {
    let pages =
        [(302, String::new()), (200, "<html>log in</html>".to_owned()), (200, String::new())];
    for (status, body) in pages {
        let inbox = Inbox::start().await.unwrap();
        let (layer, handle) = start(webhook(&inbox));
        inbox.fault(Fault::Answer(status, body));
        answer(&layer, "/orders", 500).await;
        let begun = Instant::now();
        while handle.stats().destinations()[0].state() != DestinationState::Open {
            assert!(begun.elapsed() < SOON, "{:?}", handle.stats());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let stats = handle.stats();
        check_law(&stats);
        assert_eq!(stats.destinations()[0].account().pending(), 1);
        assert_eq!(inbox.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_dead_destination_delays_no_other_and_its_fallback_speaks() {
    let (dead, well, spare) = (
        Inbox::start().await.unwrap(),
        Inbox::start().await.unwrap(),
        Inbox::start().await.unwrap(),
    );
    dead.fault(Fault::Hang);
    let config = webhook(&dead).also(Destination::webhook(well.webhook_url()));
    let (layer, handle) = start(config.fallback(Destination::webhook(spare.webhook_url())));
    answer(&layer, "/orders", 500).await;
    well.wait_for(|_| true, Duration::from_secs(2)).await.unwrap();
    let stats = handle.stats();
    check_law(&stats);
    let names: Vec<_> = stats.destinations().iter().map(|d| d.name().to_owned()).collect();
    assert_eq!(names, ["webhook", "webhook-2", "webhook-3"]);
    assert!(spare.messages().is_empty());

    // With nobody left to speak, the fallback does.
    let gone = Inbox::start().await.unwrap();
    gone.fault(Fault::Error("no_service".to_owned()));
    let config = webhook(&gone).fallback(Destination::webhook(spare.webhook_url()));
    let (layer, handle) = start(config);
    answer(&layer, "/orders", 500).await;
    spare.wait_for(|_| true, SOON).await.unwrap();
    handle.flush(Duration::from_millis(200)).await;
    let stats = handle.stats();
    check_law(&stats);
    assert_eq!(stats.destinations()[0].state(), DestinationState::Open);
    assert_eq!(stats.destinations()[0].account().pending(), 1);
    assert_eq!(stats.destinations()[1].account().delivered(), 1);
}

#[tokio::test]
async fn never_more_than_three_and_t_messages_in_t_seconds() {
    let inbox = Inbox::start().await.unwrap();
    let apart = IncidentPolicy::new().roll_up_at(0);
    let (layer, handle) = start(webhook(&inbox).policy(apart));
    for n in 0..6 {
        let path = format!("/{}", "x".repeat(n + 1));
        answer(&layer, &path, 500).await;
    }
    assert!(handle.flush(SOON).await.completed());
    let requests = inbox.requests();
    assert_eq!(requests.len(), 6);
    for millis in (0..6_000).step_by(50) {
        let window = Duration::from_millis(millis);
        let most = busiest(&requests, window);
        assert!(most as f64 <= 3.0 + window.as_secs_f64(), "{most} in {window:?}");
    }
}

#[tokio::test]
async fn e6_the_stats_say_whether_alerts_get_out() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(webhook(&inbox));
    let destination = || handle.stats().destinations()[0].clone();
    let until = async |wanted: DestinationState| {
        let begun = Instant::now();
        while destination().state() != wanted {
            assert!(begun.elapsed() < SOON, "never {wanted:?}: {:?}", destination());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert_eq!(destination().state(), DestinationState::Ready);
    assert_eq!((destination().last_delivery(), destination().messages()), (None, 0));

    inbox.fault_times(Fault::RateLimited(Some("1".to_owned())), 1);
    answer(&layer, "/orders", 500).await;
    until(DestinationState::Paused).await;
    until(DestinationState::Ready).await;
    inbox.wait_for(|_| true, SOON).await.unwrap();
    assert!(handle.flush(SOON).await.completed());
    assert_eq!(destination().messages(), 1);
    let first = destination().last_delivery().unwrap();

    inbox.fault(Fault::Answer(503, String::new()));
    answer(&layer, "/users", 500).await;
    until(DestinationState::Retrying).await;
    assert!(destination().last_fault().unwrap().contains("503"), "{:?}", destination());
    assert_eq!(destination().last_delivery(), Some(first));
    inbox.heal();
    assert!(handle.flush(SOON).await.completed());
    assert!(destination().last_delivery() > Some(first));
    assert_eq!(destination().state(), DestinationState::Ready);
}

#[tokio::test]
async fn checking_posts_nothing() {
    let inbox = Inbox::start().await.unwrap();
    for config in [webhook(&inbox), bot(&inbox)] {
        let (_layer, handle) = start(config);
        let report = handle.check().await;
        assert!(report.is_ok(), "{report}");
        inbox.fault_times(Fault::Error("no_service".to_owned()), 1);
        let report = handle.check().await;
        assert!(!report.is_ok());
        assert!(report.to_string().contains("no_service"), "{report}");
    }
    assert!(inbox.messages().is_empty());
}

#[tokio::test]
async fn a_test_message_is_posted_everywhere() {
    let (one, two) = (Inbox::start().await.unwrap(), Inbox::start().await.unwrap());
    let (_layer, handle) = start(webhook(&one).also(Destination::webhook(two.webhook_url())));
    assert!(handle.test_message().await.is_ok());
    for inbox in [&one, &two] {
        let texts: Vec<_> = inbox.messages().iter().map(slack_inbox::Message::text).collect();
        assert_eq!(texts, ["🔔 [production] shop-api · test message · alerts arrive here"]);
    }
}

#[tokio::test]
async fn test_messages_keep_the_pace_too() {
    let inbox = Inbox::start().await.unwrap();
    let (_layer, handle) = start(webhook(&inbox));
    let all = (0..6).map(|_| handle.test_message());
    assert!(futures_util::future::join_all(all).await.iter().all(|report| report.is_ok()));
    let requests = inbox.requests();
    assert_eq!(requests.len(), 6);
    for millis in (0..5_000).step_by(50) {
        let window = Duration::from_millis(millis);
        let most = busiest(&requests, window);
        assert!(most as f64 <= 3.0 + window.as_secs_f64(), "{most} in {window:?}");
    }
}

#[tokio::test]
async fn a_blocked_transport_holds_up_no_other_destination() {
    struct Blocked;
    impl Transport for Blocked {
        fn deliver<'a>(&'a self, _: Delivery<'a>) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
            std::thread::sleep(Duration::from_secs(5));
            Box::pin(async { Ok(Receipt::new()) })
        }
    }
    let told = common::Told::default();
    let config = AlertConfig::builder(Destination::transport(Blocked));
    let (layer, handle) = start(config.also(Destination::transport(told.clone())));
    answer(&layer, "/orders", 500).await;
    let begun = Instant::now();
    while told.count() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", handle.stats());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn faults_say_what_to_do() {
    let inbox = Inbox::start().await.unwrap();
    inbox.fault(Fault::Error("not_in_channel".to_owned()));
    let (_layer, handle) = start(bot(&inbox));
    let report = handle.check().await.to_string();
    assert!(report.contains("invite the bot: say /invite @your-app"), "{report}");
}

#[tokio::test]
async fn somebodys_own_message_is_sent_and_a_panicking_or_late_one_replaced() {
    let own = |view: &IncidentView| match view.key().route().map(ToString::to_string).as_deref() {
        Some("/own") => Some(SlackMessage::new(Line::new().text("mine: ").code("<!channel>"))),
        Some("/panic") => panic!("a renderer panicked"),
        Some("/late") => {
            std::thread::sleep(Duration::from_millis(1_500));
            None
        }
        _ => None,
    };
    let inbox = Inbox::start().await.unwrap();
    let destination = Destination::webhook(inbox.webhook_url()).render(own);
    let (layer, handle) = start(AlertConfig::builder(destination).service("shop-api"));
    for path in ["/own", "/panic", "/late"] {
        answer(&layer, path, 500).await;
    }
    assert!(handle.flush(SOON).await.completed());
    let texts: Vec<_> = inbox.messages().iter().map(slack_inbox::Message::text).collect();
    assert!(texts.contains(&"mine: <!channel>".to_owned()), "{texts:?}");
    assert_eq!(texts.iter().filter(|text| text.contains("shop-api · 500 GET")).count(), 2);
    assert_eq!(handle.stats().callback_panics(), 1);
}

#[tokio::test]
async fn slack_hanging_slows_no_request_and_what_happened_is_told_after() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(webhook(&inbox).policy(quick()));
    let mut slowest = Duration::ZERO;
    let mut storm = async |count: u32| {
        for _ in 0..count {
            let begun = Instant::now();
            answer(&layer, "/orders", 500).await;
            slowest = slowest.max(begun.elapsed());
        }
    };
    inbox.fault(Fault::RateLimited(Some("5".to_owned())));
    storm(500).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    inbox.fault(Fault::Hang);
    storm(500).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    inbox.heal();
    storm(500).await;
    inbox.wait_for(|message| message.text().contains("1\u{a0}500 s"), SOON).await.unwrap();
    assert!(slowest < Duration::from_millis(200), "a request took {slowest:?}");
    let stats = handle.stats();
    check_law(&stats);
    assert_eq!(stats.observed(), 1_500);
}

#[tokio::test]
async fn the_layer_is_shared_and_its_thread_ends_with_it() {
    let inbox = Arc::new(Inbox::start().await.unwrap());
    let (layer, handle) = start(webhook(&inbox));
    answer(&layer, "/orders", 500).await;
    // Nobody asks for a flush: the last drop lets the thread finish its work.
    drop((layer, handle));
    inbox.wait_for(|message| message.text().contains("no longer watched"), SOON).await.unwrap();
    assert_eq!(inbox.messages().len(), 2);
}
