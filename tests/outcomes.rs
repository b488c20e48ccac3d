//! What counts as what: one test for each way a request can end.

mod common;

use std::convert::Infallible;
use std::future::{Future, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use common::{Broken, Step, Steps, Watch, check_law, get, response};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_slack_alert::{
    Clock, IncidentPolicy, Kind, Measure, Outcome, PanicPolicy, PathCapture, Probes, QueryCapture,
    ReportedError, RequestAlert, Rule, Status, Verdict,
};

type Never = Result<Response<Empty<&'static [u8]>>, Infallible>;

fn clock() -> Clock {
    Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_349_040))
}

/// Answers with this status and no body.
async fn answer(watch: &Watch, request: Request<()>, status: u16) -> StatusCode {
    let service = watch
        .layer
        .layer(service_fn(move |_: Request<()>| ready(Never::Ok(response(status, Empty::new())))));
    service.oneshot(request).await.unwrap().status()
}

/// Answers with this body, and reads it as a server would.
async fn read(watch: &Watch, response: Response<Steps>) -> Result<usize, Broken> {
    let mut response = Some(response);
    let service = watch.layer.layer(service_fn(move |_: Request<()>| {
        ready(Ok::<_, Infallible>(response.take().unwrap()))
    }));
    let mut body = pin!(service.oneshot(get("/read")).await.unwrap().into_body());
    let mut bytes = 0;
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        bytes += frame?.data_ref().map_or(0, bytes::Bytes::len);
        if body.is_end_stream() {
            break;
        }
    }
    Ok(bytes)
}

#[tokio::test]
async fn only_server_errors_are_failures() {
    let watch = Watch::new();
    for status in [200, 204, 302, 404, 499] {
        assert_eq!(answer(&watch, get("/a"), status).await, status);
    }
    watch.nothing().await;
    assert_eq!(answer(&watch, get("/a"), 503).await, 503);
    let view = watch.only().await;
    assert_eq!(view.key().to_string(), "failed 503 GET /a");
    assert_eq!(view.samples().first().unwrap().path(), "/a");
}

#[tokio::test]
async fn failure_statuses_are_a_choice() {
    let watch = Watch::with(|config| config.failure_statuses([418, 500]));
    answer(&watch, get("/a"), 503).await;
    answer(&watch, get("/a"), 418).await;
    assert_eq!(watch.keys().await, [("failed 418 GET /a".to_owned(), 1)]);
}

#[tokio::test]
async fn failure_when_judges_and_its_panics_are_caught() {
    let watch = Watch::with(|config| {
        config.failure_when(|request, parts| match parts.headers.get("x-judge") {
            Some(value) if value == "bad" => Verdict::Failure,
            Some(value) if value == "good" => Verdict::Success,
            Some(_) => panic!("a judge panicked over {}", request.path()),
            None => Verdict::Default,
        })
    });
    for (status, judge) in [(200, "bad"), (500, "good"), (500, "panic"), (200, "panic")] {
        let service = watch.layer.layer(service_fn(move |_: Request<()>| {
            let mut response = response(status, Empty::new());
            response.headers_mut().insert("x-judge", HeaderValue::from_static(judge));
            ready(Never::Ok(response))
        }));
        service.oneshot(get("/a")).await.unwrap();
    }
    let views = watch.views().await;
    let keys: Vec<String> = views.iter().map(|view| view.key().to_string()).collect();
    assert_eq!(keys, ["failed 200 GET /a", "failed 500 GET /a"]);
    assert_eq!(views[0].samples().first().unwrap().outcome(), Outcome::Judged);
    assert_eq!(watch.handle.stats().callback_panics(), 2);
}

#[tokio::test]
async fn a_service_error_is_told_and_passed_on() {
    let watch = Watch::new();
    let service = watch.layer.layer(service_fn(|_: Request<()>| {
        ready(Err::<Response<Empty<&[u8]>>, _>(Broken("connection refused")))
    }));
    assert_eq!(service.oneshot(get("/a")).await.unwrap_err().0, "connection refused");
    let view = watch.only().await;
    assert_eq!(view.key().status(), Some(Status::Error));
    let sample = view.samples().first().unwrap();
    assert_eq!(sample.causes().collect::<Vec<_>>(), ["connection refused"]);
}

#[tokio::test]
async fn an_error_that_panics_when_shown_is_survived() {
    #[derive(Debug)]
    struct Unshowable;
    impl std::fmt::Display for Unshowable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no text for you")
        }
    }
    let watch = Watch::new();
    let service = watch
        .layer
        .layer(service_fn(|_: Request<()>| ready(Err::<Response<Empty<&[u8]>>, _>(Unshowable))));
    assert!(service.oneshot(get("/a")).await.is_err());
    assert_eq!(watch.only().await.key().to_string(), "failed error GET /a");
}

#[tokio::test]
async fn the_reason_behind_a_response_is_told() {
    let watch = Watch::new();
    let error = std::io::Error::other(Broken("pool timed out"));
    let service = watch.layer.layer(service_fn(|_: Request<()>| {
        let mut response = response(500, Empty::new());
        response.extensions_mut().insert(ReportedError::new(&error));
        ready(Never::Ok(response))
    }));
    service.oneshot(get("/a")).await.unwrap();
    let view = watch.only().await;
    assert_eq!(view.samples().first().unwrap().causes().next(), Some("pool timed out"));
}

// Panics.

#[tokio::test]
async fn a_panic_in_call_or_future_is_answered_500_with_nothing_in_it() {
    for in_call in [true, false] {
        let watch = Watch::new();
        let service = watch.layer.layer(service_fn(move |_: Request<()>| {
            assert!(!in_call, "in call");
            async move {
                panic!("in the future");
                #[allow(unreachable_code)]
                Never::Ok(response(200, Empty::new()))
            }
        }));
        let response = service.oneshot(get("/a")).await.unwrap();
        assert_eq!(response.status(), 500);
        assert_eq!(response.body().size_hint().exact(), Some(0));
        assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
        let view = watch.only().await;
        assert_eq!(view.key().to_string(), "panicked GET /a");
        let expected = if in_call { "in call" } else { "in the future" };
        assert_eq!(view.samples().first().unwrap().causes().next(), Some(expected));
    }
}

#[tokio::test]
async fn resume_unwinds_on_with_the_same_payload() {
    let watch = Watch::with(|config| config.panic_policy(PanicPolicy::Resume));
    let service = watch.layer.layer(service_fn(|_: Request<()>| async {
        std::panic::panic_any(77_u8);
        #[allow(unreachable_code)]
        Never::Ok(response(200, Empty::new()))
    }));
    let unwound = AssertUnwindSafe(service.oneshot(get("/a"))).catch_unwind().await;
    assert_eq!(*unwound.unwrap_err().downcast::<u8>().unwrap(), 77);
    assert_eq!(watch.keys().await, [("panicked GET /a".to_owned(), 1)]);
}

/// Panics at the given poll, counts its polls, and panics again when dropped.
struct Bomb {
    polls: Arc<AtomicUsize>,
    panics_at: usize,
    panics_in_drop: bool,
}

impl Future for Bomb {
    type Output = Never;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Never> {
        let poll = self.polls.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(poll != self.panics_at, "at poll {poll}");
        if poll >= 3 {
            return Poll::Ready(Ok(response(200, Empty::new())));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.panics_in_drop {
            panic!("in drop");
        }
    }
}

async fn run_bomb(watch: &Watch, panics_at: usize, panics_in_drop: bool) -> (usize, StatusCode) {
    let polls = Arc::new(AtomicUsize::new(0));
    let service = watch.layer.layer(service_fn(|_: Request<()>| Bomb {
        polls: Arc::clone(&polls),
        panics_at,
        panics_in_drop,
    }));
    let response = service.oneshot(get("/bomb")).await.unwrap();
    (polls.load(Ordering::SeqCst), response.status())
}

#[tokio::test]
async fn a_caught_future_is_never_polled_again_even_if_its_destructor_panics() {
    let watch = Watch::new();
    assert_eq!(run_bomb(&watch, 2, true).await, (2, StatusCode::INTERNAL_SERVER_ERROR));
    let view = watch.only().await;
    assert_eq!(view.samples().first().unwrap().causes().next(), Some("at poll 2"));
    assert_eq!(watch.handle.stats().in_flight(), 0);
}

#[tokio::test]
async fn a_destructor_that_panics_after_the_response_is_told_and_the_response_kept() {
    let watch = Watch::new();
    assert_eq!(run_bomb(&watch, 0, true).await, (3, StatusCode::OK));
    let view = watch.only().await;
    assert_eq!(view.key().kind(), Kind::Panicked);
    assert_eq!(view.samples().first().unwrap().causes().next(), Some("in drop"));
}

#[tokio::test]
async fn a_destructor_that_panics_while_the_future_is_dropped_is_told() {
    let watch = Watch::new();
    let polls = Arc::default();
    let mut service = watch.layer.layer(service_fn(|_: Request<()>| Bomb {
        polls: Arc::clone(&polls),
        panics_at: 0,
        panics_in_drop: true,
    }));
    drop(service.call(get("/bomb")));
    assert_eq!(watch.keys().await, [("panicked GET /bomb".to_owned(), 1)]);
}

#[tokio::test]
async fn a_payload_that_panics_while_dropped_is_survived() {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("the payload panicked");
        }
    }
    let watch = Watch::new();
    let service = watch.layer.layer(service_fn(|_: Request<()>| async {
        std::panic::panic_any(Payload);
        #[allow(unreachable_code)]
        Never::Ok(response(200, Empty::new()))
    }));
    assert_eq!(service.oneshot(get("/a")).await.unwrap().status(), 500);
    assert_eq!(watch.keys().await, [("panicked GET /a".to_owned(), 1)]);
}

#[tokio::test]
async fn a_body_panic_is_told_and_raised_again() {
    let watch = Watch::new();
    let body = Steps::of([Step::Data("12345"), Step::Panic]);
    let read = AssertUnwindSafe(read(&watch, response(200, body))).catch_unwind().await;
    assert_eq!(*read.unwrap_err().downcast::<&str>().unwrap(), "the body panicked");
    let view = watch.only().await;
    assert_eq!(view.key().to_string(), "panicked GET /read");
    assert_eq!(view.samples().first().unwrap().bytes(), Some(5));
    assert_eq!(watch.handle.stats().in_flight(), 0);
}

// Slow and cancelled.

#[tokio::test]
async fn slow_is_judged_by_the_head() {
    let (watch, clock) = slow_watch(|config| config);
    let slow = |millis: u64| {
        let clock = clock.clone();
        watch.layer.layer(service_fn(move |_: Request<()>| {
            clock.advance(Duration::from_millis(millis));
            ready(Never::Ok(response(200, Empty::new())))
        }))
    };
    slow(4_999).oneshot(get("/a")).await.unwrap();
    watch.nothing().await;
    slow(127_000).oneshot(get("/a")).await.unwrap();
    let view = watch.only().await;
    assert_eq!(view.key().to_string(), "slow GET /a");
    let sample = view.samples().first().unwrap();
    assert_eq!(sample.took(), Duration::from_secs(127));
    assert_eq!(sample.status(), Some(Status::Http(200)));
}

fn slow_watch(
    configure: impl FnOnce(
        tower_slack_alert::AlertConfigBuilder,
    ) -> tower_slack_alert::AlertConfigBuilder,
) -> (Watch, Clock) {
    let clock = clock();
    // What hangs is another test's business, and would be told beside these.
    let hung_after = Duration::from_secs(3_600);
    let watch = Watch::with(|config| configure(config.clock(clock.clone()).hung_after(hung_after)));
    (watch, clock)
}

/// A response whose head is at once and whose body takes a minute.
async fn slow_body(watch: &Watch, clock: &Clock, content_type: &'static str) {
    let service = watch.layer.layer(service_fn(|_: Request<()>| {
        let mut response = response(200, Steps::of([Step::Data("a"), Step::Data("b")]));
        let value = HeaderValue::from_static(content_type);
        response.headers_mut().insert("content-type", value);
        ready(Ok::<_, Infallible>(response))
    }));
    let body = service.oneshot(get("/body")).await.unwrap().into_body();
    clock.advance(Duration::from_secs(60));
    body.collect().await.unwrap();
}

#[tokio::test]
async fn slow_is_judged_by_the_end_of_the_body_if_asked_and_never_for_streams() {
    let (watch, clock) = slow_watch(|config| config);
    slow_body(&watch, &clock, "text/plain").await;
    watch.nothing().await;

    let (watch, clock) = slow_watch(|config| config.measure(Measure::EndOfBody));
    slow_body(&watch, &clock, "text/event-stream").await;
    slow_body(&watch, &clock, "application/grpc").await;
    watch.nothing().await;
    slow_body(&watch, &clock, "text/plain").await;
    let view = watch.only().await;
    assert_eq!(view.key().to_string(), "slow GET /body");
    assert_eq!(view.samples().first().unwrap().outcome(), Outcome::SlowBody);
}

#[tokio::test]
async fn a_dropped_future_is_cancelled_if_it_had_run_for_long() {
    let (watch, clock) = slow_watch(|config| config);
    let mut service =
        watch.layer.layer(service_fn(|_: Request<()>| std::future::pending::<Never>()));
    let early = service.call(get("/a"));
    clock.advance(Duration::from_millis(4_999));
    drop(early);
    watch.nothing().await;
    let late = service.call(get("/a"));
    clock.advance(Duration::from_secs(60));
    drop(late);
    let view = watch.only().await;
    assert_eq!(view.key().to_string(), "cancelled GET /a");
    assert_eq!(view.samples().first().unwrap().took(), Duration::from_secs(60));
}

#[tokio::test]
async fn a_drop_by_somebody_elses_panic_is_cancelled_and_no_panic_of_ours() {
    let (watch, clock) = slow_watch(|config| config);
    let mut service =
        watch.layer.layer(service_fn(|_: Request<()>| std::future::pending::<Never>()));
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _future = service.call(get("/a"));
        clock.advance(Duration::from_secs(60));
        panic!("outside");
    }));
    assert!(unwound.is_err());
    assert_eq!(watch.keys().await, [("cancelled GET /a".to_owned(), 1)]);
}

#[tokio::test]
async fn requests_cut_while_draining_are_told_with_the_last_words_only() {
    let (watch, clock) = slow_watch(|config| config);
    let mut service =
        watch.layer.layer(service_fn(|_: Request<()>| std::future::pending::<Never>()));
    let cut: Vec<_> = (0..3).map(|_| service.call(get("/a"))).collect();
    clock.advance(Duration::from_secs(60));
    watch.handle.draining();
    drop(cut);
    let report = watch.handle.shutdown(common::SOON).await;
    assert!(report.completed(), "{report}");
    let stats = watch.handle.stats();
    check_law(&stats);
    assert_eq!((stats.observed(), stats.destinations()[0].messages()), (3, 1));
}

// Bodies.

#[tokio::test]
async fn a_body_error_is_told_with_its_bytes_and_passed_on() {
    let watch = Watch::new();
    let body = Steps::of([Step::Data("12345"), Step::Pending, Step::Fail("the cursor was closed")]);
    let error = read(&watch, response(200, body)).await.unwrap_err();
    assert_eq!(error.0, "the cursor was closed");
    let view = watch.only().await;
    assert_eq!(view.key().to_string(), "body_failed GET /read");
    let sample = view.samples().first().unwrap();
    assert_eq!((sample.bytes(), sample.causes().next()), (Some(5), Some("the cursor was closed")));
}

#[tokio::test]
async fn a_body_dropped_early_is_counted_and_told_only_if_asked() {
    let cases = [(false, "text/plain", 0), (true, "text/plain", 1), (true, "text/event-stream", 0)];
    for (told, content_type, expected) in cases {
        let (watch, clock) = slow_watch(|config| config.body_cancelled(told));
        let service = watch.layer.layer(service_fn(|_: Request<()>| {
            let mut response = response(200, Steps::of([Step::Data("123"), Step::Data("456")]));
            let value = HeaderValue::from_static(content_type);
            response.headers_mut().insert("content-type", value);
            ready(Ok::<_, Infallible>(response))
        }));
        let mut body = service.oneshot(get("/download")).await.unwrap().into_body();
        body.frame().await.unwrap().unwrap();
        clock.advance(Duration::from_secs(60));
        drop(body);
        assert_eq!(watch.views().await.len(), expected, "{told} {content_type}");
        assert_eq!(watch.handle.stats().bodies_cancelled(), 1);
    }
}

#[tokio::test]
async fn bodies_that_nobody_reads_to_the_end_are_complete_all_the_same() {
    let watch =
        Watch::with(|config| config.body_cancelled(true).cancelled_after(Duration::from_nanos(1)));
    let drops = |method: Method, status: u16| {
        let service = watch.layer.layer(service_fn(move |_: Request<()>| {
            ready(Ok::<_, Infallible>(response(status, Steps::of([Step::Data("body")]))))
        }));
        let mut request = get("/a");
        *request.method_mut() = method;
        service.oneshot(request).map(|response| drop(response.unwrap()))
    };
    drops(Method::HEAD, 200).await;
    for status in [101, 204, 304] {
        drops(Method::GET, status).await;
    }
    drops(Method::CONNECT, 200).await;

    // With an exact length, hyper stops at the last byte.
    let service = watch.layer.layer(service_fn(|_: Request<()>| {
        let mut response = response(200, Steps::of([Step::Data("123"), Step::Data("456")]));
        response.headers_mut().insert("content-length", HeaderValue::from_static("6"));
        ready(Ok::<_, Infallible>(response))
    }));
    let mut body = service.oneshot(get("/a")).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    body.frame().await.unwrap().unwrap();
    drop(body);
    // A body that says that it is empty.
    answer(&watch, get("/a"), 200).await;
    watch.nothing().await;
    assert_eq!(watch.handle.stats().bodies_cancelled(), 0);
}

#[tokio::test]
async fn one_request_is_one_observation_of_the_worst_kind() {
    // A 500 whose body fails is the 500.
    let watch = Watch::new();
    read(&watch, response(500, Steps::of([Step::Fail("late")]))).await.unwrap_err();
    assert_eq!(watch.keys().await, [("failed 500 GET /read".to_owned(), 1)]);

    // A 500 whose body panics is a panic, and one request.
    let watch = Watch::new();
    let body = response(500, Steps::of([Step::Panic]));
    assert!(AssertUnwindSafe(read(&watch, body)).catch_unwind().await.is_err());
    let keys = watch.keys().await;
    assert!(keys.contains(&("panicked GET /read".to_owned(), 1)), "{keys:?}");
    assert_eq!(watch.handle.stats().observed(), 1);

    // Slow, told at the head, and then broken: moved to the worse kind.
    let (watch, clock) = slow_watch(|config| config);
    let service = watch.layer.layer(service_fn(|_: Request<()>| {
        clock.advance(Duration::from_secs(6));
        let body = Steps::of([Step::Data("a"), Step::Fail("broken")]);
        ready(Ok::<_, Infallible>(response(200, body)))
    }));
    let body = service.oneshot(get("/read")).await.unwrap().into_body();
    assert_eq!(watch.keys().await, [("slow GET /read".to_owned(), 1)]);
    body.collect().await.unwrap_err();
    let views = watch.views().await;
    assert_eq!(views.len(), 2);
    assert_eq!(views[1].key().to_string(), "body_failed GET /read");
    assert_eq!(views[1].moved_in(), 1);
    let stats = watch.handle.stats();
    assert_eq!((stats.observed(), stats.destinations()[0].account().delivered()), (1, 1));
}

// gRPC.

fn grpc(
    status: Option<&'static str>,
    trailers: Option<(&'static str, &'static str)>,
) -> Response<Steps> {
    let mut steps = vec![Step::Data("message")];
    if let Some((status, message)) = trailers {
        let mut map = HeaderMap::new();
        map.insert("grpc-status", HeaderValue::from_static(status));
        map.insert("grpc-message", HeaderValue::from_static(message));
        steps.push(Step::Trailers(map));
    }
    let mut response =
        response(200, Steps { steps: steps.into(), tells_its_end: true, ..Steps::default() });
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    if let Some(status) = status {
        response.headers_mut().insert("grpc-status", HeaderValue::from_static(status));
    }
    response
}

#[tokio::test]
async fn grpc_is_judged_by_its_status_in_head_or_trailers() {
    let watch = Watch::new();
    for fine in ["0", "1", "3", "5", "16"] {
        read(&watch, grpc(Some(fine), None)).await.unwrap();
        read(&watch, grpc(None, Some((fine, "")))).await.unwrap();
    }
    watch.nothing().await;
    read(&watch, grpc(Some("13"), None)).await.unwrap();
    assert_eq!(watch.keys().await[0].0, "failed gRPC Internal GET /read");
    read(&watch, grpc(None, Some(("14", "no%20backend")))).await.unwrap();
    let views = watch.views().await;
    assert_eq!(views[1].key().to_string(), "failed gRPC Unavailable GET /read");
    assert_eq!(views[1].samples().first().unwrap().causes().next(), Some("no backend"));
    assert_eq!(watch.handle.stats().bodies_cancelled(), 0);
}

#[tokio::test]
async fn grpc_web_is_judged_by_its_http_status() {
    let watch = Watch::new();
    let mut response = grpc(Some("13"), None);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc-web"));
    read(&watch, response).await.unwrap();
    watch.nothing().await;
}

#[tokio::test]
async fn a_grpc_requests_path_is_its_route() {
    let watch = Watch::new();
    let mut request = get("/shop.v1.Orders/Create2");
    *request.method_mut() = Method::POST;
    request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    answer(&watch, request, 500).await;
    assert_eq!(watch.only().await.key().to_string(), "failed 500 POST /shop.v1.Orders/Create2");
}

// Layers in layers.

#[tokio::test]
async fn the_same_layer_twice_reports_once_and_another_one_as_well() {
    let (watch, other) = (Watch::new(), Watch::new());
    let service = watch.layer.layer(other.layer.layer(watch.layer.layer(service_fn(
        |_: Request<()>| async {
            RequestAlert::current().note("tenant", "acme");
            Never::Ok(response(500, Empty::new()))
        },
    ))));
    service.oneshot(get("/a")).await.unwrap();
    for watch in [&watch, &other] {
        let view = watch.only().await;
        assert_eq!(view.counts().total(), 1);
        let notes: Vec<_> =
            view.samples().first().unwrap().notes().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(notes, ["tenant=acme"]);
        assert_eq!(watch.handle.stats().in_flight(), 0);
    }
}

// Rules.

#[tokio::test]
async fn probes_are_suppressed_unless_they_panic() {
    let probe = |agent: &'static str| {
        let mut request = get("/a");
        request.headers_mut().insert("user-agent", HeaderValue::from_static(agent));
        request
    };
    let watch = Watch::new();
    for agent in ["kube-probe/1.31", "ELB-HealthChecker/2.0", "GoogleHC/1.0"] {
        answer(&watch, probe(agent), 503).await;
    }
    watch.nothing().await;
    let stats = watch.handle.stats();
    assert_eq!(stats.destinations()[0].account().suppressed(Rule::Probe), 3);
    answer(&watch, probe("my-kube-probe/1"), 503).await;
    let service = watch.layer.layer(service_fn(|_: Request<()>| async {
        panic!("even for a probe");
        #[allow(unreachable_code)]
        Never::Ok(response(200, Empty::new()))
    }));
    service.oneshot(probe("kube-probe/1.31")).await.unwrap();
    assert_eq!(watch.views().await.len(), 2);

    let watch = Watch::with(|config| config.probes(Probes::Tell));
    answer(&watch, probe("kube-probe/1.31"), 503).await;
    assert_eq!(watch.views().await.len(), 1);
}

#[tokio::test]
async fn ignored_requests_are_not_observed_at_all() {
    let watch = Watch::with(|config| {
        config
            .ignore_path("/healthz")
            .ignore_method(Method::TRACE)
            .ignore_route("named")
            .route_fn(|head| (head.uri().path() == "/named").then(|| "named".into()))
            .ignore_when(|head| match head.headers().get("x-ignore") {
                Some(value) if value == "panic" => panic!("a rule panicked"),
                Some(_) => true,
                None => false,
            })
    });
    answer(&watch, get("/healthz"), 500).await;
    answer(&watch, get("/healthz/deep"), 500).await;
    answer(&watch, get("/named"), 500).await;
    let mut request = get("/a");
    *request.method_mut() = Method::TRACE;
    answer(&watch, request, 500).await;
    let mut request = get("/a");
    request.headers_mut().insert("x-ignore", HeaderValue::from_static("yes"));
    answer(&watch, request, 500).await;
    watch.nothing().await;
    assert_eq!(watch.handle.stats().observed(), 0);

    answer(&watch, get("/healthzzz"), 500).await;
    let mut request = get("/b");
    request.headers_mut().insert("x-ignore", HeaderValue::from_static("panic"));
    answer(&watch, request, 500).await;
    assert_eq!(watch.views().await.len(), 2);
    assert_eq!(watch.handle.stats().callback_panics(), 1);
}

#[tokio::test]
async fn routes_have_rules_of_their_own() {
    let (watch, clock) = slow_watch(|config| {
        config
            .route("/reports", |route| route.slow_after(Duration::from_secs(60)).hide_path())
            .route("/quiet", |route| route.never(Kind::Failed))
            .route_fn(|head| head.uri().path().starts_with("/reports").then(|| "/reports".into()))
    });
    let slow = |seconds: u64| {
        let clock = clock.clone();
        watch.layer.layer(service_fn(move |_: Request<()>| {
            clock.advance(Duration::from_secs(seconds));
            ready(Never::Ok(response(200, Empty::new())))
        }))
    };
    slow(59).oneshot(get("/reports/1")).await.unwrap();
    answer(&watch, get("/quiet"), 500).await;
    watch.nothing().await;
    let stats = watch.handle.stats();
    assert_eq!(stats.destinations()[0].account().suppressed(Rule::Never), 1);
    slow(61).oneshot(get("/reports/1")).await.unwrap();
    let view = watch.only().await;
    assert_eq!(view.key().to_string(), "slow GET /reports");
    assert_eq!(view.samples().first().unwrap().path(), "");
}

#[tokio::test]
async fn slow_is_forgiven_at_the_start_and_failures_are_not() {
    let (watch, clock) = slow_watch(|config| config.startup_grace(Duration::from_secs(30)));
    let slow = || {
        let clock = clock.clone();
        watch.layer.layer(service_fn(move |_: Request<()>| {
            clock.advance(Duration::from_secs(10));
            ready(Never::Ok(response(200, Empty::new())))
        }))
    };
    slow().oneshot(get("/a")).await.unwrap();
    watch.nothing().await;
    let stats = watch.handle.stats();
    assert_eq!(stats.destinations()[0].account().suppressed(Rule::StartupGrace), 1);
    // On another route, or the slow one would be part of the failure.
    answer(&watch, get("/b"), 500).await;
    clock.advance(Duration::from_secs(30));
    slow().oneshot(get("/a")).await.unwrap();
    assert_eq!(watch.views().await.len(), 2);
}

#[tokio::test]
async fn tell_after_waits_for_the_count() {
    let (watch, clock) =
        slow_watch(|config| config.tell_after(Kind::Failed, 3, Duration::from_secs(60)));
    answer(&watch, get("/a"), 500).await;
    answer(&watch, get("/a"), 500).await;
    watch.nothing().await;
    clock.advance(Duration::from_secs(61));
    watch.nothing().await;
    let stats = watch.handle.stats();
    assert_eq!(stats.destinations()[0].account().suppressed(Rule::BelowThreshold), 2);
    for _ in 0..3 {
        answer(&watch, get("/a"), 500).await;
    }
    assert_eq!(watch.keys().await, [("failed 500 GET /a".to_owned(), 3)]);
}

#[tokio::test]
async fn a_disabled_layer_passes_everything_through() {
    let watch = Watch::with(|config| config.enabled(false));
    assert_eq!(answer(&watch, get("/a"), 500).await, 500);
    let service = watch.layer.layer(service_fn(|_: Request<()>| async {
        panic!("as without us");
        #[allow(unreachable_code)]
        Never::Ok(response(200, Empty::new()))
    }));
    assert!(AssertUnwindSafe(service.oneshot(get("/a"))).catch_unwind().await.is_err());
    assert_eq!(watch.handle.stats().observed(), 0);
    assert!(watch.handle.shutdown(common::SOON).await.completed());
    assert!(watch.handle.check().await.is_ok());
}

#[tokio::test]
async fn b23_a_future_that_is_over_is_left_alone() {
    let watch = Watch::new();
    for status in [200, 500] {
        let polls = Arc::new(AtomicUsize::new(0));
        let mut service = watch.layer.layer(service_fn(|_: Request<()>| {
            let polls = Arc::clone(&polls);
            std::future::poll_fn(move |_| {
                polls.fetch_add(1, Ordering::SeqCst);
                Poll::Ready(Never::Ok(response(status, Empty::<&[u8]>::new())))
            })
        }));
        let mut future = std::pin::pin!(service.call(get("/a")));
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_ready());
        for _ in 0..3 {
            assert!(future.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(polls.load(Ordering::SeqCst), 1);
    }
    assert_eq!(watch.handle.stats().observed(), 1);
}

// The handle of the request.

#[tokio::test]
async fn the_current_request_takes_notes_and_errors() {
    RequestAlert::current().note("outside", "nothing happens");
    let watch = Watch::new();
    let service = watch.layer.layer(service_fn(|_: Request<()>| async {
        tokio::task::yield_now().await;
        let alert = RequestAlert::current();
        alert.note("tenant", "acme");
        alert.note("password", "hunter2");
        alert.error(&Broken("from the handle"));
        let spawned = tokio::spawn(RequestAlert::current().scope(async {
            RequestAlert::current().note("job", 7);
        }));
        spawned.await.unwrap();
        Never::Ok(response(500, Empty::new()))
    }));
    service.oneshot(get("/a")).await.unwrap();
    let view = watch.only().await;
    let sample = view.samples().first().unwrap();
    let notes: Vec<String> =
        sample.notes().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(notes, ["tenant=acme", "password=…", "job=7"]);
    assert_eq!(sample.causes().next(), Some("from the handle"));
}

#[tokio::test]
async fn a_handler_can_ask_not_to_be_told() {
    let watch = Watch::new();
    let service = watch.layer.layer(service_fn(|_: Request<()>| async {
        RequestAlert::current().ignore();
        Never::Ok(response(503, Empty::new()))
    }));
    service.oneshot(get("/a")).await.unwrap();
    watch.nothing().await;
    let stats = watch.handle.stats();
    assert_eq!(stats.destinations()[0].account().suppressed(Rule::Handler), 1);
}

#[tokio::test]
async fn a_reported_error_is_told_without_a_request() {
    let watch = Watch::new();
    watch.handle.report("nightly import", &Broken("no such file"));
    let view = watch.only().await;
    assert_eq!(view.key().kind(), Kind::Logged);
    assert!(view.key().to_string().starts_with("logged nightly import at tests/outcomes.rs:"));
    assert_eq!(view.samples().first().unwrap().causes().next(), Some("no such file"));
}

// What is captured.

#[tokio::test]
async fn paths_queries_and_headers_are_told_as_far_as_allowed() {
    let uri = "/invite/ann@example.com/1?token=canary77&page=2";
    let request = |uri: &str| {
        let mut request = get(uri);
        let headers = request.headers_mut();
        headers.insert("x-request-id", HeaderValue::from_static("01JX"));
        headers.insert("x-tenant", HeaderValue::from_static("acme"));
        headers.insert("cookie", HeaderValue::from_static("canary77"));
        let mut secret = HeaderValue::from_static("canary77");
        secret.set_sensitive(true);
        headers.insert("x-key", secret);
        request
    };
    let watch = Watch::with(|config| config.header("X-Tenant").header("x-key"));
    answer(&watch, request(uri), 500).await;
    let view = watch.only().await;
    let sample = view.samples().first().unwrap();
    assert_eq!((sample.path(), sample.query()), ("/invite/…/1", ""));
    let headers: Vec<_> = sample.headers().collect();
    assert_eq!(headers, [("x-request-id", "01JX"), ("x-tenant", "acme")]);
    assert!(!format!("{view:?}").contains("canary77"));

    let watch = Watch::with(|config| {
        config.path_capture(PathCapture::Full).query_capture(QueryCapture::Names)
    });
    answer(&watch, request(uri), 500).await;
    let view = watch.only().await;
    let sample = view.samples().first().unwrap();
    assert_eq!((sample.path(), sample.query()), ("/invite/ann@example.com/1", "token&page"));

    let watch = Watch::with(|config| config.path_capture(PathCapture::TemplateOnly));
    answer(&watch, request(uri), 500).await;
    let view = watch.only().await;
    assert_eq!(view.samples().first().unwrap().path(), "");
    assert_eq!(view.key().to_string(), "failed 500 GET /invite/{}/{}");
}

#[tokio::test]
async fn paths_that_nobody_routed_make_at_most_64_routes() {
    let apart = IncidentPolicy::new().roll_up_at(0);
    let (watch, clock) = slow_watch(|config| config.policy(apart));
    for n in 0..200u32 {
        let word: String = (0..4).map(|at| char::from(b'a' + (n >> (at * 2) & 3) as u8)).collect();
        answer(&watch, get(&format!("/{word}/x")), 500).await;
    }
    // The pace lets one through each second.
    let pacemaker = tokio::spawn(async move {
        loop {
            clock.advance(Duration::from_millis(500));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let keys = watch.keys().await;
    pacemaker.abort();
    assert_eq!(keys.len(), 65);
    let unmatched = keys.iter().find(|(key, _)| key == "failed OTHER (no route)");
    assert_eq!(unmatched.map(|(_, total)| *total), Some(136));
}

#[tokio::test]
async fn in_flight_requests_are_counted_until_their_body_ends() {
    let watch = Watch::new();
    let service = watch.layer.layer(service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(response(200, Full::new(bytes::Bytes::from_static(b"body")))))
    }));
    let response = service.oneshot(get("/a")).await.unwrap();
    assert_eq!(watch.handle.stats().in_flight(), 1);
    response.into_body().collect().await.unwrap();
    assert_eq!(watch.handle.stats().in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_law_holds_in_every_snapshot_while_requests_storm() {
    let watch = Arc::new(Watch::new());
    let service = watch.layer.layer(service_fn(|request: Request<()>| {
        let status = if request.uri().path().len() % 2 == 0 { 500 } else { 503 };
        ready(Never::Ok(response(status, Empty::new())))
    }));
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let service = service.clone();
            tokio::spawn(async move {
                for n in 0..5_000 {
                    let path = format!("/{}", "x".repeat((task + n) % 7));
                    service.clone().oneshot(get(&path)).await.unwrap();
                }
            })
        })
        .collect();
    let mut snapshots = 0;
    while tasks.iter().any(|task| !task.is_finished()) {
        check_law(&watch.handle.stats());
        snapshots += 1;
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    let stats = watch.handle.stats();
    check_law(&stats);
    assert_eq!(stats.observed(), 20_000);
    assert!(snapshots > 0);
    let report = watch.handle.shutdown(common::SOON).await;
    check_law(report.stats());
    assert_eq!(report.stats().destinations()[0].account().pending(), 0);
}

// What reviewers found, each with its test.

#[tokio::test]
async fn a_suppressed_request_that_ends_worse_is_told_once() {
    let rules: [fn(tower_slack_alert::AlertConfigBuilder) -> tower_slack_alert::AlertConfigBuilder;
        3] = [
        |config| {
            config
                .route("/read", |route| route.never(Kind::Slow))
                .route_fn(|_| Some("/read".into()))
        },
        |config| config.startup_grace(Duration::from_secs(60)),
        |config| config,
    ];
    for (n, rule) in rules.into_iter().enumerate() {
        let (watch, clock) = slow_watch(rule);
        let service = watch.layer.layer(service_fn(|_: Request<()>| {
            clock.advance(Duration::from_secs(6));
            let status = if n == 2 { 503 } else { 200 };
            ready(Ok::<_, Infallible>(response(status, Steps::of([Step::Panic]))))
        }));
        let mut request = get("/read");
        if n == 2 {
            request.headers_mut().insert("user-agent", HeaderValue::from_static("kube-probe/1"));
        }
        let body = service.oneshot(request).await.unwrap().into_body();
        assert_eq!(watch.handle.stats().observed(), 1);
        assert!(AssertUnwindSafe(body.collect()).catch_unwind().await.is_err());
        assert_eq!(watch.keys().await, [("panicked GET /read".to_owned(), 1)], "rule {n}");
        assert_eq!(watch.handle.stats().observed(), 1);
    }
}

#[tokio::test]
async fn a_slow_response_without_a_body_is_slow_by_its_end_too() {
    let (watch, clock) = slow_watch(|config| config.measure(Measure::EndOfBody));
    let service = watch.layer.layer(service_fn(|_: Request<()>| {
        clock.advance(Duration::from_secs(60));
        ready(Never::Ok(response(200, Empty::new())))
    }));
    service.oneshot(get("/a")).await.unwrap();
    assert_eq!(watch.keys().await, [("slow GET /a".to_owned(), 1)]);

    // And one whose client does not wait for the body of a late head.
    let (watch, clock) = slow_watch(|config| config.measure(Measure::EndOfBody));
    let service = watch.layer.layer(service_fn(|_: Request<()>| {
        clock.advance(Duration::from_secs(60));
        ready(Ok::<_, Infallible>(response(200, Steps::of([Step::Data("a")]))))
    }));
    drop(service.oneshot(get("/a")).await.unwrap());
    assert_eq!(watch.keys().await, [("slow GET /a".to_owned(), 1)]);
}

/// A body that panics when it is dropped, or when it is asked something.
struct Nasty {
    ends: bool,
    asks: bool,
}

impl Body for Nasty {
    type Data = bytes::Bytes;
    type Error = Infallible;
    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Infallible>>> {
        Poll::Ready(None)
    }
    fn is_end_stream(&self) -> bool {
        assert!(!self.asks, "asked for its end");
        self.ends
    }
    fn size_hint(&self) -> http_body::SizeHint {
        assert!(!self.asks, "asked for its size");
        http_body::SizeHint::new()
    }
}

impl Drop for Nasty {
    fn drop(&mut self) {
        if !self.asks {
            panic!("dropped");
        }
    }
}

#[tokio::test]
async fn a_bodys_destructor_that_panics_is_told_also_after_its_end() {
    for (method, ends, read) in
        [(Method::GET, false, true), (Method::GET, true, false), (Method::HEAD, false, false)]
    {
        let watch = Watch::new();
        let service = watch.layer.layer(service_fn(|_: Request<()>| {
            ready(Ok::<_, Infallible>(response(200, Nasty { ends, asks: false })))
        }));
        let mut request = get("/a");
        *request.method_mut() = method;
        let mut body = Box::pin(service.oneshot(request).await.unwrap().into_body());
        if read {
            assert!(body.frame().await.is_none());
        }
        assert!(catch_unwind(AssertUnwindSafe(|| drop(body))).is_err());
        let keys = watch.keys().await;
        assert!(keys[0].0.starts_with("panicked"), "{keys:?}");
        assert_eq!(watch.handle.stats().in_flight(), 0);
    }
}

#[tokio::test]
async fn questions_of_ours_that_panic_hurt_nobody() {
    let watch = Watch::new();
    let service = watch.layer.layer(service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(response(200, Nasty { ends: false, asks: true })))
    }));
    let mut body = Box::pin(service.oneshot(get("/a")).await.unwrap().into_body());
    assert!(body.frame().await.is_none());
    drop(body);
    watch.nothing().await;
}

#[tokio::test]
async fn without_a_route_there_is_one_key_per_kind() {
    let watch = Watch::new();
    let deep = "/ab".repeat(11);
    for (method, status) in [(Method::GET, 500), (Method::POST, 503), (Method::PUT, 502)] {
        let mut request = get(&deep);
        *request.method_mut() = method;
        answer(&watch, request, status).await;
    }
    let views = watch.views().await;
    let last = views.last().unwrap();
    assert_eq!(last.key().to_string(), "failed OTHER (no route)");
    assert_eq!(last.counts().total(), 3);
}

#[tokio::test]
async fn requests_that_do_not_matter_take_no_route() {
    let (watch, clock) = slow_watch(|config| config);
    let mut service =
        watch.layer.layer(service_fn(|_: Request<()>| std::future::pending::<Never>()));
    for n in 0..200u32 {
        let word: String = (0..4).map(|at| char::from(b'a' + (n >> (at * 2) & 3) as u8)).collect();
        drop(service.call(get(&format!("/{word}/x"))));
    }
    clock.advance(Duration::from_secs(1));
    answer(&watch, get("/real"), 500).await;
    assert_eq!(watch.keys().await, [("failed 500 GET /real".to_owned(), 1)]);
}

#[tokio::test]
async fn secrets_cut_in_half_are_hidden_whole() {
    let watch = Watch::new();
    let filler = "a word ".repeat(30);
    let error = format!(
        "{filler} postgres://app:canary77canary77canary77canary77canary77canary77canary77@db/shop"
    );
    let service = watch.layer.layer(service_fn(move |_: Request<()>| {
        let mut response = response(500, Empty::new());
        response.extensions_mut().insert(ReportedError::message(&error));
        RequestAlert::current().note("auth", "Bearer canary77");
        RequestAlert::current().note("note", &error);
        ready(Never::Ok(response))
    }));
    service.oneshot(get("/reset/canary77canary77canary77/x")).await.unwrap();
    let view = watch.only().await;
    assert!(!format!("{view:?}").contains("canary77"), "{view:#?}");
}

#[test]
fn what_closures_are_given_prints_no_secret() {
    let mut request = get("/a?token=canary77");
    request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer canary77"));
    let head = tower_slack_alert::RequestHead::of(&request);
    assert!(!format!("{head:?}").contains("canary77"));
}
#[tokio::test]
async fn c4_c12_c13_what_is_huge_is_cut_where_it_is_captured() {
    let watch = Watch::with(|config| config.header("x-huge"));
    let huge = "z9 ".repeat(400_000);
    let reason = huge.clone();
    let mut service = watch.layer.layer(service_fn(move |_: Request<()>| {
        let alert = RequestAlert::current();
        for n in 0..100 {
            alert.note(&format!("name {n} {}", "n".repeat(100)), "v".repeat(10_000));
        }
        let error = std::io::Error::other(reason.clone());
        alert.error(&error);
        ready(Never::Ok(response(500, Empty::<&[u8]>::new())))
    }));
    let mut request = get(&format!("/{}", "p".repeat(60_000)));
    for name in ["x-huge", "x-request-id", "user-agent"] {
        request.headers_mut().insert(name, HeaderValue::from_str(&huge).unwrap());
    }
    service.call(request).await.unwrap();
    let view = watch.only().await;
    let sample = view.samples().first().unwrap();
    assert!(sample.path().len() <= 128, "{}", sample.path().len());
    assert!(sample.causes().map(str::len).sum::<usize>() <= 260);
    let headers: Vec<_> = sample.headers().collect();
    assert!(headers.iter().all(|(_, value)| value.len() <= 90), "{headers:?}");
    let notes: Vec<_> = sample.notes().collect();
    assert!(!notes.is_empty() && notes.len() <= 8, "{notes:?}");
    assert!(notes.iter().all(|(name, value)| name.len() <= 43 && value.len() <= 123), "{notes:?}");
    assert!(view.key().to_string().len() <= 300, "{}", view.key());
}
