//! How Slack is told: secrets, messages, HTTP, and what its answers mean.

mod answers;
mod bot;
mod hints;
mod http_client;
mod http_settings;
mod links;
mod log;
mod message;
mod render;
mod secrets;
mod webhook;

pub use message::{Color, Line, SlackMessage};
pub use render::Render;

pub(crate) use bot::Bot;
pub(crate) use hints::{explained, hint};
pub(crate) use http_client::HttpClient;
pub(crate) use http_settings::HttpSettings;
pub(crate) use links::{Link, Links, MAX_LINKS, check_url};
pub(crate) use log::Log;
pub(crate) use message::{render as render_built_in, spelled_out};
pub(crate) use render::{AskRender, Renderer};
pub(crate) use secrets::{ApiBase, BotToken, WebhookUrl};
pub(crate) use webhook::Webhook;
