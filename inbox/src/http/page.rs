//! The page, embedded in the binary.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

/// Nothing but the inbox's own files: a message can't run or load anything.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

const INDEX: &str = include_str!("../../page/index.html");

macro_rules! assets {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../page/", $name)))),*]
    };
}

const ASSETS: &[(&str, &str)] = &assets![
    "icon.svg",
    "style/base.css",
    "style/details.css",
    "style/message.css",
    "script/blocks.js",
    "script/channel.js",
    "script/clock.js",
    "script/details.js",
    "script/dom.js",
    "script/emoji.js",
    "script/faults.js",
    "script/leaves.js",
    "script/main.js",
    "script/message.js",
    "script/mrkdwn.js",
    "script/panel.js",
    "script/rich_text.js",
    "script/state.js",
    "script/theme.js",
];

/// `GET /`: the page for a browser, words for others.
pub(crate) async fn index(headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    match accept.is_some_and(|accept| accept.contains("text/html")) {
        true => serve("index.html", INDEX),
        false => WORDS.into_response(),
    }
}

/// `GET /page/…`: what the page is made of.
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    if name == "emoji.json" {
        return serve("emoji.json", emoji());
    }
    match ASSETS.iter().find(|(known, _)| *known == name) {
        Some((name, body)) => serve(name, body),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn serve(name: &str, body: &'static str) -> Response {
    let kind = match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        _ => "image/svg+xml",
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Another inbox may be there after the next start.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let mut response = body.into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Names as Slack knows them, and their characters.
fn emoji() -> &'static str {
    static NAMES: OnceLock<String> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut names = Map::new();
        for emoji in emojis::iter() {
            for name in emoji.shortcodes() {
                names.insert(name.to_owned(), emoji.as_str().into());
            }
        }
        // Slack's names where they are others.
        for (name, character) in [
            ("large_blue_circle", "🔵"),
            ("large_green_circle", "🟢"),
            ("large_yellow_circle", "🟡"),
            ("large_orange_circle", "🟠"),
            ("large_purple_circle", "🟣"),
            ("large_brown_circle", "🟤"),
            ("red_circle", "🔴"),
            ("thumbsup", "👍"),
            ("thumbsdown", "👎"),
            ("simple_smile", "🙂"),
            ("knife_fork_plate", "🍽️"),
        ] {
            names.insert(name.to_owned(), character.into());
        }
        Value::Object(names).to_string()
    })
}

/// `GET /` without the page.
pub(crate) async fn without() -> String {
    WORDS.replace("GET    /                              the page, in a browser\n", "")
}

/// What else there is.
const WORDS: &str = "slack-inbox, a local Slack for development and tests\n\n\
     POST   /services/T000/B000/anything   an incoming webhook\n\
     POST   /api/chat.postMessage          the Web API, with any token xoxb-…\n\
     POST   /api/chat.update\n\
     GET    /api/conversations.history     and conversations.replies, auth.test\n\n\
     GET    /                              the page, in a browser\n\
     GET    /messages                      what arrived, as JSON (?channel=…&since=ts)\n\
     GET    /messages/{channel}/{ts}       one, with what it would look like on a phone\n\
     DELETE /messages                      forget it\n\
     GET    /refused                       what brought no message, and why\n\
     GET    /events                        changes as server-sent events\n\
     POST   /faults                        play a fault: {\"fault\": \"rate_limited\",\n\
     \u{20}                                     \"retry_after\": \"5\", \"requests\": 3, \"seconds\": 60};\n\
     \u{20}                                     or hang, reset, drip, revoked, archived,\n\
     \u{20}                                     {\"fault\": \"status\", \"status\": 503},\n\
     \u{20}                                     {\"fault\": \"error\", \"error\": \"no_service\"}\n\
     GET    /faults                        the one that is played\n\
     DELETE /faults                        be well again\n";
