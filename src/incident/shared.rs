//! [`Shared`]: what replicas would share of an incident, and how it merges.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::MessageRef;

/// Names a replica.
pub type ReplicaId = String;

/// What replicas would share of an incident through a store. There is no store
/// yet; this is what one will hold. Each replica
/// publishes its own cumulative totals; merging takes, for each replica and
/// boot, the larger one, so that merging is commutative, associative and
/// idempotent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    per_replica: BTreeMap<(ReplicaId, u64), Totals>,
    message: Option<(u64, MessageRef)>,
}

/// One replica's cumulative totals of an incident, since a boot of its.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Observations.
    pub total: u64,
    /// Requests on the route that went well.
    pub successes: u64,
    /// The first observation, by the replica's wall clock.
    pub first: SystemTime,
    /// The last one.
    pub last: SystemTime,
    /// The longest request.
    pub slowest: Duration,
}

impl Shared {
    /// Publishes a replica's totals; `boot` grows with each start of it.
    pub fn publish(&mut self, replica: impl Into<ReplicaId>, boot: u64, totals: Totals) {
        let replica = Shared {
            per_replica: BTreeMap::from([((replica.into(), boot), totals)]),
            message: None,
        };
        self.merge(&replica);
    }

    /// Names the message that tells the incident; the highest version stands.
    pub fn set_message(&mut self, version: u64, message: MessageRef) {
        self.merge(&Shared { per_replica: BTreeMap::new(), message: Some((version, message)) });
    }

    /// The message that tells the incident, if there is one.
    #[must_use]
    pub fn message(&self) -> Option<&MessageRef> {
        self.message.as_ref().map(|(_, message)| message)
    }

    /// The sum over all replicas and boots.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.per_replica.values().fold(0, |sum, totals| sum.saturating_add(totals.total))
    }

    /// Takes in what another replica knows.
    pub fn merge(&mut self, other: &Shared) {
        for (replica, theirs) in &other.per_replica {
            self.per_replica
                .entry(replica.clone())
                .and_modify(|ours| ours.merge(theirs))
                .or_insert(*theirs);
        }
        let newer = |(version, message): &(u64, MessageRef)| {
            (*version, message.channel().to_owned(), message.ts().to_owned())
        };
        if other.message.as_ref().map(newer) > self.message.as_ref().map(newer) {
            self.message.clone_from(&other.message);
        }
    }
}

impl Totals {
    fn merge(&mut self, other: &Totals) {
        self.total = self.total.max(other.total);
        self.successes = self.successes.max(other.successes);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.slowest = self.slowest.max(other.slowest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shared() -> impl Strategy<Value = Shared> {
        let at = |n| SystemTime::UNIX_EPOCH + Duration::from_secs(n);
        let totals =
            (0u64..50, 0u64..50, 0u64..50, 0u64..50).prop_map(move |(a, b, c, d)| Totals {
                total: a,
                successes: b,
                first: at(c.min(d)),
                last: at(c.max(d)),
                slowest: Duration::from_millis(b),
            });
        let replicas = proptest::collection::vec((0u8..4, 0u64..3, totals), 0..6);
        (replicas, proptest::option::of((0u64..3, 0u8..3))).prop_map(|(replicas, message)| {
            let mut shared = Shared::default();
            for (replica, boot, totals) in replicas {
                shared.publish(format!("pod-{replica}"), boot, totals);
            }
            if let Some((version, ts)) = message {
                shared.set_message(version, MessageRef::new("C1", ts.to_string()));
            }
            shared
        })
    }

    fn merged(a: &Shared, b: &Shared) -> Shared {
        let mut a = a.clone();
        a.merge(b);
        a
    }

    #[test]
    fn the_total_is_of_all_replicas_and_boots() {
        let at = SystemTime::UNIX_EPOCH;
        let totals =
            |total| Totals { total, successes: 1, first: at, last: at, slowest: Duration::ZERO };
        let mut shared = Shared::default();
        assert_eq!((shared.total(), shared.message()), (0, None));
        shared.publish("pod-1", 1, totals(5));
        shared.publish("pod-1", 2, totals(70));
        shared.publish("pod-2", 1, totals(200));
        // A replica's later totals contain its earlier ones.
        shared.publish("pod-2", 1, totals(300));
        assert_eq!(shared.total(), 375);
        shared.set_message(2, MessageRef::new("C1", "1.2"));
        shared.set_message(1, MessageRef::new("C1", "9.9"));
        assert_eq!(shared.message(), Some(&MessageRef::new("C1", "1.2")));
    }

    proptest! {
        #[test]
        fn merging_is_a_join(a in shared(), b in shared(), c in shared()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &a), a);
        }
    }
}
