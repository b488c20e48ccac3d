//! [`Render`]: a message of one's own in place of the built-in one.

use std::sync::Arc;

use crate::delivery::{BoxFuture, Op};
use crate::incident::IncidentView;

use super::message::{SlackMessage, render};

/// A message of one's own in place of the built-in one.
///
/// It runs on a thread of its own, where it has a second; when it is late or
/// panics, the built-in message is sent.
pub trait Render: Send + Sync + 'static {
    /// The message for this state; `None` for the built-in one.
    fn render(&self, view: &IncidentView) -> Option<SlackMessage>;
}

impl<F> Render for F
where
    F: Fn(&IncidentView) -> Option<SlackMessage> + Send + Sync + 'static,
{
    fn render(&self, view: &IncidentView) -> Option<SlackMessage> {
        self(view)
    }
}

/// Asks somebody else, maybe in vain, for a message.
pub(crate) type AskRender =
    Arc<dyn Fn(IncidentView) -> BoxFuture<'static, Option<SlackMessage>> + Send + Sync>;

/// Makes messages: somebody's own, or the built-in ones.
#[derive(Clone, Default)]
pub(crate) struct Renderer(Option<AskRender>);

impl Renderer {
    pub(crate) fn asking(ask: AskRender) -> Self {
        Renderer(Some(ask))
    }

    pub(super) async fn render(&self, view: &IncidentView, op: Op<'_>) -> SlackMessage {
        let own = match &self.0 {
            Some(ask) => ask(view.clone()).await,
            None => None,
        };
        // Whoever made it, it mentions who is to be mentioned.
        own.unwrap_or_else(|| render(view, op)).mentions(view.mentions())
    }
}
