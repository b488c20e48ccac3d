//! What a request allocates: nothing of ours while it is well.

mod common;

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use common::{SOON, Watch};
use http::{HeaderValue, Request, Response, Uri};
use http_body::Body;
use http_body_util::Full;
use tower::{Layer, Service, service_fn};

fn request() -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_static("/users/42?page=2");
    let headers = request.headers_mut();
    headers.insert("user-agent", HeaderValue::from_static("curl/8.5"));
    headers.insert("x-request-id", HeaderValue::from_static("01JX3T7"));
    request
}

/// One request from its building to the last frame of its body.
fn run<S, B>(service: &mut S)
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut future = std::pin::pin!(service.call(request()));
    let response = loop {
        if let Poll::Ready(response) = future.as_mut().poll(&mut cx) {
            break response.unwrap_or_else(|never| match never {});
        }
    };
    let mut body = std::pin::pin!(response.into_body());
    while let Poll::Ready(Some(_)) = body.as_mut().poll_frame(&mut cx) {}
}

/// Allocations of 1,000 requests on this thread, once warm.
fn measured<S, B>(service: &mut S) -> u64
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes>,
{
    for _ in 0..100 {
        run(service);
    }
    allocation_counter::measure(|| {
        for _ in 0..1_000 {
            run(service);
        }
    })
    .count_total
}

type Answer = Result<Response<Full<Bytes>>, Infallible>;

fn watch() -> Watch {
    static ROUTE: OnceLock<Arc<str>> = OnceLock::new();
    let route = || ROUTE.get_or_init(|| "/users/{id}".into()).clone();
    Watch::with(|config| config.route_fn(move |_| Some(route())))
}

#[test]
fn a_healthy_request_allocates_nothing_of_ours() {
    let mut bare = service_fn(|_: Request<()>| {
        ready(Answer::Ok(Response::new(Full::new(Bytes::from_static(b"fine")))))
    });
    let without = measured(&mut bare);
    let watch = watch();
    assert_eq!(measured(&mut watch.layer.layer(bare)), without);

    // Pending once, as requests of real services are.
    let mut bare = service_fn(|_: Request<()>| async {
        let mut polled = false;
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        Answer::Ok(Response::new(Full::new(Bytes::from_static(b"fine"))))
    });
    let without = measured(&mut bare);
    assert_eq!(measured(&mut watch.layer.layer(bare)), without);

    // Without a named route nothing looks for one.
    let plain = Watch::new();
    assert_eq!(measured(&mut plain.layer.layer(bare)), without);
}

#[tokio::test]
async fn a_failure_of_an_open_incident_allocates_nothing_of_ours() {
    let failing = service_fn(|_: Request<()>| {
        let mut response = Response::new(Full::new(Bytes::from_static(b"not fine")));
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        ready(Answer::Ok(response))
    });
    let mut bare = failing;
    let without = measured(&mut bare);
    for watch in [watch(), Watch::new()] {
        let mut service = watch.layer.layer(failing);
        // Open the incident, and let every buffer be used once.
        for _ in 0..20 {
            (0..100).for_each(|_| run(&mut service));
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        assert_eq!(measured(&mut service), without);
        assert!(watch.handle.flush(SOON).await.completed());
    }
}

#[tokio::test]
async fn a_healthy_request_next_to_an_open_incident_allocates_nothing_of_ours() {
    let answer = |status: u16| {
        service_fn(move |_: Request<()>| {
            let mut response = Response::new(Full::new(Bytes::from_static(b"a body")));
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            ready(Answer::Ok(response))
        })
    };
    let without = measured(&mut answer(200));
    for watch in [watch(), Watch::new()] {
        run(&mut watch.layer.layer(answer(500)));
        // From now on successes on the route are counted.
        assert_eq!(watch.views().await.len(), 1);
        assert_eq!(measured(&mut watch.layer.layer(answer(200))), without);
        assert_eq!(watch.views().await.len(), 1);
    }
}
