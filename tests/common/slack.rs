//! Layers that report to a local Slack.

use std::convert::Infallible;
use std::future::ready;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Empty;
use slack_inbox::Inbox;
use tower::{Layer, ServiceExt, service_fn};
use tower_slack_alert::{
    AlertConfig, AlertConfigBuilder, AlertHandle, Destination, SlackAlertLayer,
};

use super::{get, response};

pub(crate) type Answer = Result<Response<Empty<&'static [u8]>>, Infallible>;

pub(crate) fn webhook(inbox: &Inbox) -> AlertConfigBuilder {
    named(AlertConfig::webhook(inbox.webhook_url()))
}

pub(crate) fn bot(inbox: &Inbox) -> AlertConfigBuilder {
    let destination = Destination::bot("xoxb-local", "alerts").api_url(inbox.api_url());
    named(AlertConfig::builder(destination))
}

fn named(config: AlertConfigBuilder) -> AlertConfigBuilder {
    config.service("shop-api").environment("production").request_timeout(Duration::from_millis(500))
}

pub(crate) fn start(config: AlertConfigBuilder) -> (SlackAlertLayer, AlertHandle) {
    let layer = SlackAlertLayer::new(config.build().unwrap());
    let handle = layer.handle();
    (layer, handle)
}

/// One request that is answered with this status.
pub(crate) async fn answer(layer: &SlackAlertLayer, path: &str, status: u16) {
    let service = layer
        .layer(service_fn(move |_: Request<()>| ready(Answer::Ok(response(status, Empty::new())))));
    drop(service.oneshot(get(path)).await.unwrap());
}
