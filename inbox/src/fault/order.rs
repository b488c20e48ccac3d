//! What `POST /faults` takes.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::{Fault, Playing};

const KNOWN: [&str; 7] = ["fault", "retry_after", "status", "body", "error", "requests", "seconds"];
/// A day.
const LONGEST: f64 = 86_400.0;

impl Playing {
    /// Reads a fault as somebody sent it, and says what is wrong with it.
    pub(crate) fn from_json(body: &[u8]) -> Result<Self, String> {
        let Ok(Value::Object(order)) = serde_json::from_slice(body) else {
            return Err("a fault is a JSON object, such as {\"fault\": \"hang\"}".to_owned());
        };
        if let Some(unknown) = order.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(format!("{unknown} is unknown; known are {}", KNOWN.join(", ")));
        }
        let requests = match number(&order, "requests")? {
            None => None,
            Some(n) if n >= 1.0 && n <= f64::from(u32::MAX) && n.fract() == 0.0 => Some(n as u32),
            Some(_) => return Err("requests must be a whole number from 1".to_owned()),
        };
        let seconds = match number(&order, "seconds")? {
            None => None,
            Some(n) if n > 0.0 && n <= LONGEST => Some(Duration::from_secs_f64(n)),
            Some(_) => return Err("seconds must be more than 0 and at most 86400".to_owned()),
        };
        Ok(Playing::on(fault(&order)?).requests(requests).span(seconds))
    }
}

fn fault(order: &Map<String, Value>) -> Result<Fault, String> {
    Ok(match order.get("fault").and_then(Value::as_str) {
        Some("rate_limited") => {
            let retry_after = text(order, "retry_after")?;
            let is_header = |value: &String| HeaderValue::from_str(value).is_ok();
            if !retry_after.as_ref().is_none_or(is_header) {
                return Err("retry_after must fit into a header".to_owned());
            }
            Fault::RateLimited(retry_after)
        }
        Some("hang") => Fault::Hang,
        Some("reset") => Fault::Reset,
        Some("drip") => Fault::Drip,
        Some("revoked") => Fault::Revoked,
        Some("archived") => Fault::Archived,
        Some("error") => match text(order, "error")? {
            Some(error) if !error.is_empty() => Fault::Error(error),
            _ => return Err("error must be one of Slack's, such as \"no_service\"".to_owned()),
        },
        Some("status") => {
            let status = number(order, "status")?.unwrap_or(500.0);
            let code = StatusCode::from_u16(status as u16).ok();
            let code = code.filter(|code| f64::from(code.as_u16()) == status && status >= 200.0);
            let Some(code) = code else {
                return Err("status must be a number from 200 to 999".to_owned());
            };
            Fault::Answer(code.as_u16(), text(order, "body")?.unwrap_or_default())
        }
        _ => {
            return Err("fault must be rate_limited, status, error, revoked, archived, hang, \
                        reset or drip"
                .to_owned());
        }
    })
}

fn number(order: &Map<String, Value>, name: &str) -> Result<Option<f64>, String> {
    match order.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(format!("{name} must be a number")),
    }
}

fn text(order: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match order.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(format!("{name} must be a string")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let error = |order: &str| Playing::from_json(order.as_bytes()).unwrap_err();
        assert!(error("hang").contains("JSON object"));
        assert!(error("{}").starts_with("fault must be rate_limited"));
        assert!(error(r#"{"fault": "hang", "times": 3}"#).starts_with("times is unknown"));
        assert_eq!(error(r#"{"fault": "hang", "requests": "3"}"#), "requests must be a number");
        assert!(error(r#"{"fault": "hang", "requests": 0}"#).contains("from 1"));
        assert!(error(r#"{"fault": "hang", "requests": 1.5}"#).contains("from 1"));
        assert!(error(r#"{"fault": "hang", "seconds": 0}"#).contains("more than 0"));
        assert!(error(r#"{"fault": "status", "status": 100}"#).contains("from 200"));
        assert!(error(r#"{"fault": "status", "status": 65736}"#).contains("from 200"));
        assert!(error(r#"{"fault": "error"}"#).contains("one of Slack's"));
    }

    #[test]
    fn a_fault_ends() {
        let order = br#"{"fault": "rate_limited", "retry_after": 5, "requests": 2, "seconds": 9}"#;
        let mut playing = Playing::from_json(order).unwrap();
        let now = Instant::now();
        assert_eq!(playing.play(), Fault::RateLimited(Some("5".to_owned())));
        assert_eq!(playing.to_json(now)["requests"], 1);
        assert!(!playing.is_over(now));
        assert!(playing.is_over(now + Duration::from_secs(10)));
        playing.play();
        assert!(playing.is_over(now));
    }
}
