//! Decides whether something is told: the engine, its incidents, and the view
//! of one that a message is made from. Sans-IO: time and facts in, actions and
//! a deadline out.

mod broadcast;
mod budget;
mod engine;
mod id;
#[allow(clippy::module_inception)]
mod incident;
mod input;
mod mention;
mod message_ref;
mod moment;
mod policy;
mod shared;
mod silence;
mod telling;
mod view;

pub use broadcast::Broadcast;
pub use id::IncidentId;
pub use mention::{Mention, MentionRule};
pub use message_ref::MessageRef;
pub use moment::{Ending, Moment};
pub use policy::IncidentPolicy;
pub use shared::{ReplicaId, Shared, Totals};
pub use silence::{Matcher, Silence};
pub use view::{IncidentView, ViewRow};

pub(crate) use engine::{Engine, Role};
pub(crate) use input::{
    Action, Carried, DestinationIndex, Input, Manner, Observed, SentOutcome, StillRunning, Subject,
    Urgency,
};
pub(crate) use policy::TellAfter;
pub(crate) use view::Placement;
