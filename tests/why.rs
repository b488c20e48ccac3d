//! The example server tells why: while requests hang, when they block the
//! runtime, and with their own logs.

mod common;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use common::SOON;
use common::server::{Server, curl};
use slack_inbox::{Inbox, Message};

async fn bot(settings: &[(&str, &str)]) -> (Inbox, Server) {
    let inbox = Inbox::start().await.unwrap();
    let api = inbox.api_url();
    let mut environment = vec![
        ("SLACK_ALERT_BOT_TOKEN", "xoxb-local"),
        ("SLACK_ALERT_CHANNEL", "alerts"),
        ("SLACK_ALERT_API_URL", &*api),
    ];
    environment.extend(settings);
    let server = Server::start(&environment);
    (inbox, server)
}

const SHORT: [(&str, &str); 2] =
    [("SLACK_ALERT_SLOW_AFTER", "500ms"), ("SLACK_ALERT_HUNG_AFTER", "1s")];

/// Sends a request, and waits for no answer.
fn send(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).unwrap();
    stream
}

async fn told(inbox: &Inbox, what: &str) -> Message {
    inbox.wait_for(|message| message.text().contains(what), SOON).await.unwrap()
}

#[tokio::test]
#[cfg(unix)]
async fn a_hung_request_is_told_and_its_message_becomes_its_end() {
    let (inbox, server) = bot(&SHORT).await;
    let address = server.address;
    let asked = std::thread::spawn(move || curl(address, "GET", "/slow/2500"));
    let running = told(&inbox, "still running 1 s · GET /slow/{millis}").await;
    assert!(!asked.is_finished());
    assert!(asked.join().unwrap().contains("took 2500 ms"));
    let ended = told(&inbox, "GET /slow/{millis} · 200").await;
    assert_eq!(ended.ts(), running.ts());
    // On a busy machine it sleeps longer than asked.
    let (text, why) = (ended.text(), &ended.lines()[1]);
    assert!(text.contains("slow 2.") || text.contains("slow 3."), "{text}");
    assert!(why.starts_with("waiting 2.") || why.starts_with("waiting 3."), "{why}");
    server.stop();
}

#[tokio::test]
#[cfg(unix)]
async fn a_hung_request_that_its_client_gives_up_is_cancelled() {
    let (inbox, server) = bot(&SHORT).await;
    let stream = send(server.address, "/slow/60000");
    let running = told(&inbox, "still running 1 s · GET /slow/{millis}").await;
    drop(stream);
    let ended = told(&inbox, "cancelled after ").await;
    assert_eq!(ended.ts(), running.ts());
    assert!(ended.text().ends_with("GET /slow/{millis} · no response"), "{}", ended.text());
    server.stop();
}

#[tokio::test]
#[cfg(unix)]
async fn a_blocked_runtime_is_told_while_it_is_blocked() {
    let (inbox, server) = bot(&[("TOKIO_WORKER_THREADS", "2")]).await;
    // More than there are workers, so that none of them stays idle.
    let asked: Vec<_> = (0..6).map(|_| send(server.address, "/block/4000")).collect();
    let message = told(&inbox, "async runtime blocked ").await;
    // Nobody answers now.
    let mut stream = send(server.address, "/users/1");
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let answer = std::io::Read::read(&mut stream, &mut [0; 64]);
    assert!(answer.is_err(), "{answer:?}");
    assert!(message.text().contains(" by GET /block/{millis} (2 threads)"), "{}", message.text());
    let why = &message.lines()[1];
    assert!(why.starts_with("blocking the async runtime: one poll has taken "), "{why}");
    assert!(why.contains(" so far on thread tokio-"), "{why}");
    drop(asked);
}

#[tokio::test]
#[cfg(unix)]
async fn a_hundred_orders_at_once_show_their_own_two_log_lines() {
    let (inbox, server) = bot(&[]).await;
    let address = server.address;
    let asked: Vec<_> =
        (0..100).map(|_| std::thread::spawn(move || curl(address, "POST", "/orders"))).collect();
    for thread in asked {
        assert!(thread.join().unwrap().starts_with("HTTP/1.1 500 "));
    }
    let message = told(&inbox, "500 POST /orders").await;
    let lines = message.lines();
    assert!(lines.contains(&"connection refused ← pool timed out".to_owned()), "{lines:?}");
    let context = lines.iter().find(|line| line.contains("order ")).unwrap();
    let order = context.split("order ").nth(1).unwrap().split(' ').next().unwrap();
    let logs: Vec<&String> = lines.iter().filter(|line| line.contains(" server: ")).collect();
    assert_eq!(logs.len(), 2, "{lines:?}");
    assert!(logs[0].starts_with("WARN ") && logs[1].starts_with("ERROR "), "{logs:?}");
    let own = format!("order={order}   examples/server.rs:");
    assert!(logs.iter().all(|line| line.contains(&own)), "{order}: {logs:?}");
    server.stop();
}
