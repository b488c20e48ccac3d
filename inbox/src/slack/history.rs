//! `conversations.history` and `conversations.replies`.

use serde_json::{Map, Value, json};

use super::api::text;
use super::channel;
use crate::refusal::Refusal;
use crate::store::{Message, Store};

const MAX_PAGE: usize = 999;
const MAX_REPLIES: usize = 1_000;

/// What the channel shows, newest first.
pub(crate) fn history(store: &Store, arguments: &Map<String, Value>) -> Result<Value, Refusal> {
    let channel = channel_of(arguments)?;
    let span = Span::of(arguments)?;
    let all = store.messages();
    let in_channel = |message: &&Message| {
        message.channel == channel && message.is_in_channel() && span.contains(&message.ts)
    };
    let mut found: Vec<&Message> = all.iter().filter(in_channel).collect();
    found.reverse();
    let page = Page::of(arguments, 100, MAX_PAGE)?;
    let (shown, next) = page.cut(&found)?;
    let messages: Vec<Value> = shown.iter().map(|message| as_slack(message, &all)).collect();
    let mut answer = json!({
        "ok": true, "messages": messages, "has_more": next.is_some(), "pin_count": 0,
        "channel_actions_ts": null, "channel_actions_count": 0,
    });
    name_next(&mut answer, next);
    Ok(answer)
}

/// A message and the replies below it, oldest first.
pub(crate) fn replies(store: &Store, arguments: &Map<String, Value>) -> Result<Value, Refusal> {
    let channel = channel_of(arguments)?;
    let span = Span::of(arguments)?;
    let missing = Refusal::of("thread_not_found");
    let named = store.message(&channel, &text(arguments, "ts")).ok_or(missing.clone())?;
    // Any message of the thread names it.
    let parent = named.thread_ts.clone().unwrap_or(named.ts);
    let all = store.messages();
    let mut found: Vec<&Message> = Vec::new();
    found.push(all.iter().find(|m| m.channel == channel && m.ts == parent).ok_or(missing)?);
    found.extend(all.iter().filter(|message| {
        message.channel == channel
            && message.thread_ts.as_ref() == Some(&parent)
            && span.contains(&message.ts)
    }));
    let page = Page::of(arguments, MAX_REPLIES, MAX_REPLIES)?;
    let (shown, next) = page.cut(&found)?;
    let messages: Vec<Value> = shown.iter().map(|message| as_slack(message, &all)).collect();
    let mut answer = json!({ "ok": true, "messages": messages, "has_more": next.is_some() });
    name_next(&mut answer, next);
    Ok(answer)
}

/// A message as Slack returns it, with what is known of the replies below it.
pub(crate) fn as_slack(message: &Message, all: &[Message]) -> Value {
    let mut shown = json!({
        "type": "message", "user": "U0INBOX", "bot_id": "B0INBOX", "team": "T0LOCAL",
        "ts": message.ts, "text": message.payload["text"].as_str().unwrap_or_default(),
    });
    if message.via == crate::store::Via::Webhook {
        shown["subtype"] = json!("bot_message");
    }
    for name in ["blocks", "attachments", "username", "metadata"] {
        if let Some(given) = message.payload.get(name) {
            shown[name] = given.clone();
        }
    }
    for (n, attachment) in shown["attachments"].as_array_mut().into_iter().flatten().enumerate() {
        if attachment.is_object() {
            attachment["id"] = json!(n + 1);
        }
    }
    if let Some(ts) = &message.edited_ts {
        shown["edited"] = json!({ "user": "U0INBOX", "ts": ts });
    }
    if let Some(parent) = &message.thread_ts {
        shown["thread_ts"] = json!(parent);
        shown["parent_user_id"] = json!("U0INBOX");
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

fn channel_of(arguments: &Map<String, Value>) -> Result<String, Refusal> {
    let channel = text(arguments, "channel");
    // Names will not do here.
    if channel::is_id(&channel) { Ok(channel) } else { Err(Refusal::of("channel_not_found")) }
}

/// Between which timestamps.
struct Span {
    oldest: Option<(u64, u64)>,
    latest: Option<(u64, u64)>,
    inclusive: bool,
}

impl Span {
    fn of(arguments: &Map<String, Value>) -> Result<Self, Refusal> {
        let bound = |name: &str, error: &'static str| match text(arguments, name).as_str() {
            "" => Ok(None),
            given => timestamp(given).map(Some).ok_or(Refusal::of(error)),
        };
        Ok(Span {
            oldest: bound("oldest", "invalid_ts_oldest")?,
            latest: bound("latest", "invalid_ts_latest")?,
            inclusive: is_true(arguments.get("inclusive")),
        })
    }

    fn contains(&self, ts: &str) -> bool {
        let Some(at) = timestamp(ts) else { return false };
        let after = |bound: (u64, u64)| at > bound || self.inclusive && at == bound;
        let before = |bound: (u64, u64)| at < bound || self.inclusive && at == bound;
        self.oldest.is_none_or(after) && self.latest.is_none_or(before)
    }
}

fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(is)) => *is,
        Some(Value::Number(number)) => number.as_u64() == Some(1),
        Some(Value::String(text)) => ["1", "true"].contains(&text.as_str()),
        _ => false,
    }
}

/// Seconds and microseconds: as a fraction they would not be exact.
pub(crate) fn timestamp(text: &str) -> Option<(u64, u64)> {
    let (seconds, micros) = text.split_once('.').unwrap_or((text, "0"));
    if micros.len() > 6 || !micros.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((seconds.parse().ok()?, format!("{micros:0<6}").parse().ok()?))
}

/// Which part of a long answer.
struct Page {
    /// The timestamp of the first message to show.
    from: Option<String>,
    limit: usize,
}

impl Page {
    fn of(arguments: &Map<String, Value>, default: usize, most: usize) -> Result<Self, Refusal> {
        let limit = match text(arguments, "limit").as_str() {
            "" => default,
            given => given.parse().map_err(|_| Refusal::of("invalid_arguments"))?,
        };
        let from = match text(arguments, "cursor").as_str() {
            "" => None,
            cursor => {
                let ts = cursor.strip_prefix("next_ts:").ok_or(Refusal::of("invalid_cursor"))?;
                Some(ts.to_owned())
            }
        };
        Ok(Page { from, limit: limit.clamp(1, most) })
    }

    /// What to show, and the cursor of the rest.
    fn cut<'a, 'm>(
        &self,
        all: &'a [&'m Message],
    ) -> Result<(&'a [&'m Message], Option<String>), Refusal> {
        let start = match &self.from {
            None => 0,
            Some(ts) => {
                let place = all.iter().position(|message| message.ts == *ts);
                place.ok_or(Refusal::of("invalid_cursor"))?
            }
        };
        let rest = all.get(start..).unwrap_or_default();
        let (shown, more) = rest.split_at(self.limit.min(rest.len()));
        Ok((shown, more.first().map(|next| format!("next_ts:{}", next.ts))))
    }
}

fn name_next(answer: &mut Value, next: Option<String>) {
    if let Some(cursor) = next {
        answer["response_metadata"] = json!({ "next_cursor": cursor });
    }
}
