//! [`Message`] and [`Request`]: what the inbox received.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A message in a channel, in its latest state.
#[derive(Clone, Debug)]
pub struct Message {
    pub(crate) channel: String,
    pub(crate) ts: String,
    pub(crate) thread_ts: Option<String>,
    pub(crate) payload: Value,
    pub(crate) via: Via,
    pub(crate) edits: u32,
    pub(crate) at: Instant,
}

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Via {
    /// Through an incoming webhook.
    Webhook,
    /// Through the Web API.
    Api,
}

impl Message {
    /// The channel's id.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Its timestamp, which is its key within the channel.
    #[must_use]
    pub fn ts(&self) -> &str {
        &self.ts
    }

    /// The parent's timestamp, if it is a reply in a thread.
    #[must_use]
    pub fn thread_ts(&self) -> Option<&str> {
        self.thread_ts.as_deref()
    }

    /// How it came.
    #[must_use]
    pub fn via(&self) -> Via {
        self.via
    }

    /// How often it was edited.
    #[must_use]
    pub fn edits(&self) -> u32 {
        self.edits
    }

    /// When it was posted.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.at
    }

    /// The payload as it was sent, with edits applied.
    #[must_use]
    pub fn payload(&self) -> &Value {
        &self.payload
    }

    /// The top-level text as people read it: code spans and entities resolved.
    #[must_use]
    pub fn text(&self) -> String {
        crate::reading::plain(self.payload["text"].as_str().unwrap_or_default())
    }

    /// The whole message as people read it, one line per part.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        crate::reading::lines(&self.payload)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "channel": self.channel,
            "ts": self.ts,
            "thread_ts": self.thread_ts,
            "via": match self.via { Via::Webhook => "webhook", Via::Api => "api" },
            "edits": self.edits,
            "text": self.text(),
            "payload": self.payload,
        })
    }
}

/// A request that the inbox took, whatever became of it.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) at: Instant,
    pub(crate) path: String,
    pub(crate) outcome: String,
}

impl Request {
    /// When it was complete.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `ok`, the error string it was refused with, or the fault played.
    #[must_use]
    pub fn outcome(&self) -> &str {
        &self.outcome
    }
}

/// The most requests within any window of this length.
#[must_use]
pub fn busiest(requests: &[Request], window: Duration) -> usize {
    let times: Vec<Instant> = requests.iter().map(Request::at).collect();
    let within = |start: &Instant| {
        times.iter().filter(|at| **at >= *start && at.duration_since(*start) <= window).count()
    };
    times.iter().map(within).max().unwrap_or(0)
}
