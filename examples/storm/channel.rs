//! A simulated Slack channel, and how a person sees it.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tower_slack_alert::{
    BoxFuture, Capabilities, Clock, Delivery, DeliveryError, Destination, MessageRef, Op, Receipt,
    SlackMessage, Transport,
};

/// How the channel is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A bot, which can edit and reply.
    Bot,
    /// A webhook, which can only post.
    Webhook,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Mode::Bot { "bot" } else { "webhook" })
    }
}

/// A simulated Slack channel; clones are the same channel.
#[derive(Clone)]
pub(crate) struct Channel(Arc<Inner>);

struct Inner {
    mode: Mode,
    clock: Clock,
    started: Instant,
    /// Slack's own limits: a message a second, 50 edits a minute.
    limited: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    messages: Vec<Message>,
    happened: Vec<Happened>,
    posts: VecDeque<Instant>,
    edits: VecDeque<Instant>,
    refused: usize,
    most_edits_a_minute: usize,
    closed: bool,
}

struct Message {
    text: String,
    edits: usize,
    replies: usize,
}

/// Something that a person in the channel could see.
struct Happened {
    at: Duration,
    message: usize,
    how: How,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Posted,
    Edited,
    Replied { broadcast: bool },
}

impl Channel {
    /// The way to it.
    pub(crate) fn destination(&self) -> Destination {
        Destination::transport(self.clone())
    }

    pub(crate) fn new(mode: Mode, clock: &Clock, limited: bool) -> Self {
        Channel(Arc::new(Inner {
            mode,
            clock: clock.clone(),
            started: clock.now(),
            limited,
            state: Mutex::default(),
        }))
    }

    /// Messages and replies that the channel was shown.
    pub(crate) fn visible(&self) -> usize {
        let state = self.0.state.lock().unwrap();
        state.happened.iter().filter(|happened| happened.is_visible()).count()
    }

    /// The most edits within any minute.
    pub(crate) fn most_edits_a_minute(&self) -> usize {
        self.0.state.lock().unwrap().most_edits_a_minute
    }

    /// Nobody looks any more: what a process tells as it goes away, on its own
    /// thread and in its own time, belongs to no scene.
    pub(crate) fn close(&self) {
        self.0.state.lock().unwrap().closed = true;
    }

    /// What was seen, in order, and what stands in the channel at the end.
    pub(crate) fn seen(&self) -> String {
        let state = self.0.state.lock().unwrap();
        let mut out = String::new();
        let mut edits: Vec<(usize, usize)> = Vec::new();
        for (n, happened) in state.happened.iter().enumerate() {
            let text = indented(&happened.text);
            let at = clock_time(happened.at);
            match happened.how {
                How::Posted => writeln!(out, "{at}  {text}").unwrap(),
                How::Replied { broadcast: true } => writeln!(out, "{at}  ↳ {text}").unwrap(),
                How::Replied { broadcast: false } => {
                    writeln!(out, "{at}  (thread) {text}").unwrap()
                }
                How::Edited => {
                    let head = happened.text.lines().next().unwrap_or_default();
                    match edits.iter_mut().find(|(message, _)| *message == happened.message) {
                        Some((_, count)) => *count += 1,
                        None => edits.push((happened.message, 1)),
                    }
                    // Nobody sees each edit: of those in a row that only count
                    // on, the last one is enough.
                    let next = state.happened.get(n + 1..).unwrap_or_default();
                    let goes_on =
                        next.iter().take_while(|later| !later.is_visible()).any(|later| {
                            later.message == happened.message && later.icon() == happened.icon()
                        });
                    if !goes_on {
                        let place = edits.iter().position(|(m, _)| *m == happened.message);
                        let count = place.map_or(1, |place| edits.swap_remove(place).1);
                        let times = match count {
                            1 => "edited".to_owned(),
                            count => format!("edited {count} times"),
                        };
                        writeln!(out, "{at}  ✎ {times}: {head}").unwrap();
                    }
                }
            }
        }
        // What can't be edited stands as it was posted.
        if self.0.mode == Mode::Bot {
            writeln!(out, "\nin the channel at the end:").unwrap();
            for message in &state.messages {
                let edited = if message.edits > 0 { " (edited)" } else { "" };
                let replies = match message.replies {
                    0 => String::new(),
                    1 => " [1 reply]".to_owned(),
                    n => format!(" [{n} replies]"),
                };
                let mut lines = message.text.lines();
                let head = lines.next().unwrap_or_default();
                writeln!(out, "  {head}{edited}{replies}").unwrap();
                lines.for_each(|line| writeln!(out, "  ┃ {line}").unwrap());
            }
        }
        let visible = state.happened.iter().filter(|happened| happened.is_visible()).count();
        let edits = state.happened.iter().filter(|happened| happened.how == How::Edited).count();
        write!(out, "\n{visible} seen, {edits} edits").unwrap();
        if state.refused > 0 {
            write!(out, ", {} put off by Slack", state.refused).unwrap();
        }
        out
    }

    /// Whether Slack would take another one now.
    fn is_too_fast(&self, state: &mut State, edit: bool, now: Instant) -> bool {
        let (list, span, limit) = match edit {
            true => (&mut state.edits, Duration::from_secs(60), 50),
            false => (&mut state.posts, Duration::from_secs(1), 1),
        };
        while list.front().is_some_and(|at| now.duration_since(*at) >= span) {
            list.pop_front();
        }
        if self.0.limited && list.len() >= limit {
            state.refused += 1;
            return true;
        }
        list.push_back(now);
        let edits = state.edits.len();
        state.most_edits_a_minute = state.most_edits_a_minute.max(edits);
        false
    }
}

impl Happened {
    fn icon(&self) -> Option<char> {
        self.text.chars().next()
    }

    fn is_visible(&self) -> bool {
        matches!(self.how, How::Posted | How::Replied { broadcast: true })
    }
}

impl Transport for Channel {
    fn capabilities(&self) -> Capabilities {
        match self.0.mode {
            Mode::Bot => Capabilities::new().edit().thread(),
            Mode::Webhook => Capabilities::new(),
        }
    }

    fn deliver<'a>(
        &'a self,
        delivery: Delivery<'a>,
    ) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        let text = SlackMessage::built_in(delivery.view(), delivery.op()).to_plain();
        let now = self.0.clock.now();
        let mut state = self.0.state.lock().unwrap();
        if state.closed {
            return Box::pin(async { Ok(Receipt::new()) });
        }
        let edit = matches!(delivery.op(), Op::Update(_));
        if self.is_too_fast(&mut state, edit, now) {
            let wait = Some(Duration::from_secs(1));
            return Box::pin(async move { Err(DeliveryError::rate_limited(wait)) });
        }
        let place = |message: &MessageRef| message.ts().parse::<usize>().unwrap();
        let (message, how) = match delivery.op() {
            Op::Post => {
                state.messages.push(Message { text: text.clone(), edits: 0, replies: 0 });
                (state.messages.len() - 1, How::Posted)
            }
            Op::Update(message) => {
                let message = place(message);
                state.messages[message].text.clone_from(&text);
                state.messages[message].edits += 1;
                (message, How::Edited)
            }
            Op::Reply(parent) => {
                let message = place(parent);
                state.messages[message].replies += 1;
                (message, How::Replied { broadcast: delivery.broadcast() })
            }
            op => panic!("the channel does not know {op:?}"),
        };
        let at = now.duration_since(self.0.started);
        state.happened.push(Happened { at, message, how, text });
        let reference = MessageRef::new("C1", message.to_string());
        Box::pin(async move { Ok(Receipt::with_reference(reference)) })
    }
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n          ┃ ")
}

/// `12:04` after so many minutes and seconds, or `1d 02:15:00`.
fn clock_time(at: Duration) -> String {
    let seconds = at.as_secs();
    let (minutes, hours, days) = (seconds / 60 % 60, seconds / 3600 % 24, seconds / 86_400);
    match (days, hours) {
        (0, 0) => format!("   {minutes:02}:{:02}", seconds % 60),
        (0, hours) => format!("{hours:02}:{minutes:02}:{:02}", seconds % 60),
        (days, hours) => format!("{days}d {hours:02}:{minutes:02}"),
    }
}
