//! [`Outside`]: takes what happens outside of any request.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use crate::observation::lock::relock;
use crate::observation::{Facts, KeyRef, LogLine, MethodName, PathCapture, Reason, RouteRef, Site};

use super::{Handoff, PanicRecord, Slot};

/// So many events are kept until somebody wants them.
const MAX_EARLY: usize = 16;

/// Everybody in this process who wants to know.
static LISTENERS: Mutex<Vec<Weak<Outside>>> = Mutex::new(Vec::new());
/// What was logged before there was anybody.
static EARLY: Mutex<Early> = Mutex::new(Early { is_over: false, lines: Vec::new() });

struct Early {
    is_over: bool,
    lines: Vec<(Instant, LogLine)>,
}

/// Takes what happens outside of any request: errors that are logged, and
/// panics, in jobs, at start-up, in tasks of their own.
pub(crate) struct Outside {
    handoff: Arc<Handoff>,
    error_logs: bool,
    background_panics: bool,
    /// Delivers what is counted, where a panic ends the process.
    flush: OnceLock<Flush>,
}

/// Delivers what is counted, within the time given.
type Flush = Box<dyn Fn(Duration) + Send + Sync>;

/// How long a process that a panic ends waits for its alert.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Outside {
    pub(crate) fn new(handoff: Arc<Handoff>, error_logs: bool, background_panics: bool) -> Self {
        Outside { handoff, error_logs, background_panics, flush: OnceLock::new() }
    }

    /// Wants to know from now on, for as long as it lives; and what was logged
    /// before there was anybody.
    pub(crate) fn listen(self: &Arc<Self>, flush: impl Fn(Duration) + Send + Sync + 'static) {
        let _ = self.flush.set(Box::new(flush));
        // Held until it is listed, so that no line finds neither.
        let mut early = relock(&EARLY);
        {
            let mut listeners = relock(&LISTENERS);
            listeners.retain(|known| known.strong_count() > 0);
            listeners.push(Arc::downgrade(self));
        }
        early.is_over |= self.error_logs;
        let lines = if self.error_logs { std::mem::take(&mut early.lines) } else { Vec::new() };
        drop(early);
        for (at, line) in lines {
            self.take_line(&line, at);
        }
    }

    fn all() -> Vec<Arc<Outside>> {
        relock(&LISTENERS).iter().filter_map(Weak::upgrade).collect()
    }

    /// An error was logged outside of any request.
    #[cfg_attr(not(feature = "request-logs"), expect(dead_code, reason = "nobody logs"))]
    pub(crate) fn logged(line: LogLine) {
        {
            let mut early = relock(&EARLY);
            if !early.is_over {
                if early.lines.len() < MAX_EARLY {
                    early.lines.push((Instant::now(), line));
                }
                return;
            }
        }
        for outside in Outside::all().into_iter().filter(|outside| outside.error_logs) {
            outside.take_line(&line, Instant::now());
        }
    }

    fn take_line(&self, line: &LogLine, at: Instant) {
        let (handoff, nowhere) = (&self.handoff, Site::nowhere());
        let site = line.site.as_ref().unwrap_or(&nowhere);
        let now = handoff.clock.now();
        let at = now.checked_sub(at.elapsed()).unwrap_or(now);
        let key = KeyRef::Log { target: &line.target, site };
        handoff.tally.record_with(key, (at, Duration::ZERO), |window| {
            window.take(&Facts {
                reason: Reason::Text(&line.text),
                site: Some(site),
                in_flight: handoff.registry.in_flight(),
                ..Facts::at(at)
            });
        });
    }

    /// Whether anybody wants to know of panics.
    pub(crate) fn wants_panics() -> bool {
        Outside::all().iter().any(|outside| outside.background_panics)
    }

    /// A panic that is no request's. Called while a thread panics.
    pub(crate) fn panicked(record: &PanicRecord) {
        for outside in Outside::all().into_iter().filter(|outside| outside.background_panics) {
            let handoff = &outside.handoff;
            let facts = Facts {
                reason: Reason::Text(record.said()),
                site: Some(&record.site),
                detail: handoff.details.detail(Vec::new(), 0, record.trace.clone()),
                in_flight: handoff.registry.in_flight(),
                ..Facts::at(handoff.clock.now())
            };
            handoff.tally.record(KeyRef::Panic(&record.site), &facts);
        }
    }

    /// The process ends with this panic, in this request or outside of any:
    /// nothing unwinds, so nobody else will tell it. Waits until it is
    /// delivered, for at most two seconds.
    pub(crate) fn last_words(record: &PanicRecord, slot: Option<&Slot>) {
        let all = Outside::all();
        for outside in &all {
            let handoff = &outside.handoff;
            let now = handoff.clock.now();
            let tell = |route: RouteRef<'_>| {
                let facts = Facts {
                    took: slot.map(|slot| slot.age(now).into()).unwrap_or_default(),
                    info: slot.map(Slot::info),
                    // What else may be told of it is not known here.
                    path: PathCapture::TemplateOnly,
                    endpoint: slot.map(|slot| (MethodName::of(slot.info().method()), route)),
                    reason: Reason::Text(record.said()),
                    site: Some(&record.site),
                    detail: handoff.details.detail(Vec::new(), 0, record.trace.clone()),
                    in_flight: handoff.registry.in_flight(),
                    ..Facts::at(now)
                };
                handoff.tally.record(KeyRef::Panic(&record.site), &facts);
            };
            match slot {
                Some(slot) => slot.info().with_route(&handoff.routes, tell),
                None => tell(RouteRef::Unmatched),
            }
        }
        let begun = Instant::now();
        for flush in all.iter().filter_map(|outside| outside.flush.get()) {
            flush(LAST_WORDS.saturating_sub(begun.elapsed()));
        }
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside")
            .field("error_logs", &self.error_logs)
            .field("background_panics", &self.background_panics)
            .finish_non_exhaustive()
    }
}
