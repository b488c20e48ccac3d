//! Requests that block threads, as two of an async runtime's workers do.

use std::future::Future;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::thread::JoinHandle;

use http::Response;
use http_body_util::Empty;
use tower::{Layer, Service, service_fn};
use tower_slack_alert::SlackAlertLayer;

use super::scenes::{Answer, request};

/// A request whose one poll lasts until it is let go of.
pub(crate) struct Blocker {
    release: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Blocker {
    /// Returns when its thread is within the poll.
    pub(crate) fn begin(layer: &SlackAlertLayer, path: &'static str) -> Self {
        let (release, held) = mpsc::channel::<()>();
        let (entered, within) = mpsc::channel::<()>();
        let mut held = Some(held);
        let mut service = layer.layer(service_fn(move |_| {
            let (held, entered) = (held.take(), entered.clone());
            async move {
                entered.send(()).unwrap();
                let _ = held.map(|held| held.recv());
                Answer::Ok(Response::new(Empty::new()))
            }
        }));
        let thread = std::thread::Builder::new().name("tokio-rt-worker".into());
        let thread = thread.spawn(move || {
            let mut future = Box::pin(service.call(request("GET", path)));
            let _ = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        });
        within.recv().unwrap();
        Blocker { release, thread: thread.unwrap() }
    }

    pub(crate) fn end(self) {
        self.release.send(()).unwrap();
        self.thread.join().unwrap();
    }
}
