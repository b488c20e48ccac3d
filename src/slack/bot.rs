//! [`Bot`]: Slack's Web API with a bot token. It posts, edits and replies.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::delivery::{BoxFuture, Capabilities, Delivery, DeliveryError, Op, Receipt, Transport};

use super::answers::{self, Speaker};
use super::secrets::ApiBase;
use super::{BotToken, HttpClient, Renderer};

/// A bot in a channel.
pub(crate) struct Bot {
    token: BotToken,
    channel: String,
    api: ApiBase,
    client: Arc<HttpClient>,
    renderer: Renderer,
}

impl Bot {
    pub(crate) fn new(
        token: BotToken,
        channel: String,
        api: ApiBase,
        client: Arc<HttpClient>,
        renderer: Renderer,
    ) -> Self {
        Bot { token, channel, api, client, renderer }
    }

    async fn call(
        &self,
        method: &str,
        payload: Map<String, Value>,
    ) -> Result<Receipt, DeliveryError> {
        let (url, body) = (self.api.method(method), Value::Object(payload).to_string());
        let answer = self.client.post(&url, Some(&self.token), body).await?;
        answers::read(Speaker::Api, &answer, SystemTime::now())
    }
}

impl Transport for Bot {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().edit().thread()
    }

    fn deliver<'a>(
        &'a self,
        delivery: Delivery<'a>,
    ) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        Box::pin(async move {
            let message = self.renderer.render(delivery.view(), delivery.op()).await;
            let mut payload = message.payload(delivery.form());
            let mut set = |name: &str, value: &str| {
                payload.insert(name.to_owned(), Value::from(value));
            };
            // An edit needs the channel's id, which the post returned.
            let method = match delivery.op() {
                Op::Post => {
                    set("channel", &self.channel);
                    "chat.postMessage"
                }
                Op::Update(message) => {
                    set("channel", message.channel());
                    set("ts", message.ts());
                    "chat.update"
                }
                Op::Reply(parent) => {
                    set("channel", parent.channel());
                    set("thread_ts", parent.ts());
                    payload.insert("reply_broadcast".to_owned(), delivery.broadcast().into());
                    "chat.postMessage"
                }
            };
            self.call(method, payload).await
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), DeliveryError>> {
        Box::pin(async move { self.call("auth.test", Map::new()).await.map(|_| ()) })
    }
}
