//! A call's arguments, however they were sent.

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// Arguments whose value is JSON, also in a form.
const JSON_ARGUMENTS: [&str; 3] = ["attachments", "blocks", "metadata"];
/// Arguments that are true or false, also in a form.
const FLAGS: [&str; 7] = [
    "as_user",
    "inclusive",
    "link_names",
    "mrkdwn",
    "reply_broadcast",
    "unfurl_links",
    "unfurl_media",
];

/// What a webhook got: JSON, whatever its type says, or a form with a field
/// `payload`.
pub(crate) fn of_webhook(headers: &HeaderMap, body: &[u8]) -> Option<Map<String, Value>> {
    let is_form = content_type(headers).is_some_and(|kind| kind.is("x-www-form-urlencoded"));
    let parsed = if is_form {
        let (_, payload) =
            form_urlencoded::parse(body).find(|(name, _)| name.as_ref() == "payload")?;
        serde_json::from_str(&payload).ok()?
    } else {
        serde_json::from_slice(body).ok()?
    };
    match parsed {
        Value::Object(payload) => Some(payload),
        _ => None,
    }
}

/// What the Web API got: those in the query, and a body of JSON or a form.
pub(crate) fn of_call(
    headers: &HeaderMap,
    query: &str,
    body: &[u8],
) -> Result<Map<String, Value>, Refusal> {
    let mut arguments = of_form(query.as_bytes());
    if body.is_empty() {
        return Ok(arguments);
    }
    let kind = content_type(headers).ok_or(Refusal::of("missing_post_type"))?;
    if kind.charset.as_deref().is_some_and(|set| !["utf-8", "iso-8859-1"].contains(&set)) {
        return Err(Refusal::of("invalid_charset"));
    }
    if kind.is("json") {
        match serde_json::from_slice(body) {
            Ok(Value::Object(body)) => arguments.extend(body),
            Ok(_) => return Err(Refusal::of("json_not_object")),
            Err(_) => return Err(Refusal::of("invalid_json")),
        }
        // A token goes into the header where the body is JSON.
        arguments.remove("token");
    } else if kind.is("x-www-form-urlencoded") || kind.essence == "text/plain" {
        if std::str::from_utf8(body).is_err() {
            return Err(Refusal::of("invalid_form_data"));
        }
        arguments.extend(of_form(body));
    } else {
        return Err(Refusal::of("invalid_post_type"));
    }
    Ok(arguments)
}

fn of_form(form: &[u8]) -> Map<String, Value> {
    let value = |name: &str, text: &str| match (name, text) {
        // What is no JSON stays a string, and is refused as such later.
        _ if JSON_ARGUMENTS.contains(&name) => {
            serde_json::from_str(text).unwrap_or_else(|_| text.into())
        }
        (_, "true" | "1") if FLAGS.contains(&name) => true.into(),
        (_, "false" | "0") if FLAGS.contains(&name) => false.into(),
        _ => text.into(),
    };
    let pairs = form_urlencoded::parse(form);
    pairs.map(|(name, text)| (name.to_string(), value(&name, &text))).collect()
}

/// An argument as text; empty if it is missing or none.
pub(crate) fn text(arguments: &Map<String, Value>, name: &str) -> String {
    match arguments.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Whether a flag is set, in any of the ways that Slack takes.
pub(crate) fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(is)) => *is,
        Some(Value::Number(number)) => number.as_u64() == Some(1),
        Some(Value::String(text)) => ["1", "true"].contains(&text.as_str()),
        _ => false,
    }
}

/// The thread that a message is a reply in.
pub(crate) fn thread_of(arguments: &Map<String, Value>) -> Option<String> {
    Some(text(arguments, "thread_ts")).filter(|ts| !ts.is_empty())
}

/// Whether JSON came without a charset, which Slack warns of.
pub(crate) fn lacks_charset(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|kind| kind.is("json") && kind.charset.is_none())
}

struct ContentType {
    essence: String,
    charset: Option<String>,
}

impl ContentType {
    fn is(&self, subtype: &str) -> bool {
        self.essence.strip_prefix("application/") == Some(subtype)
    }
}

fn content_type(headers: &HeaderMap) -> Option<ContentType> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next()?.to_owned();
    let charset = parts.find_map(|part| part.strip_prefix("charset="));
    Some(ContentType { essence, charset: charset.map(|set| set.trim_matches('"').to_owned()) })
}
