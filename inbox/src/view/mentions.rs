//! Whom a message calls.

use serde_json::Value;

/// Everybody a message calls, as Slack would read it: mentions in its texts,
/// and `@here` in words where Slack makes one of it.
pub(crate) fn mentions(payload: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let names = &payload["link_names"];
    let parses = *names == true || *names == 1 || payload["parse"] == "full";
    in_mrkdwn(payload["text"].as_str().unwrap_or_default(), parses, &mut found);
    in_blocks(&payload["blocks"], &mut found);
    for attachment in payload["attachments"].as_array().into_iter().flatten() {
        for name in ["pretext", "text"] {
            in_mrkdwn(attachment[name].as_str().unwrap_or_default(), parses, &mut found);
        }
        for field in attachment["fields"].as_array().into_iter().flatten() {
            in_mrkdwn(field["value"].as_str().unwrap_or_default(), parses, &mut found);
        }
        in_blocks(&attachment["blocks"], &mut found);
    }
    let mut once = Vec::new();
    for mention in found {
        if !once.contains(&mention) {
            once.push(mention);
        }
    }
    once
}

fn in_blocks(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| in_blocks(item, found)),
        Value::Object(fields) => {
            let text = |name: &str| value[name].as_str().unwrap_or_default();
            match text("type") {
                "mrkdwn" => in_mrkdwn(text("text"), value["verbatim"] != true, found),
                "user" => found.push(format!("@{}", text("user_id"))),
                "usergroup" => found.push(format!("@{}", text("usergroup_id"))),
                "broadcast" => found.push(format!("@{}", text("range"))),
                // Literal whatever it says.
                "plain_text" | "text" => {}
                _ => fields.values().for_each(|field| in_blocks(field, found)),
            }
        }
        _ => {}
    }
}

fn in_mrkdwn(text: &str, parses: bool, found: &mut Vec<String>) {
    for tail in text.split('<').skip(1) {
        let Some((inside, _)) = tail.split_once('>') else { continue };
        let target = inside.split_once('|').map_or(inside, |(target, _)| target);
        let who = match target.split_at_checked(1) {
            Some(("@", who)) => who,
            Some(("!", who)) => match who.split_once('^') {
                None => who,
                Some(("subteam", group)) => group,
                Some(_) => continue,
            },
            _ => continue,
        };
        found.push(format!("@{who}"));
    }
    if parses {
        for name in ["here", "channel", "everyone"] {
            let name = format!("@{name}");
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let stands_alone = |(at, _): (usize, &str)| {
                let (before, after) = text.split_at(at);
                let after = after.get(name.len()..).unwrap_or_default();
                !before.ends_with(is_word) && !after.starts_with(is_word)
            };
            if text.match_indices(&name).any(stands_alone) {
                found.push(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_is_called() {
        let section = |text: &str, verbatim: bool| {
            json!({ "blocks": [{ "type": "section",
                "text": { "type": "mrkdwn", "text": text, "verbatim": verbatim } }] })
        };
        assert_eq!(
            mentions(&json!({ "text": "<!here> <@U1> <!subteam^S1> <!here>" })),
            ["@here", "@U1", "@S1"]
        );
        assert_eq!(mentions(&json!({ "text": "&lt;!here&gt; @here <!date^1^{time}|x>" })), [""; 0]);
        assert_eq!(mentions(&section("say @channel", false)), ["@channel"]);
        assert_eq!(mentions(&section("say @channel", true)), [""; 0]);
        assert_eq!(mentions(&section("say @hereafter, ops@here.example", false)), [""; 0]);
        assert_eq!(mentions(&json!({ "text": "@here", "parse": "full" })), ["@here"]);
        let rich = json!({ "attachments": [{ "blocks": [{ "type": "rich_text", "elements": [
            { "type": "rich_text_section", "elements": [
                { "type": "text", "text": "<!channel>" },
                { "type": "usergroup", "usergroup_id": "S2" }] }] }] }] });
        assert_eq!(mentions(&rich), ["@S2"]);
    }
}
