//! [`Message`]: a message in a channel.

use std::time::Instant;

use serde_json::{Value, json};

use crate::via::Via;
use crate::view::reading;

/// A message in a channel, in its latest state.
#[derive(Clone, Debug)]
pub struct Message {
    pub(crate) channel: String,
    pub(crate) channel_name: String,
    pub(crate) ts: String,
    pub(crate) thread_ts: Option<String>,
    pub(crate) payload: Value,
    pub(crate) via: Via,
    pub(crate) edits: u32,
    pub(crate) edited_ts: Option<String>,
    /// Whether its text was longer than Slack keeps.
    pub(crate) is_cut: bool,
    /// About how much memory it takes, in bytes.
    pub(crate) size: usize,
    pub(crate) at: Instant,
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

    /// Whether the channel sees it: a reply only if it was broadcast.
    pub(crate) fn is_in_channel(&self) -> bool {
        self.thread_ts.is_none() || self.payload["reply_broadcast"] == true
    }

    /// Slack shows no sign of edits on a message with blocks.
    pub(crate) fn shows_edits(&self) -> bool {
        self.edits > 0 && self.payload["blocks"].as_array().is_none_or(Vec::is_empty)
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

    /// The payload as Slack keeps it: what Slack knows of what was sent, a
    /// text that is too long cut, and edits applied.
    #[must_use]
    pub fn payload(&self) -> &Value {
        &self.payload
    }

    /// The top-level text as people read it: code spans, entities and links
    /// resolved, times in UTC.
    #[must_use]
    pub fn text(&self) -> String {
        reading::plain(self.payload["text"].as_str().unwrap_or_default())
    }

    /// The whole message as people read it, one line per part.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        reading::lines(&self.payload)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "channel": self.channel,
            "channel_name": self.channel_name,
            "ts": self.ts,
            "thread_ts": self.thread_ts,
            "in_channel": self.is_in_channel(),
            "via": match self.via { Via::Webhook => "webhook", Via::Api => "api" },
            "edits": self.edits,
            "shows_edits": self.shows_edits(),
            "edited_ts": self.edited_ts,
            "text": self.text(),
            "payload": self.payload,
        })
    }
}
