//! What 100,000 requests in flight cost: our thread, for each look at all of
//! them, and a request that comes meanwhile.
//!
//! `cargo bench --bench scan` prints it. Our thread's time is read from `/proc`, so
//! it runs on Linux only; what a request takes includes this machine's noise, so
//! the same is measured with nothing in flight.

use std::convert::Infallible;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use http::{Request, Response};
use http_body_util::Empty;
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{AlertConfig, Destination, SlackAlertLayer};

const IN_FLIGHT: usize = 100_000;
/// It looks twice a second while something is in flight.
const LOOKS: f64 = 20.0;
const MEASURED: Duration = Duration::from_secs(10);

type Answer = Result<Response<Empty<&'static [u8]>>, Infallible>;

fn main() -> ExitCode {
    println!("| in flight | our thread, per look | a request: median | 99.99 % | longest |");
    println!("|---:|---:|---:|---:|---:|");
    for in_flight in [0, IN_FLIGHT] {
        if let Err(problem) = measure(in_flight) {
            eprintln!("scan: {problem}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn measure(in_flight: usize) -> Result<(), String> {
    let config = AlertConfig::builder(Destination::log())
        .slow_after(Duration::from_secs(3_600))
        .hung_after(Duration::from_secs(3_600))
        .build()
        .map_err(|error| error.to_string())?;
    let layer = SlackAlertLayer::new(config);
    let waits = service_fn(|_: Request<()>| std::future::pending::<Answer>());
    let mut service = layer.layer(waits);
    let mut cx = Context::from_waker(Waker::noop());
    let running: Vec<Pin<Box<dyn Future<Output = _>>>> = (0..in_flight)
        .map(|_| {
            let mut future: Pin<Box<dyn Future<Output = _>>> = Box::pin(service.call(request()));
            let _ = future.as_mut().poll(&mut cx);
            future
        })
        .collect();

    let thread = our_thread()?;
    let answers = service_fn(|_: Request<()>| async { Answer::Ok(Response::new(Empty::new())) });
    let mut service = layer.layer(answers);
    let mut took: Vec<Duration> = Vec::with_capacity(8_000_000);
    let (begun, before) = (Instant::now(), on_cpu(&thread)?);
    while begun.elapsed() < MEASURED {
        let asked = Instant::now();
        let mut future = Box::pin(service.call(request()));
        let _ = future.as_mut().poll(&mut cx);
        drop(future);
        took.push(asked.elapsed());
    }
    let per_look = (on_cpu(&thread)? - before) / LOOKS / 1e6;
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied();
    println!(
        "| {in_flight} | {per_look:.2} ms | {:.1?} | {:.1?} | {:.1?} |",
        at(0.5).unwrap_or_default(),
        at(0.9999).unwrap_or_default(),
        took.last().copied().unwrap_or_default(),
    );
    drop(running);
    Ok(())
}

fn request() -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = http::Uri::from_static("/users/1234");
    request
}

/// Where the kernel tells of the thread that was started last.
fn our_thread() -> Result<PathBuf, String> {
    std::thread::sleep(Duration::from_millis(200));
    let tasks = std::fs::read_dir("/proc/self/task").map_err(|error| error.to_string())?;
    let named = |path: &PathBuf| {
        std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "slack-alert")
    };
    let mut ours: Vec<PathBuf> = tasks.flatten().map(|task| task.path()).filter(named).collect();
    ours.sort();
    ours.pop().ok_or_else(|| "the alerting thread was not found".to_owned())
}

/// Nanoseconds on a processor.
fn on_cpu(thread: &std::path::Path) -> Result<f64, String> {
    let stat = std::fs::read_to_string(thread.join("schedstat"));
    let stat = stat.map_err(|error| format!("can't read the thread's time: {error}"))?;
    let nanos = stat.split_whitespace().next().and_then(|word| word.parse().ok());
    nanos.ok_or_else(|| "the thread's time is not a number".to_owned())
}
