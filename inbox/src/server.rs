//! The endpoints: Slack's own, and the inbox's.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use crate::fault::{Fault, Playing};
use crate::message::Via;
use crate::rules::{self, Refusal};
use crate::store::Store;
use crate::wire::Cut;

type Shared = State<Arc<Store>>;

/// The channel of messages that come through a webhook.
const WEBHOOK_CHANNEL: &str = "C0WEBHOOK";
const MAX_BODY: usize = 1024 * 1024;

pub(crate) fn router(store: Arc<Store>) -> Router {
    Router::new()
        .route("/", get(welcome))
        .route("/services/{*rest}", post(webhook))
        .route("/api/{method}", post(api))
        .route("/messages", get(messages).delete(clear))
        .route("/faults", post(play).delete(heal))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(store)
}

async fn welcome() -> &'static str {
    "slack-inbox, a local Slack for development and tests\n\n\
     POST   /services/T000/B000/anything   an incoming webhook\n\
     POST   /api/chat.postMessage          the Web API, with any token xoxb-…\n\
     POST   /api/chat.update\n\
     POST   /api/auth.test\n\
     GET    /messages                      what arrived, as JSON (?channel=…&since=ts)\n\
     DELETE /messages                      forget it\n\
     POST   /faults                        play a fault: {\"fault\": \"rate_limited\", \"retry_after\": \"5\",\n\
     \u{20}                                     \"requests\": 3}; or hang, reset, drip, {\"fault\": \"status\",\n\
     \u{20}                                     \"status\": 503}, {\"fault\": \"error\", \"error\": \"no_service\"}\n\
     DELETE /faults                        be well again\n"
}

async fn webhook(
    State(store): Shared,
    Path(rest): Path<String>,
    uri: Uri,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path();
    if let Some(fault) = store.next_fault() {
        return play_fault(&store, path, fault, &cut, Via::Webhook).await;
    }
    let refused = |refusal: Refusal| {
        store.note(path, &said(&refusal));
        (webhook_status(refusal.error), refusal.error).into_response()
    };
    if rest.split('/').filter(|part| !part.is_empty()).count() != 3 {
        return refused(Refusal::of("no_service"));
    }
    let Some(mut payload) = webhook_payload(&headers, &body) else {
        return refused(Refusal::of("invalid_payload"));
    };
    let thread_ts = payload.get("thread_ts").and_then(Value::as_str).map(ToOwned::to_owned);
    let posted = rules::check(&mut payload, Via::Webhook, false)
        .and_then(|()| store.post(path, WEBHOOK_CHANNEL, Via::Webhook, thread_ts, payload));
    match posted {
        Ok(_) => (StatusCode::OK, [(header::CONTENT_TYPE, "text/html")], "ok").into_response(),
        Err(refusal) => refused(refusal),
    }
}

/// JSON, or a form with a field `payload`.
fn webhook_payload(headers: &HeaderMap, body: &[u8]) -> Option<Map<String, Value>> {
    let form = content_type(headers).starts_with("application/x-www-form-urlencoded");
    let json = if form {
        let body = std::str::from_utf8(body).ok()?;
        percent_decode(body.split('&').find_map(|pair| pair.strip_prefix("payload="))?)?
    } else {
        body.to_vec()
    };
    match serde_json::from_slice(&json).ok()? {
        Value::Object(payload) => Some(payload),
        _ => None,
    }
}

fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    Some(out)
}

/// The statuses that Slack documents for webhooks.
fn webhook_status(error: &str) -> StatusCode {
    match error {
        "action_prohibited" | "posting_to_general_channel_denied" | "invalid_token" => {
            StatusCode::FORBIDDEN
        }
        "channel_not_found" | "no_service" | "no_active_hooks" => StatusCode::NOT_FOUND,
        "channel_is_archived" => StatusCode::GONE,
        "rollup_error" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

async fn api(
    State(store): Shared,
    Path(method): Path<String>,
    uri: Uri,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path();
    if let Some(fault) = store.next_fault() {
        return play_fault(&store, path, fault, &cut, Via::Api).await;
    }
    match call(&store, path, &method, &headers, &body) {
        Ok(answer) => Json(answer).into_response(),
        Err(refusal) => {
            store.note(path, &said(&refusal));
            let mut answer = json!({ "ok": false, "error": refusal.error });
            if !refusal.details.is_empty() {
                answer["response_metadata"] = json!({ "messages": refusal.details });
            }
            Json(answer).into_response()
        }
    }
}

fn call(
    store: &Store,
    path: &str,
    method: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, Refusal> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match token.and_then(|token| token.strip_prefix("Bearer ")) {
        None => return Err(Refusal::of("not_authed")),
        Some(token) if !token.contains("xoxb-") => return Err(Refusal::of("invalid_auth")),
        Some(_) => {}
    }
    let is_json = content_type(headers).starts_with("application/json");
    let mut payload = match serde_json::from_slice(body) {
        _ if body.is_empty() => Map::new(),
        _ if !is_json => return Err(Refusal::of("invalid_post_type")),
        Ok(Value::Object(payload)) => payload,
        Ok(_) => return Err(Refusal::of("json_not_object")),
        Err(_) => return Err(Refusal::of("invalid_json")),
    };
    let text = |payload: &Map<String, Value>, name: &str| {
        payload.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let channel = text(&payload, "channel");
    match method {
        "auth.test" => {
            store.note(path, "ok");
            Ok(json!({
                "ok": true, "url": "https://local.slack.com/", "team": "local",
                "user": "slack-inbox", "team_id": "T0LOCAL", "user_id": "U0INBOX", "bot_id": "B0INBOX",
            }))
        }
        "chat.postMessage" => {
            let channel = channel_id(&channel).ok_or(Refusal::of("channel_not_found"))?;
            rules::check(&mut payload, Via::Api, false)?;
            let thread_ts = payload.get("thread_ts").and_then(Value::as_str).map(str::to_owned);
            let message = store.post(path, &channel, Via::Api, thread_ts, payload)?;
            Ok(json!({
                "ok": true, "channel": message.channel, "ts": message.ts,
                "message": message.payload,
            }))
        }
        "chat.update" => {
            rules::check(&mut payload, Via::Api, true)?;
            // Only the id that the post returned will do here.
            if channel_id(&channel).as_ref() != Some(&channel) {
                return Err(Refusal::of("channel_not_found"));
            }
            let message = store.update(path, &channel, &text(&payload, "ts"), &payload)?;
            Ok(json!({
                "ok": true, "channel": message.channel, "ts": message.ts,
                "text": message.payload["text"],
            }))
        }
        _ => Err(Refusal::of("unknown_method")),
    }
}

/// An id as it is; a name's made-up one.
fn channel_id(channel: &str) -> Option<String> {
    let name = channel.trim_start_matches('#');
    let is_id = name.len() > 1
        && name.starts_with(['C', 'G', 'D'])
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if is_id {
        return Some(name.to_owned());
    }
    let is_name = !name.is_empty()
        && name.len() <= 80
        && name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    is_name.then(|| {
        let upper: String =
            name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
        format!("C0{upper}")
    })
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn said(refusal: &Refusal) -> String {
    match refusal.details.as_slice() {
        [] => refusal.error.to_owned(),
        details => format!("{} {}", refusal.error, details.join(" ")),
    }
}

async fn play_fault(store: &Store, path: &str, fault: Fault, cut: &Cut, via: Via) -> Response {
    match fault {
        Fault::RateLimited(retry_after) => {
            store.note(path, "fault: rate_limited");
            let mut response = (
                StatusCode::TOO_MANY_REQUESTS,
                Json(json!({ "ok": false, "error": "rate_limited" })),
            )
                .into_response();
            if let Some(value) = retry_after.and_then(|value| value.parse().ok()) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
            response
        }
        Fault::Answer(status, body) => {
            store.note(path, &format!("fault: status {status}"));
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, body).into_response()
        }
        Fault::Error(error) => {
            store.note(path, &format!("fault: {error}"));
            match via {
                Via::Webhook => (webhook_status(&error), error).into_response(),
                Via::Api => Json(json!({ "ok": false, "error": error })).into_response(),
            }
        }
        Fault::Hang => {
            store.note(path, "fault: hang");
            std::future::pending().await
        }
        Fault::Reset => {
            store.note(path, "fault: reset");
            cut.now();
            StatusCode::OK.into_response()
        }
        Fault::Drip => {
            store.note(path, "fault: drip");
            let drops = drip();
            Body::from_stream(drops).into_response()
        }
    }
}

/// A byte now and then, for ever.
fn drip() -> impl futures_core::Stream<Item = Result<Bytes, std::io::Error>> {
    struct Drip(tokio::time::Interval);
    impl futures_core::Stream for Drip {
        type Item = Result<Bytes, std::io::Error>;
        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            self.0.poll_tick(cx).map(|_| Some(Ok(Bytes::from_static(b"o"))))
        }
    }
    Drip(tokio::time::interval(Duration::from_millis(100)))
}

async fn messages(State(store): Shared, Query(query): Query<Vec<(String, String)>>) -> Json<Value> {
    let wanted =
        |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let (channel, since) = (wanted("channel"), wanted("since"));
    let messages = store.messages().into_iter().filter(|message| {
        channel.is_none_or(|channel| message.channel() == channel)
            && since.is_none_or(|since| message.ts() > since)
    });
    Json(messages.map(|message| message.to_json()).collect())
}

async fn clear(State(store): Shared) -> StatusCode {
    store.clear();
    StatusCode::NO_CONTENT
}

async fn play(State(store): Shared, body: Bytes) -> Response {
    let Ok(wanted) = serde_json::from_slice::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, "a fault is JSON, such as {\"fault\": \"hang\"}\n")
            .into_response();
    };
    let text = |name: &str| match &wanted[name] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let fault = match wanted["fault"].as_str() {
        Some("rate_limited") => Fault::RateLimited(text("retry_after")),
        Some("hang") => Fault::Hang,
        Some("reset") => Fault::Reset,
        Some("drip") => Fault::Drip,
        Some("error") => Fault::Error(text("error").unwrap_or_default()),
        Some("status") => {
            let status = wanted["status"].as_u64().and_then(|status| u16::try_from(status).ok());
            Fault::Answer(status.unwrap_or(500), text("body").unwrap_or_default())
        }
        _ => {
            let known = "fault must be rate_limited, status, error, hang, reset or drip";
            return (StatusCode::BAD_REQUEST, known).into_response();
        }
    };
    let left = wanted["requests"].as_u64().and_then(|left| u32::try_from(left).ok());
    store.play(Some(Playing { fault, left }));
    StatusCode::NO_CONTENT.into_response()
}

async fn heal(State(store): Shared) -> StatusCode {
    store.play(None);
    StatusCode::NO_CONTENT
}
