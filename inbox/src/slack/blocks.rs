//! Block Kit, as strict as Slack: types, required fields, sizes.

use serde_json::Value;

use crate::view::reading::printable;

/// Characters as Slack may count them: UTF-16 units, the larger plausible
/// measure.
pub(crate) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Adds what Slack would find wrong with a block.
pub(crate) fn check(block: &Value, pointer: &str, faults: &mut Vec<String>) {
    let mut check = Check { pointer: pointer.to_owned(), faults };
    if !block.is_object() {
        return check.fault("", "must be an object");
    }
    check.text_size(&block["block_id"], "/block_id", 255);
    match block["type"].as_str().unwrap_or_default() {
        "divider" => {}
        "section" => check.section(block),
        "header" => {
            check.text_object(&block["text"], "/text", 150, &["plain_text"]);
        }
        "context" => check.context(block),
        "actions" => check.actions(block),
        "image" => check.image(block, ""),
        "rich_text" => check.rich_text(block),
        "markdown" => check.required(&block["text"], "/text"),
        "table" => check.table(block),
        "video" => {
            for field in ["alt_text", "thumbnail_url", "video_url"] {
                check.required(&block[field], &format!("/{field}"));
            }
            check.text_object(&block["title"], "/title", 200, &["plain_text"]);
        }
        "file" => check.required(&block["external_id"], "/external_id"),
        "context_actions" => {
            for (n, element) in check.items(&block["elements"], "/elements", 5).iter().enumerate() {
                check.element(element, &format!("/elements/{n}"));
            }
        }
        other => check.fault("", &format!("unsupported type: {other}")),
    }
}

/// The longest text object in a block, in characters.
pub(crate) fn longest_text(block: &Value) -> usize {
    let longest = |items: &Value| {
        let items = items.as_array().into_iter().flatten();
        items.filter_map(|item| item["text"].as_str()).map(units).max().unwrap_or(0)
    };
    let own = block["text"]["text"].as_str().map_or(0, units);
    own.max(longest(&block["fields"])).max(longest(&block["elements"]))
}

struct Check<'a> {
    pointer: String,
    faults: &'a mut Vec<String>,
}

impl Check<'_> {
    fn fault(&mut self, below: &str, problem: &str) {
        let fault = format!("[ERROR] {problem} [json-pointer:{}{below}]", self.pointer);
        // It may name what strangers wrote.
        self.faults.push(printable(&fault));
    }

    fn required(&mut self, value: &Value, below: &str) {
        if value.as_str().is_none_or(str::is_empty) {
            self.fault(below, "missing required field");
        }
    }

    fn text_size(&mut self, value: &Value, below: &str, most: usize) {
        match value {
            Value::Null => {}
            Value::String(text) if units(text) <= most => {}
            Value::String(_) => {
                self.fault(below, &format!("must be less than {} characters", most + 1));
            }
            _ => self.fault(below, "must be a string"),
        }
    }

    fn text_object(&mut self, value: &Value, below: &str, most: usize, types: &[&str]) {
        let kind = value["type"].as_str().unwrap_or_default();
        if !types.contains(&kind) {
            return self.fault(below, &format!("must be one of {}", types.join(", ")));
        }
        let text = format!("{below}/text");
        match value["text"].as_str() {
            None => self.fault(&text, "missing required field"),
            Some("") => self.fault(&text, "must be more than 0 characters"),
            Some(_) => self.text_size(&value["text"], &text, most),
        }
        let flag = if kind == "plain_text" { "verbatim" } else { "emoji" };
        if !value[flag].is_null() {
            self.fault(&format!("{below}/{flag}"), "invalid additional property");
        }
    }

    fn items<'v>(&mut self, value: &'v Value, below: &str, most: usize) -> &'v [Value] {
        match value.as_array() {
            Some(items) if items.len() > most => {
                self.fault(below, &format!("no more than {most} items allowed"));
                &[]
            }
            Some(items) if items.is_empty() => {
                self.fault(below, "must provide at least 1 item");
                &[]
            }
            Some(items) => items,
            None => {
                self.fault(below, "missing required field");
                &[]
            }
        }
    }

    fn section(&mut self, block: &Value) {
        const BOTH: &[&str] = &["plain_text", "mrkdwn"];
        if block["text"].is_null() && block["fields"].is_null() {
            self.fault("", "must have text or fields");
        }
        if !block["text"].is_null() {
            self.text_object(&block["text"], "/text", 3000, BOTH);
        }
        if !block["fields"].is_null() {
            for (n, field) in self.items(&block["fields"], "/fields", 10).iter().enumerate() {
                self.text_object(field, &format!("/fields/{n}"), 2000, BOTH);
            }
        }
        match &block["accessory"] {
            Value::Null => {}
            image if image["type"] == "image" => self.image(image, "/accessory"),
            other => self.element(other, "/accessory"),
        }
    }

    fn context(&mut self, block: &Value) {
        for (n, element) in self.items(&block["elements"], "/elements", 10).iter().enumerate() {
            let below = format!("/elements/{n}");
            if element["type"] == "image" {
                self.image(element, &below);
            } else {
                self.text_object(element, &below, 3000, &["plain_text", "mrkdwn"]);
            }
        }
    }

    fn actions(&mut self, block: &Value) {
        for (n, element) in self.items(&block["elements"], "/elements", 25).iter().enumerate() {
            let below = format!("/elements/{n}");
            self.element(element, &below);
        }
    }

    /// A button, or another interactive element, of which only the id is
    /// checked.
    fn element(&mut self, element: &Value, below: &str) {
        if !element["type"].is_string() {
            return self.fault(below, "must be an object with a type");
        }
        self.text_size(&element["action_id"], &format!("{below}/action_id"), 255);
        if element["type"] == "button" {
            self.text_object(&element["text"], &format!("{below}/text"), 75, &["plain_text"]);
            self.text_size(&element["url"], &format!("{below}/url"), 3000);
            self.text_size(&element["value"], &format!("{below}/value"), 2000);
        }
    }

    fn image(&mut self, image: &Value, below: &str) {
        if image["slack_file"].is_null() {
            self.required(&image["image_url"], &format!("{below}/image_url"));
            self.text_size(&image["image_url"], &format!("{below}/image_url"), 3000);
        }
        self.required(&image["alt_text"], &format!("{below}/alt_text"));
        self.text_size(&image["alt_text"], &format!("{below}/alt_text"), 2000);
        if !image["title"].is_null() {
            self.text_object(&image["title"], &format!("{below}/title"), 2000, &["plain_text"]);
        }
    }

    fn rich_text(&mut self, block: &Value) {
        let most = usize::MAX;
        for (n, element) in self.items(&block["elements"], "/elements", most).iter().enumerate() {
            let below = format!("/elements/{n}");
            let kind = element["type"].as_str().unwrap_or_default();
            let inside = format!("{below}/elements");
            match kind {
                "rich_text_section" | "rich_text_preformatted" | "rich_text_quote" => {
                    if kind == "rich_text_preformatted" && !element["border"].is_null() {
                        self.fault(&format!("{below}/border"), "invalid additional property");
                    }
                    self.leaves(&element["elements"], &inside);
                }
                "rich_text_list" => {
                    let items = self.items(&element["elements"], &inside, most).to_vec();
                    for (m, item) in items.iter().enumerate() {
                        if item["type"] != "rich_text_section" {
                            let problem = "must be a rich_text_section";
                            self.fault(&format!("{inside}/{m}"), problem);
                        }
                        self.leaves(&item["elements"], &format!("{inside}/{m}/elements"));
                    }
                }
                other => self.fault(&below, &format!("unsupported type: {other}")),
            }
        }
    }

    fn leaves(&mut self, leaves: &Value, below: &str) {
        for (n, leaf) in self.items(leaves, below, usize::MAX).iter().enumerate() {
            let below = format!("{below}/{n}");
            let field = match leaf["type"].as_str().unwrap_or_default() {
                "text" => "text",
                "link" => "url",
                "emoji" => "name",
                "user" => "user_id",
                "usergroup" => "usergroup_id",
                "channel" => "channel_id",
                "broadcast" => "range",
                "color" => "value",
                "date" => {
                    if !leaf["timestamp"].is_i64() {
                        self.fault(&format!("{below}/timestamp"), "must be an integer");
                    }
                    "format"
                }
                other => {
                    self.fault(&below, &format!("unsupported type: {other}"));
                    continue;
                }
            };
            self.required(&leaf[field], &format!("{below}/{field}"));
            if !leaf["style"].is_null() && !leaf["style"].is_object() {
                self.fault(&format!("{below}/style"), "must be an object");
            }
        }
    }

    fn table(&mut self, block: &Value) {
        let rows = self.items(&block["rows"], "/rows", 100);
        for (n, row) in rows.iter().enumerate() {
            for (m, cell) in self.items(row, &format!("/rows/{n}"), 20).iter().enumerate() {
                let below = format!("/rows/{n}/{m}");
                match cell["type"].as_str() {
                    Some("raw_text") => self.required(&cell["text"], &format!("{below}/text")),
                    Some("rich_text") => {
                        let pointer = format!("{}{below}", self.pointer);
                        check(cell, &pointer, self.faults);
                    }
                    other => {
                        let problem = format!("unsupported type: {}", other.unwrap_or_default());
                        self.fault(&below, &problem);
                    }
                }
            }
        }
        let cells = rows.iter().filter_map(Value::as_array).flatten();
        if cells.map(super::rules::text_size).sum::<usize>() > 10_000 {
            self.fault("/rows", "must be less than 10001 characters");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(block: Value) -> Vec<String> {
        let mut faults = Vec::new();
        check(&block, "/blocks/0", &mut faults);
        faults
    }

    fn text(kind: &str, n: usize) -> Value {
        json!({ "type": kind, "text": "x".repeat(n) })
    }

    #[test]
    fn each_limit_at_its_edge() {
        let rich = |leaf: Value| {
            json!({ "type": "rich_text", "elements": [
                { "type": "rich_text_section", "elements": [leaf] }] })
        };
        let button = |field: &str, n: usize| {
            json!({ "type": "actions", "elements": [
                { "type": "button", "text": text("plain_text", 75), field: "x".repeat(n) }] })
        };
        let image = |url: usize, alt: usize| json!({ "type": "image", "image_url": "x".repeat(url), "alt_text": "x".repeat(alt) });
        let good = [
            json!({ "type": "divider" }),
            json!({ "type": "header", "text": text("plain_text", 150) }),
            json!({ "type": "section", "fields": vec![text("mrkdwn", 2000); 10] }),
            json!({ "type": "context", "elements": vec![text("mrkdwn", 3000); 10] }),
            rich(json!({ "type": "text", "text": "a", "style": { "code": true } })),
            rich(json!({ "type": "date", "timestamp": 1_765_000_000, "format": "{time}" })),
            button("url", 3000),
            button("value", 2000),
            button("action_id", 255),
            image(3000, 2000),
            json!({ "type": "table", "rows": [[{ "type": "raw_text", "text": "a" }]] }),
        ];
        for block in good {
            assert_eq!(faults(block.clone()), [""; 0], "{block}");
        }
        let bad = [
            json!("a block"),
            json!({ "type": "alert" }),
            json!({ "type": "divider", "block_id": "x".repeat(256) }),
            json!({ "type": "header", "text": text("plain_text", 151) }),
            json!({ "type": "header", "text": text("mrkdwn", 1) }),
            json!({ "type": "section" }),
            json!({ "type": "section", "text": text("mrkdwn", 0) }),
            json!({ "type": "section", "text": { "type": "mrkdwn", "text": "a", "emoji": true } }),
            json!({ "type": "section", "fields": vec![text("mrkdwn", 1); 11] }),
            json!({ "type": "section", "fields": [text("mrkdwn", 2001)] }),
            json!({ "type": "context", "elements": [] }),
            json!({ "type": "context", "elements": vec![text("mrkdwn", 1); 11] }),
            rich(json!({ "type": "text", "text": "" })),
            rich(json!({ "type": "text", "text": "a", "style": "code" })),
            rich(json!({ "type": "mention" })),
            rich(json!({ "type": "date", "timestamp": "1765000000", "format": "{time}" })),
            rich(json!({ "type": "date", "timestamp": 1_765_000_000 })),
            json!({ "type": "rich_text", "elements": [] }),
            json!({ "type": "rich_text", "elements": [
                { "type": "rich_text_section", "elements": [] }] }),
            json!({ "type": "rich_text", "elements": [
                { "type": "rich_text_preformatted", "border": 0,
                  "elements": [{ "type": "text", "text": "a" }] }] }),
            button("url", 3001),
            button("value", 2001),
            button("action_id", 256),
            json!({ "type": "actions", "elements": [
                { "type": "button", "text": text("plain_text", 76) }] }),
            image(3001, 1),
            image(1, 2001),
            image(1, 0),
            json!({ "type": "table", "rows": vec![json!([]); 101] }),
        ];
        for block in bad {
            assert!(!faults(block.clone()).is_empty(), "{block}");
        }
    }
}
