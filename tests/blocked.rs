//! Requests that block the async runtime, and those that wait because of that.

mod common;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::{SOON, Watch, get, response};
use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{AlertConfigBuilder, IncidentView, Kind};

type Answer = Result<Response<Empty<&'static [u8]>>, Infallible>;
type Running = Pin<Box<dyn Future<Output = Answer> + Send>>;

const BLOCKED_AFTER: Duration = Duration::from_millis(100);

fn watch(configure: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder) -> Watch {
    Watch::with(|config| {
        configure(config.blocked_after(BLOCKED_AFTER).slow_after(Duration::from_millis(300)))
    })
}

/// A request that keeps its thread, a worker's, until it is let go of.
struct Blocker {
    release: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Blocker {
    fn begin(watch: &Watch, path: &'static str) -> Self {
        let (release, held) = mpsc::channel::<()>();
        let mut held = Some(held);
        let mut service = watch.layer.layer(service_fn(move |_: Request<()>| {
            let held = held.take();
            async move {
                let _ = held.map(|held| held.recv());
                Answer::Ok(response(200, Empty::new()))
            }
        }));
        let thread = std::thread::Builder::new().name("worker".into());
        let thread = thread.spawn(move || {
            let mut future = Box::pin(service.call(get(path)));
            assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        });
        Blocker { release, thread: thread.unwrap() }
    }

    fn end(self) {
        self.release.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

/// A request that waits for nobody but its next poll.
fn waiter(watch: &Watch, path: &'static str) -> Running {
    let mut service = watch.layer.layer(service_fn(|_: Request<()>| async {
        let mut polled = false;
        std::future::poll_fn(move |_| match std::mem::replace(&mut polled, true) {
            false => Poll::Pending,
            true => Poll::Ready(()),
        })
        .await;
        Answer::Ok(response(200, Empty::new()))
    }));
    let mut future: Running = Box::pin(async move {
        let response = service.call(get(path)).await;
        response.map(|response| response.map(|_| Empty::new()))
    });
    assert!(poll(&mut future).is_pending());
    future
}

fn poll(future: &mut Running) -> Poll<Answer> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// The first view for which this holds.
fn told(watch: &Watch, holds: impl Fn(&IncidentView) -> bool) -> IncidentView {
    let begun = Instant::now();
    loop {
        if let Some(view) = watch.told().into_iter().find(&holds) {
            return view;
        }
        assert!(begun.elapsed() < SOON, "{:#?}", watch.told());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_blocks_and_who_waits_are_one_incident() {
    let watch = watch(|config| config);
    let mut waiting: Vec<Running> = (0..3).map(|_| waiter(&watch, "/users/1")).collect();
    let blockers = [Blocker::begin(&watch, "/block"), Blocker::begin(&watch, "/block")];

    // Told while they still block.
    let view = told(&watch, |_| true);
    assert_eq!(view.key().to_string(), "runtime blocked by GET /block");
    assert_eq!(view.kind(), Kind::Hung);
    let (count, age) = view.hanging().unwrap();
    assert_eq!(count, 2);
    assert!(age >= BLOCKED_AFTER);
    let sample = view.samples().first().unwrap();
    let blocked = sample.blocked().unwrap();
    assert_eq!((blocked.threads(), blocked.waited()), (2, 3));
    let polls = sample.polls().unwrap();
    assert!(polls.is_blocking(sample.took()) && polls.current().is_some());
    assert_eq!(polls.thread().as_deref(), Some("worker"));

    std::thread::sleep(Duration::from_millis(300));
    blockers.into_iter().for_each(Blocker::end);
    // They are slow, and only because they waited.
    for future in &mut waiting {
        assert!(poll(future).is_ready());
    }
    let keys = watch.keys().await;
    assert!(keys.iter().all(|(key, _)| key == "runtime blocked by GET /block"), "{keys:?}");
    assert_eq!(keys.last().unwrap().1, 5);
    assert_eq!(watch.handle.stats().observed(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_age_of_a_block_is_its_own() {
    let watch = watch(|config| config);
    let first = [Blocker::begin(&watch, "/block"), Blocker::begin(&watch, "/block")];
    told(&watch, |view| view.hanging().is_some());
    std::thread::sleep(Duration::from_millis(1_500));
    first.into_iter().for_each(Blocker::end);
    let told_before = watch.views().await.len();

    let begun = Instant::now();
    let second = [Blocker::begin(&watch, "/block"), Blocker::begin(&watch, "/block")];
    let counted = || watch.handle.stats().observed();
    while counted() < 4 {
        assert!(begun.elapsed() < SOON);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let views = watch.views().await;
    let (count, age) = views[told_before..].last().unwrap().hanging().unwrap();
    assert_eq!(count, 2);
    assert!(age <= begun.elapsed(), "{age:?} of {:?}", begun.elapsed());
    second.into_iter().for_each(Blocker::end);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_several_threads_blocks_nobody_else() {
    let watch = watch(|config| config);
    let blocker = Blocker::begin(&watch, "/block");
    std::thread::sleep(Duration::from_millis(600));
    watch.nothing().await;
    blocker.end();
    let view = watch.only().await;
    assert_eq!(view.key().to_string(), "slow GET /block");
    let sample = view.samples().first().unwrap();
    assert!(sample.polls().unwrap().is_blocking(sample.took()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_is_slow_by_itself_is_told_by_itself() {
    let watch = watch(|config| config);
    let mut slow = waiter(&watch, "/reports");
    std::thread::sleep(Duration::from_millis(400));
    let blockers = [Blocker::begin(&watch, "/block"), Blocker::begin(&watch, "/block")];
    told(&watch, |_| true);
    blockers.into_iter().for_each(Blocker::end);
    assert!(poll(&mut slow).is_ready());
    let keys = watch.keys().await;
    assert!(keys.contains(&("slow GET /reports".to_owned(), 1)), "{keys:?}");
}

/// A hang that outlasts a block is its own, also if it was told as waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_short_block_hides_no_long_hang() {
    // Longer than between two looks, the first of which may come late.
    let watch = watch(|config| config.hung_after(Duration::from_millis(1_300)));
    let mut hangs = waiter(&watch, "/reports");
    let blockers = [Blocker::begin(&watch, "/block"), Blocker::begin(&watch, "/block")];
    told(&watch, |view| view.key().to_string() == "runtime blocked by GET /block");
    std::thread::sleep(Duration::from_millis(200));
    blockers.into_iter().for_each(Blocker::end);
    let view = told(&watch, |view| view.key().to_string() == "slow GET /reports");
    assert!(view.hanging().is_some());
    assert!(poll(&mut hangs).is_ready());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_was_polled_during_a_block_did_not_wait_for_it() {
    let watch = watch(|config| config);
    let mut busy = steady(&watch, "/db");
    let blockers = [Blocker::begin(&watch, "/block"), Blocker::begin(&watch, "/block")];
    for _ in 0..60 {
        assert!(poll(&mut busy.0).is_pending());
        std::thread::sleep(Duration::from_millis(10));
    }
    busy.1.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(poll(&mut busy.0).is_ready());
    blockers.into_iter().for_each(Blocker::end);
    let keys = watch.keys().await;
    assert!(keys.contains(&("slow GET /db".to_owned(), 1)), "{keys:?}");
}

/// A request that is polled all the time, until it is told to end.
fn steady(watch: &Watch, path: &'static str) -> (Running, Arc<AtomicBool>) {
    let end = Arc::new(AtomicBool::new(false));
    let ends = Arc::clone(&end);
    let mut service = watch.layer.layer(service_fn(move |_: Request<()>| {
        let ends = Arc::clone(&ends);
        std::future::poll_fn(move |_| match ends.load(std::sync::atomic::Ordering::Relaxed) {
            false => Poll::Pending,
            true => Poll::Ready(Answer::Ok(response(200, Empty::new()))),
        })
    }));
    let future: Running = Box::pin(async move {
        let response = service.call(get(path)).await;
        response.map(|response| response.map(|_| Empty::new()))
    });
    (future, end)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_accounting_nothing_is_known_of_polls() {
    let watch = watch(|config| config.poll_accounting(false));
    let blockers = [Blocker::begin(&watch, "/block"), Blocker::begin(&watch, "/block")];
    std::thread::sleep(Duration::from_millis(700));
    watch.nothing().await;
    blockers.into_iter().for_each(Blocker::end);
    let view = watch.views().await.remove(0);
    assert_eq!(view.key().to_string(), "slow GET /block");
    assert!(view.samples().first().unwrap().polls().is_none());
}

/// Our thread drains only so often; what has ended must not be taken for
/// running because it ended in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_end_between_two_drains_is_seen() {
    for round in 0..8 {
        let watch = watch(|config| config);
        let blockers = [Blocker::begin(&watch, "/block"), Blocker::begin(&watch, "/block")];
        told(&watch, |view| view.hanging().is_some());
        let [first, second] = blockers;
        first.end();
        // From right after a drain to right before the next one.
        std::thread::sleep(Duration::from_millis(round * 3));
        second.end();
        // It wakes our thread, which may not drain again yet.
        assert!(watch.handle.flush(SOON).await.completed());
        told(&watch, |view| view.hanging().is_none());
    }
}
