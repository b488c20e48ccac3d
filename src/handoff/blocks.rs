//! [`Blocks`]: when the async runtime was blocked, and by whom.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::observation::lock::relock;
use crate::observation::{Blocked, Endpoint};

/// So many are remembered, for requests that waited and end later.
const REMEMBERED: usize = 16;

/// When the async runtime was blocked, and by whom. Our thread writes it;
/// requests that turn out slow read it.
#[derive(Debug, Default)]
pub(crate) struct Blocks(Mutex<Vec<Block>>);

#[derive(Debug)]
struct Block {
    by: Arc<Endpoint>,
    began: Instant,
    ended: Option<Instant>,
    threads: u32,
    waited: u32,
}

impl Block {
    fn until(&self, now: Instant) -> Instant {
        self.ended.unwrap_or(now).min(now)
    }

    /// How much of the time from `since` to `now` it lasted.
    fn within(&self, since: Instant, now: Instant) -> Duration {
        self.until(now).saturating_duration_since(self.began.max(since))
    }

    fn said(&self, now: Instant) -> Blocked {
        Blocked {
            lasted: self.until(now).saturating_duration_since(self.began),
            threads: self.threads,
            waited: self.waited,
        }
    }
}

impl Blocks {
    /// It is blocked, since `began` or an earlier look, by so many threads,
    /// while so many requests wait. `by` names who does it, if this is new.
    pub(crate) fn go_on(
        &self,
        began: Instant,
        threads: u32,
        waited: u32,
        by: impl FnOnce() -> Endpoint,
    ) -> Arc<Endpoint> {
        let mut blocks = relock(&self.0);
        if let Some(block) = blocks.last_mut().filter(|block| block.ended.is_none()) {
            block.threads = block.threads.max(threads);
            block.waited = block.waited.max(waited);
            return Arc::clone(&block.by);
        }
        if blocks.len() >= REMEMBERED {
            blocks.remove(0);
        }
        let by = Arc::new(by());
        blocks.push(Block { by: Arc::clone(&by), began, ended: None, threads, waited });
        by
    }

    /// It is not blocked any more.
    pub(crate) fn end(&self, now: Instant) {
        if let Some(block) = relock(&self.0).last_mut() {
            block.ended.get_or_insert(now);
        }
    }

    /// Who kept a request waiting, if it would have taken less than `slow`
    /// without that.
    pub(crate) fn behind(
        &self,
        since: Instant,
        now: Instant,
        slow: Duration,
    ) -> Option<(Arc<Endpoint>, Blocked)> {
        let took = now.saturating_duration_since(since);
        let blocks = relock(&self.0);
        let lost: Duration = blocks.iter().map(|block| block.within(since, now)).sum();
        if took.saturating_sub(lost) >= slow {
            return None;
        }
        let longest = blocks.iter().max_by_key(|block| block.within(since, now))?;
        let is_behind = !longest.within(since, now).is_zero();
        is_behind.then(|| (Arc::clone(&longest.by), longest.said(now)))
    }

    /// What there is to say of a block by `by`, the last one.
    pub(crate) fn last_by(&self, by: &Endpoint, now: Instant) -> Option<Blocked> {
        let blocks = relock(&self.0);
        Some(blocks.iter().rev().find(|block| *block.by == *by)?.said(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{MethodName, Route};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_would_not_have_been_slow_waited() {
        let blocks = Blocks::default();
        let t = Instant::now();
        let by = Endpoint {
            method: MethodName::of(&http::Method::GET),
            route: Route::Known("/block".into()),
        };
        assert!(blocks.behind(t, t + 9 * SECOND, SECOND).is_none());
        blocks.go_on(t + SECOND, 2, 30, || by.clone());
        let again = blocks.go_on(t + 3 * SECOND, 1, 38, || unreachable!());
        assert_eq!(*again, by);
        blocks.end(t + 5 * SECOND);
        blocks.end(t + 8 * SECOND);

        let (who, said) = blocks.behind(t, t + 6 * SECOND, 3 * SECOND).unwrap();
        assert_eq!(*who, by);
        assert_eq!((said.lasted(), said.threads(), said.waited()), (4 * SECOND, 2, 38));
        // Slow by itself, or after it.
        assert!(blocks.behind(t, t + 8 * SECOND, 3 * SECOND).is_none());
        assert!(blocks.behind(t + 5 * SECOND, t + 6 * SECOND, 3 * SECOND).is_none());
        assert_eq!(blocks.last_by(&by, t + 9 * SECOND), Some(said));
    }

    #[test]
    fn only_the_last_ones_are_remembered() {
        let (blocks, t) = (Blocks::default(), Instant::now());
        let by = Endpoint { method: MethodName::OTHER, route: Route::Unmatched };
        for n in 0..40 {
            blocks.go_on(t + n * SECOND, 2, 0, || by.clone());
            blocks.end(t + n * SECOND);
        }
        assert_eq!(relock(&blocks.0).len(), REMEMBERED);
    }
}
