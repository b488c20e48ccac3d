//! Incoming webhooks.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::taken::Taken;
use super::{arguments, meet, rules};
use crate::refusal::{Refusal, webhook_status};
use crate::store::{Place, Store};
use crate::via::Via;
use crate::wire::Cut;

/// The hook that the inbox names.
pub(crate) const LOCAL_HOOK: &str = "T0LOCAL/B0LOCAL/local";

/// `POST /services/T…/B…/…`.
pub(crate) async fn webhook(
    State(store): State<Arc<Store>>,
    Path(hook): Path<String>,
    uri: Uri,
    ConnectInfo(cut): ConnectInfo<Cut>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let (bytes, rejection) = match body {
        Ok(bytes) => (bytes, None),
        Err(rejection) => (Bytes::new(), Some(rejection)),
    };
    let channel = channel(&hook);
    let payload = arguments::of_webhook(&headers, &bytes);
    let mut taken = Taken::new(&store, uri.path(), Via::Webhook, &bytes)
        .for_channel(channel.as_deref().unwrap_or_default());
    if let Some(payload) = &payload {
        taken = taken.bringing(payload, false);
    }
    if let Some(fault) = store.next_fault() {
        return meet(taken, fault, &cut, Via::Webhook).await;
    }
    if let Some(rejection) = rejection {
        taken.refused(&Refusal::of("request_too_large"));
        return rejection.into_response();
    }
    match post(&store, uri.path(), channel, payload) {
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
    channel: Option<String>,
    payload: Option<Map<String, Value>>,
) -> Result<(), Refusal> {
    let channel = channel.ok_or(Refusal::of("no_service_id"))?;
    let mut payload = payload.ok_or(Refusal::of("invalid_payload"))?;
    let is_cut = rules::check(&mut payload, Via::Webhook, false)?;
    let place = Place { channel, via: Via::Webhook, thread_ts: arguments::thread_of(&payload) };
    store.post(path, &place, payload, is_cut).map(drop)
}

/// Each hook has its channel; a URL without its three parts is no hook.
fn channel(hook: &str) -> Option<String> {
    let parts: Vec<&str> = hook.split('/').filter(|part| !part.is_empty()).collect();
    let [_team, service, _secret] = parts.as_slice() else { return None };
    let name: String = service.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    match name.to_lowercase().as_str() {
        "" | "b0" | "b0local" => Some("webhook".to_owned()),
        other => Some(format!("webhook-{other}")),
    }
}
