//! [`Span`]: between which timestamps.

use serde_json::{Map, Value};

use super::arguments::{is_true, text};
use crate::refusal::Refusal;

/// Between which timestamps, without the two unless asked.
pub(crate) struct Span {
    oldest: Option<(u64, u64)>,
    latest: Option<(u64, u64)>,
    inclusive: bool,
}

impl Span {
    pub(crate) fn of(arguments: &Map<String, Value>) -> Result<Self, Refusal> {
        let bound = |name: &str, error: &'static str| match text(arguments, name).as_str() {
            "" => Ok(None),
            given => timestamp(given).map(Some).ok_or(Refusal::of(error)),
        };
        Ok(Span {
            oldest: bound("oldest", "invalid_ts_oldest")?,
            latest: bound("latest", "invalid_ts_latest")?,
            inclusive: is_true(arguments.get("inclusive")),
        })
    }

    pub(crate) fn contains(&self, ts: &str) -> bool {
        let Some(at) = timestamp(ts) else { return false };
        let after = |bound: (u64, u64)| at > bound || self.inclusive && at == bound;
        let before = |bound: (u64, u64)| at < bound || self.inclusive && at == bound;
        self.oldest.is_none_or(after) && self.latest.is_none_or(before)
    }
}

/// Seconds and microseconds: as a fraction they would not be exact.
pub(crate) fn timestamp(text: &str) -> Option<(u64, u64)> {
    let (seconds, micros) = text.split_once('.').unwrap_or((text, "0"));
    if micros.len() > 6 || !micros.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((seconds.parse().ok()?, format!("{micros:0<6}").parse().ok()?))
}
