//! [`Webhook`]: Slack's incoming webhooks. They post and do nothing else.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use crate::delivery::{BoxFuture, Delivery, DeliveryError, Op, Receipt, Transport};

use super::answers::{self, Speaker};
use super::{HttpClient, Renderer, WebhookUrl};

/// An incoming webhook.
pub(crate) struct Webhook {
    url: WebhookUrl,
    client: Arc<HttpClient>,
    renderer: Renderer,
}

impl Webhook {
    pub(crate) fn new(url: WebhookUrl, client: Arc<HttpClient>, renderer: Renderer) -> Self {
        Webhook { url, client, renderer }
    }
}

impl Transport for Webhook {
    fn deliver<'a>(
        &'a self,
        delivery: Delivery<'a>,
    ) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        Box::pin(async move {
            let message = self.renderer.render(delivery.view(), Op::Post).await;
            let payload = Value::Object(message.payload(delivery.form())).to_string();
            let answer = self.client.post(self.url.expose(), None, payload).await?;
            answers::read(Speaker::Webhook, &answer, SystemTime::now())
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), DeliveryError>> {
        Box::pin(async move {
            let answer = self.client.post(self.url.expose(), None, "{}".to_owned()).await?;
            answers::read_webhook_check(&answer, SystemTime::now())
        })
    }
}
