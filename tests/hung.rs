//! Requests that are told while they still run.

mod common;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use common::{Watch, get, response};
use http::{Request, Response};
use http_body_util::Empty;
use tokio::sync::oneshot;
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{
    AlertConfigBuilder, Clock, IncidentView, Kind, Moment, Outcome, RequestAlert, Rule,
};

type Answer = Result<Response<Empty<&'static [u8]>>, Infallible>;

/// A request that waits for its answer.
struct Running {
    future: Pin<Box<dyn Future<Output = Answer>>>,
    answer: oneshot::Sender<u16>,
}

impl Running {
    fn begin(watch: &Watch, path: &str) -> Self {
        Running::with(watch, get(path), || {})
    }

    fn with(watch: &Watch, request: Request<()>, first: impl Fn() + 'static) -> Self {
        let (answer, answered) = oneshot::channel();
        let mut answered = Some(answered);
        let mut service = watch.layer.layer(service_fn(move |_: Request<()>| {
            let answered = answered.take().unwrap();
            first();
            async move {
                match answered.await.unwrap_or(500) {
                    0 => panic!("after a long time"),
                    status => Answer::Ok(response(status, Empty::new())),
                }
            }
        }));
        let mut future: Pin<Box<dyn Future<Output = Answer>>> = Box::pin(async move {
            let response = service.call(request).await;
            response.map(|response| response.map(|_| Empty::new()))
        });
        assert!(poll(&mut future).is_pending());
        Running { future, answer }
    }

    fn answer(mut self, status: u16) {
        self.answer.send(status).unwrap();
        assert!(poll(&mut self.future).is_ready());
    }
}

fn poll(future: &mut Pin<Box<dyn Future<Output = Answer>>>) -> Poll<Answer> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

struct Bench {
    watch: Watch,
    clock: Clock,
}

impl Bench {
    fn new(configure: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder) -> Self {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH);
        let watch = Watch::with(|config| configure(config).clock(clock.clone()));
        Bench { watch, clock }
    }

    /// Lets time pass, and what is due be told.
    async fn pass(&self, seconds: u64) {
        let mut left = Duration::from_secs(seconds);
        loop {
            let next = self.watch.handle.settle().await.unwrap_or(left);
            if left.is_zero() {
                return;
            }
            let step = next.max(Duration::from_millis(1)).min(left);
            self.clock.advance(step);
            left -= step;
        }
    }

    async fn views(&self) -> Vec<IncidentView> {
        self.watch.handle.settle().await;
        self.watch.told()
    }
}

#[tokio::test]
async fn told_at_thirty_seconds_and_when_it_ends() {
    let bench = Bench::new(|config| config);
    let running = Running::begin(&bench.watch, "/reports");
    bench.pass(29).await;
    assert!(bench.views().await.is_empty());
    bench.pass(1).await;
    let views = bench.views().await;
    assert_eq!(views.len(), 1);
    assert_eq!((views[0].moment(), views[0].kind()), (Moment::First, Kind::Hung));
    assert_eq!(views[0].hanging(), Some((1, Duration::from_secs(30))));
    assert_eq!(views[0].key().to_string(), "slow GET /reports");
    bench.pass(97).await;
    running.answer(200);
    let views = bench.views().await;
    assert_eq!(views.len(), 2);
    let end = &views[1];
    assert_eq!((end.hanging(), end.counts().total()), (None, 1));
    let sample = end.samples().last().unwrap();
    assert_eq!(sample.took(), Duration::from_secs(127));
    assert_eq!(sample.status().map(|status| status.to_string()), Some("200".into()));
    // Nor is the first one still the one that ran.
    assert_eq!(end.samples().first().unwrap().took(), Duration::from_secs(127));
    assert_eq!(bench.watch.handle.stats().observed(), 1);
    common::check_law(&bench.watch.handle.stats());
}

#[tokio::test]
async fn an_end_that_is_worse_is_told_there_and_counted_once() {
    for (status, expected) in [(500, "failed 500 GET /pay"), (0, "panicked GET /pay")] {
        let bench = Bench::new(|config| config);
        let running = Running::begin(&bench.watch, "/pay");
        bench.pass(40).await;
        running.answer(status);
        let views = bench.views().await;
        let last = views.last().unwrap();
        assert_eq!((last.key().to_string().as_str(), last.moved_in()), (expected, 1));
        assert_eq!(last.counts().slowest(), Duration::from_secs(40));
        bench.pass(1000).await;
        let stats = bench.watch.handle.stats();
        assert_eq!(stats.observed(), 1);
        common::check_law(&stats);
        let account = stats.destinations()[0].account();
        assert_eq!(account.delivered() + account.coalesced(), 1);
    }
}

#[tokio::test]
async fn one_that_nobody_waits_for_any_more_is_cancelled_in_place() {
    let bench = Bench::new(|config| config);
    let running = Running::begin(&bench.watch, "/export");
    bench.pass(60).await;
    drop(running);
    let views = bench.views().await;
    let last = views.last().unwrap();
    assert_eq!((last.key().to_string().as_str(), last.counts().total()), ("slow GET /export", 1));
    assert_eq!(last.samples().last().unwrap().outcome(), Outcome::GivenUp);
    assert_eq!(bench.watch.handle.stats().observed(), 1);
}

#[tokio::test]
async fn nothing_is_over_while_one_runs() {
    let bench = Bench::new(|config| config);
    let running = Running::begin(&bench.watch, "/stock");
    bench.pass(4 * 3600).await;
    let views = bench.views().await;
    assert!(views.iter().all(|view| view.ending().is_none()), "{views:#?}");
    assert_eq!(views.last().unwrap().hanging().unwrap().0, 1);
    running.answer(200);
    bench.pass(600).await;
    assert!(bench.views().await.last().unwrap().ending().is_some());
}

#[tokio::test]
async fn thresholds_by_route_and_never_before_slow() {
    let seconds = Duration::from_secs;
    let bench = Bench::new(|config| {
        config
            .slow_after(seconds(2))
            .hung_after(seconds(10))
            .route("/a", |route| route.hung_after(seconds(20)))
            .route("/b", |route| route.slow_after(seconds(60)))
            .route("/c", |route| route.never(Kind::Hung))
            .route_fn(|head| Some(head.uri().path().into()))
    });
    let _running: Vec<_> =
        ["/a", "/b", "/c", "/d"].map(|path| Running::begin(&bench.watch, path)).into();
    for (second, route) in [(10, "/d"), (20, "/a"), (60, "/b")] {
        let before = bench.views().await.len();
        bench.pass(second - elapsed(&bench)).await;
        let views = bench.views().await;
        let told = views[before..].iter().find(|view| view.moment() == Moment::First);
        assert_eq!(told.unwrap().key().route().unwrap().as_str(), route, "{second}");
    }
    let account = *bench.watch.handle.stats().destinations()[0].account();
    assert_eq!(account.suppressed(Rule::Never), 1);
}

fn elapsed(bench: &Bench) -> u64 {
    bench.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

#[tokio::test]
async fn probes_and_ignored_requests_are_not_told_but_counted() {
    let bench = Bench::new(|config| config);
    let probe = Request::builder().uri("/").header("user-agent", "kube-probe/1.31").body(());
    let probe = Running::with(&bench.watch, probe.unwrap(), || {});
    let ignored =
        Running::with(&bench.watch, get("/long-poll"), || RequestAlert::current().ignore());
    bench.pass(100).await;
    assert!(bench.views().await.is_empty());
    let suppressed = |rule| bench.watch.handle.stats().destinations()[0].account().suppressed(rule);
    assert_eq!((suppressed(Rule::Probe), suppressed(Rule::Handler)), (1, 1));
    // A panic is told all the same, and counted once.
    probe.answer(0);
    ignored.answer(200);
    assert_eq!(bench.views().await.len(), 1);
    assert_eq!(suppressed(Rule::Probe), 0);
    assert_eq!(bench.watch.handle.stats().observed(), 2);
    common::check_law(&bench.watch.handle.stats());
}

#[tokio::test]
async fn a_response_that_streams_for_long_does_not_hang() {
    let bench = Bench::new(|config| config);
    let mut service = bench.watch.layer.layer(service_fn(|_: Request<()>| async {
        let body = common::Steps::of([common::Step::Pending, common::Step::Data("x")]);
        Ok::<_, Infallible>(response(200, body))
    }));
    let streaming = service.call(get("/events")).await.unwrap();
    bench.pass(3600).await;
    assert!(bench.views().await.is_empty());
    drop(streaming);
    assert_eq!(bench.watch.handle.stats().observed(), 0);
}

/// Ends race with the watch: each request is counted once, whoever is first.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_is_first_it_is_counted_once() {
    let millis = Duration::from_millis;
    let watch = Watch::with(|config| config.slow_after(millis(5)).hung_after(millis(10)));
    let mut tasks = Vec::new();
    for n in 0..400_u64 {
        let mut service = watch.layer.layer(service_fn(move |_: Request<()>| async move {
            tokio::time::sleep(Duration::from_micros(9_000 + n * 5)).await;
            let status = if n % 3 == 0 { 500 } else { 200 };
            Answer::Ok(response(status, Empty::new()))
        }));
        tasks.push(tokio::spawn(async move {
            drop(service.call(get("/race")).await);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let views = watch.views().await;
    assert!(!views.is_empty());
    let stats = watch.handle.stats();
    assert_eq!((stats.observed(), stats.in_flight()), (400, 0));
    common::check_law(&stats);
}
