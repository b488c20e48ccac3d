//! What may happen to a service, one message each.

use std::any::Any;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use slack_inbox::{Fault, Inbox};
use tower::{Layer, ServiceExt, service_fn};
use tower_slack_alert::{
    AlertConfig, AlertConfigBuilder, Destination, IncidentPolicy, Kind, Matcher, Mention,
    PanicBacktrace, ReportedError, RequestAlert, SlackAlertLayer,
};

use super::routes::ROUTES;
use super::simulation::{HOUR, MINUTE, Pending, SECOND, Simulation};
use super::workers::Blocker;

/// Something that may happen to a service.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) play: fn(&Inbox) -> Playing<'_>,
}

pub(crate) type Playing<'a> = Pin<Box<dyn Future<Output = Kept> + 'a>>;
/// What has to go on for the message to stay as it is.
pub(crate) type Kept = Box<dyn Any>;
pub(crate) type Answer = Result<Response<Empty<Bytes>>, Infallible>;

macro_rules! scenes {
    ($($play:ident $name:literal $about:literal;)*) => {
        &[$(Scene { name: $name, about: $about, play: |inbox| Box::pin(async move { Box::new($play(inbox).await) as Kept }) }),*]
    };
}

pub(crate) const SCENES: &[Scene] = scenes! {
    hello "hello" "a test message";
    failed "failed" "a 500 with its reason, its logs and a trace";
    panicked "panicked" "a panic, with its backtrace in the thread";
    running "running" "told while it still runs";
    hung "hung" "the same to its end: slow";
    blocked "blocked" "two requests that block the async runtime";
    cancelled "cancelled" "a client that gave up";
    body_failed "body-failed" "a body that fails midway";
    logged "logged" "a request that goes well but logs an error";
    storm "storm" "one route fails for ten minutes: one message, edited";
    roll_up "roll-up" "twelve routes fail: one message for all";
    digest "digest" "the same where nothing can be edited: a webhook";
    reminder "reminder" "a known bug, an hour later";
    again "again" "back after it had ended";
    recovered "recovered" "requests came and none failed";
    quiet "quiet" "no requests came";
    once "once" "it happened a single time";
    silence "silence" "what a silence held";
    holding "holding" "the channel has been told a lot";
    outage "outage" "Slack was away";
    stopped "no-longer-watched" "the process stopped";
};

const DOWN: &str = "connection refused (db:5432)";

async fn hello(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, MINUTE, |config| config).await;
    let handle = simulation.handle(0).clone();
    let asked = tokio::spawn(async move { handle.test_message().await });
    while !asked.is_finished() {
        simulation.settle().await;
        tokio::task::yield_now().await;
    }
    simulation
}

async fn failed(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 10 * MINUTE, |config| {
        config
            .link("Trace", "https://traces.example/{trace_id}")
            .route("/orders/{id}", |route| route.runbook("https://wiki.example/orders"))
            .gauge("db idle", || 0)
    })
    .await;
    simulation.pass(4 * MINUTE).await;
    let clock = simulation.clock.clone();
    serve(&simulation, request("POST", "/orders/1234"), async move {
        RequestAlert::current().note("tenant", "acme");
        tracing::warn!(target: "shop::db", "no idle connection, waiting for one");
        clock.advance(Duration::from_millis(812));
        tracing::error!(target: "shop::orders", order = 1234, "could not save the order");
        broken(&Chain("connection refused", Some(Box::new(Chain("pool timed out", None)))))
    })
    .await;
    simulation.pass(SECOND).await;
    simulation
}

async fn panicked(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 10 * MINUTE, |config| {
        config.panic_backtrace(PanicBacktrace::Always).mention(Kind::Panicked, Mention::here())
    })
    .await;
    simulation.pass(4 * MINUTE).await;
    let clock = simulation.clock.clone();
    serve(&simulation, request("POST", "/cart"), async move {
        clock.advance(Duration::from_millis(14));
        let price = price_of(&[3, 5, 8], 7);
        Response::new(Full::<Bytes>::from(price.to_string()))
    })
    .await;
    simulation.pass(SECOND).await;
    simulation
}

fn price_of(prices: &[u32], item: usize) -> u32 {
    prices[item]
}

async fn running(inbox: &Inbox) -> (Simulation, Pending) {
    let simulation = start(inbox, 10 * MINUTE, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    let report = simulation.begin_with(0, request("GET", "/reports/2025"));
    simulation.pass(31 * SECOND).await;
    (simulation, report)
}

async fn hung(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 10 * MINUTE, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    // 2 minutes 7 seconds, and nobody would have found it in a log file.
    let report = simulation.begin_with(0, request("GET", "/reports/2026"));
    simulation.pass(127 * SECOND).await;
    report.answer(200);
    simulation.pass(SECOND).await;
    simulation
}

/// Played in real time: how a thread spends its time has no other clock.
async fn blocked(inbox: &Inbox) -> SlackAlertLayer {
    let bot = Destination::bot("xoxb-local", "alerts").api_url(inbox.api_url());
    let config = AlertConfig::builder(bot)
        .service("shop-api")
        .environment("production")
        .release("1.8.2")
        .instance("pod-7")
        // It is to be seen as it is now for as long as the preview runs.
        .close_after(24 * HOUR)
        .route_fn(template);
    let layer = SlackAlertLayer::new(config.build().unwrap());
    let mut waiting: Vec<_> = (0..38)
        .map(|n| {
            let service = layer.layer(service_fn(|_| async {
                tokio::task::yield_now().await;
                Answer::Ok(Response::new(Empty::new()))
            }));
            Box::pin(service.oneshot(request("GET", &format!("/users/{n}"))))
        })
        .collect();
    for user in &mut waiting {
        assert!(futures_util::poll!(user).is_pending());
    }
    let blockers = [(); 2].map(|()| Blocker::begin(&layer, "/export"));
    tokio::time::sleep(Duration::from_millis(4_100)).await;
    blockers.into_iter().for_each(Blocker::end);
    for user in waiting {
        drop(user.await);
    }
    let is_over = |message: &slack_inbox::Message| {
        message
            .lines()
            .iter()
            .any(|line| line.contains("blocking the async runtime: one poll took"))
    };
    inbox.wait_for(is_over, 10 * SECOND).await.unwrap();
    layer
}

async fn cancelled(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 10 * MINUTE, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    let upload = simulation.begin_with(0, request("PUT", "/uploads/88"));
    simulation.pass(20 * SECOND).await;
    drop(upload);
    simulation.pass(SECOND).await;
    simulation
}

async fn body_failed(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 10 * MINUTE, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    let clock = simulation.clock.clone();
    serve(&simulation, request("GET", "/invoices/2026"), async move {
        let frames = stream::iter([
            Ok(Frame::data(Bytes::from(vec![b'a'; 12_300]))),
            Err(Chain("the cursor was closed", None)),
        ]);
        clock.advance(Duration::from_millis(2_400));
        Response::new(StreamBody::new(frames))
    })
    .await;
    simulation.pass(SECOND).await;
    simulation
}

async fn logged(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 10 * MINUTE, |config| config.error_logs(true)).await;
    simulation.pass(4 * MINUTE).await;
    serve(&simulation, request("GET", "/prices"), async {
        tracing::error!(target: "shop::prices", cache = "prices", "could not refresh, serving old ones");
        Response::new(Empty::<Bytes>::new())
    })
    .await;
    simulation.pass(SECOND).await;
    simulation
}

async fn storm(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 40 * MINUTE, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    for n in 0..600 {
        for _ in 0..25 {
            fail(&simulation, "POST", "/payments", "card service: 503").await;
        }
        if n % 2 == 0 {
            fine(&simulation, "POST", "/payments").await;
        }
        simulation.pass(SECOND).await;
    }
    simulation
}

async fn roll_up(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 10 * MINUTE, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    for _ in 0..30 {
        for (method, path) in ROUTES {
            fail(&simulation, method, path, if path == "/stock" { "no stock" } else { DOWN }).await;
        }
        simulation.pass(SECOND).await;
    }
    simulation
}

async fn digest(inbox: &Inbox) -> Simulation {
    let mut simulation = Simulation::at(SystemTime::now() - 20 * MINUTE);
    let webhook = Destination::webhook(inbox.webhook_url());
    simulation.start("pod-7", webhook, |config| config.route_fn(template)).await;
    simulation.pass(4 * MINUTE).await;
    for _ in 0..10 {
        fail(&simulation, "POST", "/payments", "card service: 503").await;
        simulation.pass(30 * SECOND).await;
    }
    fine(&simulation, "POST", "/payments").await;
    simulation.pass(10 * MINUTE).await;
    simulation
}

async fn reminder(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 2 * HOUR, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    for _ in 0..80 {
        fail(&simulation, "GET", "/invoices/3", "no such column: vat").await;
        fine(&simulation, "GET", "/invoices/3").await;
        simulation.pass(MINUTE).await;
    }
    simulation
}

async fn again(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, HOUR, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    for _ in 0..4 {
        fail(&simulation, "POST", "/login", "no entropy").await;
        simulation.pass(SECOND).await;
    }
    fine(&simulation, "POST", "/login").await;
    simulation.pass(15 * MINUTE).await;
    fail(&simulation, "POST", "/login", "no entropy").await;
    simulation.pass(SECOND).await;
    simulation
}

async fn recovered(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 20 * MINUTE, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    for _ in 0..40 {
        fail(&simulation, "GET", "/search", "index is being built").await;
        simulation.pass(3 * SECOND).await;
    }
    for _ in 0..214 {
        fine(&simulation, "GET", "/search").await;
    }
    simulation.pass(10 * MINUTE).await;
    simulation
}

async fn quiet(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 20 * MINUTE, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    for _ in 0..3 {
        fail(&simulation, "POST", "/imports", "not a spreadsheet").await;
        simulation.pass(20 * SECOND).await;
    }
    simulation.pass(10 * MINUTE).await;
    simulation
}

async fn once(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 20 * MINUTE, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    fail(&simulation, "PUT", "/wishlist/9", "deadlock detected").await;
    simulation.pass(SECOND).await;
    for _ in 0..12 {
        fine(&simulation, "PUT", "/wishlist/9").await;
    }
    simulation.pass(10 * MINUTE).await;
    simulation
}

async fn silence(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, HOUR, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    simulation.handle(0).silence(Matcher::all().route("/thumbnails/{id}"), 10 * MINUTE);
    simulation.pass(SECOND).await;
    for _ in 0..34 {
        fail(&simulation, "GET", "/thumbnails/5", "out of memory").await;
        simulation.pass(10 * SECOND).await;
    }
    simulation.pass(20 * MINUTE).await;
    simulation
}

async fn holding(inbox: &Inbox) -> Simulation {
    let policy = IncidentPolicy::new().budget(2, 2).roll_up_at(0);
    let simulation = start(inbox, 20 * MINUTE, |config| config.policy(policy)).await;
    simulation.pass(4 * MINUTE).await;
    for (method, path) in ROUTES.into_iter().take(7) {
        for _ in 0..5 {
            fail(&simulation, method, path, DOWN).await;
        }
        simulation.pass(15 * SECOND).await;
    }
    simulation.pass(SECOND).await;
    simulation
}

async fn outage(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 20 * MINUTE, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    inbox.fault(Fault::Answer(503, String::new()));
    for n in 0..240 {
        fail(&simulation, "POST", "/orders/77", DOWN).await;
        if n % 4 == 0 {
            fail(&simulation, "GET", "/cart", DOWN).await;
        }
        simulation.pass(SECOND).await;
    }
    inbox.heal();
    simulation.pass(2 * MINUTE).await;
    simulation
}

async fn stopped(inbox: &Inbox) -> Simulation {
    let simulation = start(inbox, 20 * MINUTE, |config| config).await;
    simulation.pass(4 * MINUTE).await;
    for _ in 0..5 {
        fail(&simulation, "DELETE", "/sessions/5", "read only").await;
        simulation.pass(4 * SECOND).await;
    }
    let report = simulation.handle(0).shutdown(5 * SECOND).await;
    assert!(report.completed(), "{report}");
    simulation
}

/// One process that tells a bot's channel, with so much time to play before
/// its clock shows the present.
async fn start(
    inbox: &Inbox,
    before: Duration,
    configure: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder,
) -> Simulation {
    let mut simulation = Simulation::at(SystemTime::now() - before);
    let bot = Destination::bot("xoxb-local", "alerts").api_url(inbox.api_url());
    simulation.start("pod-7", bot, |config| configure(config.route_fn(template))).await;
    simulation
}

/// `/orders/{id}` for `/orders/17`, as a router would know it.
fn template(head: &tower_slack_alert::RequestHead<'_>) -> Option<Arc<str>> {
    let parts = head.uri().path().split('/').map(|part| match part.parse::<u32>() {
        Ok(year) if (1900..2100).contains(&year) => "{year}",
        Ok(_) => "{id}",
        Err(_) => part,
    });
    Some(parts.collect::<Vec<_>>().join("/").into())
}

pub(crate) fn request(method: &str, path: &str) -> Request<()> {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    Request::builder()
        .method(method)
        .uri(path)
        .header("x-request-id", "01JX3T7")
        .header("traceparent", trace)
        .header("user-agent", "curl/8.5")
        .body(())
        .unwrap()
}

/// One request to its end.
async fn serve<B>(
    simulation: &Simulation,
    request: Request<()>,
    answer: impl Future<Output = Response<B>>,
) where
    B: Body + Unpin,
    B::Error: fmt::Display + 'static,
{
    let mut answer = Some(answer);
    let service = simulation.layer(0).layer(service_fn(move |_| {
        let answer = answer.take();
        async move {
            match answer {
                Some(answer) => Ok::<_, Infallible>(answer.await),
                None => unreachable!("a service that is called once"),
            }
        }
    }));
    let Ok(response) = service.oneshot(request).await;
    // A client that reads all of it.
    drop(response.into_body().collect().await);
}

async fn fail(simulation: &Simulation, method: &str, path: &str, because: &'static str) {
    let clock = simulation.clock.clone();
    serve(simulation, request(method, path), async move {
        clock.advance(Duration::from_millis(38));
        broken(&Chain(because, None))
    })
    .await;
}

async fn fine(simulation: &Simulation, method: &str, path: &str) {
    let answer = async { Response::new(Empty::<Bytes>::new()) };
    serve(simulation, request(method, path), answer).await;
}

fn broken(error: &Chain) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.extensions_mut().insert(ReportedError::new(error));
    response
}

/// An error, and what caused it.
#[derive(Debug)]
struct Chain(&'static str, Option<Box<Chain>>);

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Chain {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}
