//! 100,000 failing requests through the example server, over real sockets.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use common::server::Server;
use slack_inbox::{Inbox, busiest};

const REQUESTS: usize = 100_000;
const CONNECTIONS: usize = 8;

/// Sends so many requests over one connection, in batches; returns how many
/// were answered 500.
fn send(address: SocketAddr, requests: usize) -> usize {
    const BATCH: usize = 50;
    let mut stream = TcpStream::connect(address).unwrap();
    let one = b"GET /fail HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut answered = 0;
    let mut buffer = vec![0; 64 * 1024];
    let mut pending = Vec::new();
    while answered < requests {
        let batch = BATCH.min(requests - answered);
        stream.write_all(&one.repeat(batch)).unwrap();
        let mut left = batch;
        while left > 0 {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the server closed the connection");
            pending.extend_from_slice(&buffer[..read]);
            while let Some(end) = pending.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                assert!(pending.starts_with(b"HTTP/1.1 500 "));
                pending.drain(..end + 4);
                left -= 1;
            }
        }
        answered += batch;
    }
    answered
}

#[test]
#[cfg(unix)]
fn a_hundred_thousand_failures_are_answered_and_counted_to_the_last() {
    let inbox = Inbox::builder().start().unwrap();
    let server = Server::start(&[("SLACK_ALERT_WEBHOOK_URL", &inbox.webhook_url())]);
    let address = server.address;
    let begun = Instant::now();
    let answered: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|_| scope.spawn(move || send(address, REQUESTS / CONNECTIONS)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(answered, REQUESTS);
    println!("{answered} answered in {:?}", begun.elapsed());

    let said = server.stop();
    // "alerts: all told; 100000 observed; webhook: 1 delivered, 99999 coalesced, 0 pending"
    assert!(said.contains("all told; 100000 observed"), "{said}");
    let number = |word: &str| -> u64 {
        let before = said.split(word).next().unwrap().trim_end();
        before.rsplit([' ', ':']).next().unwrap().parse().unwrap()
    };
    assert_eq!(number(" delivered") + number(" coalesced"), 100_000, "{said}");
    assert_eq!(number(" pending"), 0, "{said}");

    // The last message tells the exact total.
    let messages = inbox.messages();
    let last = messages.last().unwrap().text();
    assert!(last.contains("100\u{a0}000 until then"), "{last}");
    let requests = inbox.requests();
    assert_eq!(requests.len(), messages.len());
    for millis in (0..10_000).step_by(100) {
        let window = Duration::from_millis(millis);
        let most = busiest(&requests, window);
        assert!(most as f64 <= 3.0 + window.as_secs_f64(), "{most} in {window:?}");
    }
}
