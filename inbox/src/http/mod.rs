//! What the inbox serves: Slack's endpoints, and its own.

mod events;
mod faults;
mod guard;
mod messages;
mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use crate::slack;
use crate::store::Store;

/// More than Slack takes, so that its own limits answer first.
const MAX_BODY: usize = 512 * 1024;

/// What is served to whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    /// Whether the page is served.
    pub(crate) page: bool,
    /// Whether only this machine can connect.
    pub(crate) is_loopback: bool,
}

pub(crate) fn router(store: Arc<Store>, access: Access) -> Router {
    let mut own = Router::new()
        .route("/messages", get(messages::list).delete(messages::clear))
        .route("/messages/{channel}/{ts}", get(messages::one))
        .route("/refused", get(messages::refused))
        .route("/refused/{number}", get(messages::one_refused))
        .route("/faults", get(faults::show).post(faults::play).delete(faults::heal))
        .route("/events", get(events::events));
    own = match access.page {
        true => own.route("/", get(page::index)).route("/page/{*asset}", get(page::asset)),
        false => own.route("/", get(page::without)),
    };
    Router::new()
        .merge(own)
        .route("/services/{*hook}", post(slack::webhook))
        .route("/api/{method}", get(slack::api).post(slack::api))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(move |request, next| {
            guard::keep_other_sites_out(access.is_loopback, request, next)
        }))
        .with_state(store)
}
