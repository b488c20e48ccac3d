//! Shows a message in a terminal as a person would read it in Slack.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{SyncSender, sync_channel};

use super::reading::printable;
use crate::store::{Message, Refused};

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Posted,
    Edited,
    Replied,
}

/// A terminal that nobody reads gets no more than so much.
const MAX_WAITING: usize = 1_000;

/// Prints on a thread of its own: a terminal that is stopped must not stop the
/// inbox.
#[derive(Debug)]
pub(crate) struct Terminal(SyncSender<String>);

impl Terminal {
    pub(crate) fn new() -> std::io::Result<Self> {
        let (sender, lines) = sync_channel::<String>(MAX_WAITING);
        std::thread::Builder::new().name("slack-inbox-print".to_owned()).spawn(move || {
            for line in lines {
                if writeln!(std::io::stdout(), "{line}").is_err() {
                    // Nobody reads it any more.
                    return;
                }
            }
        })?;
        Ok(Terminal(sender))
    }

    /// Prints a message.
    pub(crate) fn print(&self, message: &Message, news: News) {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let _ = self.0.try_send(show(message, news, colours));
    }

    /// Prints what brought no message.
    pub(crate) fn print_refused(&self, refused: &Refused) {
        let details = refused.details.join(" ");
        let line = format!("✗ {}: {} {details}", refused.path, refused.outcome);
        let _ = self.0.try_send(printable(&line).replace('\n', " ").trim_end().to_owned());
    }
}

fn show(message: &Message, news: News, colours: bool) -> String {
    let bar = match message.payload["attachments"][0]["color"].as_str().and_then(rgb) {
        Some((r, g, b)) if colours => format!("\u{1b}[38;2;{r};{g};{b}m┃\u{1b}[0m"),
        _ => "┃".to_owned(),
    };
    let what = match news {
        News::Posted => "",
        News::Edited => "(edited) ",
        News::Replied => "↳ ",
    };
    let mut lines = message.lines().into_iter();
    let mut out = format!("{what}{}", lines.next().unwrap_or_default());
    for line in lines {
        out.push_str(&format!("\n{bar} {line}"));
    }
    out
}

fn rgb(color: &str) -> Option<(u8, u8, u8)> {
    let hex = color.strip_prefix('#')?;
    let channel = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    Some((channel(0)?, channel(2)?, channel(4)?))
}
