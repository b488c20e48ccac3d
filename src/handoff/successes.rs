//! [`Successes`]: how many requests went well where something is wrong.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::observation::lock::relock;
use crate::observation::{Endpoint, MethodName, RouteRef};

use super::stripe::Striped;

/// How many requests went well on the endpoints of open incidents.
///
/// While there are none, a request that went well pays one relaxed load. Else
/// it pays a lock that only its own thread takes, and no allocation.
#[derive(Debug)]
pub(crate) struct Successes {
    hasher: RandomState,
    watching: AtomicBool,
    stripes: Striped<HashMap<u64, u64>>,
    watched: Mutex<Vec<(u64, Endpoint)>>,
}

impl Successes {
    pub(crate) fn new() -> Self {
        Successes {
            hasher: RandomState::new(),
            watching: AtomicBool::new(false),
            stripes: Striped::new(HashMap::new),
            watched: Mutex::default(),
        }
    }

    /// Whether anybody wants to know.
    #[inline]
    pub(crate) fn are_counted(&self) -> bool {
        self.watching.load(Ordering::Relaxed)
    }

    /// Counts a request, if its endpoint is watched.
    pub(crate) fn count(&self, method: MethodName, route: RouteRef<'_>) {
        let hash = self.hash(method, route);
        if let Some(count) = relock(self.stripes.at(self.stripes.here())).get_mut(&hash) {
            *count += 1;
        }
    }

    /// Watches these endpoints, and no others.
    pub(crate) fn watch(&self, endpoints: &[Endpoint]) {
        let hashed = |endpoint: &Endpoint| {
            (self.hash(endpoint.method, (&endpoint.route).into()), endpoint.clone())
        };
        let watched: Vec<(u64, Endpoint)> = endpoints.iter().map(hashed).collect();
        for stripe in self.stripes.iter() {
            let mut stripe = relock(stripe);
            stripe.retain(|hash, _| watched.iter().any(|(wanted, _)| wanted == hash));
            for (hash, _) in &watched {
                stripe.entry(*hash).or_insert(0);
            }
        }
        self.watching.store(!watched.is_empty(), Ordering::Relaxed);
        *relock(&self.watched) = watched;
    }

    /// What was counted since the last time.
    pub(crate) fn take(&self) -> Vec<(Endpoint, u64)> {
        if !self.are_counted() {
            return Vec::new();
        }
        let watched = relock(&self.watched);
        let mut sums = vec![0; watched.len()];
        for stripe in self.stripes.iter() {
            let mut stripe = relock(stripe);
            for ((hash, _), sum) in watched.iter().zip(&mut sums) {
                *sum += stripe.get_mut(hash).map(std::mem::take).unwrap_or_default();
            }
        }
        let counted = watched.iter().map(|(_, endpoint)| endpoint.clone()).zip(sums);
        counted.filter(|(_, sum)| *sum > 0).collect()
    }

    fn hash(&self, method: MethodName, route: RouteRef<'_>) -> u64 {
        self.hasher.hash_one((method, route))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Route;

    #[test]
    fn only_what_is_watched_counts() {
        let successes = Successes::new();
        let get = MethodName::of(&http::Method::GET);
        let endpoint = Endpoint { method: get, route: Route::Known("/a".into()) };
        successes.count(get, RouteRef::Known("/a"));
        assert!(!successes.are_counted());
        successes.watch(std::slice::from_ref(&endpoint));
        assert!(successes.are_counted());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        successes.count(get, RouteRef::Known("/a"));
                        successes.count(get, RouteRef::Known("/b"));
                        successes.count(MethodName::OTHER, RouteRef::Known("/a"));
                    }
                });
            }
        });
        assert_eq!(successes.take(), [(endpoint, 4_000)]);
        assert_eq!(successes.take(), []);
        successes.watch(&[]);
        assert!(!successes.are_counted());
    }
}
