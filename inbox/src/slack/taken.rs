//! [`Taken`]: a request as it is remembered if it brings no message.

use std::time::SystemTime;

use serde_json::{Map, Value};

use super::problems;
use crate::fault::Fault;
use crate::refusal::Refusal;
use crate::store::{Refused, Request, Store};
use crate::via::Via;

/// A request as it is remembered if it brings no message.
pub(crate) struct Taken<'a> {
    store: &'a Store,
    path: &'a str,
    via: Via,
    body: &'a [u8],
    channel: Option<String>,
    message: Option<(Map<String, Value>, bool)>,
}

impl<'a> Taken<'a> {
    pub(crate) fn new(store: &'a Store, path: &'a str, via: Via, body: &'a [u8]) -> Self {
        Taken { store, path, via, body, channel: None, message: None }
    }

    /// The channel that it was meant for, by name or id.
    pub(crate) fn for_channel(mut self, channel: &str) -> Self {
        self.channel = self.store.channel(channel);
        self
    }

    /// It was to bring this message, or this edit.
    pub(crate) fn bringing(mut self, message: &Map<String, Value>, is_update: bool) -> Self {
        self.message = Some((message.clone(), is_update));
        self
    }

    /// It met a fault.
    pub(crate) fn met(self, fault: &Fault) {
        self.remember(fault.outcome(), Vec::new(), true);
    }

    /// It broke a rule.
    pub(crate) fn refused(self, refusal: &Refusal) {
        self.remember(refusal.error.to_owned(), refusal.details.clone(), false);
    }

    fn remember(self, outcome: String, details: Vec<String>, is_fault: bool) {
        let store = self.store;
        store.refuse(Refused {
            number: 0,
            at: SystemTime::now(),
            path: Request::path_of(self.path),
            channel: self.channel,
            outcome,
            details,
            problems: self
                .message
                .map(|(message, is_update)| problems(&message, self.via, is_update)),
            is_fault,
            body: Refused::body_of(self.body),
        });
    }
}
