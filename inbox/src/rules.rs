//! What Slack refuses, in Slack's words.

use serde_json::{Map, Value};

use crate::blocks::{self, units};
use crate::message::Via;

/// Slack's refusal: an error string, and details as the Web API gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: &'static str,
    pub(crate) details: Vec<String>,
}

impl Refusal {
    pub(crate) fn of(error: &'static str) -> Self {
        Refusal { error, details: Vec::new() }
    }

    pub(crate) fn because(error: &'static str, detail: impl Into<String>) -> Self {
        Refusal { error, details: vec![detail.into()] }
    }
}

const MAX_BLOCKS: usize = 50;
/// Not documented; more were seen to be refused.
const MAX_BLOCKS_IN_ATTACHMENT: usize = 20;
const MAX_ATTACHMENTS: usize = 100;
/// `chat.update` refuses a longer text; a post is cut at 40,000.
const MAX_UPDATE_BYTES: usize = 4_000;
const MAX_POST: usize = 40_000;
/// Not documented; the largest total that was seen to pass.
const MAX_TOTAL: usize = 13_200;
const MAX_MARKDOWN: usize = 12_000;

/// Checks a message and cuts what Slack would cut.
pub(crate) fn check(
    payload: &mut Map<String, Value>,
    via: Via,
    is_update: bool,
) -> Result<(), Refusal> {
    let text = match payload.get("text") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return Err(refused(via, "invalid_arguments")),
    };
    let blocks = list(payload, "blocks", "invalid_blocks_format")?;
    let attachments = list(payload, "attachments", "invalid_attachments")?;
    if text.trim().is_empty() && blocks.is_empty() && attachments.is_empty() {
        return Err(Refusal::of("no_text"));
    }
    if is_update && text.len() > MAX_UPDATE_BYTES {
        return Err(Refusal::of("msg_too_long"));
    }
    if units(&text) > MAX_POST {
        payload.insert("text".into(), text.chars().take(MAX_POST / 2).collect::<String>().into());
    }
    check_blocks(&blocks, "/blocks", MAX_BLOCKS, "invalid_blocks", via)?;
    if attachments.len() > MAX_ATTACHMENTS {
        return Err(Refusal::of("too_many_attachments"));
    }
    let mut total = size(&blocks);
    for (n, attachment) in attachments.iter().enumerate() {
        let Some(attachment) = attachment.as_object() else {
            return Err(Refusal::of("invalid_attachments"));
        };
        let inside = list(attachment, "blocks", "invalid_attachments")?;
        if !inside.is_empty() && attachment.contains_key("text") {
            return Err(Refusal::because(
                "invalid_attachments",
                format!("[ERROR] text goes with no blocks [json-pointer:/attachments/{n}]"),
            ));
        }
        let pointer = format!("/attachments/{n}/blocks");
        let error = "invalid_attachments";
        check_blocks(&inside, &pointer, MAX_BLOCKS_IN_ATTACHMENT, error, via)?;
        total += size(&inside);
    }
    if total > MAX_TOTAL {
        return Err(Refusal::of("msg_blocks_too_long"));
    }
    Ok(())
}

fn check_blocks(
    blocks: &[Value],
    pointer: &str,
    most: usize,
    error: &'static str,
    via: Via,
) -> Result<(), Refusal> {
    let mut faults = Vec::new();
    if blocks.len() > most {
        let fault = format!("[ERROR] no more than {most} items allowed [json-pointer:{pointer}]");
        return Err(Refusal::because(error, fault));
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
    if markdown > MAX_MARKDOWN {
        return Err(Refusal::of("msg_blocks_too_long"));
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal { error, details: faults }) }
}

fn list(
    object: &Map<String, Value>,
    name: &str,
    error: &'static str,
) -> Result<Vec<Value>, Refusal> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items.clone()),
        // Older clients send it as a string of JSON.
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| Refusal::of(error)),
        Some(_) => Err(Refusal::of(error)),
    }
}

fn size(blocks: &[Value]) -> usize {
    blocks.iter().map(|block| units(&block.to_string())).sum()
}

fn refused(via: Via, error: &'static str) -> Refusal {
    Refusal::of(match via {
        Via::Webhook => "invalid_payload",
        Via::Api => error,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn post(payload: Value) -> Result<(), Refusal> {
        check(&mut payload.as_object().unwrap().clone(), Via::Api, false)
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
        assert_eq!(error(json!({ "attachments": vec![json!({}); 101] })), "too_many_attachments");
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
