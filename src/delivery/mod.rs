//! Decides when something is told, and defines how: transports, the outbox,
//! pace, retries and the circuit. Sans-IO but for the trait's futures.

mod error;
mod lane;
mod outbox;
mod pace;
mod retry;
mod transport;

pub use error::DeliveryError;
pub use transport::{BoxFuture, Capabilities, Delivery, Form, Op, Receipt, Transport};

#[cfg(test)]
pub(crate) use error::Class;
pub(crate) use lane::{Dispatch, Health, Resolution};
pub(crate) use outbox::Outbox;
pub(crate) use retry::retry_after;
