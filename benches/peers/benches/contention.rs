//! What a request costs over the bare service while more and more threads ask,
//! on one path and on a thousand.
//!
//! `cargo bench -p peers --bench contention`. Processor time as the kernel
//! counts it for each thread (`/proc/thread-self/schedstat`, so on Linux), so
//! that threads that wait for a processor cost nothing, and threads that wait
//! for each other no more than they spin.

use std::process::ExitCode;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Empty;
use peers::{Beside, Case, Pace, ROUTES, ask, spread, template};
use tower::Service;

const THREADS: [usize; 4] = [1, 2, 4, 8];
/// Requests of each thread in a round, and rounds.
const REQUESTS: usize = 60_000;
const ROUNDS: usize = 7;

const CASES: [Case; 6] = [
    Case::Floor,
    Case::Default,
    Case::CatchPanicTrace,
    Case::Prometheus,
    Case::FailingRoutes,
    Case::SentryFailing,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, case, paths] = arguments.as_slice()
        && mode == "--case"
    {
        return child(case, paths);
    }
    println!(
        "Processor time of a request over the bare service, in ns: median of {ROUNDS} rounds \
         (wall-clock time in brackets). {} processors.\n",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    println!("| | paths | 1 thread | 2 | 4 | 8 |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (at, case) in CASES.into_iter().enumerate() {
        for paths in [1, ROUTES] {
            let run = || {
                let this = std::env::current_exe()?;
                let (case, paths) = (at.to_string(), paths.to_string());
                std::process::Command::new(this).args(["--case", &case, &paths]).output()
            };
            match run() {
                Ok(output) => {
                    let said = String::from_utf8_lossy(&output.stdout).into_owned();
                    let last = said.lines().last().unwrap_or("did not run");
                    println!("| {} | {paths} | {last} |", case.name());
                }
                Err(error) => {
                    eprintln!("contention: {error}");
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    ExitCode::SUCCESS
}

fn child(case: &str, paths: &str) -> ExitCode {
    let case = case.parse().ok().and_then(|at: usize| CASES.get(at).copied());
    let (Some(case), Ok(paths)) = (case, paths.parse()) else { return ExitCode::FAILURE };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build() else {
        return ExitCode::FAILURE;
    };
    let _entered = runtime.enter();
    case.show_beside(Pace::Ready, Rounds(paths));
    ExitCode::SUCCESS
}

/// On so many paths.
struct Rounds(usize);

impl Beside for Rounds {
    fn compare<S, B, T, C>(self, base: S, service: T)
    where
        S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        B: Body,
        T: Service<Request<Empty<Bytes>>, Response = Response<C>> + Clone + Send + 'static,
        C: Body,
    {
        let cells = THREADS.map(|threads| {
            // Once to fill what is filled on the way.
            hammer(&service, threads, self.0);
            let over = (0..ROUNDS).map(|_| {
                let (base_time, base_wall) = hammer(&base, threads, self.0);
                let (time, wall) = hammer(&service, threads, self.0);
                (time - base_time, wall - base_wall)
            });
            let (mut time, mut wall): (Vec<f64>, Vec<f64>) = over.unzip();
            let ([time, ..], [wall, ..]) = (spread(&mut time), spread(&mut wall));
            format!("{time:.0} ({wall:.0})")
        });
        println!("{}", cells.join(" | "));
    }
}

/// Processor and wall-clock time of each request, in nanoseconds.
fn hammer<S, B>(service: &S, threads: usize, paths: usize) -> (f64, f64)
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
    B: Body,
{
    let start = Arc::new(Barrier::new(threads + 1));
    let spent = Arc::new(Mutex::new(0.0));
    let asking: Vec<_> = (0..threads)
        .map(|thread| {
            let (mut service, start, spent) = (service.clone(), start.clone(), spent.clone());
            std::thread::spawn(move || {
                let templates: Vec<_> =
                    (0..paths).map(|path| template(&format!("/routes/{path}"))).collect();
                start.wait();
                let before = processor_time();
                // Each begins elsewhere.
                let all = templates.iter().cycle().skip(thread * paths / threads);
                all.take(REQUESTS).for_each(|template| ask(&mut service, template));
                let used = processor_time() - before;
                if let Ok(mut spent) = spent.lock() {
                    *spent += used;
                }
            })
        })
        .collect();
    start.wait();
    let begun = Instant::now();
    for thread in asking {
        thread.join().unwrap_or_else(|_| panic!("a thread that asks panicked"));
    }
    let requests = (threads * REQUESTS) as f64;
    let spent = spent.lock().map_or(f64::NAN, |spent| *spent);
    (spent / requests, begun.elapsed().as_secs_f64() * 1e9 / requests)
}

/// Processor time of this thread so far, in nanoseconds.
fn processor_time() -> f64 {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    said.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(f64::NAN)
}
