//! What a network does to alerts, byte by byte: rows A8 to A20 of
//! `tests/FAULTS.md` that the local Slack can't play.

mod common;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::slack::{answer, start};
use common::wire::{Play, Wire, read_request};
use common::{SOON, check_law};
use slack_inbox::Inbox;
use tower_slack_alert::{
    AlertConfig, AlertConfigBuilder, AlertHandle, Destination, DestinationState, DestinationStats,
};

fn to(url: impl AsRef<str>) -> AlertConfigBuilder {
    AlertConfig::webhook(url).service("shop-api").request_timeout(Duration::from_millis(500))
}

/// The first destination's state, once it is as wanted.
async fn until(
    handle: &AlertHandle,
    wanted: impl Fn(&DestinationStats) -> bool,
) -> DestinationStats {
    let begun = Instant::now();
    loop {
        let stats = handle.stats();
        check_law(&stats);
        assert_eq!(stats.restarts(), 0, "{stats:#?}");
        let destination = &stats.destinations()[0];
        if wanted(destination) {
            return destination.clone();
        }
        assert!(begun.elapsed() < SOON, "{stats:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn delivered(destination: &DestinationStats) -> bool {
    destination.account().delivered() == 1
}

#[tokio::test]
async fn a8_redirects_are_never_followed() {
    let elsewhere = Inbox::start().await.unwrap();
    for status in [301, 302, 303, 307, 308] {
        let location = elsewhere.webhook_url();
        let wire = Wire::start(move |_| {
            let head = format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\n");
            Play::Answer(format!("{head}content-length: 0\r\n\r\n").into_bytes())
        });
        let bot = Destination::bot("xoxb-secret", "alerts")
            .api_url(format!("http://127.0.0.1:{}/api", wire.port));
        for config in [to(wire.webhook()), AlertConfig::builder(bot)] {
            let (layer, handle) = start(config);
            answer(&layer, "/orders", 500).await;
            let open = until(&handle, |found| found.state() == DestinationState::Open).await;
            assert!(open.last_fault().unwrap().contains("redirected"), "{open:?}");
            assert_eq!(open.account().pending(), 1);
        }
    }
    assert!(elsewhere.requests().is_empty(), "an alert went elsewhere");
}

#[tokio::test]
async fn a12_a_refused_connection_is_tried_again_and_is_no_repeat() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (layer, handle) = start(to(format!("http://127.0.0.1:{port}/services/T0/B0/x")));
    answer(&layer, "/orders", 500).await;
    let refused = until(&handle, |found| found.state() == DestinationState::Retrying).await;
    assert!(refused.last_fault().unwrap().contains("connection_refused"), "{refused:?}");
    // Slack is back, under the same address.
    let inbox = Inbox::builder().port(port).start().unwrap();
    let message = inbox.wait_for(|_| true, SOON).await.unwrap();
    assert!(!message.lines().iter().any(|line| line.contains("repeat")), "{:?}", message.text());
}

#[tokio::test]
async fn a13_a_connection_that_hangs_ends_by_its_timeout_and_holds_up_nobody() {
    // Taken up to here, and never accepted.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut taken = Vec::new();
    let short = Duration::from_millis(100);
    while let Ok(stream) =
        tokio::time::timeout(short, tokio::net::TcpStream::connect(address)).await
    {
        taken.push(stream.unwrap());
        assert!(taken.len() < 100, "the backlog does not fill");
    }
    let well = Inbox::start().await.unwrap();
    let hanging = to(format!("http://{address}/services/T0/B0/x"));
    let (layer, handle) = start(hanging.also(Destination::webhook(well.webhook_url())));
    answer(&layer, "/orders", 500).await;
    well.wait_for(|_| true, SOON).await.unwrap();
    let hung = until(&handle, |found| found.state() == DestinationState::Retrying).await;
    assert!(hung.last_fault().unwrap().contains("connect_timeout"), "{hung:?}");
    assert_eq!(hung.account().pending(), 1);
}

#[tokio::test]
async fn a17_of_a_giant_answer_only_the_beginning_is_read() {
    let wire = Wire::start(|_| {
        Play::Flood(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n".to_vec())
    });
    let (layer, handle) = start(to(wire.webhook()).request_timeout(Duration::from_secs(30)));
    let begun = Instant::now();
    answer(&layer, "/orders", 500).await;
    let open = until(&handle, |found| found.state() == DestinationState::Open).await;
    assert!(open.last_fault().unwrap().contains("unexpected_body"), "{open:?}");
    assert!(begun.elapsed() < SOON);
    while !wire.was_left() {
        assert!(begun.elapsed() < SOON, "it is still read");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Nothing that could grow on the way is asked for.
    let asked = wire.requests().remove(0).to_lowercase();
    assert!(!asked.contains("accept-encoding"), "{asked}");
}

#[tokio::test]
async fn a18_an_answer_that_breaks_off_leaves_it_unknown_whether_it_was_taken() {
    let half = |status: &str| {
        Play::Close(format!("HTTP/1.1 {status}\r\ncontent-length: 100\r\n\r\nok, but").into_bytes())
    };
    for (status, may_be_a_repeat) in [("200 OK", true), ("500 Internal Server Error", false)] {
        let wire = Wire::start(move |number| if number == 0 { half(status) } else { Play::ok() });
        let (layer, handle) = start(to(wire.webhook()));
        answer(&layer, "/orders", 500).await;
        until(&handle, delivered).await;
        let requests = wire.requests();
        assert_eq!(requests.len(), 2, "{status}");
        assert_eq!(requests[1].contains("may be a repeat"), may_be_a_repeat, "{}", requests[1]);
    }
}

#[tokio::test]
async fn a19_a_connection_that_is_closed_while_it_is_idle_loses_nothing() {
    // Says that it stays open, and does not.
    let wire = Wire::start(|_| {
        Play::Close(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok".to_vec(),
        )
    });
    let (layer, handle) = start(to(wire.webhook()));
    for (number, path) in ["/orders", "/users", "/carts"].into_iter().enumerate() {
        answer(&layer, path, 500).await;
        let count = number as u64 + 1;
        until(&handle, |found| found.account().delivered() == count).await;
    }
    assert_eq!(wire.requests().len(), 3, "{:#?}", wire.requests());
}

#[tokio::test]
async fn a20_broken_http_is_an_error_and_never_a_panic() {
    let mut huge = b"HTTP/1.1 200 OK\r\n".to_vec();
    for number in 0..20_000 {
        huge.extend(format!("x-{number}: {number}\r\n").into_bytes());
    }
    huge.extend(b"content-length: 2\r\n\r\nok");
    let early = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1_000);
    let broken: [&[u8]; 8] = [
        b"\x00\x01\x02 nothing that anybody speaks\r\n\r\n",
        b"ok",
        b"HTTP/1.1 200\r\n",
        b"HTTP/9.9 200 OK\r\n\r\nok",
        b"HTTP/1.1 20000000000 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        &huge,
        &early,
    ];
    for bytes in broken {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let bytes = bytes.to_vec();
        let wire = Wire::start(move |number| match number {
            0 => Play::Close(bytes.clone()),
            _ => Play::ok(),
        });
        let (layer, handle) = start(to(wire.webhook()));
        answer(&layer, "/orders", 500).await;
        let tried = until(&handle, |found| found.last_fault().is_some()).await;
        assert!(tried.last_fault().unwrap().is_ascii(), "{shown}: {tried:?}");
        // The next answer is Slack's, and the alert is told.
        until(&handle, delivered).await;
    }
}

/// A certificate for 127.0.0.1 and who signed it; or for somebody else.
fn certificate(name: &str, is_over: bool) -> (String, rustls::ServerConfig) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "an authority");
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let signed = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let mut own = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    if is_over {
        own.not_before = rcgen::date_time_ymd(2020, 1, 1);
        own.not_after = rcgen::date_time_ymd(2021, 1, 1);
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = own.signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key.into())
        .unwrap();
    (signed.pem(), config)
}

/// Says `ok` over TLS.
fn serve_tls(config: rustls::ServerConfig) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream);
            while read_request(&mut stream).is_some() {
                let Play::Answer(ok) = Play::ok() else { return };
                if stream.write_all(&ok).is_err() {
                    break;
                }
            }
        }
    });
    format!("https://127.0.0.1:{port}/services/T0/B0/secret-of-the-hook")
}

/// A server that doesn't speak TLS.
fn serve_plain() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _hello = stream.read(&mut [0; 1024]);
            let _left = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
        }
    });
    format!("https://127.0.0.1:{port}/services/T0/B0/secret-of-the-hook")
}

#[tokio::test]
async fn a15_only_a_certificate_that_is_trusted_is_talked_to() {
    let (root, well) = certificate("127.0.0.1", false);
    let (_, unknown) = certificate("127.0.0.1", false);
    let (other_root, other) = certificate("slack.example.com", false);
    let (old_root, old) = certificate("127.0.0.1", true);
    let faults = [
        ("nobody's authority", serve_tls(unknown), root.clone()),
        ("another's name", serve_tls(other), other_root),
        ("expired", serve_tls(old), old_root),
        ("no TLS", serve_plain(), root.clone()),
    ];
    for (what, url, root) in faults {
        let (layer, handle) = start(to(url).root_certificate_pem(root));
        answer(&layer, "/orders", 500).await;
        let refused = until(&handle, |found| found.state() == DestinationState::Retrying).await;
        let fault = refused.last_fault().unwrap();
        assert!(fault.contains("tls") && !fault.contains("secret"), "{what}: {fault}");
        assert_eq!(refused.account().pending(), 1, "{what}");
    }
    let (layer, handle) = start(to(serve_tls(well)).root_certificate_pem(root));
    answer(&layer, "/orders", 500).await;
    until(&handle, delivered).await;
}

#[tokio::test]
async fn a14_a_name_that_is_not_found_is_tried_again_and_says_so() {
    // Too long to be anybody's name, so that no resolver is asked and each says no.
    let name = format!("{}.example", "a".repeat(64));
    let config = to(format!("https://{name}/services/T0/B0/secret-of-the-hook"));
    let (layer, handle) = start(config.request_timeout(Duration::from_secs(30)));
    answer(&layer, "/orders", 500).await;
    let says_so = |found: &DestinationStats| found.last_fault().is_some_and(|f| f.contains("dns"));
    let unknown = until(&handle, says_so).await;
    assert_eq!(unknown.state(), DestinationState::Retrying);
    assert!(!format!("{unknown:?}").contains("secret-of-the-hook"));
    assert_eq!(unknown.account().pending(), 1);
}
