//! [`Refusal`]: what Slack says when it takes a request not.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// Slack's refusal: an error string, and details as the Web API gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) error: &'static str,
    pub(crate) details: Vec<String>,
}

impl Refusal {
    pub(crate) fn of(error: &'static str) -> Self {
        Refusal { error, details: Vec::new() }
    }

    pub(crate) fn because(error: &'static str, detail: impl Into<String>) -> Self {
        Refusal { error, details: vec![detail.into()] }
    }

    /// The Web API's answer.
    pub(crate) fn to_json(&self) -> Value {
        let mut answer = json!({ "ok": false, "error": self.error });
        if !self.details.is_empty() {
            answer["response_metadata"] = json!({ "messages": self.details });
        }
        answer
    }
}

/// The status a webhook answers with. Slack documents those of 2016; the
/// others were seen, or, for `no_service_id`, `no_team` and `team_disabled`,
/// are a guess.
pub(crate) fn webhook_status(error: &str) -> StatusCode {
    match error {
        "action_prohibited" | "posting_to_general_channel_denied" | "invalid_token" => {
            StatusCode::FORBIDDEN
        }
        "channel_not_found" | "no_service" | "no_active_hooks" | "no_service_id" | "no_team"
        | "team_disabled" => StatusCode::NOT_FOUND,
        "channel_is_archived" => StatusCode::GONE,
        "rollup_error" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}
