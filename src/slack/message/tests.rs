//! What messages say, and that no text of strangers gets out of hand.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;
use serde_json::Value;

use super::{Color, Line, SlackMessage, render};
use crate::delivery::{Form, Op};
use crate::incident::{IncidentView, MessageRef, Moment, ViewRow};
use crate::observation::{
    Counts, Facts, Identity, Key, Kind, MethodName, Outcome, PathCapture, QueryCapture, Reason,
    RequestHead, RequestInfo, Route, Samples, Site, Status, Time, Window,
};

/// 2026-11-22 12:04:00 UTC.
const NOON: u64 = 1_795_349_040;

struct Scene {
    kind: Kind,
    status: Option<Status>,
    route: Route,
    path: String,
    took: Duration,
    reason: Vec<String>,
    agent: Vec<u8>,
    outcome: Outcome,
    bytes: Option<u64>,
    query: QueryCapture,
    path_capture: PathCapture,
    request_id: Vec<u8>,
    method: String,
    notes: Vec<(String, String)>,
    key: Option<Key>,
    environment: Option<String>,
}

impl Scene {
    fn new(kind: Kind, route: &str, path: &str, took: Duration) -> Self {
        Scene {
            kind,
            status: None,
            route: Route::Known(route.into()),
            path: path.to_owned(),
            took,
            reason: Vec::new(),
            agent: b"curl/8.5".to_vec(),
            outcome: Outcome::Plain,
            bytes: None,
            query: QueryCapture::Nothing,
            path_capture: PathCapture::Masked,
            request_id: b"01JX3T7".to_vec(),
            method: "POST".to_owned(),
            notes: Vec::new(),
            key: None,
            environment: Some("production".to_owned()),
        }
    }

    fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    fn reason(mut self, causes: &[&str]) -> Self {
        self.reason = causes.iter().map(|cause| (*cause).to_owned()).collect();
        self
    }

    fn outcome(mut self, outcome: Outcome, bytes: Option<u64>) -> Self {
        self.outcome = outcome;
        self.bytes = bytes;
        self
    }

    fn key(&self) -> Key {
        self.key.clone().unwrap_or(Key::Request {
            kind: self.kind,
            method: MethodName::of(&http::Method::POST),
            route: self.route.clone(),
            status: self.status.filter(|_| self.kind == Kind::Failed),
        })
    }

    fn samples(&self, at: Instant) -> Samples {
        let mut request = http::Request::builder();
        if let Ok(method) = http::Method::from_bytes(self.method.as_bytes()) {
            request = request.method(method);
        }
        if let Ok(id) = http::HeaderValue::from_bytes(&self.request_id) {
            request = request.header("x-request-id", id);
        }
        if let Ok(agent) = http::HeaderValue::from_bytes(&self.agent) {
            request = request.header("user-agent", agent);
        }
        let request = request.uri(self.path.as_str()).body(()).unwrap_or_default();
        let mut info = RequestInfo::empty(at);
        let names = Arc::from([http::header::USER_AGENT, crate::observation::REQUEST_ID.clone()]);
        info.fill(&RequestHead::of(&request), &names, None, at);
        let mut window = Window::default();
        window.take(&Facts {
            at,
            took: self.took,
            outcome: self.outcome,
            info: Some(&info),
            status: self.status,
            reason: match self.reason.as_slice() {
                [] => Reason::Unknown,
                causes => Reason::Chain(causes),
            },
            notes: &self.notes,
            site: None,
            bytes: self.bytes,
            in_flight: 61,
            path: self.path_capture,
            query: self.query,
        });
        window.drain()
    }

    fn view(&self, moment: Moment, total: u64, fresh: u64) -> IncidentView {
        let mono = Instant::now();
        let now = Time { mono, wall: SystemTime::UNIX_EPOCH + Duration::from_secs(NOON) };
        let first = mono.checked_sub(Duration::from_secs(600)).unwrap_or(mono);
        let span = (if total > 1 { first } else { mono }, mono);
        IncidentView {
            id: None,
            moment,
            key: self.key(),
            counts: Counts { total, slowest: self.took, span: Some(span) },
            fresh,
            moved_in: 0,
            moved_out: 0,
            samples: self.samples(mono),
            identity: Arc::new(Identity {
                service: "shop-api".into(),
                environment: self.environment.clone(),
                release: Some("1.8.2".into()),
                instance: "pod-7".into(),
            }),
            now,
            uptime: Duration::from_secs(240),
            rows: Vec::new(),
            more: 0,
            more_total: 0,
            outage: None,
            maybe_repeat: false,
            stopped: moment == Moment::Stopped,
        }
    }

    fn first(&self) -> String {
        render(&self.view(Moment::First, 1, 1), Op::Post).to_plain()
    }
}

fn order() -> Scene {
    Scene::new(Kind::Failed, "/orders/{id}", "/orders/1234", Duration::from_millis(812))
        .status(Status::Http(500))
        .reason(&["connection refused", "pool timed out"])
}

#[test]
fn a_failure_in_full() {
    insta::assert_snapshot!(order().first());
    let message = render(&order().view(Moment::First, 1, 1), Op::Post);
    let json: Value = serde_json::from_str(&message.to_json()).unwrap();
    insta::assert_json_snapshot!(json);
}

#[test]
fn the_five_kinds_and_their_variants() {
    let ms = Duration::from_millis;
    let scenes = [
        Scene::new(Kind::Panicked, "/cart", "/cart", ms(14))
            .reason(&["index out of bounds: the len is 3 but the index is 7"]),
        Scene::new(Kind::Failed, "/cart", "/cart", ms(14)).status(Status::Error),
        Scene::new(Kind::Failed, "/pay.Pay/Charge", "/pay.Pay/Charge", ms(14))
            .status(Status::Grpc(13)),
        Scene::new(Kind::Failed, "/cart", "/cart", ms(14))
            .status(Status::Http(200))
            .outcome(Outcome::Judged, None),
        Scene::new(Kind::BodyFailed, "/export", "/export", ms(30_400))
            .reason(&["the cursor was closed"])
            .outcome(Outcome::DuringBody, Some(12_345)),
        Scene::new(Kind::Slow, "/reports/{year}", "/reports/2026", ms(127_000))
            .status(Status::Http(200)),
        Scene::new(Kind::Slow, "/reports/{year}", "/reports/2026", ms(6_000))
            .status(Status::Http(200))
            .outcome(Outcome::SlowBody, Some(1)),
        Scene::new(Kind::Cancelled, "/export", "/export", ms(60_000)),
        Scene::new(Kind::Cancelled, "/export", "/export", ms(60_000))
            .outcome(Outcome::DuringBody, Some(99)),
    ];
    let mut all: Vec<String> = scenes.iter().map(Scene::first).collect();
    let mut elsewhere = order();
    elsewhere.route = Route::Unmatched;
    elsewhere.environment = None;
    all.push(elsewhere.first());
    elsewhere.key = Some(Key::Panic { site: Site::new("src/cart.rs", 88, Some(17)) });
    all.push(elsewhere.first());
    elsewhere.key =
        Some(Key::Log { target: "jobs".into(), site: Site::new("src/jobs.rs", 7, None) });
    all.push(elsewhere.first());
    elsewhere.key = Some(Key::Other { kind: Kind::Slow });
    all.push(elsewhere.first());
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn two_minutes_seven_seconds() {
    let scene =
        Scene::new(Kind::Slow, "/reports/{year}", "/reports/2026", Duration::from_secs(127));
    assert!(scene.first().contains("slow 2 min 7 s"), "{}", scene.first());
}

#[test]
fn digests_and_edits_and_last_words() {
    let progress = order().view(Moment::Progress, 15_012, 812);
    let reference = MessageRef::new("C1", "1.2");
    let mut said = vec![
        render(&progress, Op::Post).to_plain(),
        render(&progress, Op::Update(&reference)).to_plain(),
        render(&order().view(Moment::Stopped, 15_012, 0), Op::Update(&reference)).to_plain(),
    ];
    let mut farewell = order().view(Moment::Stopped, 15_015, 0);
    let slow = Scene::new(Kind::Slow, "/a", "/a", Duration::from_secs(6)).key();
    farewell.rows =
        vec![ViewRow { key: order().key(), total: 15_012 }, ViewRow { key: slow, total: 3 }];
    farewell.more = 2;
    farewell.more_total = 5;
    said.push(render(&farewell, Op::Post).to_plain());
    let mut repeat = order().view(Moment::First, 3, 3);
    repeat.maybe_repeat = true;
    repeat.stopped = true;
    said.push(render(&repeat, Op::Post).to_plain());
    said.push(render(&order().view(Moment::Test, 0, 0), Op::Post).to_plain());
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn text_only_takes_an_older_card_away() {
    let message = render(&order().view(Moment::First, 1, 1), Op::Post);
    let payload = message.payload(Form::TextOnly);
    assert_eq!(payload["attachments"], serde_json::json!([]));
    assert!(payload["text"].as_str().unwrap().contains("`POST /orders/{id}`"));
}

/// Slack's view of a top-level text: what is markup outside of code spans.
fn outside_code(text: &str) -> String {
    text.split('`').step_by(2).collect()
}

fn check_payload(payload: &Value) -> Result<(), TestCaseError> {
    let text = payload["text"].as_str().unwrap_or_default();
    prop_assert!(!text.trim().is_empty());
    prop_assert!(text.len() <= 600, "{} bytes", text.len());
    prop_assert!(!text.contains('<') && !text.contains('>'), "a token in {text}");
    prop_assert_eq!(text.matches('`').count() % 2, 0, "an open code span in {}", text);
    prop_assert!(!text.contains("``"), "an empty code span in {text}");
    prop_assert!(!text.contains(['\n', '\r', '\u{2028}', '\u{202e}', '\u{200b}']), "{text:?}");
    for (at, _) in text.match_indices('&') {
        let rest = text.get(at..).unwrap_or_default();
        let whole = ["&amp;", "&lt;", "&gt;"].iter().any(|entity| rest.starts_with(entity));
        prop_assert!(whole, "half an entity in {text}");
    }
    let outside = outside_code(text);
    prop_assert!(!outside.contains("evil.example"), "outside of code: {outside}");
    prop_assert!(!outside.contains(['*', '~', '_', '@']), "{outside}");
    prop_assert!(!outside.contains(":smile:"), "{outside}");
    prop_assert_eq!(&payload["parse"], "none");
    prop_assert_eq!(&payload["unfurl_links"], false);
    prop_assert!(payload["link_names"].is_null());
    prop_assert!(payload.to_string().len() <= 8_000, "{} bytes", payload.to_string().len());
    let attachments = payload["attachments"].as_array().unwrap();
    prop_assert!(attachments.len() <= 1);
    for block in attachments.iter().flat_map(|a| a["blocks"].as_array().unwrap()) {
        // Text in rich text is literal; nothing else can carry foreign text.
        prop_assert_eq!(&block["type"], "rich_text");
        for element in block["elements"].as_array().unwrap() {
            let leaves = element["elements"].as_array().unwrap();
            prop_assert!(!leaves.is_empty());
            for leaf in leaves {
                prop_assert_eq!(&leaf["type"], "text");
                let text = leaf["text"].as_str().unwrap();
                prop_assert!(!text.is_empty() && text.encode_utf16().count() <= 3_000);
                let hidden = ['\u{202e}', '\u{200b}', '\u{0}'];
                prop_assert!(!text.contains(hidden), "hidden characters");
            }
        }
    }
    prop_assert!(attachments.iter().all(|a| a["blocks"].as_array().unwrap().len() <= 20));
    Ok(())
}

/// As much of a text as a URI takes as it is; the rest percent-encoded.
fn uri_safe(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_graphic() && !matches!(b, b'#' | b'?' | b'"' | b'<' | b'>');
    text.bytes()
        .map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// Text that tries: markup, mentions, links, entities, invisible characters.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{0,12}",
        any::<char>().prop_map(|c| c.to_string()),
        proptest::sample::select(vec![
            "<!channel>",
            "<@U024BE7LH>",
            "@here",
            "<http://evil.example|click>",
            "http://evil.example",
            "`",
            "```",
            "*b*",
            "_i_",
            "~s~",
            "&lt;",
            "&",
            "<",
            ">",
            "|",
            "\n> q",
            "\r\n",
            "\u{202e}",
            "\u{200b}",
            "\u{feff}",
            "\u{0}",
            "\u{1b}[31m",
            ":smile:",
            "\"",
            "\\",
            "🔴",
            "e\u{301}",
            "\u{e0041}",
            " ",
            "/",
        ])
        .prop_map(ToOwned::to_owned),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_of_a_request_gets_out_of_hand(
        (route, reason, cause, agent) in (hostile(), hostile(), hostile(), proptest::collection::vec(any::<u8>(), 0..100)),
        kind in proptest::sample::select(Kind::ALL.to_vec()),
        moment in proptest::sample::select(vec![Moment::First, Moment::Progress, Moment::Stopped]),
        total in 1u64..u64::MAX / 2,
        millis in any::<u32>(),
        method in "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,30}",
    ) {
        let mut scene = Scene::new(kind, &route, "/a", Duration::from_millis(millis.into()));
        scene.reason = vec![reason.clone(), cause];
        scene.agent = agent;
        scene.path = format!("/{}?{}", uri_safe(&route), uri_safe(&reason));
        scene.path_capture = PathCapture::Full;
        scene.query = QueryCapture::Full;
        scene.request_id = scene.agent.clone();
        scene.method = method;
        scene.notes = vec![(route.clone(), reason.clone()); 9];
        let mut view = scene.view(moment, total, total / 2);
        view.rows = vec![ViewRow { key: scene.key(), total }; 10];
        let panic = Key::Panic { site: Site::new(reason, millis, None) };
        for key in [scene.key(), panic] {
            view.key = key;
            let reference = MessageRef::new("C1", "1.2");
            for (op, form) in [
                (Op::Post, Form::Full),
                (Op::Post, Form::TextOnly),
                (Op::Update(&reference), Form::Full),
            ] {
                let payload = render(&view, op).payload(form);
                check_payload(&Value::Object(payload))?;
            }
        }
    }

    #[test]
    fn no_message_of_anybodys_gets_out_of_hand(texts in proptest::collection::vec(hostile(), 0..30), long in 0usize..20_000) {
        let mut message = SlackMessage::new(Line::new().code("x".repeat(long))).color(Color::RED);
        for (n, text) in texts.iter().enumerate() {
            message = match n % 3 {
                0 => message.paragraph(Line::new().code(text.repeat(20))),
                1 => message.preformatted(text.repeat(20)),
                _ => message.paragraph(Line::new().text("x".repeat(long)).dot().code(text)),
            };
        }
        check_payload(&serde_json::from_str(&message.to_json()).unwrap())?;
    }
}
