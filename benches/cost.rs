//! What the layer costs a request: instructions and allocations over a bare
//! service, and how much larger its future is.
//!
//! `cargo bench --bench cost --all-features` prints the table. Instructions are
//! counted by valgrind's callgrind, which has to be installed; they say the same
//! on a busy machine, and leave out what a clock read runs in the kernel's vDSO.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::process::{Command, ExitCode};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{Empty, Full};
use tower::{Layer, Service, service_fn};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use tower_slack_alert::{
    AlertConfig, AlertConfigBuilder, Destination, Measure, RequestLogLayer, SlackAlertLayer,
};
use tracing_subscriber::prelude::*;

/// Requests before anything is counted, and those that are.
const WARM: u32 = 300;
const COUNTED: u32 = 1_000;

const CASES: [&str; 6] =
    ["bare", "off", "without poll accounting", "default", "everything on", "CatchPanic + Trace"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    // As callgrind's child: one case, whose requests are counted.
    if let [_, child, case, inner] = arguments.as_slice() {
        if child == "--case" {
            return run(case, *inner == *"pending");
        }
    }
    println!(
        "Per request over a bare service; {COUNTED} requests each, inner service ready at once / \
         pending once.\n"
    );
    println!("| layer | instructions | allocations | future |");
    println!("|---|---:|---:|---:|");
    let mut bare = None;
    for case in CASES {
        let measured = match Measured::of(case) {
            Ok(measured) => measured,
            Err(problem) => {
                eprintln!("cost: {problem}");
                return ExitCode::FAILURE;
            }
        };
        let base = *bare.get_or_insert(measured);
        let over = |of: fn(&Measured) -> [f64; 2], digits: usize| {
            let [ready, pending] = of(&measured);
            let [bare_ready, bare_pending] = of(&base);
            match case {
                "bare" => format!("({ready:.digits$} / {pending:.digits$})"),
                _ => {
                    format!(
                        "{:+.digits$} / {:+.digits$}",
                        ready - bare_ready,
                        pending - bare_pending
                    )
                }
            }
        };
        let size = measured.future as i64 - base.future as i64;
        println!(
            "| {case} | {} | {} | {size:+} B |",
            over(|measured| measured.instructions, 0),
            over(|measured| measured.allocations, 2),
        );
    }
    ExitCode::SUCCESS
}

#[derive(Clone, Copy)]
struct Measured {
    instructions: [f64; 2],
    allocations: [f64; 2],
    future: usize,
}

impl Measured {
    fn of(case: &str) -> Result<Self, String> {
        let mut measured = Measured { instructions: [0.0; 2], allocations: [0.0; 2], future: 0 };
        for (n, inner) in ["ready", "pending"].into_iter().enumerate() {
            let this = std::env::current_exe().map_err(|error| error.to_string())?;
            let output = Command::new("valgrind")
                .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
                .args(["--toggle-collect=*count_instructions*", "--collect-atstart=no"])
                .arg(this)
                .args(["--case", case, inner])
                .env("RUST_LOG", "off")
                .output()
                .map_err(|error| format!("can't run valgrind: {error}; install it"))?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let collected = said
                .lines()
                .find_map(|line| line.split_once("Collected :")?.1.trim().parse::<u64>().ok())
                .ok_or(said)?;
            let out = String::from_utf8_lossy(&output.stdout).into_owned();
            let mut numbers = out.split_whitespace().filter_map(|word| word.parse::<u64>().ok());
            let allocations = numbers.next().ok_or("no allocations were counted")?;
            measured.future = usize::try_from(numbers.next().unwrap_or(0)).unwrap_or(0);
            for (cell, total) in
                [(&mut measured.instructions, collected), (&mut measured.allocations, allocations)]
            {
                if let Some(cell) = cell.get_mut(n) {
                    *cell = total as f64 / f64::from(COUNTED);
                }
            }
        }
        Ok(measured)
    }
}

/// The inner service's answer: at once, or at the second poll.
struct Inner {
    pending: bool,
}

impl Future for Inner {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::take(&mut self.pending) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(Response::new(Full::new(Bytes::from_static(b"a user\n")))))
    }
}

fn config(configure: impl FnOnce(AlertConfigBuilder) -> AlertConfigBuilder) -> SlackAlertLayer {
    let config = AlertConfig::builder(Destination::log());
    SlackAlertLayer::new(configure(config).build().unwrap_or_else(|error| panic!("{error}")))
}

fn run(case: &str, pending: bool) -> ExitCode {
    let inner = service_fn(move |_: Request<Empty<Bytes>>| Inner { pending });
    match case {
        "bare" => count(inner),
        "off" => count(config(|config| config.enabled(false)).layer(inner)),
        "without poll accounting" => {
            count(config(|config| config.poll_accounting(false)).layer(inner));
        }
        "default" => count(config(|config| config).layer(inner)),
        "everything on" => {
            let logs = RequestLogLayer::new().with_filter(RequestLogLayer::filter());
            tracing_subscriber::registry().with(logs).init();
            let everything = |config: AlertConfigBuilder| {
                config
                    .measure(Measure::EndOfBody)
                    .body_cancelled(true)
                    .error_logs(true)
                    .background_panics(true)
                    .header("referer")
                    .ignore_path("/healthz")
                    .route("/reports", |route| route.slow_after(Duration::from_secs(60)))
                    .failure_when(|_, _| tower_slack_alert::Verdict::Default)
                    .link("Trace", "https://tracing.example.com/{trace_id}")
                    .gauge("one", || 1)
            };
            count(config(everything).layer(inner));
        }
        "CatchPanic + Trace" => {
            let inner = CatchPanicLayer::new().layer(inner);
            count(TraceLayer::new_for_http().layer(inner));
        }
        unknown => {
            eprintln!("cost: no such case: {unknown}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn count<S, B>(mut service: S)
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>>,
    B: Body,
{
    // As hyper makes them: its parts are shared, and cloning them is cheap.
    let template = Request::builder()
        .uri("/users/1234")
        .header("user-agent", "curl/8.5")
        .header("x-request-id", "01JX3T7")
        .body(Empty::new());
    let Ok(template) = template else { return };
    let _shared = template.uri().clone();
    let mut ask = || one(&mut service, &template);
    (0..WARM).for_each(|_| ask());
    let mut allocations = 0;
    for _ in 0..COUNTED {
        let info = allocation_counter::measure(&mut ask);
        allocations += info.count_total;
    }
    count_instructions(&mut ask);
    let future = size_of_val(&service.call(template.clone()));
    println!("{allocations} {future}");
}

/// What callgrind counts.
#[inline(never)]
fn count_instructions(ask: &mut impl FnMut()) {
    for _ in 0..COUNTED {
        black_box(&mut *ask)();
    }
}

/// One request, to the end of its response's body.
#[inline(never)]
fn one<S, B>(service: &mut S, template: &Request<Empty<Bytes>>)
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>>,
    B: Body,
{
    let mut cx = Context::from_waker(Waker::noop());
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = template.uri().clone();
    *request.headers_mut() = template.headers().clone();
    let mut future = pin!(service.call(request));
    let response = loop {
        if let Poll::Ready(response) = future.as_mut().poll(&mut cx) {
            break response;
        }
    };
    let Ok(response) = response else { return };
    let mut body = pin!(response.into_body());
    while !body.is_end_stream() {
        if let Poll::Ready(None) = black_box(body.as_mut().poll_frame(&mut cx)) {
            break;
        }
    }
}
