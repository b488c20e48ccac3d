//! [`Render`]: a message of one's own in place of the built-in one.

use std::sync::Arc;

use crate::delivery::{BoxFuture, Op};
use crate::incident::{IncidentView, Moment};

use super::Links;
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

/// Makes messages: somebody's own, or the built-in ones with links.
#[derive(Clone, Default)]
pub(crate) struct Renderer {
    own: Option<AskRender>,
    links: Arc<Links>,
}

impl Renderer {
    pub(crate) fn new(own: Option<AskRender>, links: Arc<Links>) -> Self {
        Renderer { own, links }
    }

    pub(super) async fn render(&self, view: &IncidentView, op: Op<'_>) -> SlackMessage {
        let own = match &self.own {
            Some(ask) => ask(view.clone()).await,
            None => None,
        };
        // Whoever made it, it mentions who is to be mentioned.
        own.unwrap_or_else(|| self.built_in(view, op)).mentions(view.mentions())
    }

    fn built_in(&self, view: &IncidentView, op: Op<'_>) -> SlackMessage {
        let message = render(view, op);
        if view.moment() == Moment::Details {
            // The message above has them.
            return message;
        }
        let links = self.links.of(view).into_iter();
        links.fold(message, |message, (title, url)| message.link(title, url))
    }
}
