//! A small axum service under the layer, to see alerts arrive.
//!
//! `cargo run --example server`, then open <http://127.0.0.1:3000>. Without a
//! Slack destination in the environment it starts a local Slack inside itself
//! and prints each message.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use futures_util::stream;
use slack_inbox::Inbox;
use tower_slack_alert::{
    AlertConfig, Destination, ReportedError, RequestAlert, RequestLogLayer, SlackAlertLayer,
};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::prelude::*;

const PORT: u16 = 3000;
const INBOX_PORT: u16 = 3001;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut config = AlertConfig::from_env();
    let mut inbox = None;
    if !config.has_destination() {
        let local = start_inbox()?;
        // A bot, which edits its messages and replies in threads.
        let bot = Destination::bot("xoxb-local", "alerts").api_url(local.api_url());
        config = config.also(bot);
        inbox = Some(local);
    }
    // The inbox prints messages in full; their one-line record would say it twice.
    let default = if inbox.is_some() { "info,tower_slack_alert::alert=warn" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_filter(filter))
        .with(RequestLogLayer::new().with_filter(RequestLogLayer::filter()))
        .init();

    let config = config
        .ignore_path("/healthz")
        .error_logs(true)
        .background_panics(true)
        .gauge("orders so far", || ORDERS.load(Ordering::Relaxed));
    let alerts = SlackAlertLayer::new(config.build()?);
    let handle = alerts.handle();

    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port("PORT", PORT)?));
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|error| format!("can't listen on {address}: {error}; set another PORT"))?;
    println!("listening on http://{}", listener.local_addr()?);
    if let Some(inbox) = &inbox {
        println!("alerts go to a local Slack: open {}", inbox.page_url());
    }

    let draining = handle.clone();
    let mut signals = StopSignals::listen()?;
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let told_twice = async move {
        signals.next().await;
        draining.draining();
        println!("stopping; once more to wait for no request");
        let _ = stopping.send(());
        signals.next().await;
    };
    let server = axum::serve(listener, app(alerts)).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    tokio::select! {
        served = server => served?,
        () = told_twice => {}
    }
    let report = handle.shutdown(Duration::from_secs(5)).await;
    println!("alerts: {report}");
    Ok(())
}

fn port(variable: &str, default: u16) -> Result<u16, String> {
    match std::env::var(variable) {
        Ok(port) => port.parse().map_err(|_| format!("{variable} is not a number from 0 to 65535")),
        Err(_) => Ok(default),
    }
}

fn start_inbox() -> Result<Inbox, String> {
    let port = port("INBOX_PORT", INBOX_PORT)?;
    Inbox::builder().port(port).print(true).start().map_err(|error| {
        format!(
            "can't start the local Slack on port {port}: {error}; set another INBOX_PORT, or \
             SLACK_ALERT_WEBHOOK_URL, or SLACK_ALERT_DRY_RUN=true"
        )
    })
}

fn app(alerts: SlackAlertLayer) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/healthz", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/users/{id}", get(|Path(id): Path<u64>| async move { format!("user {id}\n") }))
        .route("/fail", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .route("/fail/{status}", get(fail))
        .route("/panic", get(panics))
        .route("/slow/{millis}", get(slow))
        .route("/block/{millis}", get(block))
        .route("/stream/{chunks}", get(chunks))
        .route("/broken-stream", get(broken_stream))
        .route("/orders", post(order))
        .route("/cached", get(cached))
        .route("/job", get(job))
        .layer(alerts)
        .layer(Extension(Stock(vec![1, 2, 3])))
}

async fn index(headers: HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let here = host.unwrap_or("localhost:3000");
    let try_these = [
        ("/fail", "a 500"),
        ("/fail/503", "any status; 4xx are not told"),
        ("/panic", "a panic, answered 500"),
        ("/slow/6000", "slow: 6 s"),
        ("/slow/40000", "told while it runs, after 30 s"),
        ("/block/6000", "slow, blocking its thread; as many as there are threads block all"),
        ("/broken-stream", "a body that fails midway"),
        ("/orders -X POST", "a 500 with its reason and its own logs"),
        ("/cached", "fine, but it logs an error"),
        ("/job", "fine, but a task that it spawns panics"),
        ("/users/1", "fine"),
        ("/stream/5", "fine, in 5 chunks"),
        ("/healthz", "ignored, whatever it says"),
    ];
    let mut text = String::from("Try, and watch the alerts arrive:\n\n");
    for (path, what) in try_these {
        text.push_str(&format!("curl {here}{path:20} {what}\n"));
    }
    text
}

async fn fail(Path(status): Path<u16>) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST)
}

#[derive(Clone)]
struct Stock(Vec<u32>);

async fn panics(Extension(stock): Extension<Stock>) -> String {
    let wanted = stock.0.len() + 4;
    format!("{}\n", stock.0[wanted])
}

async fn slow(Path(millis): Path<u64>) -> String {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    format!("took {millis} ms\n")
}

async fn block(Path(millis): Path<u64>) -> String {
    std::thread::sleep(Duration::from_millis(millis));
    format!("blocked for {millis} ms\n")
}

async fn chunks(Path(chunks): Path<u32>) -> Response {
    let chunks = stream::unfold(0, move |n| async move {
        if n >= chunks {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok::<_, Infallible>(Bytes::from(format!("chunk {n}\n"))), n + 1))
    });
    ([(header::CONTENT_TYPE, "text/plain")], Body::from_stream(chunks)).into_response()
}

async fn broken_stream() -> Response {
    let parts = stream::unfold(0, |n| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        match n {
            0 | 1 => Some((Ok(Bytes::from_static(b"some rows\n")), n + 1)),
            2 => Some((Err(std::io::Error::other("the cursor was closed")), n + 1)),
            _ => None,
        }
    });
    Body::from_stream(parts).into_response()
}

static ORDERS: AtomicU64 = AtomicU64::new(0);

async fn order() -> Result<StatusCode, OrderError> {
    let order = ORDERS.fetch_add(1, Ordering::Relaxed) + 1;
    RequestAlert::current().note("order", order);
    tracing::warn!(order, "no idle connection, waiting for one");
    tokio::time::sleep(Duration::from_millis(20)).await;
    tracing::error!(order, "could not save the order");
    Err(OrderError { cause: PoolTimeout })
}

async fn cached() -> &'static str {
    tracing::error!(cache = "prices", "could not refresh the cache, serving an old one");
    "prices of yesterday\n"
}

async fn job() -> &'static str {
    let receipt: Option<u64> = None;
    tokio::spawn(async move { receipt.map(|n| n + 1).expect("an order has a receipt") });
    "begun\n"
}

/// An error of the application, with its cause.
#[derive(Debug)]
struct OrderError {
    cause: PoolTimeout,
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection refused")
    }
}

impl Error for OrderError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

#[derive(Debug)]
struct PoolTimeout;

impl fmt::Display for PoolTimeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pool timed out")
    }
}

impl Error for PoolTimeout {}

impl IntoResponse for OrderError {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(ReportedError::new(&self));
        response
    }
}

/// SIGINT (Ctrl-C) and SIGTERM. One that comes while nobody waits is kept.
#[cfg(unix)]
struct StopSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(StopSignals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
struct StopSignals;

#[cfg(not(unix))]
impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        Ok(StopSignals)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
