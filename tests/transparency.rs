//! What passes through is what a bare service gives, to the byte.

mod common;

use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::pin::pin;

use axum::Router;
use axum::body::{Body as AxumBody, Bytes};
use axum::routing::get;
use common::{Broken, Step, Steps, Watch, response};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, SizeHint};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::{Layer, ServiceExt, service_fn};
use tower_test::mock;

/// What a reader sees of a body, step by step.
async fn seen<B>(body: B) -> Vec<String>
where
    B: Body<Data = Bytes, Error = Broken>,
{
    let mut body = pin!(body);
    let mut seen = Vec::new();
    loop {
        let hint = body.size_hint();
        seen.push(format!("{:?}..{:?} end {}", hint.lower(), hint.upper(), body.is_end_stream()));
        match poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            None => break,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => seen.push(format!("data {data:?}")),
                Err(frame) => seen.push(format!("trailers {:?}", frame.into_trailers().ok())),
            },
            Some(Err(error)) => {
                seen.push(format!("error {error}"));
                break;
            }
        }
    }
    seen
}

#[derive(Clone, Debug)]
struct Plan {
    steps: Vec<u8>,
    tells_its_end: bool,
    exact: Option<u64>,
    status: u16,
    grpc: bool,
}

impl Plan {
    fn response(&self) -> Response<Steps> {
        let steps = self.steps.iter().map(|step| match step {
            0 => Step::Pending,
            1 => Step::Data(""),
            2 => Step::Data("some data"),
            3 => Step::Fail("broken"),
            _ => {
                let mut map = HeaderMap::new();
                map.insert("grpc-status", HeaderValue::from_static("13"));
                Step::Trailers(map)
            }
        });
        let mut body = Steps::of(steps);
        body.tells_its_end = self.tells_its_end;
        body.hint = self.exact.map(SizeHint::with_exact).unwrap_or_default();
        let mut response = response(self.status, body);
        if self.grpc {
            let value = HeaderValue::from_static("application/grpc");
            response.headers_mut().insert("content-type", value);
        }
        response.headers_mut().append("x-multi", HeaderValue::from_static("a"));
        response.headers_mut().append("x-multi", HeaderValue::from_static("b"));
        response.extensions_mut().insert(7_u8);
        response
    }
}

fn plans() -> impl Strategy<Value = Plan> {
    let status = proptest::sample::select(vec![200_u16, 204, 304, 404, 500]);
    let steps = proptest::collection::vec(0u8..5, 0..8);
    (steps, any::<bool>(), proptest::option::of(0u64..100), status, any::<bool>()).prop_map(
        |(steps, tells_its_end, exact, status, grpc)| Plan {
            steps,
            tells_its_end,
            exact,
            status,
            grpc,
        },
    )
}

proptest! {
    #[test]
    fn every_frame_trailer_error_and_hint_is_the_bare_services(plan in plans()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // One layer for all cases: it starts a thread.
        static WATCH: std::sync::OnceLock<Watch> = std::sync::OnceLock::new();
        let watch = WATCH.get_or_init(Watch::new);
        let (bare, watched) = runtime.block_on(async {
            let service = watch.layer.layer(service_fn(|_: Request<()>| {
                ready(Ok::<_, Infallible>(plan.response()))
            }));
            let (parts, body) = service.oneshot(common::get("/a")).await.unwrap().into_parts();
            let watched = (format!("{parts:?}"), parts.extensions.get::<u8>().copied(), seen(body).await);
            let (parts, body) = plan.response().into_parts();
            let bare = (format!("{parts:?}"), parts.extensions.get::<u8>().copied(), seen(body).await);
            (bare, watched)
        });
        prop_assert_eq!(bare, watched);
    }
}

#[tokio::test]
async fn readiness_and_its_errors_are_the_inner_services() {
    let watch = Watch::new();
    let (mut service, mut handle) =
        mock::spawn_layer::<Request<()>, Response<Steps>, _>(watch.layer.clone());
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let answered = service.call(common::get("/a"));
    let (_, respond) = handle.next_request().await.unwrap();
    respond.send_response(response(200, Steps::default()));
    answered.await.unwrap();
    handle.send_error("not today");
    let std::task::Poll::Ready(Err(error)) = service.poll_ready() else { panic!("an error") };
    assert_eq!(error.to_string(), "not today");
    watch.nothing().await;
}

/// Serves `app` on a port of its own.
async fn serve(app: Router) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A service that is broken.
#[derive(Clone)]
struct NeverReady;

impl tower::Service<Request<()>> for NeverReady {
    type Response = Response<Steps>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<Steps>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        panic!("not ready, and never will be")
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(response(200, Steps::default())))
    }
}

#[tokio::test]
async fn b3_a_panic_in_poll_ready_is_left_alone() {
    let watch = Watch::new();
    let mut service = watch.layer.layer(NeverReady);
    let asked = std::panic::AssertUnwindSafe(|| {
        let waker = std::task::Waker::noop();
        let mut context = std::task::Context::from_waker(waker);
        let _ready = tower::Service::poll_ready(&mut service, &mut context);
    });
    let payload = std::panic::catch_unwind(asked).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"not ready, and never will be"));
    watch.nothing().await;
    assert_eq!(watch.handle.stats().in_flight(), 0);
}

#[tokio::test]
async fn b4_a_body_that_panics_is_cut_and_never_a_clean_end() {
    let watch = Watch::new();
    let app = Router::new()
        .route(
            "/export",
            get(|| async {
                let steps = futures_util::stream::unfold(0, |step| async move {
                    if step > 0 {
                        // Until the first one is out.
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                        panic!("the second half is gone");
                    }
                    Some((Ok::<_, Infallible>("the first half"), step + 1))
                });
                axum::body::Body::from_stream(steps)
            }),
        )
        .layer(watch.layer.clone());
    let address = serve(app).await;
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /export HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _cut = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("the first half"), "{answer}");
    assert!(!answer.contains("\r\n0\r\n"), "a clean end: {answer}");
    let view = watch.only().await;
    assert_eq!(view.key().to_string(), "panicked GET /export");
    assert_eq!(view.samples().first().unwrap().bytes(), Some(14));
}

#[tokio::test]
async fn upgrades_pass_through() {
    let watch = Watch::with(|config| config.body_cancelled(true));
    let app = Router::new()
        .route(
            "/echo",
            get(|mut request: axum::extract::Request| async move {
                let upgrade = hyper::upgrade::on(&mut request);
                tokio::spawn(async move {
                    let mut io = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
                    let mut bytes = [0; 4];
                    io.read_exact(&mut bytes).await.unwrap();
                    io.write_all(&bytes).await.unwrap();
                });
                Response::builder()
                    .status(101)
                    .header("connection", "upgrade")
                    .header("upgrade", "echo")
                    .body(AxumBody::empty())
                    .unwrap()
            }),
        )
        .layer(watch.layer.clone());
    let mut stream = tokio::net::TcpStream::connect(serve(app).await).await.unwrap();
    let head = "GET /echo HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101"));
    stream.write_all(b"ping").await.unwrap();
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"ping");
    watch.nothing().await;
    assert_eq!(watch.handle.stats().bodies_cancelled(), 0);
}

#[tokio::test]
async fn axum_names_the_route_and_the_original_path() {
    let watch = Watch::new();
    let inner = Router::new().route("/users/{id}", get(|| async { http::StatusCode::BAD_GATEWAY }));
    // On the nested router, where the prefix has been stripped.
    let app: Router = Router::new().nest("/api", inner.layer(watch.layer.clone()));
    let request = Request::builder().uri("/api/users/7").body(AxumBody::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), 502);
    let view = watch.only().await;
    assert_eq!(view.key().to_string(), "failed 502 GET /api/users/{id}");
    assert_eq!(view.samples().first().unwrap().path(), "/api/users/7");
}

#[tokio::test]
async fn head_requests_through_a_server_are_no_cancelled_bodies() {
    let watch = Watch::with(|config| config.body_cancelled(true));
    let app = Router::new().route("/", get(|| async { "hello" })).layer(watch.layer.clone());
    let mut stream = tokio::net::TcpStream::connect(serve(app).await).await.unwrap();
    stream.write_all(b"HEAD / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"));
    watch.nothing().await;
    assert_eq!(watch.handle.stats().bodies_cancelled(), 0);
}

#[tokio::test]
async fn the_request_handle_is_an_extractor() {
    let watch = Watch::new();
    let handler = |alert: tower_slack_alert::RequestAlert| async move {
        alert.note("tenant", "acme");
        http::StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new().route("/", get(handler)).layer(watch.layer.clone());
    app.oneshot(Request::new(AxumBody::empty())).await.unwrap();
    let view = watch.only().await;
    assert_eq!(view.samples().first().unwrap().notes().next(), Some(("tenant", "acme")));
}
