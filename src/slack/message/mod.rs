//! What a message says and how it is put together. The one place where
//! foreign text is escaped and Slack's limits are kept.

mod built_in;
mod date_time;
mod line;
mod slack_message;
mod visible;

pub use line::Line;
pub use slack_message::{Color, SlackMessage};

pub(crate) use built_in::render;
pub(crate) use visible::spelled_out;

#[cfg(test)]
mod edges;
#[cfg(test)]
mod tests;
