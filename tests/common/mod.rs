//! What the integration tests share: a destination that remembers what it was
//! told, and bodies that misbehave.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod child;
pub(crate) mod server;
pub(crate) mod slack;
pub(crate) mod wire;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use tower_slack_alert::{
    AlertConfig, AlertConfigBuilder, AlertHandle, BoxFuture, Delivery, DeliveryError, Destination,
    IncidentView, Receipt, SlackAlertLayer, Stats, Transport,
};

pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A destination that remembers what it was told.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<IncidentView>>>);

impl Told {
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Transport for Told {
    fn deliver<'a>(
        &'a self,
        delivery: Delivery<'a>,
    ) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        self.0.lock().unwrap().push(delivery.view().clone());
        Box::pin(async { Ok(Receipt::new()) })
    }
}

/// A layer and what it told.
pub(crate) struct Watch {
    pub(crate) layer: SlackAlertLayer,
    pub(crate) handle: AlertHandle,
    told: Told,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Watch::with(|config| config)
    }

    pub(crate) fn with(configure: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder) -> Self {
        let told = Told::default();
        // Panics by request, which most tests ask for; tests/panics.rs has them by site.
        let config = AlertConfig::builder(Destination::transport(told.clone())).panic_hook(false);
        let layer = SlackAlertLayer::new(configure(config).build().unwrap());
        Watch { handle: layer.handle(), layer, told }
    }

    /// Everything told so far.
    pub(crate) fn told(&self) -> Vec<IncidentView> {
        self.told.0.lock().unwrap().clone()
    }

    /// Everything told so far, after what was pending is told too.
    pub(crate) async fn views(&self) -> Vec<IncidentView> {
        let report = self.handle.flush(SOON).await;
        assert!(report.completed(), "not told in time: {:?}", self.handle.stats());
        check_law(&self.handle.stats());
        self.told.0.lock().unwrap().clone()
    }

    /// The keys told so far, as text, with their totals.
    pub(crate) async fn keys(&self) -> Vec<(String, u64)> {
        let views = self.views().await;
        views.iter().map(|view| (view.key().to_string(), view.counts().total())).collect()
    }

    /// The one incident told so far.
    pub(crate) async fn only(&self) -> IncidentView {
        let mut views = self.views().await;
        assert_eq!(views.len(), 1, "{views:#?}");
        views.remove(0)
    }

    pub(crate) async fn nothing(&self) {
        assert_eq!(self.keys().await, []);
    }
}

/// Every observation is somewhere, for every destination.
pub(crate) fn check_law(stats: &Stats) {
    for destination in stats.destinations() {
        assert_eq!(destination.account().accounted(), stats.observed(), "{stats:#?}");
    }
}

pub(crate) fn get(path: &str) -> Request<()> {
    Request::builder().uri(path).body(()).unwrap()
}

/// A body made of steps.
#[derive(Default)]
pub(crate) struct Steps {
    pub(crate) steps: VecDeque<Step>,
    /// Says so when nothing is left, so that nobody needs to ask for the end.
    pub(crate) tells_its_end: bool,
    pub(crate) hint: SizeHint,
}

pub(crate) enum Step {
    Data(&'static str),
    Trailers(HeaderMap),
    Pending,
    Fail(&'static str),
    Panic,
}

#[derive(Debug)]
pub(crate) struct Broken(pub &'static str);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Broken {}

impl Steps {
    pub(crate) fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        Steps { steps: steps.into_iter().collect(), ..Steps::default() }
    }
}

impl Body for Steps {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.steps.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data.into())))),
            Some(Step::Trailers(map)) => Poll::Ready(Some(Ok(Frame::trailers(map)))),
            Some(Step::Fail(why)) => Poll::Ready(Some(Err(Broken(why)))),
            Some(Step::Panic) => panic!("the body panicked"),
            Some(Step::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.tells_its_end && self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.hint
    }
}

pub(crate) fn response<B>(status: u16, body: B) -> Response<B> {
    Response::builder().status(status).body(body).unwrap()
}
