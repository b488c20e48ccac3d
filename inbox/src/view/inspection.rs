//! A message under the glass: as a phone shows it, against Slack's limits, and
//! what is wrong with it.

use serde_json::{Map, Value, json};

use super::{mentions, reading};
use crate::slack::rules::{self, inner_blocks, items};
use crate::slack::{longest_text, problems, timestamp, warning};
use crate::store::Message;
use crate::via::Via;

/// About what a phone's lock screen shows.
const NOTIFICATION: usize = 180;

/// What the page shows of a message beside the message.
pub(crate) fn of(message: &Message, all: &[Message]) -> Value {
    let empty = Map::new();
    let payload = message.payload.as_object().unwrap_or(&empty);
    let is_update = message.edits > 0;
    let mut problems = problems(payload, message.via, is_update);
    if message.is_cut {
        problems
            .push(warning("message_truncated: the text was longer than Slack keeps".to_owned()));
    }
    json!({
        "phone": phone(&message.payload),
        "desktop": desktop(&message.payload),
        "calls": mentions::mentions(&message.payload),
        "sizes": sizes(message, payload, all),
        "problems": problems,
    })
}

fn cut(text: &str) -> String {
    let text = text.replace('\n', " ");
    match text.char_indices().nth(NOTIFICATION) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Phones show the top-level text; an attachment's fallback where there is none.
fn phone(payload: &Value) -> String {
    let text = reading::plain(payload["text"].as_str().unwrap_or_default());
    if !text.trim().is_empty() {
        return cut(&text);
    }
    let attachments = payload["attachments"].as_array().into_iter().flatten();
    let mut fallbacks = attachments.filter_map(|attachment| attachment["fallback"].as_str());
    fallbacks.next().map(|text| cut(&reading::plain(text))).unwrap_or_default()
}

/// Desktops show the blocks' text first, since July 2026.
fn desktop(payload: &Value) -> String {
    let blocks = payload["blocks"].as_array().into_iter().flatten();
    let blocks = blocks.filter(|block| block["type"] != "divider");
    let text: Vec<String> = blocks.map(reading::block_text).collect();
    let text = text.join(" ");
    if text.trim().is_empty() { phone(payload) } else { cut(&text) }
}

fn sizes(message: &Message, payload: &Map<String, Value>, all: &[Message]) -> Vec<Value> {
    let row = |what: &str, has: usize, most: usize, unit: &str, note: &str| json!({ "what": what, "has": has, "most": most, "unit": unit, "note": note });
    let text = payload.get("text").and_then(Value::as_str).unwrap_or_default();
    let blocks = items(payload, "blocks").unwrap_or_default();
    let attachments = items(payload, "attachments").unwrap_or_default();
    let inside: Vec<Vec<Value>> = attachments.iter().map(inner_blocks).collect();
    let most_inside = inside.iter().map(Vec::len).max().unwrap_or(0);
    let every_block = || blocks.iter().chain(inside.iter().flatten());
    let total = rules::size(&blocks) + inside.iter().map(|list| rules::size(list)).sum::<usize>();
    let longest = every_block().map(longest_text).max().unwrap_or(0);
    let limit = rules::MAX_UPDATE_BYTES;
    let note = match message.via {
        Via::Webhook => "Slack's advice; 40,000 characters are kept",
        Via::Api => "chat.update refuses more",
    };
    let mut rows = vec![row("text", text.len(), limit, "bytes", note)];
    if !blocks.is_empty() {
        rows.push(row("blocks", blocks.len(), rules::MAX_BLOCKS, "blocks", ""));
    }
    if !attachments.is_empty() {
        let (most, note) = (rules::FEW_ATTACHMENTS, "Slack's advice; more than 100 are refused");
        rows.push(row("attachments", attachments.len(), most, "attachments", note));
    }
    if most_inside > 0 {
        let note = "not documented; more were seen to be refused";
        let most = rules::MAX_BLOCKS_IN_ATTACHMENT;
        rows.push(row("blocks in an attachment", most_inside, most, "blocks", note));
    }
    if longest > 0 {
        rows.push(row("longest text in a block", longest, 3_000, "characters", ""));
    }
    if total > 0 {
        let note = "not documented; the most that was seen to pass";
        rows.push(row("all blocks", total, rules::MAX_TOTAL, "characters", note));
    }
    let beside = together(message, all);
    if beside > 1 {
        let note = "a message a second in a channel; short bursts pass";
        rows.push(row("within a second", beside, 1, "messages", note));
    }
    rows
}

/// Messages of the channel in the second that ends with this one.
fn together(message: &Message, all: &[Message]) -> usize {
    let micros = |message: &Message| {
        let (seconds, micros) = timestamp(&message.ts).unwrap_or_default();
        seconds.saturating_mul(1_000_000).saturating_add(micros)
    };
    let end = micros(message);
    let within = |other: &&Message| {
        let at = micros(other);
        other.channel == message.channel && at <= end && end - at < 1_000_000
    };
    all.iter().filter(within).count()
}
