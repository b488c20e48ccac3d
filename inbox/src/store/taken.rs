//! [`Taken`]: a request as it is remembered if it brings no message.

use std::time::SystemTime;

use axum::body::Bytes;

use super::{Refused, Store, Via};
use crate::fault::Fault;
use crate::refusal::Refusal;

/// A request as it is remembered if it brings no message.
pub(crate) struct Taken<'a> {
    store: &'a Store,
    path: &'a str,
    via: Via,
    body: &'a Bytes,
    channel: Option<String>,
}

impl<'a> Taken<'a> {
    pub(crate) fn new(store: &'a Store, path: &'a str, via: Via, body: &'a Bytes) -> Self {
        Taken { store, path, via, body, channel: None }
    }

    /// The channel that it was meant for, if that is known.
    pub(crate) fn for_channel(mut self, channel: Option<&str>) -> Self {
        self.channel = channel.map(ToOwned::to_owned);
        self
    }

    /// It met a fault.
    pub(crate) fn met(&self, fault: &Fault) {
        self.remember(fault.outcome(), true);
    }

    /// It broke a rule.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        let mut outcome = refusal.error.to_owned();
        for detail in &refusal.details {
            outcome.push(' ');
            outcome.push_str(detail);
        }
        self.remember(outcome, false);
    }

    fn remember(&self, outcome: String, is_fault: bool) {
        self.store.refuse(Refused {
            number: 0,
            at: SystemTime::now(),
            path: self.path.to_owned(),
            via: self.via,
            channel: self.channel.clone(),
            outcome,
            is_fault,
            body: Refused::body_of(self.body),
        });
    }
}
