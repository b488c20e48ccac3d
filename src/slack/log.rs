//! [`Log`]: the dry run. Writes each message to `tracing` and sends nothing.

use crate::delivery::{BoxFuture, Delivery, DeliveryError, Receipt, Transport};

use super::message::render;

/// Writes each message, as people would read it, to `tracing` at INFO.
pub(crate) struct Log;

impl Transport for Log {
    fn deliver<'a>(
        &'a self,
        delivery: Delivery<'a>,
    ) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        Box::pin(async move {
            let message = render(delivery.view(), delivery.op());
            tracing::info!(
                target: "tower_slack_alert::dry_run",
                message = %message.to_plain(),
            );
            Ok(Receipt::new())
        })
    }
}
