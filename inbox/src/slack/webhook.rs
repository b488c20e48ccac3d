//! Incoming webhooks.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::{arguments, rules};
use crate::fault;
use crate::refusal::{Refusal, webhook_status};
use crate::store::{Place, Store, Taken, Via};
use crate::wire::Cut;

/// The hook that the inbox names, and its channel.
pub(crate) const LOCAL_HOOK: &str = "T0LOCAL/B0LOCAL/local";
const LOCAL_CHANNEL: (&str, &str) = ("C0WEBHOOK", "webhook");

/// `POST /services/T…/B…/…`.
pub(crate) async fn webhook(
    State(store): State<Arc<Store>>,
    Path(hook): Path<String>,
    uri: Uri,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let place = place(&hook);
    let taken = Taken::new(&store, uri.path(), Via::Webhook, &body)
        .for_channel(place.as_ref().map(|place| place.channel.as_str()));
    if let Some(fault) = store.next_fault() {
        taken.met(&fault);
        return fault::play(fault, &cut, Via::Webhook).await;
    }
    match post(&store, uri.path(), place, &headers, &body) {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, "text/html")], "ok").into_response(),
        Err(refusal) => {
            taken.refused(&refusal);
            (webhook_status(refusal.error), refusal.error).into_response()
        }
    }
}

fn post(
    store: &Store,
    path: &str,
    place: Option<Place>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Refusal> {
    let mut place = place.ok_or(Refusal::of("no_service_id"))?;
    let mut payload = arguments::of_webhook(headers, body).ok_or(Refusal::of("invalid_payload"))?;
    rules::check(&mut payload, Via::Webhook, false)?;
    place.thread_ts = payload.get("thread_ts").and_then(Value::as_str).map(ToOwned::to_owned);
    store.post(path, place, payload).map(drop)
}

/// Each hook has its channel; a URL without its three parts is no hook.
fn place(hook: &str) -> Option<Place> {
    let mut parts = hook.split('/').filter(|part| !part.is_empty());
    let (_team, service, _secret) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let upper: String = service.chars().filter(char::is_ascii_alphanumeric).collect();
    let (channel, name) = match upper.to_uppercase() {
        local if local == "B0LOCAL" || local == "B0" => {
            (LOCAL_CHANNEL.0.to_owned(), LOCAL_CHANNEL.1.to_owned())
        }
        other => (format!("C0{other}"), format!("webhook-{}", other.to_lowercase())),
    };
    Some(Place { channel, name, via: Via::Webhook, thread_ts: None })
}
