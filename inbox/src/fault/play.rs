//! What a request that meets a fault is answered.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;

use super::Fault;
use crate::refusal::webhook_status;
use crate::via::Via;
use crate::wire::Cut;

/// Answers a request as Slack does when it fails like this.
pub(crate) async fn play(fault: Fault, cut: &Cut, via: Via) -> Response {
    match fault {
        Fault::RateLimited(retry_after) => rate_limited(retry_after, via),
        Fault::Answer(status, body) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, body).into_response()
        }
        // Said with the status, as Slack does.
        Fault::Error(error) if ["ratelimited", "rate_limited"].contains(&error.as_str()) => {
            rate_limited(None, via)
        }
        Fault::Error(error) => refuse(&error, via),
        Fault::Revoked => refuse(by(via, "invalid_token", "token_revoked"), via),
        Fault::Archived => refuse(by(via, "channel_is_archived", "is_archived"), via),
        Fault::Hang => std::future::pending().await,
        Fault::Reset => {
            cut.now();
            StatusCode::OK.into_response()
        }
        Fault::Drip => {
            // A byte now and then, for ever.
            let beat = tokio::time::interval(Duration::from_millis(100));
            let drops = stream::unfold(beat, |mut beat| async move {
                beat.tick().await;
                Some((Ok::<_, std::io::Error>(Bytes::from_static(b"o")), beat))
            });
            Body::from_stream(drops).into_response()
        }
    }
}

fn by<'a>(via: Via, webhook: &'a str, api: &'a str) -> &'a str {
    match via {
        Via::Webhook => webhook,
        Via::Api => api,
    }
}

fn refuse(error: &str, via: Via) -> Response {
    match via {
        Via::Webhook => (webhook_status(error), error.to_owned()).into_response(),
        Via::Api => Json(json!({ "ok": false, "error": error })).into_response(),
    }
}

fn rate_limited(retry_after: Option<String>, via: Via) -> Response {
    let mut body = json!({ "ok": false, "error": by(via, "rate_limited", "ratelimited") });
    // As webhooks were seen to repeat it.
    let seconds = retry_after.as_deref().and_then(|text| text.parse::<u64>().ok());
    if let (Via::Webhook, Some(seconds)) = (via, seconds) {
        body["retry_after"] = json!(seconds);
    }
    let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response();
    if let Some(value) = retry_after.and_then(|value| value.parse().ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}
