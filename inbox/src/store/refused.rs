//! [`Refused`]: a request that brought no message.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Of a refused request's body, so many bytes are kept.
const MAX_BODY: usize = 64 * 1024;

/// A request that brought no message: Slack's rules refused it, or a fault was
/// played.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    /// Growing, so that a page can name it.
    pub(crate) number: u64,
    pub(crate) at: SystemTime,
    pub(crate) path: String,
    /// The channel that it was meant for, as far as that can be told.
    pub(crate) channel: Option<String>,
    /// The error it was refused with, or the fault played.
    pub(crate) outcome: String,
    pub(crate) details: Vec<String>,
    /// Every rule that its message breaks; none if it was to bring no message.
    pub(crate) problems: Option<Vec<Value>>,
    pub(crate) is_fault: bool,
    pub(crate) body: String,
}

impl Refused {
    /// What of a body is kept.
    pub(crate) fn body_of(bytes: &[u8]) -> String {
        let kept = bytes.get(..MAX_BODY).unwrap_or(bytes);
        let mut body = String::from_utf8_lossy(kept).into_owned();
        if kept.len() < bytes.len() {
            body.push_str(&format!("… ({} bytes in all)", bytes.len()));
        }
        body
    }

    pub(crate) fn to_json(&self) -> Value {
        let at = self.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        json!({
            "number": self.number,
            "at": at.as_secs_f64(),
            "path": self.path,
            "channel": self.channel,
            "outcome": self.outcome,
            "details": self.details,
            "is_fault": self.is_fault,
            "body": self.body,
        })
    }
}
