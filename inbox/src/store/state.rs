//! [`State`]: what the store remembers, within its bounds.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::channels::Channels;
use super::message::Message;
use super::refused::Refused;
use super::request::Request;
use crate::fault::Playing;

const MAX_MESSAGES: usize = 1_000;
/// For all messages together, in bytes.
const MAX_MEMORY: usize = 64 * 1024 * 1024;
const MAX_REQUESTS: usize = 100_000;
const MAX_REFUSED: usize = 200;
/// Messages that were forgotten and may still be replied to.
const MAX_GONE: usize = 10_000;

/// What the store remembers, within its bounds.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) messages: VecDeque<Message>,
    pub(crate) requests: VecDeque<Request>,
    pub(crate) refused: VecDeque<Refused>,
    pub(crate) channels: Channels,
    pub(crate) fault: Option<Playing>,
    memory: usize,
    gone: VecDeque<(String, String)>,
    refusals: u64,
    last_ts: Duration,
}

impl State {
    pub(crate) fn keep(&mut self, message: Message) {
        self.memory += message.size;
        self.messages.push_back(message);
        while self.messages.len() > MAX_MESSAGES || self.memory > MAX_MEMORY {
            let Some(old) = self.messages.pop_front() else { return };
            self.memory = self.memory.saturating_sub(old.size);
            push(&mut self.gone, MAX_GONE, (old.channel, old.ts));
        }
    }

    /// A message has another size now.
    pub(crate) fn resized(&mut self, before: usize, now: usize) {
        self.memory = self.memory.saturating_sub(before).saturating_add(now);
    }

    /// Numbers it and keeps it.
    pub(crate) fn refuse(&mut self, refused: &mut Refused) {
        self.refusals += 1;
        refused.number = self.refusals;
        push(&mut self.refused, MAX_REFUSED, refused.clone());
    }

    pub(crate) fn write_down(&mut self, path: &str, outcome: &str) {
        let path = Request::path_of(path);
        let outcome = outcome.to_owned();
        push(&mut self.requests, MAX_REQUESTS, Request { at: Instant::now(), path, outcome });
    }

    pub(crate) fn find(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.channel == channel && message.ts == ts)
    }

    /// The parent of the thread that a message belongs to, or would begin.
    pub(crate) fn thread_of(&self, channel: &str, ts: &str) -> Option<String> {
        if let Some(message) = self.find(channel, ts) {
            return Some(message.thread_ts.as_ref().unwrap_or(&message.ts).clone());
        }
        let is_gone = self.gone.iter().any(|(at, known)| at == channel && known == ts);
        is_gone.then(|| ts.to_owned())
    }

    /// Unique and growing, as Slack's are.
    pub(crate) fn next_ts(&mut self) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.last_ts = now.max(self.last_ts + Duration::from_micros(1));
        format!("{}.{:06}", self.last_ts.as_secs(), self.last_ts.subsec_micros())
    }

    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.requests.clear();
        self.refused.clear();
        self.gone.clear();
        self.memory = 0;
    }

    pub(crate) fn fault_json(&self) -> Value {
        let now = Instant::now();
        let playing = self.fault.as_ref().filter(|playing| !playing.is_over(now));
        playing.map_or(Value::Null, |playing| playing.to_json(now))
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "messages": self.messages.iter().map(Message::to_json).collect::<Vec<_>>(),
            "refused": self.refused.iter().map(Refused::to_json).collect::<Vec<_>>(),
            "fault": self.fault_json(),
        })
    }
}

fn push<T>(list: &mut VecDeque<T>, most: usize, item: T) {
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(item);
}
