//! Keeps other sites' pages out: a browser on this machine reaches loopback
//! for any of them.

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Only the inbox's own page may use it from a browser. On loopback who reads
/// has to ask for this machine by name too, or a site could make its own name
/// mean this address (DNS rebinding). Who posts may use any: apps in containers
/// know this machine by other names.
pub(crate) async fn keep_other_sites_out(
    is_loopback: bool,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let host = text(headers, header::HOST);
    let path = request.uri().path();
    let only_posts = path.starts_with("/services/") || path.starts_with("/api/chat.");
    if is_loopback && !only_posts && !host.is_some_and(is_local_name) {
        let said = "this inbox is only for localhost: ask for it by that name or 127.0.0.1\n";
        return (StatusCode::FORBIDDEN, said).into_response();
    }
    let origin = text(headers, header::ORIGIN);
    if origin.is_some_and(|origin| origin.split_once("://").map(|(_, host)| host) != host) {
        let said = "pages of other sites can't use this inbox\n";
        return (StatusCode::FORBIDDEN, said).into_response();
    }
    // Browsers say so also of what has no origin, such as the address of an
    // image. To open the page by a link is fine: it shows in no frame.
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if path != "/" && site.is_some_and(|site| site == "cross-site" || site == "same-site") {
        let said = "pages of other sites can't use this inbox\n";
        return (StatusCode::FORBIDDEN, said).into_response();
    }
    next.run(request).await
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_local_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let address = name.parse::<std::net::IpAddr>();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine() {
        for name in ["localhost", "localhost:3001", "127.0.0.1:3001", "[::1]:3001", "a.localhost"] {
            assert!(is_local_name(name), "{name}");
        }
        for name in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"]
        {
            assert!(!is_local_name(name), "{name}");
        }
    }
}
