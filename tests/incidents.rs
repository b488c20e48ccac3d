//! Incidents over HTTP to a local Slack, with a policy shortened to seconds.

mod common;

use std::time::{Duration, Instant};

use common::slack::{self, answer, start};
use common::{SOON, check_law};
use slack_inbox::{Fault, Inbox, Message};
use tower_slack_alert::{AlertConfigBuilder, Destination, IncidentPolicy, Kind, Matcher, Mention};

const MILLIS: fn(u64) -> Duration = Duration::from_millis;

/// Minutes are tenths of seconds.
fn quick() -> IncidentPolicy {
    IncidentPolicy::new()
        .close_after(MILLIS(800))
        .reopen_within(Duration::from_secs(20))
        .calm_after(Duration::from_secs(30))
        .first_edits([MILLIS(100), MILLIS(300)])
        .later_edits([(MILLIS(300), MILLIS(300))])
        .digests([MILLIS(300), MILLIS(600)])
        .escalate_every(MILLIS(500))
        .long_after(MILLIS(700))
        .pace(MILLIS(20), 10)
        .edits_per_minute(1_000)
}

fn bot(inbox: &Inbox) -> AlertConfigBuilder {
    slack::bot(inbox).policy(quick())
}

fn webhook(inbox: &Inbox) -> AlertConfigBuilder {
    slack::webhook(inbox).policy(quick())
}

async fn until(inbox: &Inbox, what: impl Fn(&Message) -> bool) -> Message {
    match inbox.wait_for(what, SOON).await {
        Ok(message) => message,
        Err(missing) => {
            let all: Vec<_> = inbox.messages().iter().map(Message::lines).collect();
            panic!("{missing}: {all:#?} {:#?}", inbox.requests());
        }
    }
}

fn parents(inbox: &Inbox) -> Vec<Message> {
    inbox.messages().into_iter().filter(|message| message.thread_ts().is_none()).collect()
}

fn replies(inbox: &Inbox) -> Vec<Message> {
    inbox.messages().into_iter().filter(|message| message.thread_ts().is_some()).collect()
}

#[tokio::test]
async fn a_bots_storm_from_its_first_failure_to_its_return() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(bot(&inbox));
    answer(&layer, "/orders", 500).await;
    until(&inbox, |_| true).await;
    // The storm: one message, edited, told again when it has grown.
    let begun = Instant::now();
    let mut sent = 1;
    while begun.elapsed() < MILLIS(1_200) {
        answer(&layer, "/orders", 500).await;
        sent += 1;
        tokio::time::sleep(MILLIS(2)).await;
    }
    let grown = until(&inbox, |message| message.thread_ts().is_some()).await;
    assert!(grown.text().contains("500 GET /orders · "), "{}", grown.text());
    assert_eq!(grown.payload()["reply_broadcast"], true);
    let parent = parents(&inbox).remove(0);
    assert!(parent.edits() >= 2, "{} edits", parent.edits());
    assert_eq!(grown.thread_ts(), Some(parent.ts()));
    // Recovered, with proof, in the same message. What comes together with the
    // last failure proves nothing.
    tokio::time::sleep(MILLIS(100)).await;
    for _ in 0..20 {
        answer(&layer, "/orders", 200).await;
    }
    let green =
        until(&inbox, |message| message.thread_ts().is_none() && message.text().starts_with("🟢"));
    let green = green.await;
    let count = format!("{} in ", spoken(sent));
    assert!(green.text().contains("recovered GET /orders · "), "{}", green.text());
    assert!(green.text().contains(&count), "{} in {}", count, green.text());
    assert!(green.text().contains(" failed since"), "{}", green.text());
    // It returns: the same message, and everybody sees it.
    answer(&layer, "/orders", 500).await;
    let again = until(&inbox, |message| message.text().contains("again: 500 GET /orders")).await;
    assert_eq!(again.thread_ts(), Some(parent.ts()));
    until(&inbox, |message| message.ts() == parent.ts() && message.text().starts_with("🔴")).await;
    assert_eq!(parents(&inbox).len(), 1);
    assert!(inbox.requests().iter().all(|request| request.outcome() == "ok"));
    check_law(&handle.stats());
    handle.shutdown(SOON).await;
}

/// As messages say it.
fn spoken(count: u64) -> String {
    let digits = count.to_string();
    match digits.len() {
        4.. => format!("{}\u{a0}{}", &digits[..digits.len() - 3], &digits[digits.len() - 3..]),
        _ => digits,
    }
}

#[tokio::test]
async fn a_webhooks_storm_has_digests_a_closing_and_a_return() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(webhook(&inbox));
    answer(&layer, "/orders", 500).await;
    until(&inbox, |_| true).await;
    let begun = Instant::now();
    let mut sent = 1;
    while begun.elapsed() < MILLIS(1_200) {
        answer(&layer, "/orders", 500).await;
        sent += 1;
        tokio::time::sleep(MILLIS(2)).await;
    }
    tokio::time::sleep(MILLIS(100)).await;
    answer(&layer, "/orders", 200).await;
    let closing = until(&inbox, |message| message.text().starts_with("🟢")).await;
    assert!(closing.text().contains(&format!("{} in ", spoken(sent))), "{}", closing.text());
    let texts: Vec<String> = inbox.messages().iter().map(Message::text).collect();
    assert!((3..=5).contains(&texts.len()), "{texts:#?}");
    assert!(texts[1].contains(" more · "), "{texts:#?}");
    answer(&layer, "/orders", 500).await;
    until(&inbox, |message| message.text().contains("again: 500 GET /orders")).await;
    assert!(handle.flush(SOON).await.completed());
    assert_eq!(handle.stats().destinations()[0].account().pending(), 0);
    check_law(&handle.stats());
}

#[tokio::test]
async fn routes_that_fail_together_are_one_message() {
    for config in [bot, webhook] {
        let inbox = Inbox::start().await.unwrap();
        let (layer, handle) = start(config(&inbox));
        for path in ["/a", "/b", "/c"] {
            answer(&layer, path, 500).await;
            until(&inbox, |message| message.text().contains(&format!("GET {path}"))).await;
        }
        for path in ["/d", "/e", "/f", "/a"] {
            answer(&layer, path, 500).await;
        }
        let rolled = until(&inbox, |message| message.text().contains("routes failing")).await;
        assert!(handle.flush(SOON).await.completed());
        assert_eq!(parents(&inbox).len(), 4);
        if rolled.via() == slack_inbox::Via::Api {
            for path in ["/a", "/b", "/c"] {
                let part = format!("500 GET {path} · part of: several routes failing");
                until(&inbox, |message| message.text().contains(&part)).await;
            }
            until(&inbox, |message| message.text().contains("6 routes failing · 7 ")).await;
        }
        assert_eq!(handle.stats().destinations()[0].account().pending(), 0);
        check_law(&handle.stats());
    }
}

#[tokio::test]
async fn a_silence_holds_and_says_so_when_it_ends() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(webhook(&inbox));
    handle.silence(Matcher::all().route("/noisy"), MILLIS(600));
    assert_eq!(handle.silences().len(), 1);
    assert_eq!(handle.silences()[0].matcher().to_string(), "/noisy");
    for _ in 0..34 {
        answer(&layer, "/noisy", 500).await;
    }
    answer(&layer, "/other", 500).await;
    until(&inbox, |message| message.text().contains("GET /other")).await;
    let over = until(&inbox, |message| message.text().contains("silence over")).await;
    assert!(over.text().contains("/noisy · 34 held while silenced"), "{}", over.text());
    assert!(handle.silences().is_empty());
    assert!(!inbox.messages().iter().any(|message| message.text().contains("GET /noisy")));
    check_law(&handle.stats());
}

#[tokio::test]
async fn somebody_is_mentioned_once() {
    let inbox = Inbox::start().await.unwrap();
    let who = Mention::group("S024BE7LH");
    let (layer, handle) = start(bot(&inbox).mention(Kind::Failed, who));
    for _ in 0..5 {
        answer(&layer, "/orders", 500).await;
        handle.flush(SOON).await;
    }
    let texts = |message: &Message| message.payload()["text"].as_str().unwrap().to_owned();
    let parent = parents(&inbox).remove(0);
    // The edit has taken the pill away; nobody is called twice.
    assert!(!texts(&parent).contains("S024BE7LH"));
    let called = inbox.requests().len();
    assert!(called >= 2);
    let inbox = Inbox::start().await.unwrap();
    let (layer, _handle) = start(webhook(&inbox).mention(Kind::Failed, Mention::here()));
    answer(&layer, "/orders", 500).await;
    let first = until(&inbox, |_| true).await;
    assert!(texts(&first).ends_with(" <!here>"), "{}", texts(&first));
}

#[tokio::test]
async fn after_an_outage_in_the_middle_of_a_storm_everything_is_told() {
    for config in [bot, webhook] {
        let inbox = Inbox::start().await.unwrap();
        let policy = quick().outage_after(MILLIS(400)).close_after(Duration::from_secs(60));
        let (layer, handle) = start(config(&inbox).policy(policy));
        answer(&layer, "/orders", 500).await;
        until(&inbox, |_| true).await;
        inbox.fault(Fault::Answer(503, "away".to_owned()));
        let begun = Instant::now();
        let mut sent = 1;
        while begun.elapsed() < MILLIS(1_500) {
            answer(&layer, "/orders", 500).await;
            answer(&layer, "/cart", 500).await;
            sent += 2;
            tokio::time::sleep(MILLIS(5)).await;
        }
        inbox.heal();
        let away = until(&inbox, |message| message.text().contains("could not be delivered")).await;
        assert!(away.text().contains("alerts could not be delivered for "), "{}", away.text());
        assert!(away.text().contains(" requests were counted meanwhile"), "{}", away.text());
        // Then how everything stands, by each incident's own message.
        until(&inbox, |message| message.text().contains("500 GET /cart")).await;
        assert!(handle.flush(SOON).await.completed());
        let stats = handle.stats();
        check_law(&stats);
        assert_eq!(stats.observed(), sent);
        let account = stats.destinations()[0].account();
        assert_eq!(account.delivered() + account.coalesced(), sent);
        let texts: Vec<String> = inbox.messages().iter().map(Message::text).collect();
        let orders = format!("{} since ", spoken(sent / 2 + 1));
        assert!(texts.iter().any(|text| text.contains(&orders)), "{orders}: {texts:#?}");
    }
}

#[tokio::test]
async fn while_slack_takes_nothing_the_fallback_speaks() {
    for config in [bot, webhook] {
        let inbox = Inbox::start().await.unwrap();
        let spare = Inbox::start().await.unwrap();
        let fallback = Destination::webhook(spare.webhook_url());
        let (layer, handle) = start(config(&inbox).fallback(fallback));
        answer(&layer, "/orders", 500).await;
        until(&inbox, |_| true).await;
        assert!(spare.messages().is_empty());
        inbox.fault(Fault::Error("no_service".to_owned()));
        for n in 0..300 {
            answer(&layer, if n % 2 == 0 { "/orders" } else { "/cart" }, 500).await;
        }
        until(&spare, |message| message.text().contains("GET /cart")).await;
        assert!(handle.flush(MILLIS(500)).await.pending() > 0);
        let stats = handle.stats();
        check_law(&stats);
        // What the first one knows is not said again; the rest is.
        let spoken = stats.destinations()[1].account();
        assert_eq!(spoken.delivered() + spoken.coalesced(), 300);
    }
}

#[tokio::test]
async fn an_edit_that_slack_refuses_as_gone_is_posted_anew() {
    for code in ["message_not_found", "cant_update_message", "edit_window_closed"] {
        let inbox = Inbox::start().await.unwrap();
        let (layer, handle) = start(bot(&inbox));
        answer(&layer, "/orders", 500).await;
        until(&inbox, |_| true).await;
        inbox.fault_times(Fault::Error(code.to_owned()), 1);
        answer(&layer, "/orders", 500).await;
        let anew = until(&inbox, |message| message.text().contains("2 since")).await;
        assert_eq!(parents(&inbox).len(), 2, "{code}");
        assert_eq!(anew.ts(), parents(&inbox)[1].ts());
        let outcomes: Vec<_> = inbox.requests().iter().map(|r| r.outcome().to_owned()).collect();
        assert_eq!(outcomes, ["ok", &format!("fault: {code}"), "ok"]);
        assert!(replies(&inbox).is_empty());
        check_law(&handle.stats());
    }
}

#[tokio::test]
async fn a_post_without_an_answer_is_repeated_once_and_says_so() {
    let inbox = Inbox::start().await.unwrap();
    let (layer, handle) = start(webhook(&inbox).request_timeout(MILLIS(400)));
    inbox.fault(Fault::Hang);
    answer(&layer, "/orders", 500).await;
    // Two attempts, and then only questions that post nothing.
    tokio::time::sleep(MILLIS(2_500)).await;
    inbox.heal();
    let repeat = "This may be a repeat";
    until(&inbox, |message| message.lines().iter().any(|line| line.starts_with(repeat))).await;
    assert!(handle.flush(SOON).await.completed());
    assert_eq!(inbox.messages().len(), 1);
    check_law(&handle.stats());
}
