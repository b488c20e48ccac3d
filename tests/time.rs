//! How a request's time is told to have been spent: in `call`, in its polls,
//! and between them.

mod common;

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use common::{Watch, get, response};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{Clock, Measure, Sample};

type Answer = Result<Response<Full<&'static [u8]>>, Infallible>;

const SECOND: Duration = Duration::from_secs(1);

fn watch() -> (Watch, Clock) {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH + 20_000 * 86_400 * SECOND);
    let own = clock.clone();
    // What hangs is another test's business, and would be told beside these.
    (Watch::with(|config| config.clock(own).hung_after(3_600 * SECOND)), clock)
}

/// A service whose call and whose poll take so many seconds each.
fn busy(
    clock: &Clock,
    [call, poll]: [u32; 2],
) -> impl Service<Request<()>, Response = Response<Full<&'static [u8]>>, Error = Infallible> + use<>
{
    let clock = clock.clone();
    service_fn(move |_: Request<()>| {
        clock.advance(call * SECOND);
        let clock = clock.clone();
        async move {
            clock.advance(poll * SECOND);
            Answer::Ok(response(200, Full::new(b"ab")))
        }
    })
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

async fn only_sample(watch: &Watch) -> Sample {
    watch.only().await.samples().first().unwrap().clone()
}

/// How often it was polled, and for how many seconds in all and at most.
fn polled(sample: &Sample) -> (u32, u64, u64) {
    let polls = sample.polls().unwrap();
    (polls.count(), polls.busy().as_secs(), polls.longest().as_secs())
}

#[tokio::test]
async fn a_call_is_one_with_the_poll_that_follows_at_once_and_with_no_other() {
    for (gap, expected) in [(0, (1, 10, 10)), (20, (2, 10, 7))] {
        let (watch, clock) = watch();
        let mut service = watch.layer.layer(busy(&clock, [7, 3]));
        let mut future = pin!(service.call(get("/a")));
        clock.advance(gap * SECOND);
        assert!(poll_once(future.as_mut()).is_ready());
        let sample = only_sample(&watch).await;
        assert_eq!(sample.took(), (10 + gap) * SECOND);
        assert_eq!(polled(&sample), expected, "{gap} s between them");
    }
}

#[tokio::test]
async fn what_waits_for_its_first_poll_computes_nothing() {
    let (watch, clock) = watch();
    let mut service = watch.layer.layer(busy(&clock, [0, 0]));
    let mut future = pin!(service.call(get("/a")));
    clock.advance(20 * SECOND);
    assert!(poll_once(future.as_mut()).is_ready());
    let sample = only_sample(&watch).await;
    assert_eq!((polled(&sample).1, polled(&sample).2), (0, 0));
    assert!(!sample.polls().unwrap().is_blocking(sample.took()));
}

#[tokio::test]
async fn each_of_two_layers_knows_what_the_call_took() {
    let (inner, clock) = watch();
    let own = clock.clone();
    let outer = Watch::with(|config| config.clock(own).hung_after(3_600 * SECOND));
    let mut service = outer.layer.layer(inner.layer.layer(busy(&clock, [7, 3])));
    assert!(poll_once(pin!(service.call(get("/a")))).is_ready());
    for watch in [&inner, &outer] {
        assert_eq!(polled(&only_sample(watch).await), (1, 10, 10));
    }
}

#[tokio::test]
async fn what_is_never_polled_has_waited() {
    let (watch, clock) = watch();
    let mut service = watch.layer.layer(busy(&clock, [0, 0]));
    let future = service.call(get("/a"));
    clock.advance(20 * SECOND);
    drop(future);
    let sample = only_sample(&watch).await;
    assert_eq!((sample.took(), polled(&sample)), (20 * SECOND, (1, 0, 0)));
}

#[tokio::test]
async fn the_longest_poll_was_where_it_was_and_not_where_the_body_is_read() {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH + 20_000 * 86_400 * SECOND);
    let own = clock.clone();
    let watch = Watch::with(|config| config.clock(own).measure(Measure::EndOfBody));
    let mut service = watch.layer.layer(busy(&clock, [0, 20]));
    let on = |name: &str| std::thread::Builder::new().name(name.into());
    std::thread::scope(|scope| {
        let ask = move || match poll_once(pin!(service.call(get("/a")))) {
            Poll::Ready(Ok(response)) => response.into_body(),
            _ => unreachable!("it answers at once"),
        };
        let body = on("worker").spawn_scoped(scope, ask).unwrap().join().unwrap();
        let read = move || {
            let mut body = pin!(body);
            while let Poll::Ready(Some(Ok(_))) =
                body.as_mut().poll_frame(&mut Context::from_waker(Waker::noop()))
            {}
        };
        on("reader").spawn_scoped(scope, read).unwrap().join().unwrap();
    });
    let sample = only_sample(&watch).await;
    assert_eq!(sample.polls().unwrap().thread().as_deref(), Some("worker"));
}
