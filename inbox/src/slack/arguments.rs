//! A call's arguments, however they were sent.

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::refusal::Refusal;

/// Arguments whose value is JSON, also in a form.
const JSON_ARGUMENTS: [&str; 3] = ["attachments", "blocks", "metadata"];

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
    } else if kind.is("x-www-form-urlencoded") {
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
    let value = |name: &str, text: &str| match JSON_ARGUMENTS.contains(&name) {
        // What is no JSON stays a string, and is refused as such later.
        true => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        false => text.into(),
    };
    let pairs = form_urlencoded::parse(form);
    pairs.map(|(name, text)| (name.to_string(), value(&name, &text))).collect()
}

/// Whether JSON came without a charset, which Slack warns of.
pub(crate) fn lacks_charset(headers: &HeaderMap) -> bool {
    content_type(headers).is_some_and(|kind| kind.is("json") && kind.charset.is_none())
}

struct ContentType {
    subtype: String,
    charset: Option<String>,
}

impl ContentType {
    fn is(&self, subtype: &str) -> bool {
        self.subtype == format!("application/{subtype}")
    }
}

fn content_type(headers: &HeaderMap) -> Option<ContentType> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase();
    let mut parts = value.split(';').map(str::trim);
    let subtype = parts.next()?.to_owned();
    let charset = parts.find_map(|part| part.strip_prefix("charset="));
    Some(ContentType { subtype, charset: charset.map(|set| set.trim_matches('"').to_owned()) })
}
