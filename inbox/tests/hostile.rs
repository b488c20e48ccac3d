//! Requests of any kind: each has an answer, and none harms the next one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use slack_inbox::Inbox;
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static INBOX: LazyLock<Inbox> = LazyLock::new(|| RUNTIME.block_on(Inbox::start()).unwrap());
static CLIENT: LazyLock<Client> = LazyLock::new(|| {
    // A connection for each: one that the server closes after a request that it
    // read in part would take the next request along.
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0);
    client.timeout(Duration::from_secs(10)).build().unwrap()
});

/// What Slack calls things, so that much of what is made up is nearly right.
const WORDS: [&str; 40] = [
    "text",
    "type",
    "blocks",
    "attachments",
    "elements",
    "fields",
    "accessory",
    "block_id",
    "action_id",
    "url",
    "value",
    "style",
    "channel",
    "ts",
    "thread_ts",
    "reply_broadcast",
    "section",
    "header",
    "context",
    "actions",
    "divider",
    "rich_text",
    "rich_text_section",
    "button",
    "image",
    "alt_text",
    "image_url",
    "mrkdwn",
    "plain_text",
    "markdown",
    "emoji",
    "color",
    "fallback",
    "link",
    "user",
    "alerts",
    "danger",
    "unfurl_links",
    "metadata",
    "rows",
];

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => proptest::sample::select(WORDS.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[<>&*_~`@#!|:0-9a-z \n]{0,80}",
        1 => "[0-9]{10}\\.[0-9]{6}",
    ]
}

fn payload() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => word().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => (0..9_000_usize).prop_map(|length| Value::from("é".repeat(length))),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            3 => proptest::collection::btree_map(word(), inner, 0..6)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        // As a message mostly is.
        6 => (word(), payload(), payload()).prop_map(|(text, blocks, attachments)| {
            json!({ "channel": "alerts", "text": text, "blocks": blocks, "attachments": attachments })
                .to_string().into_bytes()
        }),
        3 => payload().prop_map(|payload| payload.to_string().into_bytes()),
        // Broken off somewhere.
        1 => (payload(), any::<prop::sample::Index>()).prop_map(|(payload, at)| {
            let mut bytes = payload.to_string().into_bytes();
            bytes.truncate(at.index(bytes.len() + 1));
            bytes
        }),
        1 => proptest::collection::vec(any::<u8>(), 0..200),
        1 => "(channel|text|blocks|payload)=[^ ]{0,40}(&[a-z]{0,5}=[^ ]{0,20}){0,3}"
            .prop_map(String::into_bytes),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let known = [
        "/services/T0/B0/local",
        "/services/x",
        "/api/chat.postMessage",
        "/api/chat.update",
        "/api/auth.test",
        "/api/conversations.history",
        "/api/conversations.replies",
        "/messages",
        "/refused",
        "/faults",
        "/page/page.js",
        "/",
    ];
    prop_oneof![
        8 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => "/(api|messages|refused|page|services)/[^ ?#/]{0,20}(/[^ ?#]{0,20})?",
        1 => "/messages\\?(channel|since|x)=[^ #]{0,20}",
    ]
}

/// A request over which its headers, its body and a few bytes disagree.
fn nearly_http() -> impl Strategy<Value = Vec<u8>> {
    let lines = [
        "host: localhost",
        "content-type: application/json",
        "content-length: 12",
        "content-length: 5",
        "content-length: -1",
        "content-length: 99999999999999999999",
        "transfer-encoding: chunked",
        "transfer-encoding: gzip, chunked",
        "expect: 100-continue",
        "connection: upgrade",
        "upgrade: h2c",
        "authorization: Bearer xoxb-1",
        "x",
        ": x",
    ];
    let bodies = [
        &b"{\"text\":\"a\"}"[..],
        b"c\r\n{\"text\":\"a\"}\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\n{",
        b"-1\r\n\r\n",
        b"",
    ];
    (
        proptest::sample::select(vec!["POST", "GET", "PRI", "", "post"]),
        path(),
        proptest::sample::select(vec!["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9", ""]),
        proptest::sample::subsequence(lines.to_vec(), 0..6),
        proptest::sample::select(bodies.to_vec()),
        proptest::option::weighted(0.3, (any::<prop::sample::Index>(), any::<[u8; 3]>())),
    )
        .prop_map(|(method, path, version, lines, body, spliced)| {
            let head = format!("{method} {path} {version}\r\n{}\r\n\r\n", lines.join("\r\n"));
            let mut bytes = [head.as_bytes(), body].concat();
            if let Some((at, splice)) = spliced {
                let at = at.index(bytes.len());
                bytes.splice(at..at, splice);
            }
            bytes
        })
}

/// Takes a message, whatever came before.
fn still_works() {
    let sent = RUNTIME.block_on(async {
        let hook = CLIENT.post(INBOX.webhook_url()).json(&json!({ "text": "still here" }));
        hook.send().await.unwrap().text().await.unwrap()
    });
    assert_eq!(sent, "ok");
    INBOX.clear();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_answered(
        path in path(),
        method in proptest::sample::select(vec!["POST", "POST", "POST", "GET", "DELETE", "PUT"]),
        kind in prop_oneof![
            3 => Just("application/json; charset=utf-8".to_owned()),
            1 => Just("application/x-www-form-urlencoded".to_owned()),
            1 => "[a-z/;=]{0,30}",
        ],
        token in proptest::option::of("(Bearer )?[a-z0-9-]{0,20}"),
        body in body(),
    ) {
        // A fault that is asked for is no answer; it has tests of its own.
        prop_assume!(!(path.starts_with("/faults") && method == "POST"));
        let Ok(url) = reqwest::Url::parse(&format!("http://{}{path}", INBOX.address())) else {
            return Ok(());
        };
        let method: Method = method.parse().unwrap();
        let (status, said) = RUNTIME.block_on(async {
            let mut request = CLIENT.request(method.clone(), url.clone()).body(body.clone());
            request = request.header("content-type", kind);
            if let Some(token) = token {
                request = request.header("authorization", token);
            }
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.bytes().await.unwrap())
        });
        prop_assert!(status < 500, "{status}: {}", String::from_utf8_lossy(&said));
        // What it shows of what it was given can be shown.
        let shown = RUNTIME.block_on(async {
            let all = format!("http://{}/messages", INBOX.address());
            CLIENT.get(all).send().await.unwrap().json::<Value>().await
        });
        prop_assert!(shown.is_ok_and(|shown| shown.is_array()));
        still_works();
    }

    #[test]
    fn bytes_that_are_no_http_harm_nobody(
        bytes in prop_oneof![
            1 => proptest::collection::vec(any::<u8>(), 0..400),
            3 => nearly_http(),
        ],
    ) {
        let mut stream = TcpStream::connect(INBOX.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let _taken = stream.write_all(&bytes);
        let _said = stream.read(&mut [0; 1024]);
        drop(stream);
        still_works();
    }
}
