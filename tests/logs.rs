//! The logs of just the request that is told, and errors told by themselves.

mod common;

use std::convert::Infallible;
use std::sync::OnceLock;
use std::time::Duration;

use common::child::passes;
use common::{SOON, Watch, get, response};
use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{
    AlertConfigBuilder, IncidentView, Kind, LogLine, Op, RequestAlert, RequestLogLayer,
    SlackMessage,
};
use tracing::Instrument;
use tracing_subscriber::prelude::*;

type Answer = Result<Response<Empty<&'static [u8]>>, Infallible>;

/// Logs go to the process's subscriber, as in a service; what errors are told
/// by themselves is told to everybody who wants to know.
fn watch(configure: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder) -> Watch {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let logs = RequestLogLayer::new().with_filter(RequestLogLayer::filter());
        tracing_subscriber::registry().with(logs).init();
    });
    Watch::with(configure)
}

async fn ask<F>(watch: &Watch, path: &str, handler: impl Fn() -> F) -> u16
where
    F: Future<Output = u16>,
{
    let mut service = watch.layer.layer(service_fn(|_: Request<()>| {
        let answer = handler();
        async move { Answer::Ok(response(answer.await, Empty::new())) }
    }));
    service.call(get(path)).await.unwrap().status().as_u16()
}

fn logs(view: &IncidentView) -> Vec<String> {
    let sample = view.samples().last().unwrap();
    sample.logs().map(|line| line.text().to_owned()).collect()
}

fn said(view: &IncidentView) -> String {
    SlackMessage::built_in(view, Op::Post).to_plain()
}

#[tokio::test]
async fn an_alert_shows_the_warnings_and_errors_of_its_request() {
    let watch = watch(|config| config);
    let line = line!() + 3;
    let status = ask(&watch, "/orders", || async {
        tracing::info!("not this");
        tracing::warn!(idle = 0, "no idle connection");
        let cause = std::io::Error::other("connection refused");
        tracing::error!(error = &cause as &dyn std::error::Error, api_key = "k-123", "not saved");
        500
    })
    .await;
    assert_eq!(status, 500);
    let view = watch.only().await;
    let sample = view.samples().first().unwrap();
    let lines: Vec<&LogLine> = sample.logs().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].level(), tracing::Level::WARN);
    assert_eq!(lines[0].target(), "logs");
    assert_eq!(lines[0].site().unwrap().to_string(), format!("tests/logs.rs:{line}"));
    assert_eq!(lines[0].text(), "no idle connection idle=0");
    assert_eq!(lines[1].text(), "not saved error=connection refused api_key=…");
    let expected = format!("WARN logs: no idle connection idle=0   tests/logs.rs:{line}");
    assert!(said(&view).contains(&expected), "{}", said(&view));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_requests_at_once_show_their_own_logs_only() {
    // A layer tells the first of its requests in full: so there are many.
    let watches: Vec<Watch> = (0..25).map(|_| watch(|config| config)).collect();
    let mut tasks = Vec::new();
    for n in 0..100_usize {
        let layer = watches[n % watches.len()].layer.clone();
        tasks.push(tokio::spawn(async move {
            let mut service = layer.layer(service_fn(move |_: Request<()>| async move {
                tracing::warn!(n, "first");
                tokio::task::yield_now().await;
                tokio::time::sleep(Duration::from_millis(n as u64 % 7)).await;
                // In a span of its own, on another thread perhaps.
                let spawned = async move { tracing::error!(n, "spawned") };
                let span = tracing::info_span!("job");
                tokio::spawn(spawned.instrument(span)).await.unwrap();
                let scoped = RequestAlert::current().scope(async move {
                    tracing::error!(n, "scoped");
                });
                tokio::spawn(scoped).await.unwrap();
                Answer::Ok(response(500, Empty::new()))
            }));
            service.call(get(&format!("/orders/{n}"))).await.unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    for watch in &watches {
        let first = watch.views().await.remove(0);
        let sample = first.samples().first().unwrap();
        let n = sample.path().trim_start_matches("/orders/");
        let texts: Vec<&str> = sample.logs().map(LogLine::text).collect();
        assert_eq!(texts, ["first", "spawned", "scoped"].map(|text| format!("{text} n={n}")));
    }
}

#[tokio::test]
async fn many_and_long_ones_are_cut() {
    let watch = watch(|config| config);
    ask(&watch, "/loop", || async {
        for n in 0..50 {
            tracing::error!(n, "again");
        }
        500
    })
    .await;
    ask(&watch, "/long", || async {
        for _ in 0..16 {
            tracing::error!("{}", "word ".repeat(10_000));
        }
        500
    })
    .await;
    let views = watch.views().await;
    let (looped, long) = (&views[0], &views[1]);
    assert_eq!(logs(looped).len(), 16);
    assert_eq!(logs(looped)[15], "again n=49");
    assert_eq!(looped.samples().first().unwrap().logs_left_out(), 34);
    let bytes: usize = logs(long).iter().map(String::len).sum();
    assert!((4_000..=8 * 1024).contains(&bytes), "{bytes}");
    assert!(said(looped).contains("… 42 earlier"), "{}", said(looped));
}

#[tokio::test]
async fn a_field_that_panics_harms_nobody() {
    struct Bad;
    impl std::fmt::Debug for Bad {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("user")
        }
    }
    let watch = watch(|config| config);
    let status = ask(&watch, "/a", || async {
        tracing::error!(bad = ?Bad, "with a bad field");
        200
    })
    .await;
    assert_eq!(status, 200);
    watch.nothing().await;
}

/// The errors told by themselves whose message has this text: other tests log
/// as well.
async fn logged(watch: &Watch, text: &str) -> Vec<IncidentView> {
    let views = watch.views().await.into_iter();
    views.filter(|view| view.kind() == Kind::Logged && said(view).contains(text)).collect()
}

#[tokio::test]
async fn errors_are_told_by_themselves_if_asked_for() {
    let (quiet, watch) = (watch(|config| config), watch(|config| config.error_logs(true)));
    let line = line!() + 1;
    tracing::error!(job = "nightly", "could not reach the warehouse");
    tracing::warn!("a warning outside of requests");
    let views = logged(&watch, "warehouse").await;
    assert_eq!(views.len(), 1);
    assert_eq!(views[0].key().to_string(), format!("logged logs at tests/logs.rs:{line}"));
    let said_alone = said(&views[0]);
    let expected =
        format!("ERROR logs · could not reach the warehouse job=nightly · tests/logs.rs:{line}");
    assert!(said_alone.contains(&expected), "{said_alone}");
    assert!(said_alone.contains("UTC"), "when: {said_alone}");
    assert!(logged(&watch, "a warning").await.is_empty());

    // In a request that ended well, with its route.
    ask(&watch, "/prices", || async {
        tracing::error!("serving an old price");
        200
    })
    .await;
    let views = logged(&watch, "serving an old price").await;
    assert!(said(&views[0]).contains(" · GET /prices"), "{}", said(&views[0]));

    // In one that is told, they are told with it, and not again.
    ask(&watch, "/fails", || async {
        tracing::error!("behind the failure");
        500
    })
    .await;
    assert!(logged(&watch, "behind the failure").await.is_empty());
    let failed: Vec<_> =
        watch.views().await.into_iter().filter(|v| v.kind() == Kind::Failed).collect();
    assert_eq!(logs(&failed[0]), ["behind the failure"]);
    // A handler that wants to be left alone is.
    ask(&watch, "/ignored", || async {
        RequestAlert::current().ignore();
        tracing::error!("of an ignored request");
        200
    })
    .await;
    assert!(logged(&watch, "of an ignored request").await.is_empty());
    quiet.nothing().await;
}

#[tokio::test]
async fn a_log_in_a_loop_is_one_incident() {
    let watch = watch(|config| config.error_logs(true));
    for n in 0..1_000 {
        tracing::error!(n, "retrying for ever");
    }
    let views = logged(&watch, "retrying for ever").await;
    let last = views.last().unwrap();
    assert_eq!(last.counts().total(), 1_000);
    assert!(views.iter().all(|view| view.id() == last.id()));
}

#[tokio::test]
async fn a_task_that_outlives_its_request_logs_outside() {
    let watch = watch(|config| config.error_logs(true));
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let gone = std::sync::Mutex::new(Some(gone));
    let (handle, tasks) = std::sync::mpsc::channel();
    ask(&watch, "/fails", || async {
        let gone = gone.lock().unwrap().take().unwrap();
        let task = RequestAlert::current().scope(async move {
            let _ = gone.await;
            tracing::error!("long after the answer");
        });
        handle.send(tokio::spawn(task.instrument(tracing::info_span!("job")))).unwrap();
        500
    })
    .await;
    go.send(()).unwrap();
    tasks.recv().unwrap().await.unwrap();
    let views = logged(&watch, "long after the answer").await;
    assert!(said(&views[0]).contains("tests/logs.rs:"));
    assert!(!said(&views[0]).contains("GET /fails"));
}

#[tokio::test]
async fn what_users_code_logs_on_our_threads_never_comes_back() {
    use tower_slack_alert::{BoxFuture, Delivery, DeliveryError, Receipt, Transport};

    struct Chatty;
    impl Transport for Chatty {
        fn deliver<'a>(&'a self, _: Delivery<'a>) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
            tracing::error!("could not reach the chat of the transport");
            Box::pin(async {
                let work = || tracing::error!("nor on a blocking thread of the transport");
                let _ = tokio::task::spawn_blocking(work).await;
                Err(DeliveryError::refused())
            })
        }
    }
    let watch = watch(|config| {
        config.error_logs(true).also(tower_slack_alert::Destination::transport(Chatty)).gauge(
            "chatty",
            || {
                tracing::error!("of the transport's gauge");
                1
            },
        )
    });
    ask(&watch, "/fails", || async { 500 }).await;
    watch.handle.flush(SOON).await;
    assert!(logged(&watch, "the transport").await.is_empty());
}

/// Another layer holds a span's lock while it formats a value whose code opens a
/// span below that.
#[test]
fn a_span_that_is_opened_while_another_is_formatted_hangs_nobody() {
    struct Opens;
    impl std::fmt::Debug for Opens {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            let _inner = tracing::info_span!("inner").entered();
            f.write_str("opened one")
        }
    }
    let (done, waited) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let formats = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
        let subscriber = tracing_subscriber::registry().with(formats).with(RequestLogLayer::new());
        tracing::subscriber::with_default(subscriber, || {
            let watch = Watch::new();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let status = runtime.unwrap().block_on(ask(&watch, "/a", || async {
                let outer = tracing::info_span!("outer", value = tracing::field::Empty);
                let _entered = outer.enter();
                outer.record("value", tracing::field::debug(Opens));
                200
            }));
            let _ = done.send(status);
        });
    });
    assert_eq!(waited.recv_timeout(SOON), Ok(200));
}

#[tokio::test]
async fn errors_are_counted_among_warnings() {
    let watch = watch(|config| config.error_logs(true));
    ask(&watch, "/warns", || async {
        for _ in 0..3 {
            tracing::error!("pushed out by none");
        }
        for n in 0..40 {
            tracing::warn!(n, "a warning");
        }
        200
    })
    .await;
    let views = logged(&watch, "pushed out by none").await;
    assert_eq!(views.last().unwrap().counts().total(), 3);
}

#[test]
fn errors_from_before_the_layer_are_kept_for_it() {
    passes("in_a_child::start_up");
}

#[cfg(feature = "rustls")]
#[test]
fn an_outage_of_slack_tells_nothing_of_itself() {
    passes("in_a_child::outage");
}

mod in_a_child {
    use super::*;

    #[tokio::test]
    #[ignore = "run in a process of its own"]
    async fn start_up() {
        let without = watch(|config| config);
        for n in 0..20 {
            tracing::error!(n, "could not read the settings");
        }
        let watch = watch(|config| config.error_logs(true));
        let views = logged(&watch, "could not read the settings").await;
        // The first ones; the last ones found no room.
        assert_eq!(views.last().unwrap().counts().total(), 16);
        without.nothing().await;
    }

    #[cfg(feature = "rustls")]
    #[tokio::test]
    #[ignore = "run in a process of its own"]
    async fn outage() {
        use tower_slack_alert::{AlertConfig, SlackAlertLayer};

        // Everything is logged, by the HTTP stack as well.
        tracing_subscriber::registry().with(RequestLogLayer::new()).init();
        let config = AlertConfig::webhook("http://127.0.0.1:9/services/T0/B0/gone");
        let layer = SlackAlertLayer::new(config.error_logs(true).build().unwrap());
        let mut service = layer
            .layer(service_fn(|_: Request<()>| async { Answer::Ok(response(500, Empty::new())) }));
        service.call(get("/fails")).await.unwrap();
        let handle = layer.handle();
        assert!(!handle.flush(Duration::from_secs(4)).await.completed());
        let stats = handle.stats();
        assert!(stats.destinations()[0].last_fault().is_some(), "{stats:?}");
        assert_eq!(stats.observed(), 1);
    }
}
