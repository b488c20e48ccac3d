//! Slack's side: its methods, its rules and its words.

mod api;
mod arguments;
mod blocks;
mod channel;
mod history;
pub(crate) mod rules;
mod webhook;

pub(crate) use api::api;
pub(crate) use blocks::longest_text;
pub(crate) use channel::id_of;
pub(crate) use history::timestamp;
pub(crate) use webhook::{LOCAL_HOOK, webhook};
