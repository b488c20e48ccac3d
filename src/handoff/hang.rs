//! [`Hang`]: whether a request was told while it still ran.

use crate::observation::lock::relock;

use super::Told;
use super::sync::Mutex;
use super::sync::atomic::{AtomicU8, Ordering};

const RUNNING: u8 = 0;
const TOLD: u8 = 1;
/// Told, and over; how it ended is not counted yet.
const ENDING: u8 = 2;
const ENDED: u8 = 3;

/// Whether a request was told while it still ran, and as what. Our thread tells
/// it, and its own future learns of it at the end; whoever comes second knows.
#[derive(Debug, Default)]
pub(crate) struct Hang {
    state: AtomicU8,
    /// Locked by our thread while it counts, so that the request's end, which
    /// may have to count it elsewhere, waits for that.
    told: Mutex<Told>,
}

impl Hang {
    /// Tells it, unless it has ended or been told. `count` is called at most
    /// once.
    pub(crate) fn tell(&self, count: impl FnOnce() -> Told) -> Option<Told> {
        let mut told = relock(&self.told);
        let running =
            self.state.compare_exchange(RUNNING, TOLD, Ordering::AcqRel, Ordering::Acquire);
        running.ok()?;
        *told = count();
        Some(told.clone())
    }

    /// It ended: whether it had been told.
    #[inline]
    pub(crate) fn end(&self) -> bool {
        let silently =
            self.state.compare_exchange(RUNNING, ENDED, Ordering::AcqRel, Ordering::Acquire);
        silently.is_err() && self.end_told()
    }

    #[cold]
    fn end_told(&self) -> bool {
        self.state.compare_exchange(TOLD, ENDING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// What was told. Once it has ended nobody but its own future asks, or
    /// tells more.
    pub(crate) fn told(&self) -> Told {
        relock(&self.told).clone()
    }

    pub(crate) fn set_told(&self, told: Told) {
        *relock(&self.told) = told;
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
    use crate::observation::Kind;

    fn counted() -> Told {
        Told::Counted { kind: Kind::Hung, status: None, as_other: false, by: None }
    }

    #[test]
    fn told_once_and_known_at_the_end() {
        let hang = Hang::default();
        assert_eq!(hang.tell(counted), Some(counted()));
        assert_eq!(hang.tell(|| unreachable!()), None);
        assert!(hang.end());
        assert_eq!(hang.told(), counted());
        // As long as its end is not counted, it counts as running.
        assert!(hang.is_told());
        hang.settle();
        assert!(!hang.is_told());
        let hang = Hang::default();
        assert!(!hang.end());
        assert_eq!(hang.tell(|| unreachable!()), None);
        assert_eq!(hang.told(), Told::Nothing);
    }

    #[test]
    fn whoever_comes_second_knows() {
        for _ in 0..2_000 {
            let hang = Hang::default();
            let (told, ended) = std::thread::scope(|scope| {
                let told = scope.spawn(|| hang.tell(counted));
                let ended = scope.spawn(|| hang.end().then(|| hang.told()));
                (told.join().unwrap(), ended.join().unwrap())
            });
            assert_eq!(told, ended);
        }
    }
}
