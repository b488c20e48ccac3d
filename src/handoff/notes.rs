//! [`Notes`]: what the handler and others add to a request while it runs.

use std::sync::Arc;

use crate::observation::lock::{relock, try_relock};
use crate::observation::{CappedText, Detail, DetailRoom, LogLine, ReportedError, Trace};

use super::PanicRecord;
use super::log_buffer::LogBuffer;
use super::sync::Mutex;
use super::sync::atomic::{AtomicBool, Ordering};

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
    logs: LogBuffer,
    panic: Option<PanicRecord>,
    /// The request is over: what comes now is not its own any more.
    is_closed: bool,
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

    /// Keeps an event; gives it back if the request is over.
    #[cfg_attr(not(feature = "request-logs"), expect(dead_code, reason = "nobody logs"))]
    pub(crate) fn log(&self, line: LogLine) -> Result<(), LogLine> {
        let mut added = relock(&self.added);
        if added.is_closed {
            return Err(line);
        }
        added.logs.push(line);
        Ok(())
    }

    /// What was logged so far, the last events.
    pub(crate) fn logs(&self) -> Vec<Arc<LogLine>> {
        relock(&self.added).logs.lines()
    }

    /// Takes a panic down; the last one stands. Gives it back if the request
    /// is over. Called while a thread panics, so it waits for nobody.
    pub(crate) fn panicked(&self, record: PanicRecord) -> Result<(), PanicRecord> {
        match try_relock(&self.added) {
            Some(mut added) if !added.is_closed => {
                added.panic = Some(record);
                Ok(())
            }
            _ => Err(record),
        }
    }

    /// The last panic that was taken down.
    pub(crate) fn panic(&self) -> Option<PanicRecord> {
        relock(&self.added).panic.clone()
    }

    /// What was logged so far, with a panic's backtrace.
    pub(crate) fn detail(
        &self,
        room: &DetailRoom,
        trace: Option<Arc<Trace>>,
    ) -> Option<Arc<Detail>> {
        let added = relock(&self.added);
        room.detail(added.logs.lines(), added.logs.left_out(), trace)
    }

    /// The request is over.
    pub(super) fn close(&self) {
        relock(&self.added).is_closed = true;
    }
}
