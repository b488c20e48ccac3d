//! A process that does not run for a while, as in a container that is paused.
//! Alone in its file, since it stops the whole process.

mod common;

use std::convert::Infallible;
use std::future::{Future, pending};
use std::task::{Context, Waker};
use std::time::Duration;

use common::{Watch, get};
use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, Service, service_fn};

type Never = Result<Response<Empty<&'static [u8]>>, Infallible>;

/// A pause of the whole process (docker pause) while requests wait for somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_process_has_no_hung_requests() {
    let watch =
        Watch::with(|c| c.slow_after(Duration::from_secs(2)).hung_after(Duration::from_secs(5)));
    let mut service = watch.layer.layer(service_fn(|_: Request<()>| pending::<Never>()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut f = Box::pin(service.call(get("/a")));
    assert!(f.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let pid = std::process::id();
    let mut child = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("sleep 0.3; kill -STOP {pid}; sleep 7; kill -CONT {pid}"))
        .spawn()
        .unwrap();
    let _ = child.wait();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(watch.handle.stats().observed(), 0);
}
