//! Slack's side: its methods, its rules and its words.

mod api;
mod arguments;
mod blocks;
mod edit;
mod history;
mod page;
mod problems;
pub(crate) mod rules;
mod span;
mod taken;
mod webhook;

use axum::response::Response;

use crate::fault::{self, Fault};
use crate::via::Via;
use crate::wire::Cut;

pub(crate) use api::api;
pub(crate) use blocks::longest_text;
pub(crate) use problems::{problems, warning};
pub(crate) use span::timestamp;
pub(crate) use webhook::{LOCAL_HOOK, webhook};

use taken::Taken;

/// Remembers that a request met a fault, and answers as that says.
async fn meet(taken: Taken<'_>, fault: Fault, cut: &Cut, via: Via) -> Response {
    taken.met(&fault);
    fault::play(fault, cut, via).await
}
