//! The Web API.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::arguments::{self, is_true, text};
use super::taken::Taken;
use super::{edit, history, meet, rules};
use crate::channel::{is_channel, is_channel_id};
use crate::refusal::Refusal;
use crate::store::{Place, Store};
use crate::via::Via;
use crate::wire::Cut;

/// `/api/{method}`, with any bot's token.
pub(crate) async fn api(
    State(store): State<Arc<Store>>,
    Path(method): Path<String>,
    uri: Uri,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let (bytes, rejection) = match body {
        Ok(bytes) => (bytes, None),
        Err(rejection) => (Bytes::new(), Some(rejection)),
    };
    let arguments = arguments::of_call(&headers, uri.query().unwrap_or_default(), &bytes);
    let mut taken = Taken::new(&store, uri.path(), Via::Api, &bytes);
    if let Ok(given) = &arguments {
        taken = taken.for_channel(&text(given, "channel"));
        if method == "chat.postMessage" || method == "chat.update" {
            taken = taken.bringing(given, method == "chat.update");
        }
    }
    if let Some(fault) = store.next_fault() {
        return meet(taken, fault, &cut, Via::Api).await;
    }
    if let Some(rejection) = rejection {
        taken.refused(&Refusal::of("request_too_large"));
        return rejection.into_response();
    }
    let call = Call { store: &store, path: uri.path(), method: &method, headers: &headers };
    match arguments.and_then(|arguments| call.answer(arguments)) {
        Ok(mut answer) => {
            if arguments::lacks_charset(&headers) {
                warn(&mut answer, "missing_charset");
            }
            Json(answer).into_response()
        }
        Err(refusal) => {
            taken.refused(&refusal);
            Json(refusal.to_json()).into_response()
        }
    }
}

struct Call<'a> {
    store: &'a Store,
    path: &'a str,
    method: &'a str,
    headers: &'a HeaderMap,
}

impl Call<'_> {
    fn answer(&self, mut arguments: Map<String, Value>) -> Result<Value, Refusal> {
        let token = arguments.remove("token");
        self.authorize(token.as_ref().and_then(Value::as_str))?;
        match self.method {
            "auth.test" => {
                self.store.note(self.path);
                Ok(json!({
                    "ok": true, "url": "https://local.slack.com/", "team": "local",
                    "user": "slack-inbox", "team_id": "T0LOCAL", "user_id": "U0INBOX",
                    "bot_id": "B0INBOX", "is_enterprise_install": false,
                }))
            }
            "chat.postMessage" => self.post(arguments),
            "chat.update" => self.update(arguments),
            "conversations.history" => self.read(history::history(self.store, &arguments)),
            "conversations.replies" => self.read(history::replies(self.store, &arguments)),
            _ => Err(Refusal::of("unknown_method")),
        }
    }

    fn authorize(&self, in_form: Option<&str>) -> Result<(), Refusal> {
        let header = self.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let in_header = header.and_then(|value| value.strip_prefix("Bearer "));
        // A bot's, also one that rotates.
        let is_bots = |token: &str| token.starts_with("xoxb-") || token.starts_with("xoxe.xoxb-");
        match in_header.or(in_form) {
            None | Some("") => Err(Refusal::of("not_authed")),
            Some(token) if is_bots(token) => Ok(()),
            Some(token) if token.starts_with("xapp-") => Err(Refusal::of("not_allowed_token_type")),
            Some(_) => Err(Refusal::of("invalid_auth")),
        }
    }

    fn post(&self, mut arguments: Map<String, Value>) -> Result<Value, Refusal> {
        let channel = text(&arguments, "channel");
        if !is_channel(&channel) {
            return Err(Refusal::of("channel_not_found"));
        }
        if is_true(arguments.get("as_user")) {
            return Err(Refusal::of("as_user_not_supported"));
        }
        let is_cut = rules::check(&mut arguments, Via::Api, false)?;
        let thread_ts = arguments::thread_of(&arguments);
        let place = Place { channel, via: Via::Api, thread_ts };
        let message = self.store.post(self.path, &place, arguments, is_cut)?;
        let mut answer = json!({
            "ok": true, "channel": message.channel, "ts": message.ts,
            "message": history::as_slack(&message, &[]),
        });
        if is_cut {
            warn(&mut answer, "message_truncated");
        }
        Ok(answer)
    }

    fn update(&self, mut arguments: Map<String, Value>) -> Result<Value, Refusal> {
        rules::check(&mut arguments, Via::Api, true)?;
        // Only the id that the post returned will do here.
        let channel = text(&arguments, "channel");
        if !is_channel_id(&channel) {
            return Err(Refusal::of("channel_not_found"));
        }
        let ts = text(&arguments, "ts");
        let edit = |via, payload: &mut Value| edit::edit(via, payload, &arguments);
        let message = self.store.update(self.path, &channel, &ts, edit)?;
        Ok(json!({
            "ok": true, "channel": message.channel, "ts": message.ts,
            "text": message.payload["text"], "message": history::as_slack(&message, &[]),
        }))
    }

    fn read(&self, answer: Result<Value, Refusal>) -> Result<Value, Refusal> {
        let answer = answer?;
        self.store.note(self.path);
        Ok(answer)
    }
}

/// Adds one of Slack's warnings to an answer.
fn warn(answer: &mut Value, warning: &str) {
    let all = match answer["warning"].as_str() {
        Some(known) => format!("{known},{warning}"),
        None => warning.to_owned(),
    };
    let list: Vec<&str> = all.split(',').collect();
    answer["response_metadata"]["warnings"] = json!(list);
    answer["warning"] = json!(all);
}
