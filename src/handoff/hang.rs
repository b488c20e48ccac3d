//! [`Hang`]: whether a request was told while it still ran.

use std::sync::Arc;

use crate::observation::lock::relock;
use crate::observation::{Endpoint, Rule};

use super::sync::Mutex;
use super::sync::atomic::{AtomicU8, Ordering};

const RUNNING: u8 = 0;
const TOLD: u8 = 1;
/// Told, and over; how it ended is not counted yet.
const ENDING: u8 = 2;
const ENDED: u8 = 3;

/// Whether a request was told while it still ran. Our thread tells it, and its
/// own future learns of it at the end; whoever comes second knows.
#[derive(Debug, Default)]
pub(crate) struct Hang {
    state: AtomicU8,
    /// Locked by our thread while it counts, so that the request's end, which
    /// may have to count it elsewhere, waits for that.
    told: Mutex<Option<HungAs>>,
}

/// As what a hung request was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HungAs {
    Suppressed(Rule),
    Counted {
        as_other: bool,
        /// Not under its own route, but as blocking or being blocked by this one.
        by: Option<Arc<Endpoint>>,
    },
}

impl Hang {
    /// Tells it, unless it has ended or been told. `count` is called at most
    /// once.
    pub(crate) fn tell(&self, count: impl FnOnce() -> HungAs) -> Option<HungAs> {
        let mut told = relock(&self.told);
        let running =
            self.state.compare_exchange(RUNNING, TOLD, Ordering::AcqRel, Ordering::Acquire);
        running.ok()?;
        *told = Some(count());
        told.clone()
    }

    /// It ended: as what it was told, if it was.
    #[inline]
    pub(crate) fn end(&self) -> Option<HungAs> {
        let end = |state| Some(if state == TOLD { ENDING } else { ENDED });
        match self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, end) {
            Ok(TOLD) => relock(&self.told).clone(),
            _ => None,
        }
    }

    /// How it ended has been counted.
    #[inline]
    pub(crate) fn settle(&self) {
        self.state.store(ENDED, Ordering::Release);
    }

    /// Whether it has no answer yet, and was not told.
    pub(crate) fn is_silent(&self) -> bool {
        self.state.load(Ordering::Acquire) == RUNNING
    }

    /// Whether it has no answer yet.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), RUNNING | TOLD)
    }

    /// Whether it was told, and its end is not counted yet.
    pub(crate) fn is_told(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), TOLD | ENDING)
    }

    pub(super) fn clear(&mut self) {
        *self = Hang::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn told_once_and_known_at_the_end() {
        let hang = Hang::default();
        let counted = HungAs::Counted { as_other: false, by: None };
        assert_eq!(hang.tell(|| counted.clone()), Some(counted.clone()));
        assert_eq!(hang.tell(|| unreachable!()), None);
        assert_eq!(hang.end(), Some(counted));
        // As long as its end is not counted, it counts as running.
        assert!(hang.is_told());
        hang.settle();
        assert!(!hang.is_told());
        let hang = Hang::default();
        assert_eq!(hang.end(), None);
        assert_eq!(hang.tell(|| unreachable!()), None);
    }

    #[test]
    fn whoever_comes_second_knows() {
        for _ in 0..2_000 {
            let hang = Hang::default();
            let (told, ended) = std::thread::scope(|scope| {
                let told = scope.spawn(|| hang.tell(|| HungAs::Suppressed(Rule::Probe)));
                let ended = scope.spawn(|| hang.end());
                (told.join().unwrap(), ended.join().unwrap())
            });
            assert_eq!(told, ended);
        }
    }
}
