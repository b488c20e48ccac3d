//! [`Store`]: the messages and requests that the inbox remembers.

mod event;
mod message;
mod refused;
mod request;
mod taken;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value, json};
use tokio::sync::{broadcast, watch};

pub(crate) use event::Event;
pub use message::{Message, Via};
pub(crate) use refused::Refused;
pub use request::{Request, busiest};
pub(crate) use taken::Taken;

use crate::fault::{Fault, Playing};
use crate::refusal::Refusal;
use crate::view::terminal::{self, News};

const MAX_MESSAGES: usize = 1_000;
const MAX_REQUESTS: usize = 100_000;
const MAX_REFUSED: usize = 200;
/// Events that a slow page may be behind before it is told everything anew.
const MAX_EVENTS: usize = 256;

/// The messages and requests that the inbox remembers.
#[derive(Debug)]
pub(crate) struct Store {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    events: broadcast::Sender<Event>,
    print: bool,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Message>,
    requests: VecDeque<Request>,
    refused: VecDeque<Refused>,
    /// How many were refused so far.
    refusals: u64,
    fault: Option<Playing>,
    last_ts: Duration,
}

/// Where a message goes.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) channel: String,
    /// What people call the channel.
    pub(crate) name: String,
    pub(crate) via: Via,
    pub(crate) thread_ts: Option<String>,
}

impl State {
    fn write_down(&mut self, path: &str, outcome: &str) {
        push(
            &mut self.requests,
            MAX_REQUESTS,
            Request { at: Instant::now(), path: path.to_owned(), outcome: outcome.to_owned() },
        );
    }

    fn find(&self, channel: &str, ts: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.channel == channel && message.ts == ts)
    }

    /// What a channel is called, also where it is posted to by its id.
    fn name_of(&self, place: &Place) -> String {
        let known = self.messages.iter().rev().find(|message| message.channel == place.channel);
        match known {
            Some(message) if place.name == place.channel => message.channel_name.clone(),
            _ => place.name.clone(),
        }
    }

    /// Unique and growing, as Slack's are.
    fn next_ts(&mut self) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.last_ts = now.max(self.last_ts + Duration::from_micros(1));
        format!("{}.{:06}", self.last_ts.as_secs(), self.last_ts.subsec_micros())
    }

    fn fault_json(&self) -> Value {
        let now = Instant::now();
        let playing = self.fault.as_ref().filter(|playing| !playing.is_over(now));
        playing.map_or(Value::Null, |playing| playing.to_json(now))
    }

    fn to_json(&self) -> Value {
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

impl Store {
    pub(crate) fn new(print: bool) -> Self {
        Store {
            state: Mutex::default(),
            changed: watch::Sender::new(()),
            events: broadcast::Sender::new(MAX_EVENTS),
            print,
        }
    }

    fn with<R>(&self, with: impl FnOnce(&mut State) -> R) -> R {
        with(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells when something has changed.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Everything there is, and every change after that.
    pub(crate) fn follow(&self) -> (Event, broadcast::Receiver<Event>) {
        // Events are sent under the same lock: none is in between.
        self.with(|state| (Event::snapshot(&state.to_json()), self.events.subscribe()))
    }

    /// Keeps a message, gives it its timestamp, and writes down its request:
    /// whoever sees the one sees the other.
    pub(crate) fn post(
        &self,
        path: &str,
        place: Place,
        payload: Map<String, Value>,
    ) -> Result<Message, Refusal> {
        let message = self.with(|state| {
            if let Some(parent) = &place.thread_ts {
                state.find(&place.channel, parent).ok_or(Refusal::of("thread_not_found"))?;
            }
            let name = state.name_of(&place);
            let message = Message {
                channel: place.channel,
                channel_name: name,
                ts: state.next_ts(),
                thread_ts: place.thread_ts,
                payload: Value::Object(payload),
                via: place.via,
                edits: 0,
                edited_ts: None,
                at: Instant::now(),
            };
            push(&mut state.messages, MAX_MESSAGES, message.clone());
            state.write_down(path, "ok");
            self.send(|| Event::message(&message.to_json()));
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
            let edited_ts = state.next_ts();
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
            message.edited_ts = Some(edited_ts);
            let message = message.clone();
            state.write_down(path, "ok");
            self.send(|| Event::message(&message.to_json()));
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

    /// Tells the pages that are open; makes nothing if there are none.
    fn send(&self, event: impl FnOnce() -> Event) {
        if self.events.receiver_count() > 0 {
            let _ = self.events.send(event());
        }
    }

    /// Writes down a request that asked for something and got it.
    pub(crate) fn note(&self, path: &str) {
        self.with(|state| state.write_down(path, "ok"));
        self.changed.send_replace(());
    }

    /// Writes down a request that brought no message.
    pub(crate) fn refuse(&self, mut refused: Refused) {
        if self.print {
            println!("✗ {}: {}", refused.path, terminal::printable(&refused.outcome));
        }
        self.with(|state| {
            state.write_down(&refused.path, &refused.outcome);
            state.refusals += 1;
            refused.number = state.refusals;
            self.send(|| Event::refused(&refused.to_json()));
            push(&mut state.refused, MAX_REFUSED, refused);
        });
        self.changed.send_replace(());
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.with(|state| state.messages.iter().cloned().collect())
    }

    pub(crate) fn message(&self, channel: &str, ts: &str) -> Option<Message> {
        self.with(|state| state.find(channel, ts).cloned())
    }

    pub(crate) fn refused(&self) -> Vec<Refused> {
        self.with(|state| state.refused.iter().cloned().collect())
    }

    pub(crate) fn one_refused(&self, number: u64) -> Option<Refused> {
        self.with(|state| state.refused.iter().find(|one| one.number == number).cloned())
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.with(|state| state.requests.iter().cloned().collect())
    }

    pub(crate) fn clear(&self) {
        self.with(|state| {
            state.messages.clear();
            state.requests.clear();
            state.refused.clear();
            self.send(|| Event::snapshot(&state.to_json()));
        });
        self.changed.send_replace(());
    }

    pub(crate) fn play(&self, fault: Option<Playing>) {
        self.with(|state| {
            state.fault = fault;
            self.send(|| Event::fault(&state.fault_json()));
        });
    }

    /// The fault that is played, as JSON; null if there is none.
    pub(crate) fn fault_json(&self) -> Value {
        self.with(|state| state.fault_json())
    }

    /// The fault that the next request meets.
    pub(crate) fn next_fault(&self) -> Option<Fault> {
        self.with(|state| {
            let now = Instant::now();
            if state.fault.as_ref()?.is_over(now) {
                state.fault = None;
                return None;
            }
            let fault = state.fault.as_mut()?.play();
            if state.fault.as_ref()?.is_over(now) {
                state.fault = None;
            }
            self.send(|| Event::fault(&state.fault_json()));
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
