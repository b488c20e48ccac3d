//! `/faults`: what goes wrong on request.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::fault::Playing;
use crate::store::Store;

/// `GET /faults`: the fault that is played, or null.
pub(crate) async fn show(State(store): State<Arc<Store>>) -> Json<Value> {
    Json(store.fault_json())
}

/// `POST /faults`: plays one, in place of the one before.
pub(crate) async fn play(State(store): State<Arc<Store>>, body: Bytes) -> Response {
    match Playing::from_json(&body) {
        Ok(playing) => {
            store.play(Some(playing));
            Json(store.fault_json()).into_response()
        }
        Err(problem) => (StatusCode::BAD_REQUEST, format!("{problem}\n")).into_response(),
    }
}

/// `DELETE /faults`: is well again.
pub(crate) async fn heal(State(store): State<Arc<Store>>) -> StatusCode {
    store.play(None);
    StatusCode::NO_CONTENT
}
