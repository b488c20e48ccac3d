//! What Slack refuses, in Slack's words, and what it only warns of.

use serde_json::{Map, Value};

use super::blocks::{self, units};
use crate::refusal::Refusal;
use crate::via::Via;

pub(crate) const MAX_BLOCKS: usize = 50;
/// Not documented; more were seen to be refused.
pub(crate) const MAX_BLOCKS_IN_ATTACHMENT: usize = 20;
const MAX_ATTACHMENTS: usize = 100;
/// Slack's advice.
pub(crate) const FEW_ATTACHMENTS: usize = 20;
/// `chat.update` refuses a longer text, in bytes; a post is cut at
/// [`MAX_POST`].
pub(crate) const MAX_UPDATE_BYTES: usize = 4_000;
const MAX_POST: usize = 40_000;
/// Not documented; the largest total that was seen to pass.
pub(crate) const MAX_TOTAL: usize = 13_200;
/// Not documented; that there is a limit is.
const MAX_ATTACHMENTS_BYTES: usize = 100_000;
const MAX_MARKDOWN: usize = 12_000;
/// For names and addresses beside a message.
const MAX_NAME: usize = 3_000;
/// More are not listed.
const MAX_DETAILS: usize = 50;
/// Not documented.
const MAX_METADATA: usize = 16_384;

/// What a message says with: any of these will do.
const CONTENT: [&str; 10] = [
    "author_name",
    "text",
    "fallback",
    "title",
    "pretext",
    "blocks",
    "fields",
    "image_url",
    "thumb_url",
    "footer",
];

/// What a message may have; Slack ignores the rest.
const KNOWN: [&str; 17] = [
    "attachments",
    "blocks",
    "channel",
    "icon_emoji",
    "icon_url",
    "link_names",
    "markdown_text",
    "metadata",
    "mrkdwn",
    "parse",
    "reply_broadcast",
    "text",
    "thread_ts",
    "ts",
    "unfurl_links",
    "unfurl_media",
    "username",
];
/// Which of them are text.
const TEXTS: [&str; 6] = ["icon_emoji", "icon_url", "markdown_text", "parse", "text", "username"];

/// Checks a message and makes of it what Slack keeps; says whether its text was
/// cut.
pub(crate) fn check(
    payload: &mut Map<String, Value>,
    via: Via,
    is_update: bool,
) -> Result<bool, Refusal> {
    payload.retain(|name, value| KNOWN.contains(&name.as_str()) && !value.is_null());
    if let Some(first) = broken(payload, via, is_update).into_iter().next() {
        return Err(first);
    }
    for name in ["blocks", "attachments"] {
        unpack(payload, name);
    }
    for attachment in
        payload.get_mut("attachments").and_then(Value::as_array_mut).into_iter().flatten()
    {
        if let Some(attachment) = attachment.as_object_mut() {
            unpack(attachment, "blocks");
        }
    }
    match payload.get_mut("text") {
        Some(Value::String(text)) => Ok(cut(text)),
        _ => Ok(false),
    }
}

/// A list that came as a string of JSON is a list from here on.
fn unpack(object: &mut Map<String, Value>, name: &str) {
    if object.get(name).is_some_and(Value::is_string) {
        let list = items(object, name).unwrap_or_default();
        object.insert(name.to_owned(), list.into());
    }
}

/// Cuts a text where Slack does, and says whether it had to.
fn cut(text: &mut String) -> bool {
    let mut room = MAX_POST;
    let end = text.char_indices().find(|(_, c)| {
        let left = room.checked_sub(c.len_utf16());
        room = left.unwrap_or_default();
        left.is_none()
    });
    if let Some((end, _)) = end {
        text.truncate(end);
    }
    end.is_some()
}

/// Every rule that a message breaks, the one that Slack would name first.
pub(crate) fn broken(payload: &Map<String, Value>, via: Via, is_update: bool) -> Vec<Refusal> {
    let mut found = Vec::new();
    let is_text = |name: &&str| payload.get(*name).is_none_or(|v| v.is_string() || v.is_null());
    let is_long = |name: &&str| {
        let is_named = !["text", "markdown_text"].contains(name);
        let value = payload.get(*name).and_then(Value::as_str);
        is_named && value.is_some_and(|value| value.len() > MAX_NAME)
    };
    let is_ts = |ts: &Value| ts.is_string() || ts.is_number() || ts.is_null();
    if !TEXTS.iter().all(is_text)
        || TEXTS.iter().any(is_long)
        || !payload.get("thread_ts").is_none_or(is_ts)
    {
        found.push(Refusal::of(match via {
            Via::Webhook => "invalid_payload",
            Via::Api => "invalid_arguments",
        }));
    }
    let text = payload.get("text").and_then(Value::as_str).unwrap_or_default();
    let mut list = |name: &str, error: &'static str| match items(payload, name) {
        Some(items) => items,
        None => {
            found.push(Refusal::of(error));
            Vec::new()
        }
    };
    let blocks = list("blocks", "invalid_blocks_format");
    let attachments = list("attachments", "invalid_attachments");
    let markdown = payload.get("markdown_text").and_then(Value::as_str).unwrap_or_default();
    if !markdown.is_empty() && (!text.is_empty() || !blocks.is_empty()) {
        found.push(Refusal::of("markdown_text_conflict"));
    }
    let is_silent = text.trim().is_empty() && blocks.is_empty() && markdown.trim().is_empty();
    if is_silent && found.is_empty() && !attachments.iter().any(says_something) {
        found.push(Refusal::of(match via {
            Via::Webhook if !attachments.is_empty() => "missing_text_or_fallback_or_attachments",
            _ => "no_text",
        }));
    }
    if is_update && text.len() > MAX_UPDATE_BYTES || units(markdown) > MAX_MARKDOWN {
        found.push(Refusal::of("msg_too_long"));
    }
    check_blocks(&blocks, "/blocks", MAX_BLOCKS, "invalid_blocks", via, &mut found);
    check_attachments(&attachments, via, &mut found);
    let inside: usize = attachments.iter().map(|attachment| size(&inner_blocks(attachment))).sum();
    let skeleton: usize = blocks.iter().map(|block| block.to_string().len()).sum();
    if size(&blocks) + inside > MAX_TOTAL || skeleton > MAX_ATTACHMENTS_BYTES {
        found.push(Refusal::of("msg_blocks_too_long"));
    }
    check_metadata(payload.get("metadata"), &mut found);
    found
}

fn says_something(attachment: &Value) -> bool {
    CONTENT.iter().any(|name| match &attachment[*name] {
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    })
}

fn check_attachments(attachments: &[Value], via: Via, found: &mut Vec<Refusal>) {
    if attachments.len() > MAX_ATTACHMENTS {
        found.push(Refusal::of("too_many_attachments"));
        return;
    }
    if attachments.iter().map(|attachment| attachment.to_string().len()).sum::<usize>()
        > MAX_ATTACHMENTS_BYTES
    {
        found.push(Refusal::of("attachment_payload_limit_exceeded"));
    }
    for (n, attachment) in attachments.iter().enumerate() {
        let pointer = format!("/attachments/{n}");
        let fault = |problem: &str| {
            let detail = format!("[ERROR] {problem} [json-pointer:{pointer}]");
            Refusal::because("invalid_attachments", detail)
        };
        let Some(fields) = attachment.as_object() else {
            found.push(fault("must be an object"));
            continue;
        };
        let Some(inside) = items(fields, "blocks") else {
            found.push(fault("blocks must be an array"));
            continue;
        };
        if !inside.is_empty() && fields.contains_key("text") {
            found.push(fault("text goes with no blocks"));
        }
        let pointer = format!("{pointer}/blocks");
        let error = "invalid_attachments";
        check_blocks(&inside, &pointer, MAX_BLOCKS_IN_ATTACHMENT, error, via, found);
    }
}

fn check_blocks(
    blocks: &[Value],
    pointer: &str,
    most: usize,
    error: &'static str,
    via: Via,
    found: &mut Vec<Refusal>,
) {
    let mut faults = Vec::new();
    if blocks.len() > most {
        // Slack looks no further, and neither should hostile lists make us.
        let fault = format!("[ERROR] no more than {most} items allowed [json-pointer:{pointer}]");
        found.push(Refusal::because(error, fault));
        return;
    }
    let mut ids = Vec::new();
    let mut markdown = 0;
    for (n, block) in blocks.iter().enumerate() {
        let pointer = format!("{pointer}/{n}");
        blocks::check(block, &pointer, &mut faults);
        if let Some(id) = block["block_id"].as_str() {
            if ids.contains(&id) {
                faults.push(format!("[ERROR] block_id is not unique [json-pointer:{pointer}]"));
            }
            ids.push(id);
        }
        if block["type"] == "markdown" {
            markdown += units(block["text"].as_str().unwrap_or_default());
            if via == Via::Webhook {
                faults.push(format!("[ERROR] unsupported type: markdown [json-pointer:{pointer}]"));
            }
        }
    }
    if !faults.is_empty() {
        faults.truncate(MAX_DETAILS);
        found.push(Refusal { error, details: faults });
    }
    if markdown > MAX_MARKDOWN {
        found.push(Refusal::of("msg_blocks_too_long"));
    }
}

fn check_metadata(metadata: Option<&Value>, found: &mut Vec<Refusal>) {
    let Some(metadata) = metadata.filter(|metadata| !metadata.is_null()) else { return };
    if !metadata.is_object() {
        found.push(Refusal::of("invalid_metadata_format"));
    } else if !metadata["event_type"].is_string() || !metadata["event_payload"].is_object() {
        found.push(Refusal::of("invalid_metadata_schema"));
    } else if metadata.to_string().len() > MAX_METADATA {
        found.push(Refusal::of("metadata_too_large"));
    }
}

/// What Slack takes, but says a word about, or advises against.
pub(crate) fn warnings(payload: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    let text = payload.get("text").and_then(Value::as_str).unwrap_or_default();
    let attachments = items(payload, "attachments").unwrap_or_default();
    if text.trim().is_empty() {
        found.push(
            "missing_text_in_message: the top-level text is what a phone's notification shows"
                .to_owned(),
        );
    }
    if text.len() > MAX_UPDATE_BYTES {
        let size = text.len();
        found.push(format!(
            "{size} bytes of text: Slack recommends at most {MAX_UPDATE_BYTES}, and chat.update \
             refuses more"
        ));
    }
    if attachments.len() > FEW_ATTACHMENTS {
        let count = attachments.len();
        found.push(format!("{count} attachments: Slack says never to send more than 20"));
    }
    let lacks_fallback = |attachment: &&Value| {
        ["fallback", "text"].iter().all(|name| attachment[*name].as_str().is_none())
    };
    if text.is_empty() && attachments.iter().any(|attachment| lacks_fallback(&attachment)) {
        found.push("missing_fallback: an attachment without a fallback or a text".to_owned());
    }
    found
}

/// The blocks of an attachment.
pub(crate) fn inner_blocks(attachment: &Value) -> Vec<Value> {
    attachment.as_object().and_then(|fields| items(fields, "blocks")).unwrap_or_default()
}

/// The items of a list; none if it is something else.
pub(crate) fn items(object: &Map<String, Value>, name: &str) -> Option<Vec<Value>> {
    match object.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(items)) => Some(items.clone()),
        // Older clients send it as a string of JSON.
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        Some(_) => None,
    }
}

/// The size of blocks as Slack was seen to count it: their text, as it was
/// sent, and about 100 for each header.
pub(crate) fn size(blocks: &[Value]) -> usize {
    let of = |block: &Value| match block["type"].as_str() {
        Some("header") => text_size(block) + 100,
        _ => text_size(block),
    };
    blocks.iter().map(of).sum()
}

/// All text within: what is in fields named `text`.
pub(crate) fn text_size(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(text_size).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match value {
                Value::String(text) if name == "text" => units(text),
                Value::String(_) => 0,
                other => text_size(other),
            })
            .sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn post(payload: Value) -> Result<(), Refusal> {
        check(&mut payload.as_object().unwrap().clone(), Via::Api, false).map(drop)
    }

    fn error(payload: Value) -> &'static str {
        post(payload).unwrap_err().error
    }

    fn section(n: usize) -> Value {
        json!({ "type": "section", "text": { "type": "mrkdwn", "text": "x".repeat(n) } })
    }

    #[test]
    fn a_message_needs_something_to_say() {
        assert_eq!(error(json!({})), "no_text");
        assert_eq!(error(json!({ "text": "" })), "no_text");
        assert_eq!(error(json!({ "text": 7 })), "invalid_arguments");
        assert!(post(json!({ "text": "a" })).is_ok());
        assert!(post(json!({ "blocks": [section(1)] })).is_ok());
    }

    #[test]
    fn limits_are_kept_to_the_character() {
        assert!(post(json!({ "blocks": [section(3000)] })).is_ok());
        let refusal = post(json!({ "blocks": [section(3001)] })).unwrap_err();
        assert_eq!(refusal.error, "invalid_blocks");
        assert_eq!(
            refusal.details,
            ["[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"]
        );
        let many = |n: usize| vec![json!({ "type": "divider" }); n];
        assert!(post(json!({ "blocks": many(50) })).is_ok());
        assert_eq!(error(json!({ "blocks": many(51) })), "invalid_blocks");
        assert!(post(json!({ "attachments": [{ "blocks": many(20) }] })).is_ok());
        assert_eq!(
            error(json!({ "attachments": [{ "blocks": many(21) }] })),
            "invalid_attachments"
        );
        assert_eq!(
            error(json!({ "attachments": vec![json!({ "text": "a" }); 101] })),
            "too_many_attachments"
        );
        let long: Vec<Value> = (0..5).map(|_| section(2900)).collect();
        assert_eq!(error(json!({ "blocks": long })), "msg_blocks_too_long");
    }

    #[test]
    fn an_edit_has_a_shorter_text() {
        let update =
            |text: String| check(json!({ "text": text }).as_object_mut().unwrap(), Via::Api, true);
        assert!(update("x".repeat(4000)).is_ok());
        assert_eq!(update("x".repeat(4001)).unwrap_err().error, "msg_too_long");
        assert_eq!(update("€".repeat(1334)).unwrap_err().error, "msg_too_long");
    }

    #[test]
    fn webhooks_take_no_markdown_block() {
        let mut payload = json!({ "blocks": [{ "type": "markdown", "text": "*a*" }] });
        let payload = payload.as_object_mut().unwrap();
        assert!(check(payload, Via::Api, false).is_ok());
        assert_eq!(check(payload, Via::Webhook, false).unwrap_err().error, "invalid_blocks");
    }
}
