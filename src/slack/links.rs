//! [`Links`]: buttons that lead from an alert to where one looks next.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::incident::IncidentView;
use crate::observation::{Sample, TRACE_PARENT};

/// Slack's limits for a button's text and URL, in characters.
const MAX_TITLE: usize = 75;
const MAX_URL: usize = 3_000;
/// More buttons than this nobody looks at.
pub(crate) const MAX_LINKS: usize = 5;
/// How much before and after an incident `{from}` and `{to}` take in.
const MARGIN: Duration = Duration::from_secs(300);

/// Buttons that lead from an alert to where one looks next: the route's
/// runbook, and the user's templates with the alert's values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    links: Vec<Link>,
    runbooks: HashMap<String, String>,
}

/// A titled URL with places for values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    title: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    TraceId,
    RequestId,
    Route,
    Method,
    From,
    To,
}

const VALUES: [(&str, Value); 6] = [
    ("trace_id", Value::TraceId),
    ("request_id", Value::RequestId),
    ("route", Value::Route),
    ("method", Value::Method),
    ("from", Value::From),
    ("to", Value::To),
];

impl Link {
    /// Reads a template; else says what is wrong with it.
    pub(crate) fn parse(title: &str, template: &str) -> Result<Self, String> {
        let length = title.trim().chars().count();
        if length == 0 || length > MAX_TITLE || title.chars().any(char::is_control) {
            return Err("must have a title of 1 to 75 characters".to_owned());
        }
        check_url(template)?;
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((text, tail)) = rest.split_once('{') {
            let (name, tail) = tail.split_once('}').ok_or("has a { without its }")?;
            let value = VALUES.iter().find(|(known, _)| *known == name);
            let (_, value) = value.ok_or_else(|| {
                let known: Vec<&str> = VALUES.iter().map(|(name, _)| *name).collect();
                format!("has an unknown value {{{name}}}; known are {}", known.join(", "))
            })?;
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
            parts.push(Part::Value(*value));
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        // Nor may a value go on with it.
        let host = match parts.first() {
            Some(Part::Text(text)) => text.split_once("://").map_or("", |(_, rest)| rest),
            _ => "",
        };
        if parts.len() > 1 && !host.contains(['/', '?', '#']) {
            return Err("must have a whole host before the first value".to_owned());
        }
        Ok(Link { title: title.trim().to_owned(), parts })
    }

    /// Whether it shows the trace's id.
    pub(crate) fn needs_trace(&self) -> bool {
        self.parts.contains(&Part::Value(Value::TraceId))
    }

    /// The URL for this alert; `None` if it does not know one of the values.
    fn url(&self, view: &IncidentView, sample: Option<&Sample>) -> Option<String> {
        let mut url = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => url.push_str(text),
                Part::Value(value) => url.push_str(&encoded(&value.of(view, sample)?)),
            }
        }
        (url.chars().count() <= MAX_URL).then_some(url)
    }
}

/// What a link may be, as a template.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("https://").or(url.strip_prefix("http://"));
    let Some(rest) = rest else {
        return Err("must begin with https:// or http://".to_owned());
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.contains(['{', '@']) {
        return Err("must have a host that is not a value, and no user".to_owned());
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("must not have spaces".to_owned());
    }
    if url.chars().count() > MAX_URL {
        return Err("must have at most 3,000 characters".to_owned());
    }
    Ok(())
}

impl Value {
    fn of(self, view: &IncidentView, sample: Option<&Sample>) -> Option<String> {
        let endpoint = sample.and_then(Sample::endpoint);
        match self {
            Value::TraceId => sample?.header(&TRACE_PARENT).map(str::to_owned),
            Value::RequestId => sample?.header(&crate::observation::REQUEST_ID).map(str::to_owned),
            Value::Route => {
                let route = view.key().route().or(endpoint.map(|endpoint| &endpoint.route));
                route.map(|route| route.as_str().to_owned())
            }
            Value::Method => {
                let method = view.key().method().or(endpoint.map(|endpoint| endpoint.method));
                method.map(|method| method.as_str().to_owned())
            }
            Value::From => millis(view.since().checked_sub(MARGIN)?),
            Value::To => millis(view.last_seen().checked_add(MARGIN)?),
        }
    }
}

/// Milliseconds since 1970, as dashboards take them.
fn millis(at: SystemTime) -> Option<String> {
    Some(at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis().to_string())
}

/// Percent-encoded: all but what RFC 3986 calls unreserved.
fn encoded(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl Links {
    pub(crate) fn add(&mut self, link: Link) {
        self.links.push(link);
    }

    pub(crate) fn add_runbook(&mut self, route: String, url: String) {
        self.runbooks.insert(route, url);
    }

    /// The buttons of an alert, the runbook first.
    pub(super) fn of(&self, view: &IncidentView) -> Vec<(String, String)> {
        if view.id().is_none() {
            return Vec::new();
        }
        let sample = view.samples().last().or(view.samples().first());
        let route = Value::Route.of(view, sample);
        let runbook = route.and_then(|route| self.runbooks.get(&route));
        let runbook = runbook.map(|url| ("Runbook".to_owned(), url.clone()));
        let links = self
            .links
            .iter()
            .filter_map(|link| Some((link.title.clone(), link.url(view, sample)?)));
        runbook.into_iter().chain(links).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn templates_are_checked() {
        let fault = |template| Link::parse("Trace", template).unwrap_err();
        assert!(Link::parse("Trace", "https://t/{trace_id}?q={route}").is_ok());
        assert!(fault("ftp://t").contains("https://"));
        assert!(fault("https://t/{trace").contains("without its }"));
        assert!(fault("https://t/{span}").contains("{span}; known are trace_id"));
        assert!(fault("https://t/a b").contains("spaces"));
        for hostless in [
            "https://",
            "https:///x",
            "https://{request_id}/x",
            "https://logs.example.com{request_id}",
            "https://logs.{request_id}/",
            "https://user@{request_id}",
        ] {
            assert!(fault(hostless).contains("host"), "{hostless}");
        }
        assert!(Link::parse(" ", "https://t").is_err());
        assert!(Link::parse(&"x".repeat(76), "https://t").is_err());
    }

    proptest! {
        #[test]
        fn a_value_can_not_leave_its_place(value in "\\PC{0,40}") {
            let url = encoded(&value);
            prop_assert!(url.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
        }
    }
}
