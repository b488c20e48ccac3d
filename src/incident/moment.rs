//! [`Moment`] and [`Ending`]: at which moment of its life an incident is told.

use std::time::SystemTime;

/// At which moment of its life an incident is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Moment {
    /// The first word about it, in full.
    First,
    /// More of the same since the last message: a digest or an edit.
    Progress,
    /// A worse kind joined.
    Worse,
    /// Its count passed the next power of ten.
    Grown,
    /// It goes on for long.
    Reminder,
    /// It had ended, and is back.
    Again,
    /// It has ended.
    Ended,
    /// It goes on as part of another incident.
    Joined,
    /// The channel has been told enough for a while; this says what is held.
    Holding,
    /// Nothing could be delivered for a while; this says for how long.
    Outage,
    /// What has no room in its message: a reply below it.
    Details,
    /// A silence is over; this says what it held.
    SilenceOver,
    /// The process stops watching it.
    Stopped,
    /// A message that somebody asked for to see that it arrives.
    Test,
}

/// How an incident ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// Requests were answered after its last observation, on each of its routes,
    /// and it did not happen again.
    Recovered {
        /// How many were answered.
        requests: u64,
        /// How many of them failed in another way.
        failed: u64,
    },
    /// As [`Recovered`](Ending::Recovered), but for some of those that are told
    /// as one: [`ViewRow::is_proven`](crate::ViewRow::is_proven) says for which.
    Partly {
        /// How many were answered.
        requests: u64,
        /// How many of them failed in another way.
        failed: u64,
        /// For how many of them nothing is proven.
        unproven: usize,
    },
    /// No request came since then, or none was answered and none was told: so
    /// nothing is proven.
    Quiet {
        /// When it was last observed.
        since: SystemTime,
    },
    /// It has not been observed since then; whether it could have been is not
    /// known, as for a panic on several routes, or where requests hang or were
    /// given up.
    Unseen {
        /// When it was last observed.
        since: SystemTime,
    },
}
