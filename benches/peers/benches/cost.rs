//! What a request costs over the bare service: instructions, allocations,
//! nanoseconds, and how much larger its future is.
//!
//! `cargo bench -p peers --bench cost` prints the table and fails where one of
//! our own rows costs more than it may. Each case runs in its own process:
//! instructions are callgrind's (install valgrind) and the same on a busy
//! machine, and leave out what a clock read runs in the kernel's vDSO;
//! nanoseconds are the median of interleaved pairs, and as good as the machine
//! is quiet.

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Empty;
use peers::{Beside, Case, Pace, Visit, ask, spread, template};
use tower::Service;

/// Requests before anything is counted, and those that are.
const WARM: u32 = 300;
const COUNTED: u32 = 1_000;
/// Pairs that are timed, and requests on each side of one.
const PAIRS: usize = 1_500;
const BATCH: u32 = 64;
/// Processes that are timed.
const RUNS: usize = 3;

const PACES: [Pace; 2] = [Pace::Ready, Pace::PendingOnce];

/// What our rows may cost: instructions ready and pending once, allocations,
/// and bytes of the future. A little more than they do; `benches/RESULTS.md`
/// says where it goes.
const LIMITS: [(Case, [f64; 2], f64, i64); 4] = [
    (Case::Off, [290.0, 330.0], 0.0, 192),
    (Case::Lean, [1_580.0, 1_690.0], 0.0, 192),
    (Case::Default, [1_780.0, 2_210.0], 0.0, 192),
    (Case::Failing, [2_700.0, 3_120.0], 0.0, 192),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["--count", case, pace] => child(case, pace, |case, pace| case.show(pace, Count)),
        ["--time", case, pace] => child(case, pace, |case, pace| case.show_beside(pace, Pairs)),
        rest => table(rest.contains(&"--no-time")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("cost: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn child(case: &str, pace: &str, run: impl FnOnce(Case, Pace)) -> Result<(), String> {
    let case = case.parse().ok().and_then(|at: usize| Case::ALL.get(at).copied());
    let pace = pace.parse().ok().and_then(|at: usize| PACES.get(at).copied());
    // Some peers begin a task of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let _entered = runtime.enter();
    run(case.ok_or("no such case")?, pace.ok_or("no such pace")?);
    Ok(())
}

/// One cell for each pace.
type Cells = [f64; 2];

#[derive(Clone, Copy, Default)]
struct Measured {
    instructions: Cells,
    allocations: Cells,
    bytes: Cells,
    future: i64,
    /// Over the base: median, lowest, highest.
    nanos: [[f64; 3]; 2],
}

fn table(without_time: bool) -> Result<(), String> {
    println!(
        "Per request over what stands above it; ready at once / pending once. ns: median of {RUNS} \
         processes (lowest..highest), each the median of {PAIRS} interleaved pairs of {BATCH}.\n"
    );
    println!("| | instructions | allocations (bytes) | future | ns |");
    println!("|---|---:|---:|---:|---:|");
    let mut all = Vec::new();
    for (at, case) in Case::ALL.iter().copied().enumerate() {
        let mut measured = Measured::default();
        for pace in 0..PACES.len() {
            count(&mut measured, at, pace)?;
            if !without_time && case != case.base() {
                time(&mut measured, at, pace)?;
            }
        }
        all.push((case, measured));
        let base = all.iter().find(|(known, _)| *known == case.base());
        let base = base.map(|(_, base)| *base).unwrap_or_default();
        println!("{}", row(case, &measured, &base, without_time));
    }
    check(&all)
}

fn row(case: Case, measured: &Measured, base: &Measured, without_time: bool) -> String {
    let is_base = case == case.base();
    let over = |of: fn(&Measured) -> Cells, digits: usize| {
        let ([a, b], [c, d]) = (of(measured), of(base));
        match is_base {
            true => format!("({a:.digits$} / {b:.digits$})"),
            false => format!("{:+.digits$} / {:+.digits$}", a - c, b - d),
        }
    };
    let nanos = || {
        let one = |[median, low, high]: [f64; 3]| format!("{median:+.0} ({low:.0}..{high:.0})");
        measured.nanos.map(one).join(" / ")
    };
    let nanos = if is_base || without_time { String::new() } else { nanos() };
    format!(
        "| {} | {} | {} ({}) | {:+} B | {nanos} |",
        case.name(),
        over(|measured| measured.instructions, 0),
        over(|measured| measured.allocations, 0),
        over(|measured| measured.bytes, 0),
        measured.future - base.future,
    )
}

fn named(pace: Pace) -> &'static str {
    match pace {
        Pace::Ready => "ready",
        Pace::PendingOnce => "pending once",
    }
}

/// Whether our rows keep to their limits.
fn check(all: &[(Case, Measured)]) -> Result<(), String> {
    let of = |case: Case| {
        let known = all.iter().find(|(known, _)| *known == case);
        known.map(|(_, measured)| *measured).unwrap_or_default()
    };
    let mut broken = Vec::new();
    println!();
    for (case, limits, most_allocations, most_bytes) in LIMITS {
        let (measured, base) = (of(case), of(case.base()));
        for (pace, limit) in limits.into_iter().enumerate() {
            let at = |cells: Cells| cells.get(pace).copied().unwrap_or_default();
            let instructions = at(measured.instructions) - at(base.instructions);
            let allocations = at(measured.allocations) - at(base.allocations);
            let text = format!(
                "{}, {}: {instructions:.0} instructions of {limit:.0}, {allocations:.0} \
                 allocations of {most_allocations:.0}, future +{} B of {most_bytes}",
                case.name().trim_matches('*'),
                PACES.get(pace).copied().map_or("", named),
                measured.future - base.future,
            );
            println!("{text}");
            let is_kept = instructions <= limit
                && allocations <= most_allocations
                && measured.future - base.future <= most_bytes;
            if !is_kept {
                broken.push(text);
            }
        }
    }
    let wrapped = |case: Case| of(case).allocations;
    let pairs = wrapped(Case::RouterDefault).into_iter().zip(wrapped(Case::RouterBody));
    for ((ours, theirs), pace) in pairs.zip(PACES) {
        println!(
            "through Router::layer, {}: {ours:.0} allocations, another body's wrapper {theirs:.0}",
            named(pace)
        );
        if ours > theirs {
            broken.push("through Router::layer it allocates more than a body wrapper".to_owned());
        }
    }
    if broken.is_empty() { Ok(()) } else { Err(format!("over the limit:\n{}", broken.join("\n"))) }
}

/// Counts one case in a process of its own, under callgrind.
fn count(measured: &mut Measured, case: usize, pace: usize) -> Result<(), String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args(["--toggle-collect=*count_instructions*", "--collect-atstart=no"])
        .arg(std::env::current_exe().map_err(|error| error.to_string())?)
        .args(["--count", &case.to_string(), &pace.to_string()])
        .env("RUST_LOG", "off")
        .output()
        .map_err(|error| format!("can't run valgrind: {error}; install it"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse::<u64>().ok())
        .ok_or(said)?;
    let numbers = numbers(&output.stdout);
    let [allocations, bytes, future] = *numbers.as_slice() else {
        return Err("nothing was counted".to_owned());
    };
    let per_request = |total: f64| total / f64::from(COUNTED);
    for (cells, value) in [
        (&mut measured.instructions, per_request(collected as f64)),
        (&mut measured.allocations, per_request(allocations)),
        (&mut measured.bytes, per_request(bytes)),
    ] {
        if let Some(cell) = cells.get_mut(pace) {
            *cell = value;
        }
    }
    measured.future = future as i64;
    Ok(())
}

/// Times one case against its base, in processes of their own.
fn time(measured: &mut Measured, case: usize, pace: usize) -> Result<(), String> {
    let mut medians = Vec::new();
    for _ in 0..RUNS {
        let output = Command::new(std::env::current_exe().map_err(|error| error.to_string())?)
            .args(["--time", &case.to_string(), &pace.to_string()])
            .env("RUST_LOG", "off")
            .output()
            .map_err(|error| error.to_string())?;
        medians.extend(numbers(&output.stdout));
    }
    if let Some(cell) = measured.nanos.get_mut(pace) {
        *cell = spread(&mut medians);
    }
    Ok(())
}

fn numbers(stdout: &[u8]) -> Vec<f64> {
    let text = String::from_utf8_lossy(stdout);
    text.lines()
        .last()
        .unwrap_or_default()
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// Counts what callgrind sees, allocations, and the size of the future.
struct Count;

impl Visit for Count {
    fn visit<S, B>(self, mut service: S)
    where
        S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        B: Body,
    {
        let template = template("/users/1234");
        let shared = template.uri().clone();
        let mut once = || ask(&mut service, &template);
        (0..WARM).for_each(|_| once());
        let counted = allocation_counter::measure(|| (0..COUNTED).for_each(|_| once()));
        count_instructions(&mut once);
        drop(shared);
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = template.uri().clone();
        let future = size_of_val(&service.call(request));
        println!("{} {} {future}", counted.count_total, counted.bytes_total);
    }
}

/// What callgrind counts.
#[inline(never)]
fn count_instructions(once: &mut impl FnMut()) {
    for _ in 0..COUNTED {
        black_box(&mut *once)();
    }
}

/// Times both in turns.
struct Pairs;

impl Beside for Pairs {
    fn compare<S, B, T, C>(self, mut base: S, mut service: T)
    where
        S: Service<Request<Empty<Bytes>>, Response = Response<B>> + Clone + Send + 'static,
        B: Body,
        T: Service<Request<Empty<Bytes>>, Response = Response<C>> + Clone + Send + 'static,
        C: Body,
    {
        let template = template("/users/1234");
        let mut over = Vec::with_capacity(PAIRS);
        for pair in 0..PAIRS + 50 {
            let begun = Instant::now();
            (0..BATCH).for_each(|_| ask(&mut base, &template));
            let of_base = begun.elapsed();
            let begun = Instant::now();
            (0..BATCH).for_each(|_| ask(&mut service, &template));
            let of_service = begun.elapsed();
            if pair >= 50 {
                over.push(
                    (of_service.as_secs_f64() - of_base.as_secs_f64()) * 1e9 / f64::from(BATCH),
                );
            }
        }
        println!("{}", spread(&mut over)[0]);
    }
}
