//! What `chat.update` does to a message.

use serde_json::{Map, Value};

use super::rules::items;
use crate::refusal::Refusal;
use crate::via::Via;

/// Edits a message, if it can be edited like this.
pub(crate) fn edit(
    via: Via,
    payload: &mut Value,
    arguments: &Map<String, Value>,
) -> Result<(), Refusal> {
    if via != Via::Api {
        return Err(Refusal::of("cant_update_message"));
    }
    let was_rich = payload.as_object().is_some_and(is_rich);
    let has_blocks = items(arguments, "blocks").is_some_and(|blocks| !blocks.is_empty());
    if was_rich && has_blocks && !is_rich(arguments) {
        return Err(Refusal::of("block_mismatch"));
    }
    apply(payload, arguments);
    Ok(())
}

/// A text takes the old blocks away, unless new ones come with it;
/// attachments and metadata stay unless they are given; how a text is parsed
/// has another default than for a post.
fn apply(payload: &mut Value, arguments: &Map<String, Value>) {
    let Some(payload) = payload.as_object_mut() else { return };
    let says = ["text", "blocks", "markdown_text"];
    if says.iter().any(|name| arguments.contains_key(*name)) {
        let keeps_text = !arguments.contains_key("markdown_text");
        payload.retain(|name, _| match name.as_str() {
            "blocks" | "markdown_text" => false,
            "text" => keeps_text,
            _ => true,
        });
    }
    payload.remove("link_names");
    payload.insert("parse".to_owned(), "client".into());
    for (name, value) in arguments {
        if !["channel", "ts"].contains(&name.as_str()) {
            payload.insert(name.clone(), value.clone());
        }
    }
}

fn is_rich(payload: &Map<String, Value>) -> bool {
    let blocks = items(payload, "blocks").unwrap_or_default();
    blocks.iter().any(|block| block["type"] == "rich_text")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_stays_and_what_goes() {
        let edited = |payload: Value, arguments: Value| {
            let mut payload = payload;
            apply(&mut payload, arguments.as_object().unwrap());
            payload
        };
        let before = json!({ "text": "a", "blocks": [1], "attachments": [2], "metadata": 3,
            "link_names": true, "parse": "none" });
        assert_eq!(
            edited(before.clone(), json!({ "channel": "C1", "ts": "1", "text": "b" })),
            json!({ "text": "b", "attachments": [2], "metadata": 3, "parse": "client" })
        );
        assert_eq!(
            edited(before.clone(), json!({ "attachments": [], "parse": "none" })),
            json!({ "text": "a", "blocks": [1], "attachments": [], "metadata": 3, "parse": "none" })
        );
        let marked = edited(before, json!({ "markdown_text": "m" }));
        assert_eq!((marked.get("text"), marked.get("blocks")), (None, None));
        let plain = edited(marked, json!({ "text": "t" }));
        assert_eq!((plain.get("markdown_text"), &plain["text"]), (None, &json!("t")));
    }
}
