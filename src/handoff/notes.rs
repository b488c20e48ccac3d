//! [`Notes`]: what the handler and others add to a request while it runs.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::observation::lock::relock;
use crate::observation::{CappedText, ReportedError};

/// More notes than this, or longer ones, are not kept.
const MAX_NOTES: usize = 8;
const MAX_NAME: usize = 40;
const MAX_VALUE: usize = 120;

/// What the handler and others add to a request while it runs.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    ignored: AtomicBool,
    added: Mutex<Added>,
}

#[derive(Debug, Default)]
struct Added {
    error: Option<ReportedError>,
    notes: Vec<(String, String)>,
}

impl Notes {
    /// The request shall not be told.
    pub(crate) fn ignore(&self) {
        self.ignored.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_ignored(&self) -> bool {
        self.ignored.load(Ordering::Relaxed)
    }

    /// The error behind the response; the last one stands.
    pub(crate) fn set_error(&self, error: ReportedError) {
        relock(&self.added).error = Some(error);
    }

    pub(crate) fn error(&self) -> Option<ReportedError> {
        relock(&self.added).error.clone()
    }

    /// Adds or replaces the note `name`.
    pub(crate) fn note(&self, name: &str, value: &str) {
        let cap = |text: &str, max| {
            let mut capped = CappedText::default();
            capped.set(text, max);
            capped.hide_cut_word();
            capped.as_str().to_owned()
        };
        let (name, value) = (cap(name, MAX_NAME), cap(value, MAX_VALUE));
        let mut added = relock(&self.added);
        if let Some(known) = added.notes.iter_mut().find(|(known, _)| *known == name) {
            known.1 = value;
        } else if added.notes.len() < MAX_NOTES {
            added.notes.push((name, value));
        }
    }

    pub(crate) fn notes(&self) -> Vec<(String, String)> {
        relock(&self.added).notes.clone()
    }
}
