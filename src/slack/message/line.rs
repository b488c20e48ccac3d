//! [`Line`]: a line of a message, of our own words and of strangers' text.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::date_time::DateTime;
use super::visible::spell;

const ELLIPSIS: char = '…';

/// A line of a message: words of one's own, and text of strangers in code
/// style.
///
/// However it was made, it holds no markup, no mention and no link: both kinds
/// of text are escaped where the message is put together, and characters that
/// can't be seen or that change direction are spelled out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    spans: Vec<Span>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Span {
    Text(String),
    Code(String),
    Strong(String),
    Time(DateTime),
}

impl Line {
    /// An empty line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds words of one's own.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        let text: String = text.into();
        match self.spans.last_mut() {
            Some(Span::Text(before)) => before.push_str(&text),
            _ => self.spans.push(Span::Text(text)),
        }
        self
    }

    /// Adds text of strangers, in code style.
    #[must_use]
    pub fn code(mut self, text: impl Into<String>) -> Self {
        let text: String = text.into();
        if !text.trim().is_empty() {
            self.spans.push(Span::Code(text.trim().to_owned()));
        }
        self
    }

    /// Adds words of one's own that stand out in a card; a headline shows them
    /// as any others.
    #[must_use]
    pub fn strong(mut self, text: impl Into<String>) -> Self {
        self.spans.push(Span::Strong(text.into()));
        self
    }

    /// Adds a time as each reader's clock shows it, with its day if that is
    /// another one than `now`'s; in UTC where it can't be shown so.
    #[must_use]
    pub fn time(mut self, at: SystemTime, now: SystemTime) -> Self {
        self.spans.push(Span::Time(DateTime::new(at, now)));
        self
    }

    /// Adds ` · ` if there is something before it.
    #[must_use]
    pub fn dot(self) -> Self {
        if self.is_empty() { self } else { self.text(" · ") }
    }

    /// Adds everything of another line.
    #[must_use]
    pub fn join(mut self, other: Line) -> Self {
        self.spans.extend(other.spans);
        self
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.iter().all(|span| match span {
            Span::Text(text) | Span::Code(text) | Span::Strong(text) => text.is_empty(),
            Span::Time(_) => false,
        })
    }

    /// As people read it, without any style.
    #[must_use]
    pub fn to_plain(&self) -> String {
        let mut out = String::new();
        for span in &self.spans {
            match span {
                Span::Text(text) | Span::Code(text) | Span::Strong(text) => {
                    text.chars().for_each(|c| spell(c, &mut |c| out.push(c)));
                }
                Span::Time(time) => out.push_str(&time.to_plain()),
            }
        }
        out
    }

    /// As Slack's mrkdwn, at most `max` bytes, cut between characters and
    /// never inside an entity or with an open code span.
    pub(super) fn to_mrkdwn(&self, max: usize) -> String {
        let mut out = String::new();
        for span in &self.spans {
            let (text, code) = match span {
                Span::Text(text) | Span::Strong(text) => (text, false),
                Span::Code(text) => (text, true),
                Span::Time(time) => {
                    let token = time.to_token();
                    if out.ends_with('`') {
                        out.push(' ');
                    }
                    if out.len() + token.len() + ELLIPSIS.len_utf8() > max {
                        out.push(ELLIPSIS);
                        break;
                    }
                    out.push_str(&token);
                    continue;
                }
            };
            // Slack wants a code span to stand free.
            if (code || out.ends_with('`')) && !out.is_empty() {
                let free = if code { out.ends_with(' ') } else { text.starts_with(' ') };
                if !free {
                    out.push(' ');
                }
            }
            let closing = usize::from(code);
            if out.len() + ELLIPSIS.len_utf8() + 2 * closing >= max {
                break;
            }
            if code {
                out.push('`');
            }
            let room = max - closing - ELLIPSIS.len_utf8();
            let cut = !text.chars().all(|c| push_mrkdwn(c, code, room, &mut out));
            if cut {
                out.push(ELLIPSIS);
            }
            if code {
                out.push('`');
            }
            if cut {
                break;
            }
        }
        out
    }

    /// As elements of a `rich_text_section`, where text is literal. `room` is
    /// what the message still has to give, in bytes of JSON.
    pub(super) fn to_elements(&self, room: &mut usize) -> Vec<Value> {
        const SKELETON: usize = 60;
        let mut elements = Vec::new();
        for span in &self.spans {
            let (text, style) = match span {
                Span::Text(text) => (text, None),
                Span::Code(text) => (text, Some("code")),
                Span::Strong(text) => (text, Some("bold")),
                Span::Time(time) => {
                    let element = time.to_element();
                    match room.checked_sub(element.to_string().len()) {
                        Some(left) => *room = left,
                        None => break,
                    }
                    elements.push(element);
                    continue;
                }
            };
            if *room <= SKELETON + 8 {
                break;
            }
            *room -= SKELETON;
            let text = literal(text, room, &mut { MAX_UNITS });
            if text.is_empty() {
                continue;
            }
            elements.push(match style {
                Some(style) => {
                    json!({ "type": "text", "text": text, "style": { (style): true } })
                }
                None => json!({ "type": "text", "text": text }),
            });
        }
        elements
    }
}

/// Slack's limit for text objects is 3,000 characters; UTF-16 units are the
/// larger way to count them.
pub(super) const MAX_UNITS: usize = 2_900;

/// Text for places where Slack takes it literally, within `room` bytes of
/// JSON and so many UTF-16 `units`, both of which are used up.
pub(super) fn literal(text: &str, room: &mut usize, units: &mut usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let before = out.len();
        spell(c, &mut |c| out.push(c));
        let added = out.get(before..).unwrap_or_default();
        // A quote or a backslash takes two bytes in JSON.
        let cost: usize =
            added.chars().map(|c| if matches!(c, '"' | '\\') { 2 } else { c.len_utf8() }).sum();
        let counted = added.encode_utf16().count();
        if cost + ELLIPSIS.len_utf8() > *room || counted >= *units {
            out.truncate(before);
            out.push(ELLIPSIS);
            *room = room.saturating_sub(ELLIPSIS.len_utf8());
            *units = 0;
            break;
        }
        *room -= cost;
        *units -= counted;
    }
    out
}

/// Pushes `c` escaped, if it fits into `room` as a whole.
fn push_mrkdwn(c: char, code: bool, room: usize, out: &mut String) -> bool {
    let before = out.len();
    spell(c, &mut |c| match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        // Slack has no escape for these; look-alikes stand in. In code only
        // the back-tick means anything.
        '`' => out.push('ˋ'),
        '*' if !code => out.push('∗'),
        '~' if !code => out.push('∼'),
        '_' if !code => out.push('ˍ'),
        c => out.push(c),
    });
    if out.len() > room {
        out.truncate(before);
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_stay_in_their_code_span() {
        let line = Line::new().text("500 ").code("GET /<!channel>`*b*`\n> q").text(" · 812 ms");
        assert_eq!(line.to_mrkdwn(600), "500 `GET /&lt;!channel&gt;ˋ*b*ˋ\\n&gt; q` · 812 ms");
    }

    #[test]
    fn code_spans_stand_free_and_are_never_empty() {
        let line = Line::new().text("a").code("b").text("c").code("  ").code("d");
        assert_eq!(line.to_mrkdwn(600), "a `b` c `d`");
    }

    #[test]
    fn cuts_between_entities_and_closes_the_span() {
        let line = Line::new().code("&&&&&&&&");
        for max in 6..60 {
            let cut = line.to_mrkdwn(max);
            assert!(cut.len() <= max, "{cut} at {max}");
            assert_eq!(cut.matches('`').count() % 2, 0, "{cut}");
            assert_eq!(cut.matches('&').count(), cut.matches("&amp;").count(), "{cut}");
        }
    }

    #[test]
    fn plain_text_for_people() {
        let line = Line::new().text("500 ").code("GET /a\u{202e}b");
        assert_eq!(line.to_plain(), "500 GET /a\\u{202e}b");
    }

    #[test]
    fn look_alikes_stand_in_for_what_formats() {
        let text = "*a* ~b~ _c_ `d` &<>";
        let shown = "∗a∗ ∼b∼ ˍcˍ ˋdˋ &amp;&lt;&gt;";
        assert_eq!(Line::new().text(text).to_mrkdwn(600), shown);
        assert_eq!(Line::new().strong(text).to_mrkdwn(600), shown);
        assert_eq!(Line::new().code("*a* ~b~ _c_").to_mrkdwn(600), "`*a* ~b~ _c_`");
    }

    #[test]
    fn only_code_stands_free() {
        assert_eq!(Line::new().text("a").strong("b").to_mrkdwn(600), "ab");
        assert_eq!(Line::new().code("a").text(" b").to_mrkdwn(600), "`a` b");
    }

    /// The ellipsis has its place in any case, and so has a span's end.
    #[test]
    fn cuts_at_a_byte_and_not_before() {
        let x = |n: usize| "x".repeat(n);
        for max in [10, 50] {
            assert_eq!(Line::new().text(x(max - 3)).to_mrkdwn(max), x(max - 3));
            assert_eq!(Line::new().text(x(max - 2)).to_mrkdwn(max), x(max - 3) + "…");
            let code = |n| Line::new().code(x(n)).to_mrkdwn(max);
            assert_eq!(code(max - 5), format!("`{}`", x(max - 5)));
            assert_eq!(code(max - 4), format!("`{}…`", x(max - 5)));
        }
        // Room for a span with something in it, or none.
        let two = |n| Line::new().text(x(n)).code("y").to_mrkdwn(20);
        assert_eq!(two(13), x(13) + " `y`");
        assert_eq!(two(14), x(14) + " ");
        let two = |n| Line::new().text(x(n)).strong("y").to_mrkdwn(20);
        assert_eq!(two(16), x(16) + "y");
        assert_eq!(two(17), x(17));
        let at = SystemTime::UNIX_EPOCH;
        let token = Line::new().time(at, at).to_mrkdwn(600);
        let timed = |n, max| Line::new().text(x(n)).time(at, at).to_mrkdwn(max);
        let whole = 5 + token.len() + 3;
        assert_eq!(timed(5, whole), x(5) + &token);
        assert_eq!(timed(5, whole - 1), x(5) + "…");
    }

    #[test]
    fn elements_use_up_the_room_and_keep_to_it() {
        let elements = |line: Line, mut room: usize| {
            let made = Value::Array(line.to_elements(&mut room));
            (made, room)
        };
        let line = || Line::new().text("x".repeat(10));
        assert_eq!(elements(line(), 68), (json!([]), 68));
        assert_eq!(elements(line(), 69), (json!([{ "type": "text", "text": "xxxxxx…" }]), 0));
        let strong = json!([{ "type": "text", "text": "abc", "style": { "bold": true } }]);
        assert_eq!(elements(Line::new().strong("abc"), 1_000), (strong, 1_000 - 60 - 3));
    }

    #[test]
    fn literal_text_is_cut_by_bytes_and_by_units() {
        let cut = |text, mut room: usize, mut units: usize| {
            let text = literal(text, &mut room, &mut units);
            (text, room, units)
        };
        assert_eq!(cut("ab", 10, 3), ("ab".to_owned(), 8, 1));
        assert_eq!(cut("abcd", 10, 3), ("ab…".to_owned(), 5, 0));
        assert_eq!(cut("🔴🔴", 20, 4), ("🔴…".to_owned(), 13, 0));
        assert_eq!(cut("🔴🔴", 20, 5), ("🔴🔴".to_owned(), 12, 1));
        assert_eq!(cut("abcd", 5, 99), ("ab…".to_owned(), 0, 0));
        // Two bytes each in JSON.
        assert_eq!(cut("\"\"", 5, 99), ("\"…".to_owned(), 0, 0));
        assert_eq!(cut("\"\"", 7, 99), ("\"\"".to_owned(), 3, 97));
    }
}
