//! [`Fields`]: what a log event says, within its cap.

use std::error::Error;
use std::fmt::{self, Debug, Display};

use tracing::field::{Field, Visit};

use crate::observation::{CappedText, MASK, is_secret_name};

/// An event's message and fields are cut after so many bytes.
const MAX_TEXT: usize = 1024;
/// A target or a file that an event names is cut after so many bytes.
const MAX_NAME: usize = 200;

/// What a log event says: its message, and then its fields.
#[derive(Debug, Default)]
pub(super) struct Fields {
    message: CappedText,
    others: CappedText,
    /// For events that came by way of the crate `log`.
    pub(super) target: Option<String>,
    pub(super) file: Option<String>,
    pub(super) line: Option<u32>,
}

impl Fields {
    pub(super) fn into_text(mut self) -> String {
        // Before they are put together: a cut word may be a secret.
        self.others.hide_cut_word();
        let text = &mut self.message;
        if !self.others.is_empty() {
            let gap = if text.is_empty() { "" } else { " " };
            text.push_display(&format_args!("{gap}{}", self.others.as_str()), MAX_TEXT);
        }
        text.hide_cut_word();
        text.as_str().to_owned()
    }

    fn add(&mut self, field: &Field, value: &dyn Display) {
        match field.name() {
            "message" => self.message.push_display(value, MAX_TEXT),
            "log.target" => self.target = Some(capped(value)),
            "log.file" => self.file = Some(capped(value)),
            name if name.starts_with("log.") => {}
            name => {
                let gap = if self.others.is_empty() { "" } else { " " };
                let name = name.strip_prefix("r#").unwrap_or(name);
                // A secret must not even be formatted.
                let value: &dyn Display = if is_secret_name(name) { &MASK } else { value };
                self.others.push_display(&format_args!("{gap}{name}={value}"), MAX_TEXT);
            }
        }
    }
}

/// A name, cut.
fn capped(value: &dyn Display) -> String {
    let mut text = CappedText::default();
    text.set_display(value, MAX_NAME);
    text.as_str().to_owned()
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, &Debugged(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "log.line" {
            self.line = u32::try_from(value).ok();
        }
        self.add(field, &value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.add(field, &Chain(value));
    }
}

struct Debugged<'a>(&'a dyn Debug);

impl Display for Debugged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An error and what is behind it.
struct Chain<'a>(&'a (dyn Error + 'static));

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self.0, f)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, " ← {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}
