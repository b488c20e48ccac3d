//! [`Setup`]: what our thread needs to start.

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::delivery::Transport;
use crate::handoff::{Handoff, Outside, Watch};
use crate::incident::IncidentPolicy;
use crate::observation::Identity;
use crate::slack::{ApiBase, BotToken, HttpSettings, Links, Render, WebhookUrl};

use super::gauges::Gauge;
use super::silences::Silences;

/// What our thread needs to start.
pub(crate) struct Setup {
    pub(crate) handoff: Arc<Handoff>,
    pub(crate) policy: IncidentPolicy,
    pub(crate) identity: Arc<Identity>,
    pub(crate) http: HttpSettings,
    pub(crate) links: Arc<Links>,
    pub(crate) gauges: Vec<Gauge>,
    /// Lives as long as our thread does.
    pub(crate) outside: Arc<Outside>,
    pub(crate) destinations: Vec<DestinationSetup>,
    pub(crate) silences: Arc<Silences>,
    /// Feeds every choice that is left to chance.
    pub(crate) seed: u64,
    /// Taken by the driver.
    pub(crate) watch: Mutex<Option<Box<dyn Watch>>>,
}

/// One destination, before its transport is made on our thread.
#[derive(Clone, Debug)]
pub(crate) struct DestinationSetup {
    pub(crate) name: String,
    pub(crate) is_fallback: bool,
    pub(crate) channel: ChannelSetup,
}

/// Where a destination's messages go.
#[derive(Clone)]
pub(crate) enum ChannelSetup {
    Webhook { url: WebhookUrl, render: Option<Arc<dyn Render>> },
    Bot { token: BotToken, channel: String, api: ApiBase, render: Option<Arc<dyn Render>> },
    Log,
    Custom(Arc<dyn Transport>),
}

impl fmt::Debug for ChannelSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChannelSetup::Webhook { url, .. } => f.debug_tuple("Webhook").field(url).finish(),
            ChannelSetup::Bot { token, channel, api, .. } => f
                .debug_struct("Bot")
                .field("token", token)
                .field("channel", channel)
                .field("api", api)
                .finish(),
            ChannelSetup::Log => f.write_str("Log"),
            ChannelSetup::Custom(_) => f.write_str("Custom(..)"),
        }
    }
}
