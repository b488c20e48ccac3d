//! The layer asks no more of services, futures and bodies than it needs.

mod common;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use common::Watch;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tower::{Layer, Service};
use tower_slack_alert::{
    AlertConfig, AlertHandle, FlushGuard, RequestAlert, ResponseBody, ResponseFuture, SlackAlert,
    SlackAlertLayer, Stats,
};

/// Not `Clone`, not `Send`, not `'static`.
struct Local<'a>(&'a Cell<u32>, Rc<()>);

/// Not `Unpin`, not `Send`, not `'static`.
struct LocalFuture<'a>(&'a Cell<u32>, Rc<()>, PhantomPinned);

/// Not `Clone`, not `Unpin`, not `Send`, not `'static`.
struct LocalBody<'a>(&'a Cell<u32>, Rc<()>, PhantomPinned);

/// Not `Debug`, not `Error`, not `Send`.
struct LocalError(Rc<()>);

impl std::fmt::Display for LocalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of us", Rc::strong_count(&self.0))
    }
}

/// Not a body at all.
struct NoBody;

impl<'a> Service<Request<NoBody>> for Local<'a> {
    type Response = Response<LocalBody<'a>>;
    type Error = LocalError;
    type Future = LocalFuture<'a>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LocalError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<NoBody>) -> LocalFuture<'a> {
        LocalFuture(self.0, Rc::clone(&self.1), PhantomPinned)
    }
}

impl<'a> Future for LocalFuture<'a> {
    type Output = Result<Response<LocalBody<'a>>, LocalError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.set(self.0.get() + 1);
        Poll::Ready(Ok(Response::new(LocalBody(self.0, Rc::clone(&self.1), PhantomPinned))))
    }
}

impl Body for LocalBody<'_> {
    type Data = Bytes;
    type Error = LocalError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, LocalError>>> {
        self.0.set(self.0.get() + 1);
        Poll::Ready(Some(Err(LocalError(Rc::clone(&self.1)))))
    }
}

#[tokio::test]
async fn nothing_has_to_be_clone_unpin_send_or_static() {
    let watch = Watch::new();
    let polls = Cell::new(0);
    let mut service = watch.layer.layer(Local(&polls, Rc::new(())));
    let request = Request::builder().uri("/local").body(NoBody).unwrap();
    let response = service.call(request).await;
    let Ok(response) = response else { panic!("a response") };
    let mut body = Box::pin(response.into_body());
    assert!(matches!(body.frame().await, Some(Err(_))));
    assert_eq!(polls.get(), 2);
    drop(body);
    assert_eq!(watch.keys().await, [("body_failed GET /local".to_owned(), 1)]);
}

#[test]
fn what_should_be_send_and_sync_is() {
    fn both<T: Send + Sync>() {}
    fn cloned<T: Clone>() {}
    both::<SlackAlertLayer>();
    both::<SlackAlert<()>>();
    both::<ResponseFuture<()>>();
    both::<ResponseBody<()>>();
    both::<AlertHandle>();
    both::<AlertConfig>();
    both::<RequestAlert>();
    both::<FlushGuard>();
    both::<Stats>();
    cloned::<SlackAlertLayer>();
    cloned::<SlackAlert<()>>();
    cloned::<AlertHandle>();
}

#[test]
fn the_layer_layers_anything() {
    fn layers<S, L: Layer<S>>(_: &L) {}
    let watch = Watch::with(|config| config.enabled(false));
    layers::<Infallible, _>(&watch.layer);
    layers::<Local<'_>, _>(&watch.layer);
}

#[test]
fn a_future_grows_by_no_more_than_192_bytes() {
    type Bare = [u8; 256];
    let grown = size_of::<ResponseFuture<Bare>>() - size_of::<Bare>();
    assert!(grown <= 192, "{grown} bytes");
}
