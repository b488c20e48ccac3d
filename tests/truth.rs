//! What is claimed is so: found by readers who tried to make it say otherwise.

mod common;

use std::convert::Infallible;
use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::{Duration, Instant, SystemTime};

use common::{Step, Steps, Watch, check_law, get, response};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_slack_alert::{
    AlertConfig, AlertConfigBuilder, AlertHandle, BoxFuture, Capabilities, Clock, Delivery,
    DeliveryError, Destination, Kind, Matcher, MessageRef, Op, Receipt, SlackAlertLayer,
    SlackMessage, Transport,
};

type Never = Result<Response<Empty<&'static [u8]>>, Infallible>;
const SECONDS: fn(u64) -> Duration = Duration::from_secs;

fn clock() -> Clock {
    Clock::manual(SystemTime::UNIX_EPOCH + SECONDS(1_795_349_040))
}

fn watch(f: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder) -> (Watch, Clock) {
    let clock = clock();
    (Watch::with(|c| f(c.clock(clock.clone()))), clock)
}

/// Remembers what it was told, and edits.
#[derive(Clone, Default)]
struct Edits(Arc<Mutex<Vec<String>>>);

impl Transport for Edits {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new().edit().thread()
    }
    fn deliver<'a>(&'a self, d: Delivery<'a>) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        let v = d.view();
        self.0.lock().unwrap().push(SlackMessage::built_in(v, d.op()).to_plain());
        Box::pin(async { Ok(Receipt::with_reference(MessageRef::new("C1", "1.1"))) })
    }
}

/// A layer whose destination edits, and what it said.
struct Editing {
    layer: SlackAlertLayer,
    handle: AlertHandle,
    told: Edits,
}

impl Editing {
    fn texts(&self) -> Vec<String> {
        self.told.0.lock().unwrap().clone()
    }
}

fn editing(f: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder) -> (Editing, Clock) {
    let clock = clock();
    let told = Edits::default();
    let c = AlertConfig::builder(Destination::transport(told.clone()))
        .service("s")
        .clock(clock.clone());
    let layer = SlackAlertLayer::new(f(c).build().unwrap());
    (Editing { handle: layer.handle(), layer, told }, clock)
}

fn poll<F: Future>(f: &mut Pin<Box<F>>) -> bool {
    f.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[tokio::test]
async fn never_slow_is_never_told_as_slow() {
    let (watch, clock) =
        watch(|c| c.route_fn(|_| Some("/poll".into())).route("/poll", |r| r.never(Kind::Slow)));
    watch.handle.settle().await;
    let (tx, rx) = tokio::sync::oneshot::channel::<()>();
    tokio::task::yield_now().await;
    let mut rx = Some(rx);
    let mut service = watch.layer.layer(service_fn(move |_: Request<()>| {
        let rx = rx.take().unwrap();
        async move {
            let _ = rx.await;
            Never::Ok(response(200, Empty::new()))
        }
    }));
    let mut future = Box::pin(service.call(get("/poll")));
    assert!(!poll(&mut future));
    clock.advance(SECONDS(31));
    watch.handle.settle().await;
    clock.advance(SECONDS(10));
    tx.send(()).unwrap();
    assert!(poll(&mut future));
    drop(future);
    watch.handle.settle().await;
    let views = watch.views().await;
    assert!(views.is_empty());
}

#[tokio::test]
async fn grace_covers_what_hangs() {
    let (watch, clock) = watch(|c| c.startup_grace(SECONDS(120)));
    watch.handle.settle().await;
    let mut service = watch.layer.layer(service_fn(|_: Request<()>| pending::<Never>()));
    let mut future = Box::pin(service.call(get("/a")));
    assert!(!poll(&mut future));
    clock.advance(SECONDS(31));
    watch.handle.settle().await;
    let views = watch.views().await;
    assert!(views.is_empty(), "{} told", views.len());
}

#[tokio::test]
async fn tell_after_hung_has_an_effect() {
    let (watch, clock) = watch(|c| c.tell_after(Kind::Hung, 5, SECONDS(600)));
    watch.handle.settle().await;
    let mut service = watch.layer.layer(service_fn(|_: Request<()>| pending::<Never>()));
    let mut future = Box::pin(service.call(get("/a")));
    assert!(!poll(&mut future));
    clock.advance(SECONDS(31));
    watch.handle.settle().await;
    let views = watch.views().await;
    assert!(views.is_empty(), "{} told", views.len());
}

#[tokio::test]
async fn silence_of_hung_has_an_effect() {
    let (watch, clock) = watch(|c| c);
    watch.handle.silence(Matcher::all().kind(Kind::Hung), SECONDS(3600));
    watch.handle.settle().await;
    let mut service = watch.layer.layer(service_fn(|_: Request<()>| pending::<Never>()));
    let mut future = Box::pin(service.call(get("/a")));
    assert!(!poll(&mut future));
    clock.advance(SECONDS(31));
    watch.handle.settle().await;
    let views = watch.views().await;
    assert!(views.is_empty(), "{} told", views.len());
}

#[tokio::test]
async fn hung_then_answered_then_body_dropped() {
    let (watch, clock) = editing(|c| c.body_cancelled(true));
    watch.handle.settle().await;
    let (tx, rx) = tokio::sync::oneshot::channel::<()>();
    tokio::task::yield_now().await;
    let mut rx = Some(rx);
    let mut service = watch.layer.layer(service_fn(move |_: Request<()>| {
        let rx = rx.take().unwrap();
        async move {
            let _ = rx.await;
            Ok::<_, Infallible>(response(200, Steps::of([Step::Data("1"), Step::Data("2")])))
        }
    }));
    let mut future = Box::pin(service.call(get("/a")));
    assert!(!poll(&mut future));
    clock.advance(SECONDS(31));
    watch.handle.settle().await;
    tx.send(()).unwrap();
    let mut body = future.await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    clock.advance(SECONDS(5));
    drop(body);
    for _ in 0..40 {
        clock.advance(SECONDS(60));
        watch.handle.settle().await;
    }
    assert!(!watch.texts().iter().any(|t| t.contains("no response")));
}

/// Every download on the route breaks: first with an error, then by clients that give up.
#[tokio::test]
async fn cut_bodies_are_not_fine() {
    let (watch, clock) = editing(|c| c);
    watch.handle.settle().await;
    let service = watch.layer.layer(service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(response(200, Steps::of([Step::Data("1"), Step::Fail("disk")]))))
    }));
    let mut body = service.oneshot(get("/a")).await.unwrap().into_body();
    while let Some(Ok(_)) = body.frame().await {}
    drop(body);
    watch.handle.settle().await;
    clock.advance(SECONDS(2));
    for _ in 0..2 {
        let service = watch.layer.layer(service_fn(|_: Request<()>| {
            ready(Ok::<_, Infallible>(response(
                200,
                Steps::of([Step::Data("1"), Step::Fail("disk")]),
            )))
        }));
        let mut body = service.oneshot(get("/a")).await.unwrap().into_body();
        while let Some(Ok(_)) = body.frame().await {}
        drop(body);
    }
    watch.handle.settle().await;
    clock.advance(SECONDS(2));
    for _ in 0..20 {
        let service = watch.layer.layer(service_fn(|_: Request<()>| {
            ready(Ok::<_, Infallible>(response(200, Steps::of([Step::Data("1"), Step::Data("2")]))))
        }));
        let mut body = service.oneshot(get("/a")).await.unwrap().into_body();
        body.frame().await.unwrap().unwrap();
        drop(body);
    }
    watch.handle.settle().await;
    for _ in 0..40 {
        clock.advance(SECONDS(60));
        watch.handle.settle().await;
    }
    let texts = watch.texts();
    assert!(!texts.iter().any(|t| t.starts_with("🟢")));
}

/// A gRPC call whose trailers never come.
#[tokio::test]
async fn grpc_without_trailers_is_not_fine() {
    let (watch, clock) = editing(|c| c);
    watch.handle.settle().await;
    let go = async |ok: bool| {
        let service = watch.layer.layer(service_fn(move |_: Request<()>| {
            let mut t = http::HeaderMap::new();
            t.insert("grpc-status", http::HeaderValue::from_static("13"));
            let steps = if ok {
                Steps::of([Step::Data("1"), Step::Pending])
            } else {
                Steps::of([Step::Data("1"), Step::Trailers(t)])
            };
            let mut r = response(200, steps);
            r.headers_mut()
                .insert("content-type", http::HeaderValue::from_static("application/grpc"));
            ready(Ok::<_, Infallible>(r))
        }));
        let mut request = get("/pkg.S/M");
        request
            .headers_mut()
            .insert("content-type", http::HeaderValue::from_static("application/grpc"));
        let mut body = service.oneshot(request).await.unwrap().into_body();
        body.frame().await.unwrap().unwrap();
        if !ok {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
    };
    for _ in 0..3 {
        go(false).await;
        watch.handle.settle().await;
        clock.advance(SECONDS(1));
    }
    for _ in 0..20 {
        go(true).await;
    }
    watch.handle.settle().await;
    for _ in 0..40 {
        clock.advance(SECONDS(60));
        watch.handle.settle().await;
    }
    let texts = watch.texts();
    assert!(!texts.iter().any(|t| t.starts_with("🟢")));
}

/// Slow requests that are never told still are requests.
#[tokio::test]
async fn suppressed_requests_are_requests() {
    let (watch, clock) =
        editing(|c| c.route_fn(|_| Some("/a".into())).route("/a", |r| r.never(Kind::Slow)));
    watch.handle.settle().await;
    for status in [500u16, 500, 500, 200, 200, 200, 200, 200] {
        let c = clock.clone();
        let service = watch.layer.layer(service_fn(move |_: Request<()>| {
            c.advance(SECONDS(6));
            ready(Never::Ok(response(status, Empty::new())))
        }));
        drop(service.oneshot(get("/a")).await.unwrap());
        watch.handle.settle().await;
    }
    for _ in 0..40 {
        clock.advance(SECONDS(60));
        watch.handle.settle().await;
    }
    let texts = watch.texts();
    assert!(!texts.iter().any(|t| t.contains("none answered since")));
}

#[tokio::test]
async fn silences_after_the_end() {
    let (watch, clock) = watch(|c| c);
    watch.handle.shutdown(SECONDS(5)).await;
    for _ in 0..200 {
        watch.handle.silence(Matcher::all(), SECONDS(1));
    }
    clock.advance(SECONDS(3600));
    assert_eq!(watch.handle.silences().len(), 0);
}

/// More hanging keys than there is room for; then room; then they end worse.
#[tokio::test]
async fn hung_others_move_once() {
    let (watch, clock) = watch(|c| c.route_fn(|h| Some(h.uri().path().into())));
    watch.handle.settle().await;
    let mut all = Vec::new();
    for n in 0..300 {
        let (tx, rx) = tokio::sync::oneshot::channel::<u16>();
        tokio::task::yield_now().await;
        let mut rx = Some(rx);
        let mut service = watch.layer.layer(service_fn(move |_: Request<()>| {
            let rx = rx.take().unwrap();
            async move { Never::Ok(response(rx.await.unwrap_or(500), Empty::new())) }
        }));
        let mut f = Box::pin(service.call(get(&format!("/r{n}"))));
        assert!(!poll(&mut f));
        all.push((f, tx));
    }
    clock.advance(SECONDS(31));
    watch.handle.settle().await;
    check_law(&watch.handle.stats());
    let mut rest = all.split_off(250);
    for (mut f, tx) in all {
        tokio::task::yield_now().await;
        tx.send(200).unwrap();
        assert!(poll(&mut f));
    }
    for _ in 0..600 {
        clock.advance(SECONDS(60));
        watch.handle.settle().await;
    }
    check_law(&watch.handle.stats());
    // From other threads than ours.
    for (f, tx) in &mut rest.iter_mut().map(|(f, t)| (f, t)).collect::<Vec<_>>() {
        let _ = (&f, &tx);
    }
    for (mut f, tx) in rest {
        tokio::task::yield_now().await;
        tx.send(500).unwrap();
        assert!(poll(&mut f));
    }
    watch.handle.settle().await;
    check_law(&watch.handle.stats());
    for _ in 0..600 {
        clock.advance(SECONDS(60));
        watch.handle.settle().await;
    }
    check_law(&watch.handle.stats());
}

struct SlowDrop;
impl Drop for SlowDrop {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(400));
    }
}

/// It hung, and ends as a 500; its destructor takes a while, and something else fails meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn hung_and_failed_is_never_told_as_slow() {
    let watch = Watch::with(|c| c.slow_after(Duration::from_millis(500)).hung_after(SECONDS(1)));
    let layer = watch.layer.clone();
    let a = std::thread::spawn(move || {
        let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        rt.block_on(async {
            let service = layer.layer(service_fn(|_: Request<()>| async {
                let _g = SlowDrop;
                tokio::time::sleep(Duration::from_millis(1500)).await;
                Never::Ok(response(500, Empty::new()))
            }));
            // The guard goes when the future's state is dropped with `Ready`; wrap it so that it goes after.
            struct Late<F>(Pin<Box<F>>, #[allow(dead_code)] SlowDrop);
            impl<F: Future> Future for Late<F> {
                type Output = F::Output;
                fn poll(
                    mut self: Pin<&mut Self>,
                    cx: &mut Context<'_>,
                ) -> std::task::Poll<F::Output> {
                    self.0.as_mut().poll(cx)
                }
            }
            let _ = service;
            let service = layer.layer(service_fn(|_: Request<()>| {
                Late(
                    Box::pin(async {
                        tokio::time::sleep(Duration::from_millis(1500)).await;
                        Never::Ok(response(500, Empty::new()))
                    }),
                    SlowDrop,
                )
            }));
            drop(service.oneshot(get("/a")).await.unwrap());
        });
    });
    tokio::time::sleep(Duration::from_millis(1600)).await;
    let service = watch
        .layer
        .layer(service_fn(|_: Request<()>| ready(Never::Ok(response(500, Empty::new())))));
    drop(service.oneshot(get("/b")).await.unwrap());
    a.join().unwrap();
    let views = watch.views().await;
    let texts: Vec<_> =
        views.iter().map(|v| SlackMessage::built_in(v, Op::Post).to_plain()).collect();
    assert!(!texts.iter().any(|t| t.contains("🟡")));
}

#[tokio::test]
async fn shutdown_with_hung_requests() {
    let watch = Watch::with(|c| {
        c.slow_after(Duration::from_millis(100)).hung_after(Duration::from_millis(200))
    });
    let mut service = watch.layer.layer(service_fn(|_: Request<()>| pending::<Never>()));
    let mut f = Box::pin(service.call(get("/a")));
    assert!(!poll(&mut f));
    tokio::time::sleep(Duration::from_millis(600)).await;
    let t = Instant::now();
    let r = watch.handle.shutdown(SECONDS(5)).await;
    check_law(r.stats());
    assert!(r.completed() && t.elapsed() < SECONDS(1));
}
