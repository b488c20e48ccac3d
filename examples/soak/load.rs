//! The service and who asks it, in a process of its own.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::BufRead;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_slack_alert::{
    AlertConfig, Destination, DropReason, IncidentPolicy, RequestAlert, Rule, SlackAlertLayer,
};

/// What will become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Fine,
    Fails,
    Panics,
    Slow,
    /// A health probe that fails.
    Probed,
    /// Fails, and asks not to be told.
    Ignored,
}

impl Fate {
    /// Of a request with this number, whatever the seed: the oracle knows too.
    pub(crate) fn of(number: u64) -> Self {
        match number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56 {
            0..150 => Fate::Fine,
            150..200 => Fate::Fails,
            200..210 => Fate::Panics,
            210..225 => Fate::Slow,
            225..240 => Fate::Probed,
            _ => Fate::Ignored,
        }
    }

    /// Its route, of a few.
    pub(crate) fn route(self, number: u64) -> String {
        format!("/{self:?}/{}", char::from(b'a' + u8::try_from(number % 3).unwrap_or(0)))
            .to_lowercase()
    }
}

const SLOW: Duration = Duration::from_millis(40);
const DIGEST_EVERY: Duration = Duration::from_secs(10);
const STALL: Duration = Duration::from_secs(25);

async fn handle(request: Request<u64>) -> Result<Response<Full<Bytes>>, Infallible> {
    let number = *request.body();
    let alert = RequestAlert::current();
    let status = match Fate::of(number) {
        Fate::Fine => StatusCode::OK,
        Fate::Slow => {
            alert.note(super::NOTE, number);
            tokio::time::sleep(2 * SLOW).await;
            StatusCode::OK
        }
        Fate::Panics => {
            alert.note(super::NOTE, number);
            panic!("as it was to be");
        }
        Fate::Ignored => {
            alert.ignore();
            StatusCode::INTERNAL_SERVER_ERROR
        }
        Fate::Fails | Fate::Probed => {
            alert.note(super::NOTE, number);
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    let mut response = Response::new(Full::new(Bytes::from_static(b"done")));
    *response.status_mut() = status;
    Ok(response)
}

async fn ask(layer: SlackAlertLayer, number: u64, path: String) {
    let mut request = Request::new(number);
    if let Ok(uri) = path.parse() {
        *request.uri_mut() = uri;
    }
    let agent = if Fate::of(number) == Fate::Probed { "kube-probe/1.30" } else { "soak" };
    request.headers_mut().insert("user-agent", http::HeaderValue::from_static(agent));
    let Ok(response) = layer.layer(service_fn(handle)).oneshot(request).await;
    drop(response);
}

/// The service's process: asks for so many seconds, says "asked", asks once
/// more for each line of its input, and reports when that ends.
pub(crate) fn serve(arguments: &[String]) -> Result<(), String> {
    let [webhook, api, seconds, rate] = arguments else { return Err("four arguments".to_owned()) };
    let (seconds, rate): (u64, u64) = match (seconds.parse(), rate.parse()) {
        (Ok(seconds), Ok(rate)) => (seconds, rate),
        _ => return Err("seconds and rate are numbers".to_owned()),
    };
    // So many panics would bury everything else.
    std::panic::set_hook(Box::new(|_| {}));
    let bot = Destination::bot("xoxb-local", "alerts").api_url(api);
    let config = AlertConfig::webhook(webhook)
        .also(bot)
        .service("soak")
        .slow_after(SLOW)
        // Some of all that is said comes within a minute.
        .policy(IncidentPolicy::new().digests([DIGEST_EVERY]))
        .request_timeout(Duration::from_secs(2));
    // What is fine stays so, however late a busy machine lets it run.
    let config = (0..3).fold(config, |config, number| {
        config.route(Fate::Fine.route(number), |route| route.slow_after(STALL))
    });
    let config = config.build().map_err(|error| error.to_string())?;
    let layer = SlackAlertLayer::new(config);
    let handle = layer.handle();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let mut asked: BTreeMap<Fate, u64> = BTreeMap::new();
    runtime.block_on(async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        let begun = Instant::now();
        let mut number = 0;
        let mut sampled = 0;
        while begun.elapsed() < Duration::from_secs(seconds) {
            tick.tick().await;
            let due = begun.elapsed().as_millis() as u64 * rate / 1_000;
            while number < due {
                number += 1;
                let fate = Fate::of(number);
                *asked.entry(fate).or_default() += 1;
                tokio::spawn(ask(layer.clone(), number, fate.route(number)));
            }
            if begun.elapsed().as_secs() > sampled {
                sampled += 1;
                println!("sample {}", sample());
            }
        }
        while handle.stats().in_flight() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        println!("asked");
    });
    // One that fails, whatever its number would say.
    let fails = (1..).find(|number| Fate::of(*number) == Fate::Fails).unwrap_or(1);
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        runtime.block_on(ask(layer.clone(), fails, line));
        *asked.entry(Fate::Fails).or_default() += 1;
    }
    let report = handle.shutdown_blocking(Duration::from_secs(30));
    let stats = report.stats();
    println!("asked {asked:?}");
    println!("observed {}", stats.observed());
    for destination in stats.destinations() {
        let account = destination.account();
        let dropped: u64 = DropReason::ALL.into_iter().map(|reason| account.dropped(reason)).sum();
        println!(
            "account {} {} {} {} {} {} {} {}",
            destination.name(),
            account.delivered(),
            account.coalesced(),
            account.suppressed(Rule::Probe),
            account.suppressed(Rule::Handler),
            dropped,
            account.pending(),
            account.accounted(),
        );
    }
    println!("restarts {} faults {}", stats.restarts(), stats.faults().len());
    println!("report {report}");
    Ok(())
}

/// Resident KiB, threads, and open files of this process.
fn sample() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()).unwrap_or("0").to_owned()
    };
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    format!("{} {} {files}", of("VmRSS:"), of("Threads:"))
}
