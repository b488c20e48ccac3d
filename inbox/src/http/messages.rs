//! `/messages` and `/refused`: what arrived, and what did not.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::slack::timestamp;
use crate::store::{Refused, Store};
use crate::view::inspection;

/// `GET /messages?channel=…&since=…`, oldest first.
pub(crate) async fn list(State(store): State<Arc<Store>>, RawQuery(query): RawQuery) -> Response {
    let (mut channel, mut since): (Option<String>, _) = (None, None);
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let is_known = match name.as_ref() {
            "channel" => {
                channel = Some(store.channel(&value).unwrap_or_default());
                true
            }
            "since" => {
                since = timestamp(&value);
                since.is_some()
            }
            _ => false,
        };
        if !is_known {
            let said = format!(
                "{name}={value} is not known; there are channel=ID or name, and since=ts: a \
                 message's ts or Unix time\n"
            );
            return (StatusCode::BAD_REQUEST, said).into_response();
        }
    }
    let messages = store.messages().into_iter().filter(|message| {
        channel.as_ref().is_none_or(|channel| message.channel == *channel)
            && since.is_none_or(|since| timestamp(&message.ts).is_some_and(|at| at > since))
    });
    Json(messages.map(|message| message.to_json()).collect::<Value>()).into_response()
}

/// `GET /messages/{channel}/{ts}`: a message, and how it looks elsewhere.
pub(crate) async fn one(
    State(store): State<Arc<Store>>,
    Path((channel, ts)): Path<(String, String)>,
) -> Response {
    let channel = store.channel(&channel).unwrap_or_default();
    match store.message(&channel, &ts) {
        Some(message) => {
            let mut shown = message.to_json();
            shown["inspection"] = inspection::of(&message, &store.messages());
            Json(shown).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such message\n").into_response(),
    }
}

/// `GET /refused`: requests that brought no message, oldest first.
pub(crate) async fn refused(State(store): State<Arc<Store>>) -> Json<Value> {
    Json(store.refused().iter().map(Refused::to_json).collect())
}

/// `GET /refused/{number}`: one, with every rule that it breaks.
pub(crate) async fn one_refused(
    State(store): State<Arc<Store>>,
    Path(number): Path<u64>,
) -> Response {
    match store.one_refused(number) {
        Some(refused) => {
            let mut shown = refused.to_json();
            shown["problems"] = json!(refused.problems);
            Json(shown).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such request\n").into_response(),
    }
}

/// `DELETE /messages`: forgets all of it.
pub(crate) async fn clear(State(store): State<Arc<Store>>) -> StatusCode {
    store.clear();
    StatusCode::NO_CONTENT
}
