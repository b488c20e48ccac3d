//! [`LogLine`]: an event that was logged while a request ran.

use std::fmt;

use tracing::Level;

use super::Site;
use super::redact::redact;

/// An event that was logged while a request ran, or outside of any: cut where
/// it was captured, and passed by the redactor before it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub(crate) level: Level,
    pub(crate) target: String,
    pub(crate) site: Option<Site>,
    pub(crate) text: String,
}

impl LogLine {
    /// Its level: `ERROR` or `WARN`.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Its target: by default the module that logged it.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Where it was logged, if that is known.
    #[must_use]
    pub fn site(&self) -> Option<&Site> {
        self.site.as_ref()
    }

    /// Its message, followed by its fields.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it takes to keep it, in bytes.
    pub(crate) fn size(&self) -> usize {
        size_of::<LogLine>() + self.target.len() + self.text.len() + 64
    }

    pub(crate) fn scrubbed(&self) -> Self {
        LogLine { text: redact(&self.text), ..self.clone() }
    }
}

impl fmt::Display for LogLine {
    /// `ERROR shop::db: pool timed out   src/db.rs:42`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.level, self.target, self.text)?;
        match &self.site {
            Some(site) => write!(f, "   {site}"),
            None => Ok(()),
        }
    }
}
