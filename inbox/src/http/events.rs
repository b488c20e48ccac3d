//! `GET /events`: changes as they happen, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::store::{Event, Store};

/// Each one that is slow may hold a snapshot.
const MAX_FOLLOWERS: usize = 32;

/// A snapshot of everything first, then each change. Who was too slow for one
/// gets a snapshot again.
pub(crate) async fn events(State(store): State<Arc<Store>>) -> Response {
    if store.followers() >= MAX_FOLLOWERS {
        let said = "too many pages are open: close some\n";
        return (StatusCode::SERVICE_UNAVAILABLE, said).into_response();
    }
    Sse::new(stream_of(store)).keep_alive(KeepAlive::default()).into_response()
}

fn stream_of(store: Arc<Store>) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let following: Option<Receiver<Event>> = None;
    stream::unfold((store, following), |(store, following)| async move {
        let (event, following) = match following {
            None => store.follow(),
            Some(mut events) => match events.recv().await {
                Ok(event) => (event, events),
                Err(RecvError::Lagged(_)) => store.follow(),
                Err(RecvError::Closed) => return None,
            },
        };
        let event = sse::Event::default().event(event.name).data(event.data);
        Some((Ok(event), (store, Some(following))))
    })
}
