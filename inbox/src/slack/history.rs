//! `conversations.history` and `conversations.replies`.

use serde_json::{Map, Value, json};

use super::arguments::text;
use super::page::{Order, Page};
use super::span::Span;
use crate::channel::is_channel_id;
use crate::refusal::Refusal;
use crate::store::{Message, Store};
use crate::via::Via;

const MAX_PAGE: usize = 999;
const MAX_REPLIES: usize = 1_000;

/// What the channel shows, newest first.
pub(crate) fn history(store: &Store, arguments: &Map<String, Value>) -> Result<Value, Refusal> {
    let channel = channel_of(arguments)?;
    let (span, page) = (Span::of(arguments)?, Page::of(arguments, 100, MAX_PAGE)?);
    let all = store.messages();
    let is_shown = |message: &&Message| {
        message.channel == channel && message.is_in_channel() && span.contains(&message.ts)
    };
    let mut found: Vec<&Message> = all.iter().filter(is_shown).collect();
    found.reverse();
    let (part, next) = page.cut(&found, Order::NewestFirst);
    let mut answer = answer(part, next, &all);
    answer["pin_count"] = json!(0);
    answer["channel_actions_ts"] = Value::Null;
    answer["channel_actions_count"] = json!(0);
    Ok(answer)
}

/// A message and the replies below it, oldest first.
pub(crate) fn replies(store: &Store, arguments: &Map<String, Value>) -> Result<Value, Refusal> {
    let channel = channel_of(arguments)?;
    let (span, page) = (Span::of(arguments)?, Page::of(arguments, MAX_REPLIES, MAX_REPLIES)?);
    let (all, ts) = (store.messages(), text(arguments, "ts"));
    let named = all.iter().find(|message| message.channel == channel && message.ts == ts);
    let named = named.ok_or(Refusal::of("thread_not_found"))?;
    // Any message of the thread names it.
    let parent = named.thread_ts.as_ref().unwrap_or(&named.ts);
    let is_shown = |message: &&Message| {
        let is_reply = message.thread_ts.as_ref() == Some(parent) && span.contains(&message.ts);
        message.channel == channel && (message.ts == *parent || is_reply)
    };
    let found: Vec<&Message> = all.iter().filter(is_shown).collect();
    let (part, next) = page.cut(&found, Order::OldestFirst);
    Ok(answer(part, next, &all))
}

fn channel_of(arguments: &Map<String, Value>) -> Result<String, Refusal> {
    let channel = text(arguments, "channel");
    // Names will not do here.
    if is_channel_id(&channel) { Ok(channel) } else { Err(Refusal::of("channel_not_found")) }
}

fn answer(part: &[&Message], next: Option<Value>, all: &[Message]) -> Value {
    let messages: Vec<Value> = part.iter().map(|message| as_slack(message, all)).collect();
    let mut answer = json!({ "ok": true, "messages": messages, "has_more": next.is_some() });
    if let Some(next) = next {
        answer["response_metadata"] = next;
    }
    answer
}

/// A message as Slack returns it, with what is known of the replies below it.
pub(crate) fn as_slack(message: &Message, all: &[Message]) -> Value {
    let mut shown = json!({
        "type": "message", "user": "U0INBOX", "bot_id": "B0INBOX", "team": "T0LOCAL",
        "ts": message.ts, "text": message.payload["text"].as_str().unwrap_or_default(),
    });
    if message.via == Via::Webhook {
        shown["subtype"] = json!("bot_message");
    }
    for name in ["blocks", "attachments", "metadata"] {
        if let Some(given) = message.payload.get(name) {
            shown[name] = given.clone();
        }
    }
    if let Some(name) = message.payload.get("username").filter(|_| message.via == Via::Api) {
        shown["username"] = name.clone();
    }
    let attachments = shown.get_mut("attachments").and_then(Value::as_array_mut);
    for (n, attachment) in attachments.into_iter().flatten().enumerate() {
        if attachment.is_object() {
            attachment["id"] = json!(n + 1);
        }
    }
    if let Some(ts) = message.edited_ts.as_ref().filter(|_| message.shows_edits()) {
        shown["edited"] = json!({ "user": "U0INBOX", "ts": ts });
    }
    if let Some(parent) = &message.thread_ts {
        shown["thread_ts"] = json!(parent);
        shown["parent_user_id"] = json!("U0INBOX");
        if message.is_in_channel() {
            shown["subtype"] = json!("thread_broadcast");
        }
    }
    let below = |reply: &&Message| {
        reply.channel == message.channel && reply.thread_ts.as_ref() == Some(&message.ts)
    };
    let replies: Vec<&Message> = all.iter().filter(below).collect();
    if let Some(latest) = replies.last() {
        shown["thread_ts"] = json!(message.ts);
        shown["reply_count"] = json!(replies.len());
        shown["reply_users_count"] = json!(1);
        shown["reply_users"] = json!(["U0INBOX"]);
        shown["latest_reply"] = json!(latest.ts);
        shown["is_locked"] = json!(false);
        shown["subscribed"] = json!(false);
    }
    shown
}
