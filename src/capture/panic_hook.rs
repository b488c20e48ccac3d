//! The panic hook: where a panic was, and in which request.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::handoff::{Current, Notes, Outside, PanicRecord, own_thread, with_current};
use crate::observation::{Site, Trace};

use super::PanicBacktrace;

const FROM_ENV: u8 = 0;
const NEVER: u8 = 1;
const ALWAYS: u8 = 2;

static INSTALLED: AtomicBool = AtomicBool::new(false);
/// What the layer wants that was the last one to say.
static BACKTRACES: AtomicU8 = AtomicU8::new(FROM_ENV);

/// Installs the hook in front of the one that is there, once in a process. One
/// that is set later without calling it switches it off: then panics are told
/// by what they said, without their place.
pub(crate) fn install(backtrace: PanicBacktrace) {
    match backtrace {
        // The default takes nothing back from another layer.
        PanicBacktrace::FromEnv => {}
        PanicBacktrace::Never => BACKTRACES.store(NEVER, Ordering::Relaxed),
        PanicBacktrace::Always => BACKTRACES.store(ALWAYS, Ordering::Relaxed),
    }
    // Nobody may set a hook while they panic.
    if std::thread::panicking() || INSTALLED.swap(true, Ordering::AcqRel) {
        return;
    }
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        take_down(info);
        previous(info);
    }));
}

/// Takes a panic down. It runs while the thread panics: it calls nobody's code,
/// logs nothing and waits for nobody.
fn take_down(info: &PanicHookInfo<'_>) {
    if own_thread::is_marked() || own_thread::is_asking() {
        return;
    }
    if cfg!(panic = "abort") {
        let record = record(info);
        with_current(|current| match current {
            Current::Request(slot) => Outside::last_words(&record, Some(slot)),
            Current::Nothing | Current::Scope(_) => Outside::last_words(&record, None),
        });
        return;
    }
    let of = |notes: &Arc<Notes>, is_apart| Some((Arc::clone(notes), is_apart));
    let request = with_current(|current| match current {
        Current::Nothing => None,
        Current::Request(slot) => of(slot.notes(), false),
        Current::Scope(notes) => of(notes, true),
    });
    let request = request.flatten();
    if request.is_none() && !Outside::wants_panics() {
        return;
    }
    let mut record = record(info);
    let is_taken = match request {
        Some((notes, is_apart)) => {
            record.is_apart = is_apart;
            notes.panicked(&record)
        }
        None => false,
    };
    if !is_taken {
        Outside::panicked(&record);
    }
}

fn record(info: &PanicHookInfo<'_>) -> PanicRecord {
    let site = info.location().map_or_else(Site::nowhere, Site::of);
    let raw = match BACKTRACES.load(Ordering::Relaxed) {
        // A request does not wait for our thread's looking up of names.
        _ if Trace::is_being_read() => Backtrace::disabled(),
        ALWAYS => Backtrace::force_capture(),
        NEVER => Backtrace::disabled(),
        _ => Backtrace::capture(),
    };
    PanicRecord::new(site, info.payload(), Trace::of(raw).map(Arc::new))
}
