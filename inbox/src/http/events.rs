//! `GET /events`: changes as they happen, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::store::{Event, Store};

/// A snapshot of everything first, then each change. Who was too slow for one
/// gets a snapshot again.
pub(crate) async fn events(
    State(store): State<Arc<Store>>,
) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let following: Option<Receiver<Event>> = None;
    let events = stream::unfold((store, following), |(store, following)| async move {
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
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
