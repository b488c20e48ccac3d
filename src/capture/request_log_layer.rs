//! [`RequestLogLayer`]: the logs of just the request that is told.

use std::sync::{Arc, Weak};

use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::handoff::{Current, Notes, Outside, Slot, own_thread, with_current};
use crate::observation::{LogLine, Site};

use super::fields::Fields;

/// A layer for [`tracing_subscriber`] that keeps the last ERROR and WARN events
/// of each request, so that its alert shows just them: at most 16 events and
/// 8 KiB, with target, `file:line` and fields, each cut after 1 KiB. Fields whose
/// names look secret are masked, and all of it passes the redactor.
///
/// It costs a request one allocation for each span that is made in it, nothing
/// else until it logs such an event, and lets go of them when the request ends
/// well. Add it beside your other layers, with
/// [`filter`](RequestLogLayer::filter):
///
/// ```
/// use tower_slack_alert::RequestLogLayer;
/// use tracing_subscriber::prelude::*;
///
/// let logs = RequestLogLayer::new().with_filter(RequestLogLayer::filter());
/// let subscriber = tracing_subscriber::registry().with(logs);
/// # tracing::subscriber::with_default(subscriber, || {});
/// ```
///
/// An event belongs to the request that is being polled on its thread; in a
/// task that a handler spawned, to the request in which a span around it was
/// made (the span of a `TraceLayer` outside of the alert layer was not), or whose [`RequestAlert::scope`](crate::RequestAlert::scope) it runs
/// in. An ERROR of no request, or of one that ended well, is told by itself if
/// [`error_logs`](crate::AlertConfigBuilder::error_logs) says so; up to 16 of
/// those from before the alert layer was made are kept for it.
///
/// What this crate logs, what `tower_http::trace` says of failures, which are
/// told anyway, and what is logged on this crate's threads by the HTTP stack
/// that it drives, is left alone, so an outage of Slack never tells itself. Not
/// so what a [`Transport`](crate::Transport) of one's own logs on threads or
/// tasks that it starts elsewhere: with `error_logs`, an error there about a
/// message leads to a message.
#[derive(Clone, Debug, Default)]
pub struct RequestLogLayer {
    _private: (),
}

impl RequestLogLayer {
    /// The layer. One is enough for any number of alert layers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it has to see, so that nothing else is formatted on its account:
    /// events of ERROR and WARN, and spans from INFO up.
    #[must_use]
    pub fn filter() -> FilterFn {
        let sees: fn(&Metadata<'_>) -> bool =
            |metadata| *metadata.level() <= least(metadata.is_event());
        FilterFn::new(sees).with_max_level_hint(Level::INFO)
    }
}

/// The least level that matters.
fn least(is_event: bool) -> Level {
    if is_event { Level::WARN } else { Level::INFO }
}

/// Kept with a span: the request in which it was made.
enum Origin {
    Request(Weak<Slot>),
    Scope(Weak<Notes>),
}

impl Origin {
    fn here() -> Option<Self> {
        let origin = with_current(|current| match current {
            Current::Nothing => None,
            Current::Request(slot) => Some(Origin::Request(Arc::downgrade(slot))),
            Current::Scope(notes) => Some(Origin::Scope(Arc::downgrade(notes))),
        });
        origin.flatten()
    }

    fn notes(&self) -> Option<Arc<Notes>> {
        match self {
            Origin::Request(slot) => slot.upgrade().map(|slot| Arc::clone(slot.notes())),
            Origin::Scope(notes) => notes.upgrade(),
        }
    }
}

impl<S> Layer<S> for RequestLogLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, _attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        // Its own extensions only: those of the spans around it may be locked by
        // a layer that formats a value right now, whose code opened this one.
        if let (Some(origin), Some(span)) = (Origin::here(), context.span(id)) {
            span.extensions_mut().replace(origin);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > least(true) || own_thread::is_marked() {
            return;
        }
        let here = with_current(|current| match current {
            Current::Nothing => None,
            Current::Request(slot) => Some(Arc::clone(slot.notes())),
            Current::Scope(notes) => Some(Arc::clone(notes)),
        });
        let notes = here.flatten().or_else(|| {
            // A span's lock is poisoned by a value that panicked while another
            // layer formatted it.
            own_thread::asking(|| origin(event, &context)).ok().flatten()
        });
        if notes.is_none() && *metadata.level() != Level::ERROR {
            return;
        }
        let line = line(event);
        if is_left_alone(&line.target) {
            return;
        }
        let unkept = match notes {
            Some(notes) => notes.log(line).err(),
            None => Some(line),
        };
        if let Some(line) = unkept.filter(|line| line.level == Level::ERROR) {
            Outside::logged(line);
        }
    }
}

/// What this crate logs; and what a `TraceLayer` says of a failing request,
/// which has an alert of its own.
fn is_left_alone(target: &str) -> bool {
    let is_of = |root: &str| {
        target.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    is_of("tower_slack_alert") || is_of("tower_http::trace")
}

/// The request in which a span around an event was made.
fn origin<S>(event: &Event<'_>, context: &Context<'_, S>) -> Option<Arc<Notes>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let scope = context.event_scope(event)?;
    scope.into_iter().find_map(|span| span.extensions().get::<Origin>()?.notes())
}

/// The event as it is kept. Formatting its fields runs somebody's code.
fn line(event: &Event<'_>) -> LogLine {
    let metadata = event.metadata();
    let mut fields = Fields::default();
    // What came before a value that panics is kept.
    let _ = own_thread::asking(|| event.record(&mut fields));
    let target = fields.target.take().unwrap_or_else(|| metadata.target().to_owned());
    let file = fields.file.take().or_else(|| metadata.file().map(str::to_owned));
    let number = fields.line.or(metadata.line());
    let site = file.zip(number).map(|(file, line)| Site::logged(&file, line));
    LogLine { level: *metadata.level(), target, site, text: fields.into_text() }
}
