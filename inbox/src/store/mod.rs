//! [`Store`]: the messages and requests that the inbox remembers.

mod channels;
mod event;
mod message;
mod place;
mod refused;
mod request;
mod state;

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Map, Value};
use tokio::sync::{broadcast, watch};

pub(crate) use event::Event;
pub use message::Message;
pub(crate) use place::Place;
pub(crate) use refused::Refused;
pub use request::{Request, busiest};

use crate::fault::{Fault, Playing};
use crate::refusal::Refusal;
use crate::via::Via;
use crate::view::terminal::{News, Terminal};
use state::State;

/// Events that a slow page may be behind before it is told everything anew.
const MAX_EVENTS: usize = 256;

/// The messages and requests that the inbox remembers.
#[derive(Debug)]
pub(crate) struct Store {
    state: Mutex<State>,
    changed: watch::Sender<()>,
    events: broadcast::Sender<Event>,
    terminal: Option<Terminal>,
}

impl Store {
    pub(crate) fn new(terminal: Option<Terminal>) -> Self {
        Store {
            state: Mutex::default(),
            changed: watch::Sender::new(()),
            events: broadcast::Sender::new(MAX_EVENTS),
            terminal,
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

    /// How many follow.
    pub(crate) fn followers(&self) -> usize {
        self.events.receiver_count()
    }

    /// The id of a channel given by name or id, if it is known.
    pub(crate) fn channel(&self, given: &str) -> Option<String> {
        self.with(|state| state.channels.find(given))
    }

    /// Keeps a message, gives it its timestamp, and writes down its request:
    /// whoever sees the one sees the other.
    pub(crate) fn post(
        &self,
        path: &str,
        place: &Place,
        payload: Map<String, Value>,
        is_cut: bool,
    ) -> Result<Message, Refusal> {
        let message = self.with(|state| {
            let channel = state.channels.id_of(&place.channel);
            let thread_ts = match &place.thread_ts {
                None => None,
                Some(ts) => {
                    let thread = state.thread_of(&channel, ts);
                    Some(thread.ok_or(Refusal::of("thread_not_found"))?)
                }
            };
            let payload = Value::Object(payload);
            let message = Message {
                channel_name: state.channels.name_of(&channel),
                channel,
                ts: state.next_ts(),
                thread_ts,
                size: size_of(&payload),
                payload,
                via: place.via,
                edits: 0,
                edited_ts: None,
                is_cut,
                at: Instant::now(),
            };
            state.keep(message.clone());
            state.write_down(path, "ok");
            self.send(|| Event::message(&message.to_json()));
            Ok(message)
        })?;
        let news = if message.thread_ts.is_some() { News::Replied } else { News::Posted };
        self.tell(&message, news);
        Ok(message)
    }

    /// Edits a message, unless it can't be edited like that, and writes down
    /// its request.
    pub(crate) fn update(
        &self,
        path: &str,
        channel: &str,
        ts: &str,
        edit: impl FnOnce(Via, &mut Value) -> Result<(), Refusal>,
    ) -> Result<Message, Refusal> {
        let message = self.with(|state| {
            let edited_ts = state.next_ts();
            let mut messages = state.messages.iter_mut();
            let message = messages
                .find(|message| message.channel == channel && message.ts == ts)
                .ok_or(Refusal::of("message_not_found"))?;
            edit(message.via, &mut message.payload)?;
            message.edits += 1;
            message.edited_ts = Some(edited_ts);
            message.is_cut = false;
            let before = std::mem::replace(&mut message.size, size_of(&message.payload));
            let message = message.clone();
            state.resized(before, message.size);
            state.write_down(path, "ok");
            self.send(|| Event::message(&message.to_json()));
            Ok(message)
        })?;
        self.tell(&message, News::Edited);
        Ok(message)
    }

    fn tell(&self, message: &Message, news: News) {
        if let Some(terminal) = &self.terminal {
            terminal.print(message, news);
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
        if let Some(terminal) = &self.terminal {
            terminal.print_refused(&refused);
        }
        self.with(|state| {
            state.write_down(&refused.path, &refused.outcome);
            state.refuse(&mut refused);
            self.send(|| Event::refused(&refused.to_json()));
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
            state.clear();
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
            let playing = state.fault.as_mut()?;
            let fault = (!playing.is_over(now)).then(|| playing.play());
            if playing.is_over(now) {
                state.fault = None;
            }
            self.send(|| Event::fault(&state.fault_json()));
            fault
        })
    }
}

/// About how much memory a payload takes: its text, and as much again for
/// what holds it.
fn size_of(payload: &Value) -> usize {
    payload.to_string().len() * 2
}
