//! A message as people read it.

use serde_json::Value;

use super::date_time::date_time;

/// The message, one line per part, the top-level text first.
pub(crate) fn lines(payload: &Value) -> Vec<String> {
    let mut lines = vec![plain(payload["text"].as_str().unwrap_or_default())];
    let mut blocks: Vec<&Value> = payload["blocks"].as_array().into_iter().flatten().collect();
    for attachment in payload["attachments"].as_array().into_iter().flatten() {
        let texts = ["pretext", "title", "text"].map(|name| attachment[name].as_str());
        lines.extend(texts.into_iter().flatten().map(plain));
        blocks.extend(attachment["blocks"].as_array().into_iter().flatten());
    }
    for block in blocks {
        let text = block_text(block);
        lines.extend(text.lines().map(ToOwned::to_owned));
    }
    lines
}

/// A block as people read it.
pub(crate) fn block_text(block: &Value) -> String {
    let of = |value: &Value| match value["type"].as_str() {
        Some("mrkdwn") => plain(value["text"].as_str().unwrap_or_default()),
        _ => printable(value["text"].as_str().unwrap_or_default()),
    };
    let joined = |items: &Value, between: &str| {
        let items = items.as_array().into_iter().flatten();
        items.map(of).collect::<Vec<_>>().join(between)
    };
    match block["type"].as_str().unwrap_or_default() {
        "divider" => "────".to_owned(),
        "section" => {
            let (text, fields) = (of(&block["text"]), joined(&block["fields"], "   "));
            let parts = [text, fields].into_iter().filter(|part| !part.is_empty());
            parts.collect::<Vec<_>>().join("\n")
        }
        "header" => of(&block["text"]),
        "context" => joined(&block["elements"], " "),
        "actions" => {
            let buttons = block["elements"].as_array().into_iter().flatten();
            let labels = buttons.map(|button| format!("[{}]", of(&button["text"])));
            labels.collect::<Vec<_>>().join(" ")
        }
        "image" => format!("[image: {}]", printable(block["alt_text"].as_str().unwrap_or("?"))),
        "markdown" => printable(block["text"].as_str().unwrap_or_default()),
        "rich_text" => rich_text(block),
        other => format!("[{}]", printable(other)),
    }
}

fn rich_text(block: &Value) -> String {
    let mut lines = Vec::new();
    for element in block["elements"].as_array().into_iter().flatten() {
        match element["type"].as_str() {
            Some("rich_text_list") => {
                for item in element["elements"].as_array().into_iter().flatten() {
                    lines.push(format!("• {}", leaves(item)));
                }
            }
            Some("rich_text_quote") => lines.push(format!("> {}", leaves(element))),
            _ => lines.push(leaves(element)),
        }
    }
    lines.join("\n")
}

fn leaves(element: &Value) -> String {
    let leaf = |leaf: &Value| {
        let text = |name: &str| printable(leaf[name].as_str().unwrap_or_default());
        match leaf["type"].as_str().unwrap_or_default() {
            "link" if leaf["text"].is_null() => text("url"),
            "emoji" => format!(":{}:", text("name")),
            "user" => format!("@{}", text("user_id")),
            "usergroup" => format!("@{}", text("usergroup_id")),
            "broadcast" => format!("@{}", text("range")),
            "channel" => format!("#{}", text("channel_id")),
            "date" => {
                let unix = leaf["timestamp"].as_u64().unwrap_or_default();
                let format = leaf["format"].as_str().unwrap_or_default();
                date_time(unix, format).unwrap_or_else(|| text("fallback"))
            }
            _ => text("text"),
        }
    };
    element["elements"].as_array().into_iter().flatten().map(leaf).collect()
}

/// mrkdwn as people read it: code spans, entities, mentions and links resolved.
pub(crate) fn plain(mrkdwn: &str) -> String {
    let mut out = String::new();
    let mut rest = mrkdwn;
    while let Some(at) = rest.find('<') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let Some(end) = tail.find('>') else {
            rest = tail;
            break;
        };
        let inside = tail.get(1..end).unwrap_or_default();
        let (target, label) = inside.split_once('|').unwrap_or((inside, ""));
        let shown = match target.strip_prefix('!') {
            Some(special) => special_mention(special, label),
            // Whom it calls, not how somebody labels them.
            None if label.is_empty() || target.starts_with('@') => target.to_owned(),
            None => label.to_owned(),
        };
        out.push_str(&shown);
        rest = tail.get(end + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    let out = out.replace('`', "");
    let out = out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    printable(&out)
}

/// What follows `<!`: a group, a date, or everybody.
fn special_mention(special: &str, label: &str) -> String {
    let (name, rest) = special.split_once('^').unwrap_or((special, ""));
    match name {
        "date" => {
            let mut parts = rest.split('^');
            let unix = parts.next().and_then(|unix| unix.parse().ok());
            let format = parts.next().unwrap_or_default();
            let shown = unix.and_then(|unix| date_time(unix, format));
            shown.unwrap_or_else(|| label.to_owned())
        }
        "subteam" => format!("@{rest}"),
        everybody => format!("@{everybody}"),
    }
}

/// Text that can't steer the terminal, nor turn the words around it.
pub(crate) fn printable(text: &str) -> String {
    let steers = |c: char| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || c.is_control() && c != '\n'
    };
    let show = |c: char| if steers(c) { '\u{fffd}' } else { c };
    text.chars().map(show).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mrkdwn_as_people_read_it() {
        assert_eq!(plain("500 `GET /&lt;a&gt;` · ok"), "500 GET /<a> · ok");
        assert_eq!(
            plain("<!here> <@U1> <https://a.example|docs> <#C1|general>"),
            "@here @U1 docs general"
        );
        assert_eq!(plain("<!subteam^S1> <!channel|nobody> <@U1|ann>"), "@S1 @channel @U1");
        assert_eq!(plain("since <!date^1795349040^{time}|long ago>"), "since 12:04 UTC");
        assert_eq!(plain("<!date^soon^{time}|then>"), "then");
        assert_eq!(plain("a\u{1b}[31mb < c"), "a\u{fffd}[31mb < c");
    }

    #[test]
    fn a_card_line_by_line() {
        let payload = json!({
            "text": "🔴 `500`",
            "attachments": [{ "color": "#d32f2f", "blocks": [
                { "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": [
                    { "type": "text", "text": "a" }, { "type": "text", "text": " ← b" }] }] },
                { "type": "context", "elements": [{ "type": "mrkdwn", "text": "*c*" }] },
                { "type": "actions", "elements": [
                    { "type": "button", "text": { "type": "plain_text", "text": "Trace" } }] },
            ] }],
        });
        assert_eq!(lines(&payload), ["🔴 500", "a ← b", "*c*", "[Trace]"]);
    }
}
