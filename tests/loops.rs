//! Loops that nobody wants: code of the user's that we call and that calls us
//! back, and a service that is the Slack it reports to.

mod common;

use std::convert::Infallible;
use std::sync::atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use common::slack::answer;
use common::{SOON, check_law, response};
use futures_util::FutureExt;
use http_body_util::Empty;
use slack_inbox::Inbox;
use tower::{Layer, ServiceExt, service_fn};
use tower_slack_alert::{
    AlertConfig, AlertHandle, BoxFuture, Capabilities, Clock, Delivery, DeliveryError, Destination,
    IncidentView, Receipt, RequestAlert, SlackAlertLayer, Transport, Verdict,
};

/// Calls back while it delivers.
#[derive(Clone, Default)]
struct CallsBack {
    ours: Arc<OnceLock<(SlackAlertLayer, AlertHandle)>>,
    deliveries: Arc<AtomicUsize>,
    called: Arc<Mutex<Vec<&'static str>>>,
}

impl CallsBack {
    async fn call(&self, from: &'static str) {
        self.called.lock().unwrap().push(from);
        let Some((layer, handle)) = self.ours.get() else { return };
        check_law(&handle.stats());
        RequestAlert::current().note("called back from", from);
        handle.report("called back", &std::io::Error::other(from));
        let _silence = handle.silences();
        answer(layer, "/called-back", 500).await;
        // It waits for us, who wait for it: for its own time and no longer.
        let flushed = handle.flush(Duration::from_millis(20)).await;
        assert!(!flushed.completed() || from != "deliver");
    }
}

impl Transport for CallsBack {
    fn capabilities(&self) -> Capabilities {
        self.called.lock().unwrap().push("capabilities");
        Capabilities::new()
    }

    fn deliver<'a>(&'a self, _: Delivery<'a>) -> BoxFuture<'a, Result<Receipt, DeliveryError>> {
        Box::pin(async move {
            // For ever would be a service that reports each report.
            if self.deliveries.fetch_add(1, Ordering::SeqCst) < 2 {
                self.call("deliver").await;
            }
            Ok(Receipt::new())
        })
    }
}

/// Calls back from code that must not wait for a future.
fn call_at_once(ours: &CallsBack, from: &'static str) {
    if let Some((layer, handle)) = ours.ours.get() {
        check_law(&handle.stats());
        handle.report("called back", &std::io::Error::other(from));
        let _silence = handle.silences();
        let answered = answer(layer, "/called-back", 500).now_or_never();
        assert!(answered.is_some());
    }
    ours.called.lock().unwrap().push(from);
}

#[tokio::test]
async fn b21_hooks_may_call_back_into_the_layer() {
    let transport = CallsBack::default();
    let inbox = Inbox::builder().start().unwrap();
    let [rule, gauge, render] = [(); 3].map(|()| transport.clone());
    let rendered = Destination::webhook(inbox.webhook_url()).render(move |_: &IncidentView| {
        // Each rendering that reports something would be rendered again.
        if !render.called.lock().unwrap().contains(&"render") {
            call_at_once(&render, "render");
        }
        None
    });
    let config = AlertConfig::builder(Destination::transport(transport.clone()))
        .also(rendered)
        .slow_after(Duration::from_millis(1))
        .gauge("calls back", move || {
            if !gauge.called.lock().unwrap().contains(&"gauge") {
                call_at_once(&gauge, "gauge");
            }
            1
        })
        .failure_when(move |_, _| {
            if let Some((_, handle)) = rule.ours.get() {
                check_law(&handle.stats());
                handle.report("from a rule", &std::io::Error::other("a rule"));
            }
            rule.called.lock().unwrap().push("rule");
            Verdict::Default
        });
    let layer = SlackAlertLayer::new(config.build().unwrap());
    let handle = layer.handle();
    transport.ours.set((layer.clone(), handle.clone())).unwrap_or_else(|_| panic!("set twice"));
    for _ in 0..10 {
        answer(&layer, "/orders", 500).await;
    }
    let slow = layer.layer(service_fn(async |_: Request<()>| {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok::<_, Infallible>(response(200, Empty::<&[u8]>::new()))
    }));
    drop(slow.oneshot(common::get("/slow")).await);
    let begun = std::time::Instant::now();
    let all = ["capabilities", "deliver", "rule", "gauge", "render"];
    let missing = || {
        let called = transport.called.lock().unwrap();
        all.iter().any(|from| !called.contains(from))
    };
    while transport.deliveries.load(Ordering::SeqCst) < 3 || missing() {
        assert!(begun.elapsed() < SOON, "{:#?}", transport.called.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let report = handle.shutdown(SOON).await;
    assert!(report.completed(), "{report}");
    let stats = handle.stats();
    check_law(&stats);
    assert_eq!((stats.callback_panics(), stats.restarts()), (0, 0), "{stats:#?}");
}

/// What a service that is its own Slack was asked, and what it answers.
#[derive(Default)]
struct OwnSlack {
    status: AtomicU16,
    /// How many seconds it takes to answer.
    takes: AtomicU64,
    asked: AtomicUsize,
}

#[tokio::test]
async fn c14_a_service_that_is_its_own_slack_does_not_feed_itself() {
    let slack = Arc::new(OwnSlack { status: AtomicU16::new(500), ..OwnSlack::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_349_040));
    let config = AlertConfig::webhook(format!("http://{address}/services/T0/B0/x"))
        .clock(clock.clone())
        .build()
        .unwrap();
    let layer = SlackAlertLayer::new(config);
    let handle = layer.handle();
    let time = clock.clone();
    let take = |State(slack): State<Arc<OwnSlack>>| async move {
        slack.asked.fetch_add(1, Ordering::SeqCst);
        time.advance(Duration::from_secs(slack.takes.load(Ordering::SeqCst)));
        let status = slack.status.load(Ordering::SeqCst);
        (StatusCode::from_u16(status).unwrap(), if status == 200 { "ok" } else { "" })
    };
    let router = Router::new()
        .route("/services/{*rest}", post(take))
        .route("/orders", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .with_state(Arc::clone(&slack))
        .layer(layer.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    // An hour, in which the one failure is that it can't tell of the first one.
    answer(&layer, "/orders", 500).await;
    let pass = async |hours: u32| {
        let before = slack.asked.load(Ordering::SeqCst);
        for _ in 0..hours * 720 {
            clock.advance(Duration::from_secs(5));
            let _next = handle.settle().await;
        }
        check_law(&handle.stats());
        slack.asked.load(Ordering::SeqCst) - before
    };
    // No more than a backoff of at most a minute asks anyway.
    let asked = pass(1).await;
    assert!((60..=200).contains(&asked), "asked {asked} times in an hour");
    assert_eq!(handle.stats().observed(), 1 + asked as u64);
    // It takes them again: all is told, and it is quiet.
    slack.status.store(200, Ordering::SeqCst);
    let asked = pass(1).await;
    assert!((1..=8).contains(&asked), "asked {asked} times in the hour after");
    assert_eq!(handle.stats().destinations()[0].account().pending(), 0, "{:#?}", handle.stats());
    assert_eq!(pass(2).await, 0);
    // It is slow: each message is one more slow request, and there are still few.
    slack.takes.store(6, Ordering::SeqCst);
    answer(&layer, "/orders", 500).await;
    let asked = [pass(1).await, pass(1).await, pass(1).await];
    assert!((1..=20).contains(&asked[0]), "asked {asked:?} times");
    assert!(asked[1..].iter().all(|asked| *asked <= 8), "asked {asked:?} times");
    // And no longer than that lasts.
    slack.takes.store(0, Ordering::SeqCst);
    assert!(pass(1).await <= 4);
    assert_eq!(pass(2).await, 0);
}
