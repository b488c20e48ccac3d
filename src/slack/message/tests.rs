//! What messages say, and that no text of strangers gets out of hand.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use proptest::prelude::*;
use serde_json::Value;

use super::{Color, Line, SlackMessage, render};
use crate::delivery::{Form, Op};
use crate::incident::{Ending, IncidentView, Matcher, Mention, MessageRef, Moment, ViewRow};
use crate::observation::{
    Blocked, Counts, Detail, Facts, Identity, Key, Kind, MethodName, Outcome, PathCapture, Polls,
    QueryCapture, Reason, RequestHead, RequestInfo, Route, Samples, Site, Status, Time, Window,
};

/// 2026-11-22 12:04:00 UTC.
const NOON: u64 = 1_795_349_040;

pub(super) struct Scene {
    pub(super) kind: Kind,
    pub(super) status: Option<Status>,
    pub(super) route: Route,
    pub(super) path: String,
    pub(super) took: Duration,
    pub(super) reason: Vec<String>,
    pub(super) agent: Vec<u8>,
    pub(super) outcome: Outcome,
    pub(super) bytes: Option<u64>,
    pub(super) query: QueryCapture,
    pub(super) path_capture: PathCapture,
    pub(super) request_id: Vec<u8>,
    pub(super) method: String,
    pub(super) notes: Vec<(String, String)>,
    pub(super) key: Option<Key>,
    /// Where it went, for a key that does not say so.
    pub(super) place: Option<Route>,
    pub(super) environment: Option<String>,
    pub(super) in_flight: usize,
    pub(super) polls: Option<Polls>,
    pub(super) blocked: Option<Blocked>,
    pub(super) detail: Option<Arc<Detail>>,
}

impl Scene {
    pub(super) fn new(kind: Kind, route: &str, path: &str, took: Duration) -> Self {
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
            place: None,
            environment: Some("production".to_owned()),
            in_flight: 61,
            polls: None,
            blocked: None,
            detail: None,
        }
    }

    pub(super) fn status(mut self, status: Status) -> Self {
        self.status = Some(status);
        self
    }

    pub(super) fn reason(mut self, causes: &[&str]) -> Self {
        self.reason = causes.iter().map(|cause| (*cause).to_owned()).collect();
        self
    }

    pub(super) fn outcome(mut self, outcome: Outcome, bytes: Option<u64>) -> Self {
        self.outcome = outcome;
        self.bytes = bytes;
        self
    }

    pub(super) fn key(&self) -> Key {
        self.key.clone().unwrap_or(Key::Request {
            kind: self.kind,
            method: MethodName::of(&http::Method::POST),
            route: self.route.clone(),
            status: self.status.filter(|_| self.kind == Kind::Failed),
        })
    }

    pub(super) fn samples(&self, at: Instant) -> Samples {
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
        info.fill(&RequestHead::of(&request), &Arc::default(), None, at);
        let mut window = Window::default();
        window.take(&Facts {
            took: self.took,
            outcome: self.outcome,
            info: Some(&info),
            endpoint: self
                .place
                .as_ref()
                .map(|route| (MethodName::of(request.method()), route.into())),
            status: self.status,
            reason: match self.reason.as_slice() {
                [] => Reason::Unknown,
                causes => Reason::Chain(causes),
            },
            notes: &self.notes,
            bytes: self.bytes,
            in_flight: self.in_flight,
            polls: self.polls,
            blocked: self.blocked,
            detail: self.detail.clone(),
            path: self.path_capture,
            query: self.query,
            ..Facts::at(at)
        });
        window.drain()
    }

    pub(super) fn view(&self, moment: Moment, total: u64, fresh: u64) -> IncidentView {
        let mono = Instant::now();
        let now = Time { mono, wall: SystemTime::UNIX_EPOCH + Duration::from_secs(NOON) };
        let first = mono.checked_sub(Duration::from_secs(600)).unwrap_or(mono);
        let span = (if total > 1 { first } else { mono }, mono);
        IncidentView {
            id: None,
            moment,
            key: self.key(),
            kind: self.kind,
            counts: Counts { total, slowest: self.took, span: Some(span) },
            since: now.wall_at(span.0),
            last_seen: now.wall,
            round: 0,
            round_total: total,
            share: None,
            hanging: None,
            oldest_began: None,
            ending: None,
            lasted: span.1.duration_since(span.0),
            joined: Vec::new(),
            routes: None,
            common: None,
            host: None,
            silenced: 0,
            silence: None,
            mentions: Vec::new(),
            gap: None,
            names_instance: false,
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
            started: mono.checked_sub(Duration::from_secs(240)).unwrap_or(mono),
            uptime: Duration::from_secs(240),
            rows: Vec::new(),
            more: 0,
            more_total: 0,
            outage: None,
            maybe_repeat: false,
            has_thread: false,
            is_new: false,
            oldest: Vec::new(),
            gauges: Vec::new(),
            block: None,
            stopped: moment == Moment::Stopped,
        }
    }

    fn first(&self) -> String {
        render(&self.view(Moment::First, 1, 1), Op::Post).to_plain()
    }
}

pub(super) fn row(key: Key, total: u64) -> ViewRow {
    let kind = key.kind();
    ViewRow { key, kind, total, hanging: 0, is_proven: true, is_active: true }
}

pub(super) fn order() -> Scene {
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
    elsewhere.place = Some(Route::Known("/orders/{id}".into()));
    all.push(elsewhere.first());
    elsewhere.key =
        Some(Key::Log { target: "jobs".into(), site: Site::new("src/jobs.rs", 7, None) });
    all.push(elsewhere.first());
    elsewhere.place = None;
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
    farewell.rows = vec![row(order().key(), 15_012), row(slow, 3)];
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

pub(super) fn several(moment: Moment, total: u64) -> IncidentView {
    let mut view = order().view(moment, total, total);
    view.key = Key::RollUp { kind: Kind::Failed };
    let route = |path: &str| Scene::new(Kind::Failed, path, path, Duration::ZERO).key();
    view.rows = vec![row(order().key(), total / 2), row(route("/cart"), total / 3)];
    view.rows[1].is_active = false;
    view.more = 10;
    view.more_total = 77;
    view.routes = Some((12, 12));
    view.common = Some(("connection refused".into(), 11, 12));
    view.share = Some((total, total + 900));
    view
}

pub(super) fn ended(mut view: IncidentView, ending: Ending) -> IncidentView {
    view.ending = Some(ending);
    view
}

#[test]
fn what_becomes_of_an_incident() {
    let reference = MessageRef::new("C1", "1.2");
    let (post, edit, reply) = (Op::Post, Op::Update(&reference), Op::Reply(&reference));
    let mut said = Vec::new();
    let mut say = |view: &IncidentView, op| said.push(render(view, op).to_plain());
    let mut storm = order().view(Moment::Progress, 15_012, 0);
    storm.share = Some((15_012, 15_400));
    say(&storm, edit);
    storm.moment = Moment::Reminder;
    storm.joined = vec![row(Scene::new(Kind::Slow, "/a", "/a", Duration::ZERO).key(), 31)];
    storm.silenced = 4;
    say(&storm, reply);
    storm.moment = Moment::Again;
    storm.round = 2;
    storm.round_total = 12;
    say(&storm, reply);
    let hour_ago = storm.now.wall - Duration::from_secs(3600);
    let recovered = Ending::Recovered { requests: 214, failed: 0 };
    let over = order().view(Moment::Ended, 15_012, 0);
    for ending in [
        recovered,
        Ending::Recovered { requests: 214, failed: 31 },
        Ending::Quiet { since: hour_ago },
        Ending::Unseen { since: hour_ago },
    ] {
        say(&ended(over.clone(), ending), edit);
    }
    let once = order().view(Moment::Ended, 1, 0);
    say(&ended(once.clone(), recovered), edit);
    say(&ended(once, Ending::Quiet { since: hour_ago }), edit);
    let slow = Scene::new(Kind::Slow, "/reports/{year}", "/reports/2026", Duration::from_secs(7));
    say(&ended(slow.view(Moment::Ended, 31, 0), recovered), edit);
    let hangs = Scene { took: Duration::from_secs(30), ..slow.outcome(Outcome::Running, None) };
    let mut hung = hangs.view(Moment::First, 1, 1);
    hung.kind = Kind::Hung;
    hung.hanging = Some((1, Duration::from_secs(30)));
    say(&hung, post);
    hung.hanging = Some((3, Duration::from_secs(127)));
    hung.moment = Moment::Progress;
    hung.counts.total = 5;
    hung.round_total = 5;
    say(&hung, edit);
    hung.hanging = None;
    hung.moment = Moment::Ended;
    hung.counts.total = 0;
    hung.round_total = 0;
    hung.moved_out = 1;
    say(&hung, edit);
    let mut joined = order().view(Moment::Joined, 12, 0);
    joined.host = Some(row(Key::RollUp { kind: Kind::Failed }, 180_000));
    joined.routes = Some((12, 12));
    say(&joined, edit);
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn several_at_once_and_what_is_no_incident() {
    let reference = MessageRef::new("C1", "1.2");
    let (post, edit, reply) = (Op::Post, Op::Update(&reference), Op::Reply(&reference));
    let mut said = Vec::new();
    let mut say = |view: &IncidentView, op| said.push(render(view, op).to_plain());
    say(&several(Moment::First, 36), post);
    let mut storm = several(Moment::Progress, 180_000);
    say(&storm, edit);
    storm.fresh = 812;
    say(&storm, post);
    storm.moment = Moment::Again;
    storm.routes = Some((12, 1));
    storm.round = 1;
    storm.round_total = 3;
    say(&storm, reply);
    let recovered = Ending::Recovered { requests: 214, failed: 0 };
    let mut over = ended(several(Moment::Ended, 180_000), recovered);
    over.rows.iter_mut().for_each(|row| row.is_active = false);
    say(&over, edit);
    say(&several(Moment::Stopped, 180_000), edit);
    let mut holding = several(Moment::Holding, 345);
    holding.routes = None;
    say(&holding, post);
    (holding.rows, holding.more) = (Vec::new(), 0);
    say(&holding, edit);
    let mut outage = several(Moment::Outage, 1_234);
    outage.outage = Some(Duration::from_secs(720));
    outage.gap = Some(Duration::from_secs(480));
    say(&outage, post);
    let mut silence = order().view(Moment::SilenceOver, 0, 0);
    silence.silence = Some(Matcher::all().kind(Kind::Failed).route("/orders"));
    silence.silenced = 34;
    silence.since = silence.now.wall - Duration::from_secs(1800);
    say(&silence, post);
    let mut replica = order().view(Moment::First, 1, 1);
    replica.names_instance = true;
    replica.mentions = vec![Mention::group("S024BE7LH")];
    say(&replica, post);
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn mentions_and_times_are_slacks_own_markup() {
    let mut view = order().view(Moment::Progress, 15_012, 812);
    view.mentions = vec![Mention::user("U024BE7LH"), Mention::here(), Mention::here()];
    let message = render(&view, Op::Post);
    let payload = message.payload(Form::TextOnly);
    let text = payload["text"].as_str().unwrap();
    assert!(text.ends_with(" <@U024BE7LH> <!here>"), "{text}");
    assert!(text.contains("<!date^1795348440^{time}|22 Nov 2026 11:54 UTC>"), "{text}");
    let json = message.to_json();
    assert!(json.contains(r#""type":"date""#), "{json}");
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

/// Without the date tokens and mentions that only we make: whatever is left of
/// `<` and `>` is somebody's.
fn without_our_tokens(text: &str) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let token = from.split_inclusive('>').next().unwrap_or_default();
        let inner = token.trim_start_matches('<').trim_end_matches('>');
        let is_date = inner.strip_prefix("!date^").is_some_and(|date| {
            let mut parts = date.split(['^', '|']);
            let unix = parts.next().is_some_and(|unix| unix.parse::<u64>().is_ok());
            let format = parts.next();
            let format = format.is_some_and(|f| f == "{time}" || f == "{date_short} {time}");
            let fallback = parts.next().is_some_and(|fallback| {
                fallback.ends_with(" UTC") && fallback.is_ascii() && !fallback.contains(['`', '@'])
            });
            unix && format && fallback && parts.next().is_none()
        });
        let is_ours = is_date || ["!here", "@U024BE7LH"].contains(&inner);
        if !is_ours {
            out.push_str(token);
        }
        rest = from.get(token.len()..).unwrap_or_default();
    }
    out + rest
}

fn check_payload(payload: &Value) -> Result<(), TestCaseError> {
    let text = payload["text"].as_str().unwrap_or_default();
    prop_assert!(!text.trim().is_empty());
    prop_assert!(text.len() <= 700, "{} bytes", text.len());
    let text = &without_our_tokens(text);
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
                if leaf["type"] == "date" {
                    prop_assert!(leaf["timestamp"].is_u64() && leaf["fallback"].is_string());
                    continue;
                }
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
        moment in proptest::sample::select(vec![
            Moment::First, Moment::Progress, Moment::Reminder, Moment::Again, Moment::Ended,
            Moment::Joined, Moment::Holding, Moment::Outage, Moment::SilenceOver, Moment::Stopped,
        ]),
        several in any::<bool>(),
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
        scene.place = several.then(|| Route::Known(route.as_str().into()));
        scene.notes = vec![(route.clone(), reason.clone()); 9];
        let mut view = scene.view(moment, total, total / 2);
        view.rows = vec![row(scene.key(), total); 10];
        view.more = 3;
        view.round = millis % 3;
        view.share = Some((total, total));
        view.hanging = several.then_some((total, Duration::from_millis(millis.into())));
        view.ending = Some(Ending::Recovered { requests: total, failed: u64::from(millis % 2) });
        view.joined = vec![row(scene.key(), total); 3];
        view.routes = several.then_some((12, 3));
        view.common = Some((reason.clone(), 11, 12));
        view.host = Some(row(scene.key(), total));
        view.silenced = total;
        view.silence = Some(Matcher::all().kind(kind).route(route.clone()));
        view.mentions = vec![Mention::here(), Mention::user("U024BE7LH")];
        view.gap = Some(Duration::from_secs(millis.into()));
        view.names_instance = several;
        let site = Site::new(reason, millis, None);
        let log = Key::Log { target: route.as_str().into(), site: site.clone() };
        let other = Key::Other { kind };
        for key in [scene.key(), Key::Panic { site }, log, other, Key::RollUp { kind }] {
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

}

proptest! {
    // Each is of up to a megabyte.
    #![proptest_config(ProptestConfig::with_cases(64))]

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
