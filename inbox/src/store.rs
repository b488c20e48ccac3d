//! [`Store`]: the messages and requests that the inbox remembers.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::fault::{Fault, Playing};
use crate::message::{Message, Request, Via};
use crate::rules::Refusal;
use crate::terminal::{self, News};

const MAX_MESSAGES: usize = 1_000;
const MAX_REQUESTS: usize = 100_000;

/// The messages and requests that the inbox remembers.
#[derive(Debug)]
pub(crate) struct Store {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    print: bool,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Message>,
    requests: VecDeque<Request>,
    fault: Option<Playing>,
    last_ts: Duration,
}

impl State {
    fn write_down(&mut self, path: &str, outcome: &str) {
        if self.requests.len() >= MAX_REQUESTS {
            self.requests.pop_front();
        }
        let (path, outcome) = (path.to_owned(), outcome.to_owned());
        self.requests.push_back(Request { at: Instant::now(), path, outcome });
    }
}

impl Store {
    pub(crate) fn new(print: bool) -> Self {
        Store { state: Mutex::default(), changed: watch::Sender::new(()), print }
    }

    fn with<R>(&self, with: impl FnOnce(&mut State) -> R) -> R {
        with(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells when something has changed.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Keeps a message, gives it its timestamp, and writes down its request:
    /// whoever sees the one sees the other.
    pub(crate) fn post(
        &self,
        path: &str,
        channel: &str,
        via: Via,
        thread_ts: Option<String>,
        payload: Map<String, Value>,
    ) -> Result<Message, Refusal> {
        let message = self.with(|state| {
            if let Some(parent) = &thread_ts {
                let known = state.messages.iter().any(|m| m.channel == channel && m.ts == *parent);
                if !known {
                    return Err(Refusal::of("thread_not_found"));
                }
            }
            // Unique and growing, as Slack's are.
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            state.last_ts = now.max(state.last_ts + Duration::from_micros(1));
            let (seconds, micros) = (state.last_ts.as_secs(), state.last_ts.subsec_micros());
            let message = Message {
                channel: channel.to_owned(),
                ts: format!("{seconds}.{micros:06}"),
                thread_ts,
                payload: Value::Object(payload),
                via,
                edits: 0,
                at: Instant::now(),
            };
            if state.messages.len() >= MAX_MESSAGES {
                state.messages.pop_front();
            }
            state.messages.push_back(message.clone());
            state.write_down(path, "ok");
            Ok(message)
        })?;
        let news = if message.thread_ts.is_some() { News::Replied } else { News::Posted };
        self.tell(&message, news);
        Ok(message)
    }

    /// Edits a message the way `chat.update` does, and writes down its request.
    pub(crate) fn update(
        &self,
        path: &str,
        channel: &str,
        ts: &str,
        payload: &Map<String, Value>,
    ) -> Result<Message, Refusal> {
        let message = self.with(|state| {
            let mut messages = state.messages.iter_mut();
            let message = messages
                .find(|message| message.channel == channel && message.ts == ts)
                .ok_or(Refusal::of("message_not_found"))?;
            if message.via != Via::Api {
                return Err(Refusal::of("cant_update_message"));
            }
            if is_rich(&message.payload) && has_blocks(payload) && !is_rich(&payload.clone().into())
            {
                return Err(Refusal::of("block_mismatch"));
            }
            if let Some(old) = message.payload.as_object_mut() {
                // A text without blocks takes the old blocks away; attachments
                // stay unless they are given.
                if payload.contains_key("text") && !payload.contains_key("blocks") {
                    old.remove("blocks");
                }
                for name in ["text", "blocks", "attachments"] {
                    if let Some(new) = payload.get(name) {
                        old.insert(name.to_owned(), new.clone());
                    }
                }
            }
            message.edits += 1;
            let message = message.clone();
            state.write_down(path, "ok");
            Ok(message)
        })?;
        self.tell(&message, News::Edited);
        Ok(message)
    }

    fn tell(&self, message: &Message, news: News) {
        if self.print {
            terminal::print(message, news);
        }
        self.changed.send_replace(());
    }

    /// Writes down what became of a request that brought no message.
    pub(crate) fn note(&self, path: &str, outcome: &str) {
        if self.print && outcome != "ok" {
            println!("✗ {path}: {outcome}");
        }
        self.with(|state| state.write_down(path, outcome));
        self.changed.send_replace(());
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.with(|state| state.messages.iter().cloned().collect())
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.with(|state| state.requests.iter().cloned().collect())
    }

    pub(crate) fn clear(&self) {
        self.with(|state| {
            state.messages.clear();
            state.requests.clear();
        });
        self.changed.send_replace(());
    }

    pub(crate) fn play(&self, fault: Option<Playing>) {
        self.with(|state| state.fault = fault);
    }

    /// The fault that the next request meets.
    pub(crate) fn next_fault(&self) -> Option<Fault> {
        self.with(|state| {
            let playing = state.fault.as_mut()?;
            let fault = playing.fault.clone();
            if let Some(left) = &mut playing.left {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    state.fault = None;
                }
            }
            Some(fault)
        })
    }
}

fn has_blocks(payload: &Map<String, Value>) -> bool {
    let blocks = payload.get("blocks").and_then(Value::as_array);
    blocks.is_some_and(|blocks| !blocks.is_empty())
}

fn is_rich(payload: &Value) -> bool {
    let blocks = payload["blocks"].as_array();
    blocks.is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "rich_text"))
}
