//! [`Transport`]: how a message gets to where people read it.

use std::future::Future;
use std::pin::Pin;

use crate::incident::{IncidentView, MessageRef, Placement};

use super::DeliveryError;

/// A boxed future, so that [`Transport`] is object-safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a message gets to where people read it.
///
/// The crate has transports for Slack's webhooks and Web API. Write your own
/// to tell something else; it runs on a thread of its own, one delivery at a
/// time, where it has 10 seconds, and a panic is caught.
///
/// ```
/// use tower_slack_alert::{
///     BoxFuture, Delivery, DeliveryError, Destination, Receipt, Transport,
/// };
///
/// struct Stderr;
///
/// impl Transport for Stderr {
///     fn deliver<'a>(
///         &'a self,
///         delivery: Delivery<'a>,
///     ) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
///         Box::pin(async move {
///             eprintln!("{} × {}", delivery.view().counts().total(), delivery.view().key());
///             Ok(Receipt::new())
///         })
///     }
/// }
///
/// let destination = Destination::transport(Stderr);
/// # let _ = destination;
/// ```
pub trait Transport: Send + Sync + 'static {
    /// What it can do beyond posting. Asked once, at the start.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Delivers one message. The future is dropped when it takes too long; code
    /// that blocks is abandoned, and not called again until it has returned.
    fn deliver<'a>(
        &'a self,
        delivery: Delivery<'a>,
    ) -> BoxFuture<'a, Result<Receipt, DeliveryError>>;

    /// Finds out whether it would work, without posting anything.
    fn check(&self) -> BoxFuture<'_, Result<(), DeliveryError>> {
        Box::pin(async { Ok(()) })
    }
}

/// What a [`Transport`] can do beyond posting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Capabilities {
    edit: bool,
    thread: bool,
}

impl Capabilities {
    /// Nothing beyond posting.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// It can edit what it posted: it takes [`Op::Update`].
    #[must_use]
    pub fn edit(mut self) -> Self {
        self.edit = true;
        self
    }

    /// It can reply to what it posted: it takes [`Op::Reply`].
    #[must_use]
    pub fn thread(mut self) -> Self {
        self.thread = true;
        self
    }

    /// Whether it can edit.
    #[must_use]
    pub fn can_edit(&self) -> bool {
        self.edit
    }

    /// Whether it can reply.
    #[must_use]
    pub fn can_thread(&self) -> bool {
        self.thread
    }
}

/// One message to deliver: what to do, and the state to tell.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    op: Op<'a>,
    view: &'a IncidentView,
    form: Form,
    broadcast: bool,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(placement: &'a Placement, view: &'a IncidentView, form: Form) -> Self {
        let op = match placement {
            Placement::New => Op::Post,
            Placement::Edit(message) => Op::Update(message),
            Placement::Reply { parent, .. } => Op::Reply(parent),
        };
        let broadcast = matches!(placement, Placement::Reply { broadcast: true, .. });
        Delivery { op, view, form, broadcast }
    }

    /// What to do.
    #[must_use]
    pub fn op(&self) -> Op<'a> {
        self.op
    }

    /// The state to tell.
    #[must_use]
    pub fn view(&self) -> &'a IncidentView {
        self.view
    }

    /// How much of a message to make of it.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Whether a reply is to be shown to the whole channel as well.
    #[must_use]
    pub fn broadcast(&self) -> bool {
        self.broadcast
    }
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op<'a> {
    /// A new message.
    Post,
    /// In place of this one.
    Update(&'a MessageRef),
    /// In this one's thread.
    Reply(&'a MessageRef),
}

/// How much of a message to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Form {
    /// The headline and its card.
    #[default]
    Full,
    /// The headline as plain text, after the full form was refused.
    TextOnly,
}

/// What came back from a delivery that worked.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Receipt {
    reference: Option<MessageRef>,
}

impl Receipt {
    /// It was delivered, and can't be edited.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// It was delivered, and this is how to find it again.
    #[must_use]
    pub fn with_reference(reference: MessageRef) -> Self {
        Receipt { reference: Some(reference) }
    }

    /// How to find the message again.
    #[must_use]
    pub fn reference(&self) -> Option<&MessageRef> {
        self.reference.as_ref()
    }

    pub(crate) fn into_reference(self) -> Option<MessageRef> {
        self.reference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plain;

    impl Transport for Plain {
        fn deliver<'a>(&'a self, _: Delivery<'a>) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
            Box::pin(async { Ok(Receipt::new()) })
        }
    }

    #[test]
    fn can_do_what_it_says_and_no_more() {
        let can = |can: Capabilities| (can.can_edit(), can.can_thread());
        assert_eq!(can(Plain.capabilities()), (false, false));
        assert_eq!(can(Capabilities::new().edit()), (true, false));
        assert_eq!(can(Capabilities::new().thread()), (false, true));
        assert_eq!(can(Capabilities::new().edit().thread()), (true, true));
    }

    #[test]
    fn a_receipt_keeps_its_reference() {
        let message = MessageRef::new("C1", "1.0");
        let receipt = Receipt::with_reference(message.clone());
        assert_eq!(receipt.reference(), Some(&message));
        assert_eq!(receipt.into_reference(), Some(message));
        assert_eq!(Receipt::new().into_reference(), None);
    }
}
