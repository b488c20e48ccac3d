//! [`Destination`]: what a destination is to the engine.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::observation::Account;

use super::super::budget::{Budget, Weight};
use super::super::telling::Asked;
use super::{IncidentId, IncidentPolicy, Mention, MessageRef, Subject};

/// What a destination can do, and whether it speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) can_edit: bool,
    pub(crate) can_reply: bool,
    /// It speaks only when nobody else can.
    pub(crate) is_fallback: bool,
}

/// What a destination is to the engine.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) can_edit: bool,
    pub(super) can_reply: bool,
    pub(super) stands_by: bool,
    pub(super) account: Account,
    pub(super) budget: Budget,
    /// Places of messages on their way whose subject is gone.
    pub(super) of_gone: HashMap<Subject, Weight>,
    /// Which part of a step its series are late by, so that replicas take turns.
    pub(super) phase: f64,
    /// The action to say the last words is out and not answered.
    pub(super) farewell: Option<Asked>,
    pub(super) outage: Option<Outage>,
    pub(super) holding: Holding,
    /// Our own thread did not run for so long, and that has not been said.
    pub(super) gap: Option<Duration>,
    /// Who was mentioned last when, and for how bad a kind.
    pub(super) mentioned: HashMap<Mention, (Instant, u8)>,
}

/// Nothing could be delivered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    pub(super) since: Instant,
    pub(super) asked: Option<Asked>,
}

/// What the budget holds.
#[derive(Debug, Default)]
pub(super) struct Holding {
    pub(super) incidents: Vec<IncidentId>,
    pub(super) asked: Option<Asked>,
    pub(super) message: Option<MessageRef>,
    pub(super) last: Option<Instant>,
    /// How many incidents and observations the last message said.
    pub(super) shown: Option<(usize, u64)>,
}

impl Destination {
    pub(super) fn new(role: Role, policy: &IncidentPolicy, phase: f64) -> Self {
        Destination {
            can_edit: role.can_edit,
            can_reply: role.can_reply,
            stands_by: role.is_fallback,
            account: Account::default(),
            budget: Budget::new(policy),
            of_gone: HashMap::new(),
            phase: if policy.replicas > 1 { phase } else { 0.0 },
            farewell: None,
            outage: None,
            holding: Holding::default(),
            gap: None,
            mentioned: HashMap::new(),
        }
    }

    /// What `subject` names goes while a message about it is on its way, which
    /// keeps its place in the budget.
    pub(super) fn keep_place(&mut self, subject: Subject, asked: Option<Asked>) {
        if let Some(weight) = asked.and_then(|asked| asked.weight) {
            self.of_gone.insert(subject, weight);
        }
    }

    /// Takes a place in the budget.
    pub(super) fn ask(&mut self, weight: Weight) -> Asked {
        self.budget.take(weight);
        Asked { is_visible: true, weight: Some(weight) }
    }
}
