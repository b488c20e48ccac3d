//! [`Watched`]: one request's place in the registry, left on every path.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::handoff::{Began, Current, Entered, Notes, PanicRecord, Slot, Told, with_current};
use crate::observation::{Kind, Outcome, Reason, RequestHead, later};

use super::panics::Payload;
use super::recorder::{Finding, Recorder};
use super::shown::said;

/// One request under watch. Dropping it leaves the registry.
pub(super) struct Watched {
    recorder: Arc<Recorder>,
    /// The request; while a part of it runs, what runs around that.
    current: Current,
    /// When the part of it that ran last was over, if the clock was read.
    over: Option<Over>,
    /// That was just now: nothing ran since.
    is_now: bool,
    /// Something was counted of it, or kept from being told.
    is_told: bool,
    /// There was an answer, and nothing was wrong with it.
    answered: bool,
    /// Something worse than slow was found, told or not.
    failed: bool,
}

/// A first poll that begins no later after the call is one with it.
const AT_ONCE: Duration = Duration::from_millis(1);

/// When a part of a request was over.
#[derive(Clone, Copy)]
struct Over {
    at: Instant,
    /// When it began, if it is not in the meter yet: a request that goes well
    /// is spared the calculation.
    began: Began,
}

/// How a part of a request is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timing {
    /// It begins with the request itself, and the clock says when it ends. The
    /// first poll is one with it, if it follows at once.
    Call,
    /// By a look at the clock before and after.
    Exact,
    /// Only if it takes so long that our thread sees it.
    IfLong,
}

impl Watched {
    /// Begins to watch a request, unless a rule says not to, or the same layer
    /// already watches it further out.
    #[inline]
    pub(super) fn begin(recorder: &Arc<Recorder>, head: &RequestHead<'_>) -> Option<Self> {
        let parent = with_current(|current| match current {
            Current::Request(slot) => Some(Arc::clone(slot)),
            _ => None,
        });
        let parent = parent.flatten();
        if parent.as_ref().is_some_and(|parent| parent.is_watched_by(recorder.id())) {
            return None;
        }
        let (rules, handoff) = (&recorder.rules, &recorder.handoff);
        let mut named = recorder.ask_at_first(head)?;
        let now = handoff.clock.now();
        // Not moved in: that would move all that it is filled with.
        let named = &mut named;
        let slot = handoff.registry.enter(recorder.id(), parent, now, |info| {
            info.fill(head, &rules.headers, named.take(), now);
        });
        let never_routed = handoff.unrouted.note(|| slot.info().has_route());
        let watched = Watched {
            recorder: Arc::clone(recorder),
            current: Current::Request(slot),
            over: None,
            is_now: false,
            is_told: false,
            answered: false,
            failed: false,
        };
        if never_routed {
            // Somebody's subscriber may panic: then it leaves again.
            tracing::warn!(
                target: "tower_slack_alert",
                "100 requests without any route, so routes are guessed from paths: apply the layer \
                 inside the router (Router::layer), or set route_fn"
            );
        }
        Some(watched)
    }

    #[inline]
    pub(super) fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// Runs a part of the request: it is the thread's current one meanwhile,
    /// its time is measured, and a panic is caught.
    #[inline]
    pub(super) fn run<R>(
        &mut self,
        timing: Timing,
        part: impl FnOnce() -> R,
    ) -> Result<R, Payload> {
        let is_measured = self.recorder.rules.poll_accounting;
        if is_measured {
            self.begin_part(timing);
        }
        let ran = {
            let _entered = Entered::new(&mut self.current);
            catch_unwind(AssertUnwindSafe(part))
        };
        if is_measured {
            self.end_part(timing);
        }
        ran
    }

    #[inline]
    fn begin_part(&mut self, timing: Timing) {
        match (timing, self.slot()) {
            (Timing::Call, Some(slot)) => slot.polls().begin_call(),
            (Timing::Exact, Some(_)) => self.begin_poll(),
            (Timing::IfLong, Some(slot)) => slot.polls().begin_untimed(),
            (_, None) => {}
        }
    }

    #[inline]
    fn begin_poll(&mut self) {
        let now = self.recorder.now();
        let Some(slot) = self.slot() else { return };
        let is_one_with_the_call = slot.polls().is_called_here()
            && self.over.is_some_and(|call| now <= later(call.at, AT_ONCE));
        if is_one_with_the_call {
            slot.polls().go_on();
            return;
        }
        self.settle();
        if let Some(slot) = self.slot() {
            slot.polls().begin(slot.age(now));
        }
    }

    #[inline]
    fn end_part(&mut self, timing: Timing) {
        let Some(slot) = self.slot() else { return };
        let began = match timing {
            Timing::Call => slot.polls().end_call(),
            Timing::Exact => slot.polls().end(),
            Timing::IfLong => {
                let Some(began) = slot.polls().end_untimed() else { return };
                // That it was seen is rare.
                self.settle();
                if let Some(slot) = self.slot() {
                    slot.polls().ran_here();
                }
                began
            }
        };
        self.over = Some(Over { at: self.recorder.now(), began });
        self.is_now = true;
    }

    /// Adds to the meter what is not in it yet: whoever reads it wants it whole.
    #[inline]
    pub(super) fn settle(&mut self) {
        let over = self.over.as_mut().map(|over| (over.at, std::mem::take(&mut over.began)));
        if let (Some((at, began)), Some(slot)) = (over, self.slot()) {
            slot.polls().add(began, || slot.age(at));
        }
    }

    /// Time has passed since a part of the request ran.
    #[inline]
    pub(super) fn look_at_the_clock(&mut self) {
        self.is_now = false;
    }

    /// Now, or when the part of it was over that has just run.
    #[inline]
    fn now(&self) -> Instant {
        match self.over {
            Some(over) if self.is_now => over.at,
            _ => self.recorder.now(),
        }
    }

    #[inline]
    pub(super) fn slot(&self) -> Option<&Slot> {
        match &self.current {
            Current::Request(slot) => Some(slot),
            _ => None,
        }
    }

    /// Whether it has taken so long by now that it is slow on its route.
    #[inline]
    pub(super) fn is_slow(&self) -> bool {
        let now = self.now();
        self.slot().is_some_and(|slot| self.recorder.is_slow(slot, now))
    }

    /// Counts what was found.
    pub(super) fn observe(&mut self, found: &Finding<'_>) {
        self.failed |= found.kind.severity() > Kind::Hung.severity();
        if !self.is_now {
            self.settle();
        }
        let now = self.now();
        let Current::Request(slot) = &self.current else { return };
        let took = slot.took(now);
        // Of the part that was over just now.
        let began = self.over.as_mut().map(|over| std::mem::take(&mut over.began));
        slot.polls().add(began.unwrap_or_default(), || took.into());
        let mut told = if self.is_told { self.told() } else { Told::Nothing };
        self.is_told = true;
        self.recorder.observe(slot, &mut told, (now, took), found);
        slot.hang().set_told(told);
        slot.hang().settle();
    }

    /// Its future is over.
    #[inline]
    pub(super) fn no_longer_runs(&mut self) {
        self.is_told |= self.slot().is_some_and(|slot| slot.hang().end());
    }

    #[cold]
    fn told(&self) -> Told {
        self.slot().map(|slot| slot.hang().told()).unwrap_or_default()
    }

    /// Whether it was told while it ran.
    #[inline]
    pub(super) fn was_hung(&self) -> bool {
        self.is_told && self.told().is_hung()
    }

    /// Whether nothing was found yet.
    #[inline]
    pub(super) fn is_untold(&self) -> bool {
        !self.is_told && !self.failed
    }

    /// Whether something worse than slow was found.
    #[inline]
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// It was answered; unless something is found yet, it went well.
    #[inline]
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }

    /// Counts a panic with what it said, and where it was.
    pub(super) fn panicked(&mut self, payload: &Payload, outcome: Outcome, bytes: Option<u64>) {
        let record = self.hooked().and_then(|notes| notes.panic_of(&**payload));
        said(&**payload, |text| {
            self.observe(&Finding {
                reason: Reason::Text(text),
                site: record.as_ref().map(|record| &record.site),
                trace: record.as_ref().and_then(|record| record.trace.clone()),
                outcome,
                bytes,
                ..Finding::new(Kind::Panicked)
            });
        });
    }

    /// Counts the panic behind a failure, if somebody inside has caught one and
    /// answered for it. Whether there was one.
    pub(super) fn failed_by_panic(&mut self) -> bool {
        let hooked = self.hooked().filter(|notes| notes.error().is_none());
        let Some(record) = hooked.and_then(Notes::last_panic) else { return false };
        self.observe_record(&record);
        true
    }

    fn observe_record(&mut self, record: &PanicRecord) {
        self.observe(&Finding {
            reason: Reason::Text(record.said()),
            site: Some(&record.site),
            trace: record.trace.clone(),
            ..Finding::new(Kind::Panicked)
        });
    }

    /// What the panic hook took down of this request, if that counts.
    fn hooked(&self) -> Option<&Notes> {
        self.slot()?.taken_notes().filter(|_| self.recorder.rules.panic_sites)
    }

    /// Counts a dropped request, if it had taken long enough to matter.
    pub(super) fn cancelled(&mut self, outcome: Outcome, bytes: Option<u64>) {
        if self.was_hung() && outcome == Outcome::Plain {
            let outcome = Outcome::GivenUp;
            self.observe(&Finding { outcome, ..Finding::new(Kind::Cancelled) });
            return;
        }
        let now = self.now();
        if self.slot().is_some_and(|slot| self.recorder.is_cancellation(slot, now)) {
            self.observe(&Finding { outcome, bytes, ..Finding::new(Kind::Cancelled) });
        }
    }

    /// It ends, and there is or was something to tell. Whether it went well.
    #[cold]
    fn end(&mut self) -> bool {
        if let Some(slot) = self.slot() {
            // How it ended is counted, or will not be.
            slot.hang().settle();
            if slot.taken_notes().is_some() {
                self.tell_the_rest();
            }
        }
        // One that only a rule kept from being told was answered well.
        !self.failed && (!self.is_told || !matches!(self.told(), Told::Counted { .. }))
    }

    /// What is left to tell: a panic of a task that it spawned, and the errors
    /// that it logged and no alert of it has shown.
    fn tell_the_rest(&mut self) {
        self.settle();
        self.look_at_the_clock();
        let rules = &self.recorder.rules;
        let (panics, logs) = (rules.background_panics, rules.error_logs);
        if let Some(record) = self.hooked().filter(|_| panics).and_then(Notes::panic_apart) {
            self.observe_record(&record);
        }
        if let Some(slot) = self.slot().filter(|_| logs) {
            let now = self.recorder.now();
            self.recorder.tell_logs(slot, now);
        }
    }
}

impl Drop for Watched {
    #[inline]
    fn drop(&mut self) {
        let Some(slot) = self.slot() else { return };
        // Closed first, so that what is not told here finds somebody else to tell it.
        slot.close();
        let is_fine = self.is_untold() && slot.taken_notes().is_none() || self.end();
        let Current::Request(slot) = std::mem::take(&mut self.current) else { return };
        if self.answered && is_fine {
            self.recorder.succeeded(&slot);
        }
        self.recorder.handoff.registry.leave(slot);
    }
}
