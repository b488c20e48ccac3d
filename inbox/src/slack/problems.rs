//! Everything that is wrong with a message, as the page shows it.

use serde_json::{Map, Value, json};

use super::rules;
use crate::via::Via;

/// Every rule that a message breaks, and what Slack warns of.
pub(crate) fn problems(payload: &Map<String, Value>, via: Via, is_update: bool) -> Vec<Value> {
    let mut found = Vec::new();
    for refusal in rules::broken(payload, via, is_update) {
        let mut details: Vec<Option<String>> = refusal.details.into_iter().map(Some).collect();
        if details.is_empty() {
            details.push(None);
        }
        for detail in details {
            found.push(json!({ "level": "error", "error": refusal.error, "detail": detail }));
        }
    }
    found.extend(rules::warnings(payload).into_iter().map(warning));
    found
}

/// What Slack takes with a word about it.
pub(crate) fn warning(detail: String) -> Value {
    json!({ "level": "warning", "error": null, "detail": detail })
}
