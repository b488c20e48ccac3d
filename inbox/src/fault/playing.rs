//! [`Playing`]: for how long a fault is played.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Fault;

/// A fault, and for how long it is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Playing {
    fault: Fault,
    /// Requests left; any number otherwise.
    left: Option<u32>,
    /// Until then; for ever otherwise.
    until: Option<Instant>,
}

impl Playing {
    /// Until it is healed.
    pub(crate) fn on(fault: Fault) -> Self {
        Playing { fault, left: None, until: None }
    }

    /// For so many requests.
    pub(crate) fn requests(mut self, requests: Option<u32>) -> Self {
        self.left = requests;
        self
    }

    /// For so long.
    pub(crate) fn span(mut self, span: Option<Duration>) -> Self {
        self.until = span.and_then(|span| Instant::now().checked_add(span));
        self
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.left == Some(0) || self.until.is_some_and(|until| now >= until)
    }

    /// Plays it to one request.
    pub(crate) fn play(&mut self) -> Fault {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
        self.fault.clone()
    }

    /// As `GET /faults` shows it.
    pub(crate) fn to_json(&self, now: Instant) -> Value {
        let mut shown = json!({
            "fault": self.fault.name(),
            "requests": self.left,
            "seconds": self.until.map(|until| until.saturating_duration_since(now).as_secs_f64()),
        });
        match &self.fault {
            Fault::RateLimited(retry_after) => shown["retry_after"] = json!(retry_after),
            Fault::Answer(status, body) => {
                shown["status"] = json!(status);
                shown["body"] = json!(body);
            }
            Fault::Error(error) => shown["error"] = json!(error),
            _ => {}
        }
        shown
    }
}
