//! [`Runner`]: carries out one attempt at a destination, off the driver's own
//! path.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};

use crate::delivery::{Delivery, DeliveryError, Form, Receipt};
use crate::incident::{Carried, DestinationIndex, IncidentView, Placement, Subject};
use crate::slack::render_built_in;

use super::channel::Channel;
use super::gauges::Gauges;

/// An attempt came to an end.
pub(super) struct Ended {
    pub(super) destination: DestinationIndex,
    pub(super) what: Attempt,
}

/// What was attempted, and how it ended.
pub(super) enum Attempt {
    Sent {
        subject: Subject,
        carried: Carried,
        headline: String,
        result: Result<Receipt, DeliveryError>,
    },
    Probed(Result<(), DeliveryError>),
    Tested(Result<(), DeliveryError>),
}

/// Carries out one attempt, as a task that always says how it ended.
pub(super) struct Runner {
    destination: DestinationIndex,
    channel: Channel,
    ended: mpsc::UnboundedSender<Ended>,
}

impl Runner {
    pub(super) fn new(
        destination: DestinationIndex,
        channel: Channel,
        ended: mpsc::UnboundedSender<Ended>,
    ) -> Self {
        Runner { destination, channel, ended }
    }

    /// Finds out whether the destination works again.
    pub(super) fn probe(self) {
        tokio::spawn(async move {
            let channel = self.channel;
            let probed = guarded(async move { channel.check().await }).await;
            let what = Attempt::Probed(probed);
            let _ = self.ended.send(Ended { destination: self.destination, what });
        });
    }

    /// Sends a test message.
    pub(super) fn test(self, view: IncidentView) {
        tokio::spawn(async move {
            let channel = self.channel;
            let sent = guarded(async move {
                channel.deliver(view, Placement::New, Form::Full).await.map(|_| ())
            });
            let what = Attempt::Tested(sent.await);
            let _ = self.ended.send(Ended { destination: self.destination, what });
        });
    }

    /// Sends a message, and says its headline for the record.
    pub(super) fn send(
        self,
        subject: Subject,
        carried: Carried,
        mut view: IncidentView,
        placement: Placement,
        form: Form,
        gauges: Option<Gauges>,
    ) {
        tokio::spawn(async move {
            let (headline, said) = oneshot::channel();
            let channel = self.channel;
            let result = guarded(async move {
                if let Some(gauges) = gauges {
                    view.gauges = gauges.read().await;
                }
                let op = Delivery::new(&placement, &view, form).op();
                let _ = headline.send(render_built_in(&view, op).headline());
                channel.deliver(view, placement, form).await
            })
            .await;
            let headline = said.await.unwrap_or_default();
            let what = Attempt::Sent { subject, carried, headline, result };
            let _ = self.ended.send(Ended { destination: self.destination, what });
        });
    }
}

/// Runs an attempt so that it comes to an end also when it panics.
pub(super) async fn guarded<T: Send + 'static>(
    attempt: impl Future<Output = Result<T, DeliveryError>> + Send + 'static,
) -> Result<T, DeliveryError> {
    tokio::spawn(attempt).await.unwrap_or_else(|_| Err(panicked()))
}

pub(super) fn panicked() -> DeliveryError {
    DeliveryError::unknown_outcome().because("panicked")
}
