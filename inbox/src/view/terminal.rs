//! Shows a message in a terminal as a person would read it in Slack.

use std::io::{IsTerminal, Write};

use super::reading::printable;
use crate::store::{Message, Refused};

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Posted,
    Edited,
    Replied,
}

/// Prints a message to the terminal.
pub(crate) fn print(message: &Message, news: News) {
    let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    say(&show(message, news, colours));
}

/// Prints what brought no message.
pub(crate) fn print_refused(refused: &Refused) {
    let details = refused.details.join(" ");
    say(&printable(&format!("✗ {}: {} {details}", refused.path, refused.outcome)));
}

/// To standard output, if anybody still reads it.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
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
