//! The Web API.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::{arguments, channel, history, rules};
use crate::fault;
use crate::refusal::Refusal;
use crate::store::{Place, Store, Taken, Via};
use crate::wire::Cut;

/// `/api/{method}`, any method with any token `xoxb-…`.
pub(crate) async fn api(
    State(store): State<Arc<Store>>,
    Path(method): Path<String>,
    uri: Uri,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let taken = Taken::new(&store, uri.path(), Via::Api, &body);
    let arguments = arguments::of_call(&headers, uri.query().unwrap_or_default(), &body);
    let channel = arguments.as_ref().ok().and_then(|given| channel::id_of(&text(given, "channel")));
    let taken = taken.for_channel(channel.as_deref());
    if let Some(fault) = store.next_fault() {
        taken.met(&fault);
        return fault::play(fault, &cut, Via::Api).await;
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
            "conversations.history" => self.read(|| history::history(self.store, &arguments)),
            "conversations.replies" => self.read(|| history::replies(self.store, &arguments)),
            _ => Err(Refusal::of("unknown_method")),
        }
    }

    fn authorize(&self, in_form: Option<&str>) -> Result<(), Refusal> {
        let header = self.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let in_header = header.and_then(|value| value.strip_prefix("Bearer "));
        match in_header.or(in_form) {
            None | Some("") => Err(Refusal::of("not_authed")),
            // A bot's token, also one that rotates: `xoxe.xoxb-…`.
            Some(token) if token.contains("xoxb-") => Ok(()),
            Some(token) if token.starts_with("xapp-") => Err(Refusal::of("not_allowed_token_type")),
            Some(_) => Err(Refusal::of("invalid_auth")),
        }
    }

    fn post(&self, mut arguments: Map<String, Value>) -> Result<Value, Refusal> {
        let given = text(&arguments, "channel");
        let channel = channel::id_of(&given).ok_or(Refusal::of("channel_not_found"))?;
        let truncates = rules::is_cut(&arguments);
        rules::check(&mut arguments, Via::Api, false)?;
        let name = channel::name_of(&given);
        let thread_ts = Some(text(&arguments, "thread_ts")).filter(|ts| !ts.is_empty());
        let place = Place { channel, name, via: Via::Api, thread_ts };
        let message = self.store.post(self.path, place, arguments)?;
        let mut answer = json!({
            "ok": true, "channel": message.channel, "ts": message.ts,
            "message": history::as_slack(&message, &[]),
        });
        if truncates {
            warn(&mut answer, "message_truncated");
        }
        Ok(answer)
    }

    fn update(&self, mut arguments: Map<String, Value>) -> Result<Value, Refusal> {
        rules::check(&mut arguments, Via::Api, true)?;
        // Only the id that the post returned will do here.
        let channel = text(&arguments, "channel");
        if !channel::is_id(&channel) {
            return Err(Refusal::of("channel_not_found"));
        }
        let ts = text(&arguments, "ts");
        let message = self.store.update(self.path, &channel, &ts, &arguments)?;
        Ok(json!({
            "ok": true, "channel": message.channel, "ts": message.ts,
            "text": message.payload["text"], "message": history::as_slack(&message, &[]),
        }))
    }

    fn read(&self, read: impl FnOnce() -> Result<Value, Refusal>) -> Result<Value, Refusal> {
        let answer = read()?;
        self.store.note(self.path);
        Ok(answer)
    }
}

pub(crate) fn text(arguments: &Map<String, Value>, name: &str) -> String {
    match arguments.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
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
