//! What a response's head and trailers say of it.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName};
use http::{Method, Response};

use crate::observation::is_grpc_type;

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
static GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// How long a response goes on after its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// There is no body to wait for: HEAD, 1xx, 204, 304, upgrades.
    Complete,
    /// A body with an end.
    Body,
    /// Server-sent events: open as long as somebody listens.
    Stream,
    /// gRPC: its status may come in the trailers.
    Grpc,
}

/// The nature of a response to a request with this method.
#[inline]
pub(crate) fn nature<B>(method: &Method, response: &Response<B>) -> Nature {
    let status = response.status();
    let is_complete = match *method {
        Method::HEAD => true,
        Method::CONNECT if status.is_success() => true,
        _ => matches!(status.as_u16(), ..200 | 204 | 304),
    };
    if is_complete {
        return Nature::Complete;
    }
    if response.headers().is_empty() {
        return Nature::Body;
    }
    match response.headers().get(CONTENT_TYPE) {
        Some(value) if is_grpc_type(value) => Nature::Grpc,
        Some(value) if value.as_bytes().starts_with(b"text/event-stream") => Nature::Stream,
        _ => Nature::Body,
    }
}

/// How many bytes the head promises.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The gRPC status in a head or in trailers.
pub(crate) fn grpc_status(headers: &HeaderMap) -> Option<u32> {
    headers.get(&GRPC_STATUS)?.to_str().ok()?.trim().parse().ok()
}

/// Whether a gRPC status is the service's own failure: Unknown,
/// DeadlineExceeded, Internal, Unavailable, DataLoss.
pub(crate) fn is_grpc_failure(code: u32) -> bool {
    matches!(code, 2 | 4 | 13 | 14 | 15)
}

/// The gRPC message, percent-decoded as its specification says.
pub(crate) fn grpc_message(headers: &HeaderMap) -> String {
    let raw = headers.get(&GRPC_MESSAGE).map_or(&b""[..], |value| value.as_bytes());
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&first, tail)) = rest.split_first() {
        let decoded = tail.get(..2).filter(|_| first == b'%').and_then(|hex| {
            let hex = std::str::from_utf8(hex).ok()?;
            hex.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
            u8::from_str_radix(hex, 16).ok()
        });
        bytes.push(decoded.unwrap_or(first));
        rest = tail.get(if decoded.is_some() { 2.. } else { 0.. }).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn response(status: u16, content_type: &'static str) -> Response<()> {
        let response = Response::builder().status(status);
        response.header(CONTENT_TYPE, content_type).body(()).unwrap()
    }

    #[test]
    fn natures() {
        let get = |status, content_type| nature(&Method::GET, &response(status, content_type));
        assert_eq!(get(200, "text/plain"), Nature::Body);
        assert_eq!(get(200, "text/event-stream; charset=utf-8"), Nature::Stream);
        assert_eq!(get(200, "application/grpc+proto"), Nature::Grpc);
        assert_eq!(get(200, "application/grpc-web"), Nature::Body);
        for status in [101, 204, 304] {
            assert_eq!(get(status, "text/plain"), Nature::Complete);
        }
        assert_eq!(nature(&Method::HEAD, &response(200, "text/plain")), Nature::Complete);
        assert_eq!(nature(&Method::CONNECT, &response(200, "text/plain")), Nature::Complete);
        assert_eq!(nature(&Method::CONNECT, &response(502, "text/plain")), Nature::Body);
    }

    #[test]
    fn grpc_failures_are_the_services_own() {
        let failures: Vec<u32> = (0..30).filter(|code| is_grpc_failure(*code)).collect();
        assert_eq!(failures, [2, 4, 13, 14, 15]);
    }

    #[test]
    fn what_a_head_or_trailers_promise() {
        let head = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            (content_length(&headers), grpc_status(&headers))
        };
        assert_eq!(head("content-length", "12"), (Some(12), None));
        assert_eq!(head("content-length", "12 or so"), (None, None));
        assert_eq!(head("grpc-status", "14"), (None, Some(14)));
        assert_eq!(head("grpc-status", "none"), (None, None));
        assert_eq!(head("x", "1"), (None, None));
        assert_eq!(grpc_message(&HeaderMap::new()), "");
    }

    #[test]
    fn grpc_messages_are_decoded() {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-message", "caf%C3%A9 100% %zz".parse().unwrap());
        assert_eq!(grpc_message(&headers), "café 100% %zz");
    }

    proptest! {
        #[test]
        fn trailers_of_any_bytes_are_survived(bytes in proptest::collection::vec(32u8..=255, 0..40)) {
            let Ok(value) = http::HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let mut headers = HeaderMap::new();
            headers.insert("grpc-message", value.clone());
            headers.insert("grpc-status", value.clone());
            headers.insert(CONTENT_LENGTH, value);
            let _ = (grpc_message(&headers), grpc_status(&headers), content_length(&headers));
        }
    }
}
