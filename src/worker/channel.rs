//! [`Channel`]: a destination's transport, ours or somebody's.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::{BoxFuture, Capabilities, Delivery, DeliveryError, Form, Receipt, Transport};
use crate::incident::{IncidentView, Placement};
use crate::slack::{
    AskRender, Bot, HttpClient, HttpSettings, Log, Render, Renderer, SlackMessage, Webhook,
};

use super::setup::{ChannelSetup, Setup};
use super::user_thread::{Gate, NoAnswer, UserThread};

/// How long somebody's transport may take.
const TRANSPORT_LIMIT: Duration = Duration::from_secs(10);
/// How long somebody's renderer may take.
const RENDER_LIMIT: Duration = Duration::from_secs(1);

/// A destination's transport: ours run here, somebody's on the users' thread.
#[derive(Clone)]
pub(super) enum Channel {
    Ours(Arc<dyn Transport>),
    Theirs {
        transport: Arc<dyn Transport>,
        thread: Arc<UserThread>,
        busy: Gate,
    },
    /// There is no HTTP client.
    Broken,
}

/// Makes the channels; a client that can't be built is a fault in `stats()`.
pub(super) fn open(setup: &Setup) -> Vec<Channel> {
    let thread = || UserThread::new(Arc::clone(&setup.handoff));
    let client = client_for(setup);
    let of = |channel: &ChannelSetup| match (channel, &client) {
        (ChannelSetup::Log, _) => Channel::Ours(Arc::new(Log)),
        (ChannelSetup::Custom(transport), _) => Channel::Theirs {
            transport: Arc::clone(transport),
            thread: thread(),
            busy: Gate::default(),
        },
        (ChannelSetup::Webhook { url, render }, Some(client)) => {
            let renderer = renderer(setup, render.as_ref(), &thread);
            Channel::Ours(Arc::new(Webhook::new(url.clone(), Arc::clone(client), renderer)))
        }
        (ChannelSetup::Bot { token, channel, api, render }, Some(client)) => {
            let renderer = renderer(setup, render.as_ref(), &thread);
            Channel::Ours(Arc::new(Bot::new(
                token.clone(),
                channel.clone(),
                api.clone(),
                Arc::clone(client),
                renderer,
            )))
        }
        (ChannelSetup::Webhook { .. } | ChannelSetup::Bot { .. }, None) => Channel::Broken,
    };
    setup.destinations.iter().map(|destination| of(&destination.channel)).collect()
}

fn client_for(setup: &Setup) -> Option<Arc<HttpClient>> {
    let needed = setup.destinations.iter().any(|destination| {
        matches!(destination.channel, ChannelSetup::Webhook { .. } | ChannelSetup::Bot { .. })
    });
    if !needed {
        return None;
    }
    let settings: &HttpSettings = &setup.http;
    match HttpClient::new(settings) {
        Ok(client) => Some(Arc::new(client)),
        Err(fault) => {
            tracing::error!(target: "tower_slack_alert", "Slack can't be reached: {fault}");
            setup.handoff.ledger.fault(fault);
            None
        }
    }
}

fn renderer(
    setup: &Setup,
    render: Option<&Arc<dyn Render>>,
    thread: &impl Fn() -> Arc<UserThread>,
) -> Renderer {
    let own = render.map(|render| {
        let (render, thread, busy) = (Arc::clone(render), thread(), Gate::default());
        let ask: AskRender = Arc::new(move |view: IncidentView| {
            let (render, thread, busy) = (Arc::clone(&render), Arc::clone(&thread), busy.clone());
            let answer: BoxFuture<'static, Option<SlackMessage>> = Box::pin(async move {
                let code = move || -> BoxFuture<'static, Option<SlackMessage>> {
                    Box::pin(async move { render.render(&view) })
                };
                thread.run(&busy, RENDER_LIMIT, code).await.ok().flatten()
            });
            answer
        });
        ask
    });
    Renderer::new(own, Arc::clone(&setup.links))
}

impl Channel {
    pub(super) async fn capabilities(&self) -> Capabilities {
        match self {
            Channel::Ours(transport) => transport.capabilities(),
            Channel::Theirs { transport, thread, busy } => {
                let transport = Arc::clone(transport);
                let code = move || -> BoxFuture<'static, Capabilities> {
                    Box::pin(async move { transport.capabilities() })
                };
                thread.run(busy, TRANSPORT_LIMIT, code).await.unwrap_or_default()
            }
            Channel::Broken => Capabilities::default(),
        }
    }

    pub(super) async fn deliver(
        &self,
        view: IncidentView,
        placement: Placement,
        form: Form,
    ) -> Result<Receipt, DeliveryError> {
        match self {
            Channel::Ours(transport) => {
                transport.deliver(Delivery::new(&placement, &view, form)).await
            }
            Channel::Theirs { transport, thread, busy } => {
                let transport = Arc::clone(transport);
                let code = move || -> BoxFuture<'static, Result<Receipt, DeliveryError>> {
                    Box::pin(async move {
                        transport.deliver(Delivery::new(&placement, &view, form)).await
                    })
                };
                thread.run(busy, TRANSPORT_LIMIT, code).await.unwrap_or_else(|no| Err(error(no)))
            }
            Channel::Broken => Err(broken()),
        }
    }

    pub(super) async fn check(&self) -> Result<(), DeliveryError> {
        match self {
            Channel::Ours(transport) => transport.check().await,
            Channel::Theirs { transport, thread, busy } => {
                let transport = Arc::clone(transport);
                let code = move || -> BoxFuture<'static, Result<(), DeliveryError>> {
                    Box::pin(async move { transport.check().await })
                };
                thread.run(busy, TRANSPORT_LIMIT, code).await.unwrap_or_else(|no| Err(error(no)))
            }
            Channel::Broken => Err(broken()),
        }
    }
}

fn error(no: NoAnswer) -> DeliveryError {
    match no {
        NoAnswer::StillBusy => DeliveryError::transient().because("transport_busy"),
        NoAnswer::NoThread => DeliveryError::transient().because("no_thread"),
        NoAnswer::Late => DeliveryError::unknown_outcome().because("transport_late"),
        NoAnswer::Panicked => DeliveryError::unknown_outcome().because("transport_panicked"),
    }
}

fn broken() -> DeliveryError {
    DeliveryError::revoked().because("no_http_client")
}
