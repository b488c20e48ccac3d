//! [`Notes`]: what the handler and others add to a request while it runs.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::observation::lock::relock;
use crate::observation::{CappedText, Detail, DetailRoom, LogLine, ReportedError, Trace};

use super::PanicRecord;
use super::log_buffer::LogBuffer;
use super::sync::Mutex;
use super::sync::atomic::{AtomicBool, Ordering};

/// More notes than this, or longer ones, are not kept.
const MAX_NOTES: usize = 8;
const MAX_NAME: usize = 40;
const MAX_VALUE: usize = 120;

/// So many panics of a request are told apart.
const MAX_PANICS: usize = 3;

/// What the handler and others add to a request while it runs. Each layer
/// around it has its own; what is added to the inner one, the outer ones have
/// as well.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    around: Option<Arc<Notes>>,
    ignored: AtomicBool,
    added: Mutex<Added>,
    /// Apart, since it is taken while a thread panics.
    panics: Mutex<Panics>,
}

#[derive(Debug, Default)]
struct Added {
    error: Option<ReportedError>,
    notes: Vec<(String, String)>,
    logs: LogBuffer,
    /// The request is over: what comes now is not its own any more.
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Panics {
    /// The last ones of the request itself.
    own: VecDeque<PanicRecord>,
    /// The first one of a task of its own.
    apart: Option<PanicRecord>,
    is_closed: bool,
}

impl Notes {
    pub(super) fn new(around: Option<Arc<Notes>>, is_closed: bool) -> Self {
        let notes = Notes { around, ..Notes::default() };
        if is_closed {
            notes.close();
        }
        notes
    }

    /// These, and those of the layers around.
    fn all(&self) -> impl Iterator<Item = &Notes> {
        std::iter::successors(Some(self), |notes| notes.around.as_deref())
    }

    /// The request shall not be told.
    pub(crate) fn ignore(&self) {
        self.all().for_each(|notes| notes.ignored.store(true, Ordering::Relaxed));
    }

    pub(crate) fn is_ignored(&self) -> bool {
        self.all().any(|notes| notes.ignored.load(Ordering::Relaxed))
    }

    /// The error behind the response; the last one stands.
    pub(crate) fn set_error(&self, error: &ReportedError) {
        self.all().for_each(|notes| relock(&notes.added).error = Some(error.clone()));
    }

    pub(crate) fn error(&self) -> Option<ReportedError> {
        self.all().find_map(|notes| relock(&notes.added).error.clone())
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
        for notes in self.all() {
            let mut added = relock(&notes.added);
            if let Some(known) = added.notes.iter_mut().find(|(known, _)| *known == name) {
                known.1.clone_from(&value);
            } else if added.notes.len() < MAX_NOTES {
                added.notes.push((name.clone(), value.clone()));
            }
        }
    }

    /// What was noted, here and before in the layers around.
    pub(crate) fn notes(&self) -> Vec<(String, String)> {
        let mut all = relock(&self.added).notes.clone();
        for notes in self.all().skip(1) {
            for (name, value) in &relock(&notes.added).notes {
                if all.iter().all(|(known, _)| known != name) {
                    all.push((name.clone(), value.clone()));
                }
            }
        }
        all
    }

    /// Keeps an event; gives it back if the request is over, for all layers.
    #[cfg_attr(not(feature = "request-logs"), allow(dead_code, reason = "nobody logs"))]
    pub(crate) fn log(&self, line: LogLine) -> Result<(), LogLine> {
        let line = Arc::new(line);
        let mut is_kept = false;
        for notes in self.all() {
            let mut added = relock(&notes.added);
            if !added.is_closed {
                added.logs.push(Arc::clone(&line));
                is_kept = true;
            }
        }
        if is_kept { Ok(()) } else { Err(Arc::unwrap_or_clone(line)) }
    }

    /// The errors that no alert of the request has shown.
    pub(crate) fn take_errors(&self) -> Vec<(Arc<LogLine>, u64)> {
        relock(&self.added).logs.take_errors()
    }

    /// Takes a panic down; whether anybody will tell it. Called while a thread
    /// panics; whoever holds the lock runs nobody's code.
    pub(crate) fn panicked(&self, record: &PanicRecord) -> bool {
        let mut is_taken = false;
        for notes in self.all() {
            let mut panics = relock(&notes.panics);
            if panics.is_closed {
                continue;
            }
            if !record.is_apart {
                if panics.own.len() >= MAX_PANICS {
                    panics.own.pop_front();
                }
                panics.own.push_back(record.clone());
                is_taken = true;
            } else if panics.apart.is_none() {
                panics.apart = Some(record.clone());
                is_taken = true;
            }
        }
        is_taken
    }

    /// The panic with this payload, if it was taken down.
    pub(crate) fn panic_of(&self, payload: &(dyn Any + Send)) -> Option<PanicRecord> {
        relock(&self.panics).own.iter().rev().find(|record| record.is_of(payload)).cloned()
    }

    /// The last panic of the request itself, else that of a task of its own.
    pub(crate) fn last_panic(&self) -> Option<PanicRecord> {
        let panics = relock(&self.panics);
        panics.own.back().or(panics.apart.as_ref()).cloned()
    }

    /// The panic of a task of its own.
    pub(crate) fn panic_apart(&self) -> Option<PanicRecord> {
        relock(&self.panics).apart.clone()
    }

    /// What was logged so far has been told.
    pub(crate) fn logs_shown(&self) {
        relock(&self.added).logs.shown();
    }

    /// What was logged so far, with a panic's backtrace: it is shown from now on.
    pub(crate) fn detail(
        &self,
        room: &DetailRoom,
        trace: Option<Arc<Trace>>,
    ) -> Option<Arc<Detail>> {
        let mut added = relock(&self.added);
        added.logs.shown();
        room.detail(added.logs.lines(), added.logs.left_out(), trace)
    }

    /// The request is over.
    pub(super) fn close(&self) {
        relock(&self.added).is_closed = true;
        relock(&self.panics).is_closed = true;
    }
}
