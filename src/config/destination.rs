//! [`Destination`]: where alerts go.

use std::fmt;
use std::sync::Arc;

use crate::delivery::Transport;
use crate::slack::{ApiBase, BotToken, Render, WebhookUrl};
use crate::worker::ChannelSetup;

use super::ConfigFault;

/// Where alerts go. Secrets are checked and masked at once; what is wrong is
/// said by `build()`.
#[derive(Clone)]
pub struct Destination {
    channel: Result<ChannelSetup, ConfigFault>,
    render: Option<Arc<dyn Render>>,
}

impl Destination {
    /// An incoming webhook of a Slack app. It can post; it can't edit, so more
    /// of the same comes as digests.
    #[must_use]
    pub fn webhook(url: impl AsRef<str>) -> Self {
        Destination::named_webhook("webhook", url.as_ref())
    }

    pub(super) fn named_webhook(setting: &str, url: &str) -> Self {
        Destination::of(
            WebhookUrl::parse(url)
                .map(|url| ChannelSetup::Webhook { url, render: None })
                .map_err(|problem| ConfigFault::new(setting, problem)),
        )
    }

    /// A bot with the scope `chat:write` that is a member of `channel` (an id,
    /// or a public channel's name). It edits its messages while an incident
    /// goes on.
    #[must_use]
    pub fn bot(token: impl AsRef<str>, channel: impl Into<String>) -> Self {
        Destination::named_bot(("bot token", "bot channel"), token.as_ref(), channel.into())
    }

    pub(super) fn named_bot(settings: (&str, &str), token: &str, channel: String) -> Self {
        let channel = channel.trim().to_owned();
        let channel_is_bad = channel.is_empty()
            || channel.len() > 80
            || channel.chars().any(|c| c.is_whitespace() || c.is_control());
        let setup = match BotToken::parse(token) {
            Err(problem) => Err(ConfigFault::new(settings.0, problem)),
            Ok(_) if channel_is_bad => Err(ConfigFault::new(
                settings.1,
                "is not set, or is not a channel; use an id such as C024BE91L, or a name",
            )),
            Ok(token) => {
                let api = ApiBase::default();
                Ok(ChannelSetup::Bot { token, channel, api, render: None })
            }
        };
        Destination::of(setup)
    }

    /// The dry run: each message is written to `tracing` at INFO, and nothing
    /// is sent.
    #[must_use]
    pub fn log() -> Self {
        Destination::of(Ok(ChannelSetup::Log))
    }

    /// A transport of one's own.
    #[must_use]
    pub fn transport(transport: impl Transport) -> Self {
        Destination::of(Ok(ChannelSetup::Custom(Arc::new(transport))))
    }

    /// Messages of one's own in place of the built-in ones; for Slack
    /// destinations.
    #[must_use]
    pub fn render(mut self, render: impl Render) -> Self {
        self.render = Some(Arc::new(render));
        self
    }

    /// Another base of the Web API than `https://slack.com/api`, such as
    /// `https://slack-gov.com/api`; for a bot.
    #[must_use]
    pub fn api_url(self, url: impl AsRef<str>) -> Self {
        self.named_api_url("api_url", url.as_ref())
    }

    pub(super) fn named_api_url(mut self, setting: &str, url: &str) -> Self {
        self.channel = match (self.channel, ApiBase::parse(url)) {
            (Ok(ChannelSetup::Bot { token, channel, render, .. }), Ok(api)) => {
                Ok(ChannelSetup::Bot { token, channel, api, render })
            }
            (Ok(_), Ok(_)) => Err(ConfigFault::new(setting, "is for a bot only")),
            (Ok(_), Err(problem)) => Err(ConfigFault::new(setting, problem)),
            (Err(fault), _) => Err(fault),
        };
        self
    }

    fn of(channel: Result<ChannelSetup, ConfigFault>) -> Self {
        Destination { channel, render: None }
    }

    /// Its kind's name, and what it needs to start.
    pub(super) fn into_setup(self) -> Result<(&'static str, ChannelSetup), ConfigFault> {
        let own = self.render;
        match self.channel? {
            ChannelSetup::Webhook { url, .. } => {
                Ok(("webhook", ChannelSetup::Webhook { url, render: own }))
            }
            ChannelSetup::Bot { token, channel, api, .. } => {
                Ok(("bot", ChannelSetup::Bot { token, channel, api, render: own }))
            }
            _ if own.is_some() => Err(ConfigFault::new("render", "is for Slack destinations only")),
            ChannelSetup::Log => Ok(("log", ChannelSetup::Log)),
            custom @ ChannelSetup::Custom(_) => Ok(("transport", custom)),
        }
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("channel", &self.channel)
            .field("render", &self.render.is_some())
            .finish()
    }
}
