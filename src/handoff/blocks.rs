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
    /// while so many requests wait. `by` says who does it, the longest first.
    pub(crate) fn go_on(
        &self,
        began: Instant,
        now: Instant,
        (threads, waited): (u32, u32),
        by: &[Endpoint],
    ) -> Option<Arc<Endpoint>> {
        let mut blocks = relock(&self.0);
        if let Some(block) = blocks.last_mut().filter(|block| block.ended.is_none()) {
            if by.contains(&block.by) {
                block.threads = block.threads.max(threads);
                block.waited = block.waited.max(waited);
                return Some(Arc::clone(&block.by));
            }
            // Others do it now.
            block.ended = Some(now);
        }
        let before = blocks.last().and_then(|block| block.ended);
        let began = before.map_or(began, |before| began.max(before));
        if blocks.len() >= REMEMBERED {
            blocks.remove(0);
        }
        let by = Arc::new(by.first()?.clone());
        blocks.push(Block { by: Arc::clone(&by), began, ended: None, threads, waited });
        Some(by)
    }

    /// It is not blocked any more.
    pub(crate) fn end(&self, now: Instant) {
        if let Some(block) = relock(&self.0).last_mut() {
            block.ended.get_or_insert(now);
        }
    }

    /// Whether it is blocked, as far as is known.
    pub(crate) fn is_under_way(&self) -> bool {
        relock(&self.0).last().is_some_and(|block| block.ended.is_none())
    }

    /// How much of the time from `since` to `now` it was blocked.
    pub(crate) fn lost(&self, since: Instant, now: Instant) -> Duration {
        relock(&self.0).iter().map(|block| block.within(since, now)).sum()
    }

    /// Who kept a request waiting, if it would have taken less than `slow`
    /// without that: one that was not polled for `waited` at a time.
    pub(crate) fn behind(
        &self,
        since: Instant,
        now: Instant,
        slow: Duration,
        waited: Duration,
    ) -> Option<Arc<Endpoint>> {
        let took = now.saturating_duration_since(since);
        let blocks = relock(&self.0);
        let lost: Duration = blocks.iter().map(|block| block.within(since, now)).sum();
        if took.saturating_sub(lost) >= slow {
            return None;
        }
        let longest = blocks.iter().max_by_key(|block| block.within(since, now))?;
        let within = longest.within(since, now);
        (!within.is_zero() && waited >= within).then(|| Arc::clone(&longest.by))
    }

    /// The last block by `by`, and how many there were since then, as far as is
    /// remembered.
    pub(crate) fn by(
        &self,
        by: &Endpoint,
        since: Instant,
        now: Instant,
    ) -> Option<(Blocked, usize)> {
        let blocks = relock(&self.0);
        let own = || blocks.iter().filter(|block| *block.by == *by);
        let count = own().filter(|block| block.until(now) >= since).count();
        Some((own().next_back()?.said(now), count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{MethodName, Route};

    const SECOND: Duration = Duration::from_secs(1);

    fn endpoint(route: &str) -> Endpoint {
        let method = MethodName::of(&http::Method::GET);
        Endpoint { method, route: Route::Known(route.into()) }
    }

    #[test]
    fn who_would_not_have_been_slow_waited() {
        let (blocks, t, by) = (Blocks::default(), Instant::now(), endpoint("/block"));
        let long = Duration::MAX;
        assert!(blocks.behind(t, t + 9 * SECOND, SECOND, long).is_none());
        blocks.go_on(t + SECOND, t + 2 * SECOND, (2, 30), std::slice::from_ref(&by));
        let others = [endpoint("/else"), by.clone()];
        let again = blocks.go_on(t + 2 * SECOND, t + 3 * SECOND, (1, 38), &others);
        assert_eq!(again.as_deref(), Some(&by));
        assert!(blocks.is_under_way());
        blocks.end(t + 5 * SECOND);
        blocks.end(t + 8 * SECOND);
        assert!(!blocks.is_under_way());

        let behind = |since, now, waited| blocks.behind(since, now, 3 * SECOND, waited);
        assert_eq!(behind(t, t + 6 * SECOND, long).as_deref(), Some(&by));
        let (said, count) = blocks.by(&by, t, t + 9 * SECOND).unwrap();
        assert_eq!((said.lasted(), said.threads(), said.waited()), (4 * SECOND, 2, 38));
        assert_eq!(count, 1);
        // Slow by itself, or after it, or it was polled meanwhile.
        assert!(behind(t, t + 8 * SECOND, long).is_none());
        assert!(behind(t + 5 * SECOND, t + 6 * SECOND, long).is_none());
        assert!(behind(t, t + 6 * SECOND, 3 * SECOND).is_none());
    }

    #[test]
    fn when_others_go_on_it_is_another_block() {
        let (blocks, t) = (Blocks::default(), Instant::now());
        let (x, y) = (endpoint("/x"), endpoint("/y"));
        blocks.go_on(t, t + SECOND, (2, 0), &[x.clone(), y.clone()]);
        let next = blocks.go_on(t, t + 4 * SECOND, (2, 0), std::slice::from_ref(&y));
        assert_eq!(next.as_deref(), Some(&y));
        // It begins where the other one ended.
        let lasted = |by| blocks.by(by, t, t + 6 * SECOND).unwrap().0.lasted();
        assert_eq!((lasted(&x), lasted(&y)), (4 * SECOND, 2 * SECOND));
        assert_eq!(blocks.lost(t, t + 6 * SECOND), 6 * SECOND);
    }

    #[test]
    fn only_the_last_ones_are_remembered() {
        let (blocks, t) = (Blocks::default(), Instant::now());
        for n in 0..40 {
            blocks.go_on(t + n * SECOND, t + n * SECOND, (2, 0), &[endpoint("/x")]);
            blocks.end(t + n * SECOND);
        }
        assert_eq!(relock(&blocks.0).len(), REMEMBERED);
    }
}
