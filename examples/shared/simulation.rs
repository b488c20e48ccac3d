//! A service under the layer, on a clock moved by hand.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use http::{Method, Request, Response};
use http_body_util::Empty;
use tokio::sync::oneshot;
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{
    AlertConfig, AlertConfigBuilder, AlertHandle, Clock, Destination, ReportedError,
    SlackAlertLayer, Stats,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// 2026-11-22 12:04:00 UTC.
const NOON: u64 = 1_795_349_040;

type Answer = Result<Response<Empty<&'static [u8]>>, Infallible>;

/// Several processes of a service, on one clock moved by hand, that tell one
/// channel.
pub(crate) struct Simulation {
    pub(crate) clock: Clock,
    processes: Vec<Process>,
}

struct Process {
    layer: SlackAlertLayer,
    handle: AlertHandle,
}

/// A request that has no answer yet.
pub(crate) struct Pending {
    future: Pin<Box<dyn Future<Output = Answer>>>,
    answer: oneshot::Sender<u16>,
}

impl Pending {
    /// It is answered with this status.
    pub(crate) fn answer(mut self, status: u16) {
        self.answer.send(status).unwrap();
        let polled = self.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_ready());
    }
}

#[derive(Debug)]
struct Refused(&'static str);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Refused {}

impl Simulation {
    /// One that begins at noon of some day.
    pub(crate) fn new() -> Self {
        Simulation::at(SystemTime::UNIX_EPOCH + Duration::from_secs(NOON))
    }

    /// One that begins at this time.
    pub(crate) fn at(start: SystemTime) -> Self {
        Simulation { clock: Clock::manual(start), processes: Vec::new() }
    }

    /// Starts another process, which tells this destination.
    pub(crate) async fn start(
        &mut self,
        instance: &str,
        destination: Destination,
        configure: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder,
    ) {
        let number = self.processes.len() as u64;
        let config = AlertConfig::builder(destination)
            .service("shop-api")
            .environment("production")
            .release("1.8.2")
            .instance(instance)
            .clock(self.clock.clone())
            .seed(number);
        let layer = SlackAlertLayer::new(configure(config).build().unwrap());
        let handle = layer.handle();
        self.processes.push(Process { layer, handle });
        self.settle().await;
    }

    /// Lets time pass, and everything happen that is due meanwhile.
    pub(crate) async fn pass(&self, time: Duration) {
        let end = self.clock.now() + time;
        loop {
            let next = self.settle().await;
            let left = end.duration_since(self.clock.now());
            if left.is_zero() {
                return;
            }
            let step = next.unwrap_or(left).max(Duration::from_millis(1)).min(left);
            self.clock.advance(step);
        }
    }

    /// Lets everything happen that is due; says how long nothing else is.
    pub(crate) async fn settle(&self) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        for process in &self.processes {
            let due = process.handle.settle().await;
            next = next.into_iter().chain(due).min();
        }
        next
    }

    pub(crate) fn handle(&self, process: usize) -> &AlertHandle {
        &self.processes[process].handle
    }

    pub(crate) fn layer(&self, process: usize) -> &SlackAlertLayer {
        &self.processes[process].layer
    }

    pub(crate) fn stats(&self, process: usize) -> Stats {
        self.processes[process].handle.stats()
    }

    /// A request that is answered at once.
    pub(crate) async fn answer(&self, process: usize, method: &str, path: &str, status: u16) {
        self.answer_because(process, method, path, status, "").await;
    }

    /// A request that is answered at once, and why.
    pub(crate) async fn answer_because(
        &self,
        process: usize,
        method: &str,
        path: &str,
        status: u16,
        because: &'static str,
    ) {
        let mut service = self.processes[process].layer.layer(service_fn(move |_: Request<()>| {
            let mut response = Response::builder().status(status).body(Empty::new()).unwrap();
            if !because.is_empty() {
                response.extensions_mut().insert(ReportedError::new(&Refused(because)));
            }
            async move { Answer::Ok(response) }
        }));
        drop(service.call(request(method, path)).await);
    }

    /// A request that is not answered yet. Dropped, it was given up.
    pub(crate) fn begin(&self, process: usize, method: &str, path: &str) -> Pending {
        self.begin_with(process, request(method, path))
    }

    /// The same for any request.
    pub(crate) fn begin_with(&self, process: usize, request: Request<()>) -> Pending {
        let (answer, answered) = oneshot::channel();
        let mut answered = Some(answered);
        let mut service = self.processes[process].layer.layer(service_fn(move |_: Request<()>| {
            let answered = answered.take().unwrap();
            async move {
                let status = answered.await.unwrap_or(500);
                Answer::Ok(Response::builder().status(status).body(Empty::new()).unwrap())
            }
        }));
        let mut future: Pin<Box<dyn Future<Output = Answer>>> = Box::pin(async move {
            let response = service.call(request).await;
            response.map(|response| response.map(|_| Empty::new()))
        });
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
        Pending { future, answer }
    }
}

fn request(method: &str, path: &str) -> Request<()> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    Request::builder().method(method).uri(path).body(()).unwrap()
}
