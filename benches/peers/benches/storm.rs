//! A storm: each answer of an axum server on loopback is a 500, and Slack
//! answers, hangs, refuses, or says 429.
//!
//! `cargo bench -p peers --bench storm`, for 30 s of storm each; `-- --seconds 6`
//! for a shorter one. Server and load generator are processes of their own.
//! Each slice of the layer's storm is paired with one of the bare server, which
//! runs beside it; bare against bare says what such a ratio is worth. Fails
//! where our own rows do not keep what is promised.

use std::error::Error;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use peers::sink::{Manner, Sink, burst};
use peers::spread;
use sentry::integrations::tower::{NewSentryLayer, SentryHttpLayer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_slack_alert::{AlertConfig, Destination, SlackAlertLayer};
use tracing_layer_slack::SlackLayer;
use tracing_subscriber::prelude::*;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const PAIRS: usize = 6;
const CONNECTIONS: usize = 32;

/// What our own rows keep.
const MOST_RSS: f64 = 8.0;
const MOST_BURST: f64 = 3.0;

const CASES: [(&str, Manner); 9] = [
    ("bare", Manner::Answers),
    ("ours", Manner::Answers),
    ("ours", Manner::Hangs),
    ("ours", Manner::Refuses),
    ("ours", Manner::Limits),
    ("tracing-layer-slack", Manner::Answers),
    ("tracing-layer-slack", Manner::Hangs),
    ("sentry-tower", Manner::Answers),
    ("sentry-tower", Manner::Hangs),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["--serve", layer, port] => serve(layer, port),
        ["--load", port, millis] => load(port, millis),
        rest => {
            let seconds = rest.iter().skip_while(|word| **word != "--seconds").nth(1);
            table(seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(30.0))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("storm: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn table(seconds: f64) -> Result<()> {
    println!(
        "{seconds} s of 500s in {PAIRS} slices, each after one of a bare server; {CONNECTIONS} \
         connections. Median (lowest..highest).\n"
    );
    println!(
        "| | Slack | requests/s of bare | CPU µs a request (bare) | RSS MiB | posts | most over 1/s | told of |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|");
    let mut broken = Vec::new();
    for (layer, manner) in CASES {
        storm(layer, manner, seconds, &mut broken)?;
    }
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n").into()) }
}

fn storm(layer: &str, manner: Manner, seconds: f64, broken: &mut Vec<String>) -> Result<()> {
    let sink = Sink::start(manner)?;
    let mut server = Server::start(layer, sink.port())?;
    let mut bare = Server::start("bare", sink.port())?;
    let slice = Duration::from_secs_f64(seconds / PAIRS as f64);
    // Until each is warm.
    let warm = Duration::from_millis(500);
    bare.ask(warm)?;
    let mut answered = server.ask(warm)?.answered;
    let before = server.rss();
    let (mut ratios, mut costs, mut bare_costs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let (of_bare, of_layer) = (bare.ask(slice)?, server.ask(slice)?);
        ratios.push(of_layer.per_second() / of_bare.per_second());
        costs.push(of_layer.processor / of_layer.answered as f64 * 1e6);
        bare_costs.push(of_bare.processor / of_bare.answered as f64 * 1e6);
        answered += of_layer.answered;
    }
    let after = server.rss();
    let posts = sink.posts();
    // The others count nothing, and one would wait for a Sentry that hangs.
    let told = if layer == "ours" { server.stop()? } else { None };
    let [ratio, low, high] = spread(&mut ratios);
    let [cost, ..] = spread(&mut costs);
    let [bare_cost, ..] = spread(&mut bare_costs);
    let over = burst(&posts);
    println!(
        "| {layer} | {manner:?} | {ratio:.2} ({low:.2}..{high:.2}) | {cost:.1} ({bare_cost:.1}) | \
         {before:.0} → {after:.0} | {} | {over:.1} | {} of {answered} |",
        posts.len(),
        told.as_deref().unwrap_or("–"),
    );
    if layer == "ours" {
        let mut promise = |is_kept: bool, what: &str| {
            if !is_kept {
                broken.push(format!("ours, Slack {manner:?}: {what}"));
            }
        };
        promise(after - before <= MOST_RSS, &format!("RSS grew by {:.1} MiB", after - before));
        promise(over <= MOST_BURST, &format!("{over:.1} posts over one a second"));
        promise(told == Some(answered.to_string()), "not as many were counted as were answered");
    }
    Ok(())
}

/// A server process; stopped with this.
struct Server {
    child: Child,
    port: u16,
    said: BufReader<Box<dyn Read>>,
}

/// One slice of load.
struct Slice {
    answered: u64,
    took: f64,
    /// Processor time of the server, in seconds.
    processor: f64,
}

impl Slice {
    fn per_second(&self) -> f64 {
        self.answered as f64 / self.took
    }
}

impl Server {
    fn start(layer: &str, sink: u16) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--serve", layer, &sink.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the server has no output")?;
        let mut said = BufReader::new(Box::new(stdout) as Box<dyn Read>);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let port = line.trim().parse().map_err(|_| format!("the server said {line:?}"))?;
        Ok(Server { child, port, said })
    }

    fn ask(&mut self, lasting: Duration) -> Result<Slice> {
        let before = self.processor();
        let begun = Instant::now();
        let output = Command::new(std::env::current_exe()?)
            .args(["--load", &self.port.to_string(), &lasting.as_millis().to_string()])
            .output()?;
        let took = begun.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let answered = said.trim().parse().map_err(|_| format!("the load said {said:?}"))?;
        Ok(Slice { answered, took, processor: self.processor() - before })
    }

    /// Seconds of processor time so far, of all threads.
    fn processor(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let nanos = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let said = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            said.split(' ').next()?.parse::<f64>().ok()
        });
        nanos.sum::<f64>() / 1e9
    }

    /// Resident memory in MiB.
    fn rss(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.map_or(f64::NAN, |kib| kib / 1024.0)
    }

    /// Stops it; how many failures it says it has counted, if it counts.
    fn stop(mut self) -> Result<Option<String>> {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.said.read_to_string(&mut said)?;
        Ok(said.lines().last().map(str::to_owned))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// The server's process: prints its port, and ends with its input.
fn serve(layer: &str, sink: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let router = || Router::new().route("/", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }));
    let reporting = |report: fn()| {
        Router::new().route(
            "/",
            get(move || async move {
                report();
                StatusCode::INTERNAL_SERVER_ERROR
            }),
        )
    };
    let listen = |router: Router| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        let (ended, is_over) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let _read = std::io::stdin().read_to_end(&mut Vec::new());
            drop(ended);
        });
        let served = axum::serve(listener, router);
        tokio::select! {
            served = served => served?,
            _ = is_over => {}
        }
        Result::Ok(())
    };
    runtime.block_on(async {
        match layer {
            "ours" => {
                let webhook = format!("http://127.0.0.1:{sink}/services/T0/B0/storm");
                let config = AlertConfig::builder(Destination::webhook(webhook)).build()?;
                let layer = SlackAlertLayer::new(config);
                let alerts = layer.handle();
                listen(router().layer(layer)).await?;
                let report = alerts.shutdown(Duration::from_secs(2)).await;
                println!("{}", report.stats().observed());
            }
            "tracing-layer-slack" => {
                let webhook = format!("http://127.0.0.1:{sink}/services/T0/B0/storm");
                let built = SlackLayer::builder("storm", Default::default(), webhook)?;
                let (layer, delivery) = built.build();
                let _worker = delivery.spawn()?;
                tracing_subscriber::registry().with(layer).init();
                listen(reporting(|| tracing::error!("it failed"))).await?;
            }
            "sentry-tower" => {
                let dsn = format!("http://key@127.0.0.1:{sink}/1");
                let mut options = sentry::ClientOptions::default();
                options.dsn = dsn.parse().ok();
                options.shutdown_timeout = Duration::ZERO;
                let _client = sentry::init(options);
                let layers = tower::ServiceBuilder::new()
                    .layer(NewSentryLayer::new_from_top())
                    .layer(SentryHttpLayer::new());
                let report: fn() = || {
                    sentry::capture_message("it failed", sentry::Level::Error);
                };
                listen(reporting(report).layer(layers)).await?;
            }
            _ => listen(router()).await?,
        }
        Ok(())
    })
}

/// The load's process: prints how many answers were 500.
fn load(port: &str, millis: &str) -> Result<()> {
    let port: u16 = port.parse()?;
    let until = Instant::now() + Duration::from_millis(millis.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answered = runtime.block_on(async {
        let total = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..CONNECTIONS {
            let total = Arc::clone(&total);
            asking.spawn(async move {
                let answered = connection(port, until).await?;
                total.fetch_add(answered, std::sync::atomic::Ordering::Relaxed);
                std::io::Result::Ok(())
            });
        }
        while let Some(done) = asking.join_next().await {
            done??;
        }
        Result::Ok(total.load(std::sync::atomic::Ordering::Relaxed))
    })?;
    println!("{answered}");
    Ok(())
}

/// Asks one after the other, until then; each answer is read to its end.
async fn connection(port: u16, until: Instant) -> std::io::Result<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let mut answered = 0;
    let mut buffer = [0; 1024];
    while Instant::now() < until {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nuser-agent: storm\r\n\r\n").await?;
        let mut read = 0;
        while !buffer.get(..read).is_some_and(|said| said.ends_with(b"\r\n\r\n")) {
            let more = stream.read(buffer.get_mut(read..).unwrap_or_default()).await?;
            if more == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            read += more;
        }
        answered += u64::from(buffer.starts_with(b"HTTP/1.1 500 "));
    }
    Ok(answered)
}
