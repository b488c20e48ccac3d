//! [`SlackMessage`]: a message that keeps Slack's limits however it was made.

use serde_json::{Map, Value, json};

use crate::delivery::{Form, Op};
use crate::incident::{IncidentView, Mention};

use super::super::links::check_url;
use super::Line;
use super::line::{MAX_UNITS, literal};

/// The headline, in bytes of escaped text. `chat.update` refuses a text over
/// 4,000, a phone shows 90 or so.
const MAX_HEADLINE: usize = 600;
/// Somebody has to read it.
const MAX_MENTIONS: usize = 8;
/// Slack's observed limit for blocks inside an attachment.
const MAX_BLOCKS: usize = 20;
/// Five links and a runbook.
const MAX_BUTTONS: usize = 6;
/// What buttons may use of a message's bytes, their skeletons included.
const BUTTONS_ROOM: usize = 2_000;
/// Slack's limit for a button's text.
const MAX_TITLE: usize = 75;
/// The whole message in bytes; Slack refuses somewhere above 11,000.
const MAX_MESSAGE: usize = 8_000;
/// What of that the blocks may use, their skeletons included.
const BLOCKS_ROOM: usize = 6_000;

/// A message: a headline that says it all, and a card below it.
///
/// It keeps Slack's limits and escapes foreign text however it was made: at
/// most 8,000 bytes and 20 blocks, nothing that mentions, links or formats.
///
/// ```
/// use tower_slack_alert::{Color, Line, SlackMessage};
///
/// let message = SlackMessage::new(Line::new().text("checkout is down · ").code("/pay?<!channel>"))
///     .color(Color::RED)
///     .paragraph(Line::new().text("runbook: see the wiki"));
/// assert!(message.to_json().contains("&lt;!channel&gt;"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlackMessage {
    headline: Line,
    color: Color,
    parts: Vec<Part>,
    mentions: Vec<Mention>,
    links: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Paragraph(Line),
    Preformatted(String),
}

/// The colour of a card's bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color([u8; 3]);

impl Color {
    /// A failure.
    pub const RED: Color = Color([0xd3, 0x2f, 0x2f]);
    /// A panic.
    pub const PURPLE: Color = Color([0x7b, 0x1f, 0xa2]);
    /// Still running.
    pub const ORANGE: Color = Color([0xef, 0x6c, 0x00]);
    /// Slow.
    pub const AMBER: Color = Color([0xf9, 0xa8, 0x25]);
    /// Cancelled, or over.
    pub const GREY: Color = Color([0x9e, 0x9e, 0x9e]);
    /// Well again.
    pub const GREEN: Color = Color([0x2e, 0x7d, 0x32]);

    /// Any colour, by its red, green and blue.
    #[must_use]
    pub const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Color([red, green, blue])
    }

    fn to_hex(self) -> String {
        let [red, green, blue] = self.0;
        format!("#{red:02x}{green:02x}{blue:02x}")
    }
}

impl SlackMessage {
    /// A message with this headline: what a phone shows.
    #[must_use]
    pub fn new(headline: Line) -> Self {
        SlackMessage {
            headline,
            color: Color::GREY,
            parts: Vec::new(),
            mentions: Vec::new(),
            links: Vec::new(),
        }
    }

    /// The message that the crate itself makes of a view, for those who add to
    /// it or show it elsewhere.
    #[must_use]
    pub fn built_in(view: &IncidentView, op: Op<'_>) -> Self {
        super::render(view, op)
    }

    /// Who is mentioned after the headline, once each, at most 8.
    pub(crate) fn mentions(mut self, mentions: &[Mention]) -> Self {
        for mention in mentions {
            if self.mentions.len() < MAX_MENTIONS && !self.mentions.contains(mention) {
                self.mentions.push(mention.clone());
            }
        }
        self
    }

    /// The colour of the card's bar. Default: grey.
    #[must_use]
    pub fn color(mut self, color: Color) -> Self {
        self.color = color;
        self
    }

    /// Adds a line to the card; an empty one adds nothing.
    #[must_use]
    pub fn paragraph(mut self, line: Line) -> Self {
        if !line.is_empty() {
            self.parts.push(Part::Paragraph(line));
        }
        self
    }

    /// Adds preformatted text of strangers to the card.
    #[must_use]
    pub fn preformatted(mut self, text: impl Into<String>) -> Self {
        let text: String = text.into();
        if !text.trim().is_empty() {
            self.parts.push(Part::Preformatted(text));
        }
        self
    }

    /// Adds a button that opens a URL, at most 6, below the card. A URL that
    /// does not begin with `https://` or `http://`, or is longer than Slack's
    /// 3,000 characters, adds nothing; a title is cut after 75.
    #[must_use]
    pub fn link(mut self, title: impl Into<String>, url: impl Into<String>) -> Self {
        let (title, url): (String, String) = (title.into(), url.into());
        if self.links.len() < MAX_BUTTONS && !title.trim().is_empty() && check_url(&url).is_ok() {
            self.links.push((title.trim().chars().take(MAX_TITLE).collect(), url));
        }
        self
    }

    /// The whole message as people read it, one line per part.
    #[must_use]
    pub fn to_plain(&self) -> String {
        let mut out = self.headline();
        for part in &self.parts {
            out.push('\n');
            match part {
                Part::Paragraph(line) => out.push_str(&line.to_plain()),
                Part::Preformatted(text) => {
                    let lines = text.lines().map(|line| Line::new().text(line).to_plain());
                    out.push_str(&lines.collect::<Vec<_>>().join("\n"));
                }
            }
        }
        out
    }

    pub(crate) fn headline(&self) -> String {
        let mentions: String = self.mentions.iter().map(|who| format!(" {who}")).collect();
        self.headline.to_plain() + &mentions
    }

    /// The payload as Slack gets it, without a channel.
    #[must_use]
    pub fn to_json(&self) -> String {
        Value::Object(self.payload(Form::Full)).to_string()
    }

    pub(crate) fn payload(&self, form: Form) -> Map<String, Value> {
        let text = match self.headline.to_mrkdwn(MAX_HEADLINE) {
            // Slack refuses a message without text.
            empty if empty.trim().is_empty() => "(no headline)".to_owned(),
            text => text,
        };
        let mentions: String =
            self.mentions.iter().map(|who| format!(" {}", who.to_token())).collect();
        let text = text + &mentions;
        let mut blocks = if form == Form::Full { self.blocks() } else { Vec::new() };
        loop {
            let payload = self.assemble(&text, &blocks);
            let size = Value::Object(payload.clone()).to_string().len();
            if size <= MAX_MESSAGE || blocks.pop().is_none() {
                return payload;
            }
        }
    }

    fn assemble(&self, text: &str, blocks: &[Value]) -> Map<String, Value> {
        let attachments = if blocks.is_empty() {
            // Said, so that an edit takes an older card away.
            json!([])
        } else {
            json!([{ "color": self.color.to_hex(), "fallback": text, "blocks": blocks }])
        };
        let mut payload = Map::new();
        payload.insert("text".into(), text.into());
        payload.insert("attachments".into(), attachments);
        payload.insert("unfurl_links".into(), false.into());
        payload.insert("unfurl_media".into(), false.into());
        // An edit's default is another one than a post's.
        payload.insert("parse".into(), "none".into());
        payload
    }

    fn blocks(&self) -> Vec<Value> {
        const SKELETON: usize = 100;
        let buttons = self.buttons();
        let taken = buttons.as_ref().map_or(0, |buttons| buttons.to_string().len());
        let mut room = BLOCKS_ROOM.saturating_sub(taken);
        let mut blocks = Vec::new();
        for part in self.parts.iter().take(MAX_BLOCKS - 1) {
            let Some(left) = room.checked_sub(SKELETON) else { break };
            room = left;
            let element = match part {
                Part::Paragraph(line) => {
                    let elements = line.to_elements(&mut room);
                    if elements.is_empty() {
                        continue;
                    }
                    json!({ "type": "rich_text_section", "elements": elements })
                }
                Part::Preformatted(text) => {
                    // Line breaks are what it is for.
                    let (mut lines, mut units) = (Vec::new(), MAX_UNITS);
                    for line in text.trim_end().lines() {
                        if room < 16 || units < 2 {
                            break;
                        }
                        lines.push(literal(line, &mut room, &mut units));
                        room = room.saturating_sub(2);
                        units = units.saturating_sub(1);
                    }
                    let text = lines.join("\n");
                    if text.trim().is_empty() {
                        continue;
                    }
                    let text = json!({ "type": "text", "text": text });
                    json!({ "type": "rich_text_preformatted", "elements": [text] })
                }
            };
            blocks.push(json!({ "type": "rich_text", "elements": [element] }));
        }
        blocks.extend(buttons);
        blocks
    }

    fn buttons(&self) -> Option<Value> {
        let button = |(title, url): &(String, String)| json!({ "type": "button", "text": { "type": "plain_text", "text": title }, "url": url });
        // What is too long for a message gives way, not what the message says.
        let mut room = BUTTONS_ROOM;
        let fits = |(title, url): &&(String, String)| {
            let left = room.checked_sub(title.len() + url.len() + 90);
            room = left.unwrap_or(room);
            left.is_some()
        };
        let elements: Vec<Value> = self.links.iter().filter(fits).map(button).collect();
        (!elements.is_empty()).then(|| json!({ "type": "actions", "elements": elements }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> SlackMessage {
        SlackMessage::new(Line::new().text("500"))
    }

    fn blocks(message: &SlackMessage) -> Vec<Value> {
        let payload = Value::Object(message.payload(Form::Full));
        payload["attachments"][0]["blocks"].as_array().cloned().unwrap_or_default()
    }

    /// The text of a block of preformatted text.
    fn text(block: &Value) -> &str {
        block["elements"][0]["elements"][0]["text"].as_str().unwrap()
    }

    #[test]
    fn there_is_always_a_text() {
        let payload = SlackMessage::new(Line::new()).payload(Form::TextOnly);
        assert_eq!(payload["text"], "(no headline)");
        assert_eq!(message().payload(Form::TextOnly)["text"], "500");
    }

    #[test]
    fn a_colour_is_written_as_the_web_does() {
        assert_eq!(Color::rgb(1, 2, 254).to_hex(), "#0102fe");
    }

    #[test]
    fn at_most_eight_are_mentioned_once_each() {
        let some: Vec<Mention> = (0..9).map(|n| Mention::user(format!("U{n}"))).collect();
        let twice = [&some[..2], &some].concat();
        assert_eq!(message().mentions(&twice).mentions, some[..8]);
    }

    #[test]
    fn at_most_six_buttons_with_a_title_and_a_web_address() {
        let url = |n: usize| format!("https://example.com/{n}");
        let seven = (0..7).fold(message(), |message, n| message.link(format!(" to {n} "), url(n)));
        let blocks = blocks(&seven);
        let buttons = blocks[0]["elements"].as_array().unwrap();
        assert_eq!((blocks.len(), buttons.len()), (1, 6));
        let text = json!({ "type": "plain_text", "text": "to 0" });
        assert_eq!(buttons[0], json!({ "type": "button", "text": text, "url": url(0) }));
        let long = message().link("t".repeat(80), url(0));
        assert_eq!(long.links[0].0.len(), MAX_TITLE);
        for (title, url) in [(" ", "https://example.com"), ("to", "ftp://example.com")] {
            assert_eq!(message().link(title, url), message());
        }
    }

    #[test]
    fn buttons_keep_to_their_room() {
        // A button's skeleton counts as 90 bytes.
        let url = |length: usize| format!("https://{}", "x".repeat(length - 8));
        let rest = BUTTONS_ROOM - 90 - 1;
        for (first, shown) in [(rest - 200, 2), (rest - 199, 1), (rest, 1), (rest + 1, 1)] {
            let message = message().link("a", url(first)).link("b", url(109));
            let buttons = blocks(&message)[0]["elements"].as_array().map_or(0, Vec::len);
            assert_eq!(buttons, shown, "{first}");
        }
    }

    #[test]
    fn blocks_keep_to_their_number() {
        let many = (0..30).fold(message(), |message, _| message.paragraph(Line::new().text("a")));
        assert_eq!(blocks(&many).len(), MAX_BLOCKS - 1);
        assert_eq!(blocks(&many.link("to", "https://example.com")).len(), MAX_BLOCKS);
    }

    #[test]
    fn preformatted_lines_keep_to_units_and_room() {
        let x = |n: usize| "x".repeat(n);
        // Two units are left after the first line's end, or one.
        for (first, second) in [(2_897, Some("y…")), (2_898, None)] {
            let shown = blocks(&message().preformatted(x(first) + "\nyy"));
            assert_eq!(text(&shown[0]).split_once('\n').map(|(_, line)| line), second, "{first}");
        }
        // Of the second block's room 16 bytes are left, or 15.
        for (first, second) in [(2_881, Some("y")), (2_882, None)] {
            let both = message().preformatted(x(2_899)).preformatted(x(first) + "\ny");
            let shown = blocks(&both);
            assert_eq!(text(&shown[1]).split_once('\n').map(|(_, line)| line), second, "{first}");
        }
    }
}
