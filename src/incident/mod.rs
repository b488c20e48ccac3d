//! Decides whether something is told: the engine, its incidents, and the view
//! of one that a message is made from. Sans-IO: time and facts in, actions and
//! a deadline out.

mod engine;
mod id;
#[allow(clippy::module_inception)]
mod incident;
mod input;
mod message_ref;
mod policy;
mod shared;
mod silence;
mod view;

pub use id::IncidentId;
pub use message_ref::MessageRef;
pub use policy::IncidentPolicy;
pub use shared::{ReplicaId, Shared, Totals};
pub use silence::Matcher;
pub use view::{IncidentView, Moment, ViewRow};

pub(crate) use engine::{Engine, Role};
pub(crate) use input::{
    Action, Carried, DestinationIndex, Input, Observed, SentOutcome, Subject, Urgency,
};
pub(crate) use policy::TellAfter;
pub(crate) use view::Placement;
