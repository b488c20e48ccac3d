//! One request, from its head to the end of its response's body.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Request;
use http_body::Body;
use http_body_util::Empty;
use tower::Service;

/// A request as curl sends it and a proxy passes it on.
#[must_use]
pub fn template(path: &str) -> Request<Empty<Bytes>> {
    let mut request = Request::new(Empty::new());
    if let Ok(uri) = path.parse() {
        *request.uri_mut() = uri;
    }
    let headers = [
        ("host", "shop.example.com"),
        ("user-agent", "curl/8.5"),
        ("accept", "*/*"),
        ("x-request-id", "01JX3T7"),
    ];
    for (name, value) in headers {
        request.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    request
}

/// Asks once. The request's parts are shared with `template`, as hyper's are
/// with its read buffer.
#[inline(never)]
pub fn ask<S, B>(service: &mut S, template: &Request<Empty<Bytes>>)
where
    S: Service<Request<Empty<Bytes>>, Response = http::Response<B>>,
    B: Body,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = template.uri().clone();
    *request.headers_mut() = template.headers().clone();
    let mut future = pin!(service.call(request));
    let response = loop {
        if let Poll::Ready(response) = future.as_mut().poll(&mut cx) {
            break response;
        }
    };
    let Ok(response) = response else { return };
    let mut body = pin!(response.into_body());
    while !body.is_end_stream() {
        if let Poll::Ready(None) = black_box(body.as_mut().poll_frame(&mut cx)) {
            break;
        }
    }
}
