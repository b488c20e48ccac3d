//! The secret appears in nothing that anybody prints, at any level.

mod common;

use std::convert::Infallible;
use std::future::ready;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{SOON, get, response};
use http::{Request, Response};
use http_body_util::Empty;
use slack_inbox::{Fault, Inbox};
use tower::{Layer, ServiceExt, service_fn};
use tower_slack_alert::{AlertConfig, AlertConfigBuilder, Destination, SlackAlertLayer};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const CANARY: &str = "canary77";

#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Printed {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// Runs a failing request through a configuration, and prints what can be.
async fn exercise(config: AlertConfigBuilder, printed: &mut Printed) {
    write!(printed, "{config:?}").unwrap();
    let config = config.request_timeout(Duration::from_millis(200)).build().unwrap();
    write!(printed, "{config:?}").unwrap();
    let layer = SlackAlertLayer::new(config);
    let handle = layer.handle();
    write!(printed, "{layer:?} {handle:?}").unwrap();
    let service = layer.layer(service_fn(|_: Request<()>| {
        ready(Ok::<Response<Empty<&[u8]>>, Infallible>(response(500, Empty::new())))
    }));
    write!(printed, "{service:?}").unwrap();
    service.oneshot(get("/a")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let check = handle.check().await;
    write!(printed, "{check} {check:?}").unwrap();
    let report = handle.shutdown(Duration::from_millis(500)).await;
    write!(printed, "{report} {report:?} {:?}", handle.stats()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_is_in_nothing_that_is_printed() {
    let mut printed = Printed::default();
    let writer = printed.clone();
    let format = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
    tracing_subscriber::registry().with(format).with(LevelFilter::TRACE).init();

    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let inbox = Inbox::start().await.unwrap();
    let hook = format!("http://{}/services/T0/B0/{CANARY}", inbox.address());
    let bot = || Destination::bot(format!("xoxb-{CANARY}"), "alerts").api_url(inbox.api_url());

    exercise(AlertConfig::webhook(&hook), &mut printed).await;
    exercise(AlertConfig::builder(bot()), &mut printed).await;
    inbox.wait_for(|_| true, SOON).await.unwrap();
    for fault in [
        Fault::Hang,
        Fault::Reset,
        Fault::Answer(302, hook.clone()),
        Fault::Answer(500, hook.clone()),
    ] {
        inbox.fault(fault);
        exercise(AlertConfig::webhook(&hook), &mut printed).await;
        exercise(AlertConfig::builder(bot()), &mut printed).await;
    }
    exercise(AlertConfig::webhook(format!("http://{closed}/services/{CANARY}")), &mut printed)
        .await;
    exercise(AlertConfig::webhook(format!("https://host.invalid/x/{CANARY}")), &mut printed).await;

    for bad in [
        format!("http://hooks.slack.com/{CANARY}"),
        format!("{CANARY} x"),
        format!("https://u:{CANARY}@hooks.slack.com/x"),
    ] {
        let builder = AlertConfig::webhook(&bad).proxy(&bad);
        write!(printed, "{builder:?}").unwrap();
        let error = builder.build().unwrap_err();
        write!(printed, "{error} {error:?}").unwrap();
        let disabled = AlertConfig::webhook(&bad).build_or_disabled();
        assert!(!disabled.is_enabled());
    }
    let bad = AlertConfig::bot(format!("xapp-{CANARY}"), "alerts").build().unwrap_err();
    write!(printed, "{bad} {bad:?}").unwrap();

    let text = printed.text();
    assert!(text.len() > 10_000, "only {} bytes printed: is the subscriber in place?", text.len());
    assert!(text.contains("TRACE") && text.contains("hyper"), "the dependencies printed nothing");
    if let Some(at) = text.find(CANARY) {
        let from = text[..at].rfind('\n').unwrap_or(0);
        panic!("printed: {}", &text[from..(at + 60).min(text.len())]);
    }
}
