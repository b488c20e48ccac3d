//! The example server as the README uses it: five alerts, through a webhook and
//! through a bot, and none for what is fine.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use common::SOON;
use common::server::{Server, curl};
use slack_inbox::{Inbox, Message};

/// A download that its client stops after the first bytes.
fn stopped_download(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /stream/50 HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let mut some = [0; 64];
    assert!(stream.read(&mut some).unwrap() > 0);
}

/// What the channel shows: not what is said in threads.
fn alerts(inbox: &Inbox) -> Vec<Message> {
    inbox.messages().into_iter().filter(|message| message.thread_ts().is_none()).collect()
}

async fn five_alerts(inbox: &Inbox, environment: &[(&str, &str)]) {
    let server = Server::start(environment);
    let address = server.address;
    for (path, status) in
        [("/users/1", 200), ("/healthz", 503), ("/fail/404", 404), ("/stream/2", 200)]
    {
        let answer = curl(address, "GET", path);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
    stopped_download(address);
    // None of these is told: the first alert is the next one's.
    assert!(curl(address, "GET", "/fail").starts_with("HTTP/1.1 500 "));
    let first = inbox.wait_for(|_| true, SOON).await.unwrap();
    assert!(first.text().contains("500 GET /fail · "), "{}", first.text());

    let slow = std::thread::spawn(move || curl(address, "GET", "/slow/1200"));
    assert!(curl(address, "GET", "/panic").starts_with("HTTP/1.1 500 "));
    assert!(curl(address, "GET", "/broken-stream").contains("some rows"));
    assert!(curl(address, "POST", "/orders").starts_with("HTTP/1.1 500 "));
    assert!(slow.join().unwrap().contains("took 1200 ms"));

    let told = async |what: &str| {
        inbox.wait_for(|message| message.text().contains(what), SOON).await.unwrap().lines()
    };
    let panic =
        told("panic GET /panic · index out of bounds: the len is 3 but the index is 7").await;
    assert!(panic[0].starts_with("🟣 server · "), "{panic:?}");
    assert!(panic[0].contains(" · examples/server.rs:"), "{panic:?}");
    told("body failed GET /broken-stream · the cursor was closed · after 20 B in ").await;
    let order = told("500 POST /orders · connection refused · ").await;
    assert_eq!(order[1], "connection refused ← pool timed out");
    assert!(order[3].starts_with("WARN server: no idle connection, waiting for one order=1   "));
    assert!(order[4].starts_with("ERROR server: could not save the order order=1   "), "{order:?}");
    let slow = told("GET /slow/{millis} · 200").await;
    assert!(slow[0].starts_with("🟡 server · slow 1."), "{slow:?}");
    // How much longer than asked it sleeps is the machine's business.
    assert!(slow[1].starts_with("waiting 1."), "{slow:?}");
    assert!(slow[1].contains(" s, computing 0.") && slow[1].contains(" s in "), "{slow:?}");
    assert!(slow[2].contains("/slow/1200 · "), "{slow:?}");
    let texts: Vec<String> = alerts(inbox).iter().map(Message::text).collect();
    assert_eq!(texts.len(), 5, "{texts:#?}");

    let said = server.stop();
    assert!(said.contains("all told; 5 observed"), "{said}");
    assert!(inbox.requests().iter().all(|request| request.outcome() == "ok"));
}

#[tokio::test]
#[cfg(unix)]
async fn through_a_webhook() {
    let inbox = Inbox::start().await.unwrap();
    let environment =
        [("SLACK_ALERT_WEBHOOK_URL", &*inbox.webhook_url()), ("SLACK_ALERT_SLOW_AFTER", "1s")];
    five_alerts(&inbox, &environment).await;
}

#[tokio::test]
#[cfg(unix)]
async fn through_a_bot() {
    let inbox = Inbox::start().await.unwrap();
    let environment = [
        ("SLACK_ALERT_BOT_TOKEN", "xoxb-local"),
        ("SLACK_ALERT_CHANNEL", "alerts"),
        ("SLACK_ALERT_API_URL", &*inbox.api_url()),
        ("SLACK_ALERT_SLOW_AFTER", "1s"),
    ];
    five_alerts(&inbox, &environment).await;
    // Each of the five was edited at the end, and none was posted twice.
    let messages = alerts(&inbox);
    assert_eq!(messages.len(), 5);
    assert!(messages.iter().all(|message| message.edits() == 1));
    assert!(messages.iter().all(|message| message.text().contains("no longer watched")));
}

#[tokio::test]
#[cfg(unix)]
async fn with_a_local_slack_inside() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let server = Server::start(&[("INBOX_PORT", &port)]);
    curl(server.address, "GET", "/fail");
    let inbox: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    let begun = std::time::Instant::now();
    while !curl(inbox, "GET", "/messages").contains("500 GET /fail") {
        assert!(begun.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let said = server.stop();
    assert!(said.contains("alerts go to a local Slack: open http://127.0.0.1:"), "{said}");
    assert!(said.contains("🔴 server · 500 GET /fail · "), "{said}");
}

#[tokio::test]
#[cfg(unix)]
async fn no_proxy_carries_a_local_secret_away() {
    let inbox = Inbox::start().await.unwrap();
    let url = inbox.webhook_url();
    let proxy = "http://127.0.0.1:9";
    let environment =
        [("SLACK_ALERT_WEBHOOK_URL", &*url), ("HTTP_PROXY", proxy), ("http_proxy", proxy)];
    let server = Server::start(&environment);
    curl(server.address, "GET", "/fail");
    inbox.wait_for(|_| true, SOON).await.unwrap();
}

#[tokio::test]
async fn a25_rubbish_in_the_proxys_variables_stops_nothing() {
    for rubbish in ["http://[::rubbish", "not a url", "ftp://127.0.0.1:9", ""] {
        let inbox = Inbox::start().await.unwrap();
        let url = inbox.webhook_url();
        let server = Server::start(&[
            ("SLACK_ALERT_WEBHOOK_URL", &*url),
            ("HTTPS_PROXY", rubbish),
            ("HTTP_PROXY", rubbish),
            ("ALL_PROXY", rubbish),
            ("NO_PROXY", rubbish),
        ]);
        assert!(curl(server.address, "GET", "/fail").starts_with("HTTP/1.1 500 "), "{rubbish}");
        inbox.wait_for(|_| true, SOON).await.unwrap();
    }
}

#[tokio::test]
#[cfg(unix)]
async fn the_second_signal_waits_for_no_request() {
    let inbox = Inbox::start().await.unwrap();
    let url = inbox.webhook_url();
    let mut server = Server::start(&[("SLACK_ALERT_WEBHOOK_URL", &*url)]);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"GET /stream/600 HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    assert!(stream.read(&mut [0; 64]).unwrap() > 0);
    server.signal("-INT");
    assert_eq!(server.next_line(), "stopping; once more to wait for no request\n");
    server.signal("-INT");
    let begun = std::time::Instant::now();
    let said = server.said();
    assert!(said.contains("all told; 0 observed"), "{said}");
    // The request would have gone on for a minute.
    assert!(begun.elapsed() < SOON);
}

/// A container that is frozen, or a lid that is closed.
#[tokio::test]
async fn a_process_that_did_not_run_for_a_while_says_so_once() {
    let inbox = Inbox::start().await.unwrap();
    let server = Server::start(&[
        ("SLACK_ALERT_BOT_TOKEN", "xoxb-local"),
        ("SLACK_ALERT_CHANNEL", "alerts"),
        ("SLACK_ALERT_API_URL", &inbox.api_url()),
    ]);
    assert!(curl(server.address, "GET", "/fail").starts_with("HTTP/1.1 500 "));
    inbox.wait_for(|_| true, SOON).await.unwrap();
    server.signal("-STOP");
    tokio::time::sleep(Duration::from_millis(7_500)).await;
    server.signal("-CONT");
    let says_so = |message: &Message| {
        message.lines().iter().any(|line| line.starts_with("Alerting was paused for "))
    };
    assert!(curl(server.address, "GET", "/fail").starts_with("HTTP/1.1 500 "));
    inbox.wait_for(says_so, SOON).await.unwrap();
    // The next edit says it no more.
    assert!(curl(server.address, "GET", "/fail").starts_with("HTTP/1.1 500 "));
    inbox.wait_for(|message| message.edits() >= 2 && !says_so(message), SOON).await.unwrap();
    server.stop();
}
