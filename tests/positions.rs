//! Where the layer is put, and what it sees from there: the table in
//! `src/guide/layers.rs`.

mod common;

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Request, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use common::Watch;
use tower::{Layer, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

const SHORT: Duration = Duration::from_millis(20);

async fn ask(router: Router, path: &str) -> StatusCode {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    router.oneshot(request).await.unwrap().status()
}

async fn fails() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

fn hangs() -> Router {
    Router::new().route("/slow", get(|| async { pending::<StatusCode>().await }))
}

fn keys(watch: Vec<(String, u64)>) -> Vec<String> {
    watch.into_iter().map(|(key, _)| key).collect()
}

#[tokio::test]
async fn a_timeout_inside_is_seen_as_its_status() {
    for (status, told) in [
        (StatusCode::GATEWAY_TIMEOUT, &["failed 504 GET /slow"][..]),
        (StatusCode::REQUEST_TIMEOUT, &[]),
    ] {
        let watch = Watch::new();
        let timeout = TimeoutLayer::with_status_code(status, SHORT);
        assert_eq!(ask(hangs().layer(timeout).layer(watch.layer.clone()), "/slow").await, status);
        assert_eq!(keys(watch.keys().await), told);
    }
}

#[tokio::test]
async fn a_timeout_outside_leaves_a_cancelled_request() {
    let watch = Watch::with(|config| config.cancelled_after(Duration::from_millis(1)));
    let timeout = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, SHORT);
    let router = hangs().layer(watch.layer.clone()).layer(timeout);
    assert_eq!(ask(router, "/slow").await, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(keys(watch.keys().await), ["cancelled GET /slow"]);
}

#[tokio::test]
async fn a_panic_is_seen_outside_of_the_layer_that_catches_it_and_inside() {
    let panics =
        || Router::new().route("/", get(|| async { panic!("at the disco") as StatusCode }));
    let outside = Watch::with(|config| config.panic_hook(true));
    let inside = Watch::with(|config| config.panic_hook(true));
    let router = panics().layer(inside.layer.clone()).layer(CatchPanicLayer::new());
    assert_eq!(ask(router, "/").await, StatusCode::INTERNAL_SERVER_ERROR);
    let router = panics().layer(CatchPanicLayer::new()).layer(outside.layer.clone());
    assert_eq!(ask(router, "/").await, StatusCode::INTERNAL_SERVER_ERROR);
    for watch in [outside, inside] {
        let [key] = &keys(watch.keys().await)[..] else { panic!("one incident each") };
        assert!(key.starts_with("panicked at tests/positions.rs:"), "{key}");
    }
}

#[tokio::test]
async fn routes_are_known_inside_a_router_and_guessed_around_it() {
    let users = || {
        let handler = |Path(_): Path<u64>| fails();
        Router::new().route("/users/{id}", get(handler))
    };
    let inside = Watch::new();
    ask(users().layer(inside.layer.clone()), "/users/7").await;
    assert_eq!(keys(inside.keys().await), ["failed 500 GET /users/{id}"]);

    let nested = Watch::new();
    let api = users().layer(nested.layer.clone());
    ask(Router::new().nest("/api", api), "/api/users/7").await;
    assert_eq!(keys(nested.keys().await), ["failed 500 GET /api/users/{id}"]);

    let around = Watch::new();
    let service = around.layer.layer(users());
    let request = Request::builder().uri("/users/7").body(Body::empty()).unwrap();
    service.oneshot(request).await.unwrap();
    assert_eq!(keys(around.keys().await), ["failed 500 GET /users/{}"]);
}

#[tokio::test]
async fn what_nobody_routed_is_seen_by_layer_and_not_by_route_layer() {
    let router = || Router::new().route("/", get(|| async {})).fallback(fails);
    let (layer, route_layer) = (Watch::new(), Watch::new());
    let all = router().route_layer(route_layer.layer.clone()).layer(layer.layer.clone());
    ask(all, "/nowhere").await;
    assert_eq!(keys(layer.keys().await).len(), 1);
    route_layer.nothing().await;
}

/// A middleware of a user's that answers itself.
async fn unavailable(_: Request<Body>, _: Next) -> Response {
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

#[tokio::test]
async fn what_a_layer_outside_answers_is_not_seen_and_what_one_inside_answers_is() {
    let router = || Router::new().route("/", get(|| async {}));
    let (outside, inside) = (Watch::new(), Watch::new());
    let all = router().layer(inside.layer.clone()).layer(from_fn(unavailable));
    ask(all.layer(outside.layer.clone()), "/").await;
    assert_eq!(keys(outside.keys().await), ["failed 503 GET /"]);
    inside.nothing().await;
}
