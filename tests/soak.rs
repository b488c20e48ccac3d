//! Requests with random fates for a while: nothing is left behind, and every
//! count is exact.
//!
//! `SOAK_SECONDS=60 cargo test --release --test soak -- --nocapture`; 3 seconds
//! unless told otherwise. `SOAK_SEED` plays one again.

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{SOON, Step, Steps, Watch, check_law, get, response};
use http::{Request, Response};
use http_body_util::BodyExt;
use tower::{Layer, Service, service_fn};
use tower_slack_alert::{Kind, RequestAlert};

/// What will become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fate {
    Fine,
    Fails,
    Errs,
    PanicsInCall,
    PanicsInPoll,
    PanicsInBody,
    PanicsInDrop,
    BodyFails,
    BodyIsDropped,
    IsDropped,
    IsDroppedUnpolled,
    SpawnsAPanic,
    SpawnsInScope,
    NotesAndIgnores,
}

use Fate::*;

const FATES: [Fate; 14] = [
    Fine,
    Fails,
    Errs,
    PanicsInCall,
    PanicsInPoll,
    PanicsInBody,
    PanicsInDrop,
    BodyFails,
    BodyIsDropped,
    IsDropped,
    IsDroppedUnpolled,
    SpawnsAPanic,
    SpawnsInScope,
    NotesAndIgnores,
];

impl Fate {
    /// As what it is to be counted.
    fn kind(self) -> Option<Kind> {
        Some(match self {
            Fine | SpawnsAPanic | SpawnsInScope | NotesAndIgnores | BodyIsDropped => return None,
            Fails | Errs => Kind::Failed,
            PanicsInCall | PanicsInPoll | PanicsInBody | PanicsInDrop => Kind::Panicked,
            BodyFails => Kind::BodyFailed,
            IsDropped | IsDroppedUnpolled => Kind::Cancelled,
        })
    }
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("in a destructor");
        }
    }
}

fn handle(fate: Fate) -> impl Future<Output = Result<Response<Steps>, String>> {
    assert_ne!(fate, PanicsInCall, "in call");
    async move {
        for _ in 0..fastrand::u8(0..4) {
            tokio::task::yield_now().await;
        }
        let ok = |steps: Vec<Step>| Ok(response(200, Steps::of(steps)));
        match fate {
            Fine => ok(vec![Step::Data("fine"), Step::Pending, Step::Data("and well")]),
            Fails => Ok(response(500, Steps::default())),
            Errs => Err("an error".to_owned()),
            PanicsInPoll => panic!("in poll"),
            PanicsInDrop => {
                let _bomb = Bomb;
                ok(vec![])
            }
            PanicsInBody => ok(vec![Step::Data("some"), Step::Pending, Step::Panic]),
            BodyFails => ok(vec![Step::Data("some"), Step::Pending, Step::Fail("broken")]),
            BodyIsDropped => ok(vec![Step::Data("some"), Step::Pending, Step::Data("more")]),
            SpawnsAPanic => {
                let _ = tokio::spawn(async { panic!("in a task") }).await;
                ok(vec![])
            }
            SpawnsInScope => {
                let task = RequestAlert::current().scope(async {
                    RequestAlert::current().note("from", "a task");
                });
                tokio::spawn(task).await.map_err(|error| error.to_string())?;
                ok(vec![Step::Data("fine")])
            }
            NotesAndIgnores => {
                RequestAlert::current().ignore();
                Ok(response(500, Steps::default()))
            }
            IsDropped | IsDroppedUnpolled | PanicsInCall => std::future::pending().await,
        }
    }
}

/// One request of that fate, to its end.
async fn live(watch: &Watch, fate: Fate) {
    let handler = service_fn(move |_: Request<()>| handle(fate));
    // In the way of some there is another layer, or the same one again.
    let mut service = watch.layer.layer(watch.layer.layer(handler));
    let mut future = Box::pin(service.call(get("/soak")));
    match fate {
        IsDroppedUnpolled => return,
        IsDropped => {
            let _ = tokio::time::timeout(Duration::from_micros(200), future.as_mut()).await;
            return;
        }
        _ => {}
    }
    let Ok(response) = future.await else { return };
    let mut body = Box::pin(response.into_body());
    let frames = if fate == BodyIsDropped { 1 } else { usize::MAX };
    for _ in 0..frames {
        match body.frame().await {
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break,
        }
    }
}

#[test]
fn every_fate_is_counted_and_nothing_is_left_behind() {
    let variable = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let seconds = variable("SOAK_SECONDS").unwrap_or(3);
    let seed = variable("SOAK_SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}, {seconds} s");
    // So many panics would bury everything else.
    std::panic::set_hook(Box::new(|_| {}));
    let watch = Arc::new(Watch::with(|config| {
        config
            .panic_hook(true)
            .slow_after(Duration::from_secs(3_600))
            .cancelled_after(Duration::from_nanos(1))
    }));
    let expected: Arc<Mutex<HashMap<Option<Kind>, u64>>> = Arc::default();
    let ignored = Arc::new(AtomicU64::new(0));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime = runtime.unwrap();
    let end = Instant::now() + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..32)
        .map(|number| {
            let (watch, expected) = (Arc::clone(&watch), Arc::clone(&expected));
            let ignored = Arc::clone(&ignored);
            let mut random = fastrand::Rng::with_seed(seed.wrapping_add(number));
            runtime.spawn(async move {
                while Instant::now() < end {
                    let fate = *random.choice(FATES.iter()).unwrap();
                    *expected.lock().unwrap().entry(fate.kind()).or_default() += 1;
                    ignored.fetch_add(u64::from(fate == NotesAndIgnores), Ordering::Relaxed);
                    // A body that panics does so where it is read.
                    let watch = Arc::clone(&watch);
                    let _ = tokio::spawn(async move { live(&watch, fate).await }).await;
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    let views = runtime.block_on(watch.views());
    let stats = watch.handle.stats();
    check_law(&stats);
    assert_eq!(stats.in_flight(), 0, "an entry was left behind");
    assert_eq!((stats.restarts(), stats.faults()), (0, &[][..]));

    let mut counted: HashMap<Kind, u64> = HashMap::new();
    let mut last = HashMap::new();
    for view in views {
        last.insert(view.id(), view);
    }
    for view in last.into_values() {
        // A roll-up tells others' counts once more.
        *counted.entry(view.key().kind()).or_default() += view.counts().total();
    }
    let expected = expected.lock().unwrap().clone();
    for kind in Kind::ALL {
        let expected = expected.get(&Some(kind)).copied().unwrap_or(0);
        assert_eq!(counted.get(&kind).copied().unwrap_or(0), expected, "{kind}");
    }
    let ignored = ignored.load(Ordering::Relaxed);
    let noteworthy: u64 = expected.iter().filter_map(|(kind, n)| kind.map(|_| *n)).sum();
    assert_eq!(stats.observed(), noteworthy + ignored);
    let requests: u64 = expected.values().sum();
    println!("{requests} requests, {noteworthy} told, {ignored} ignored");
    assert!(requests > 1_000 * seconds, "{requests}");

    // No thread still takes a request for its own.
    let threads: Vec<_> = (0..64).map(|_| runtime.spawn_blocking(is_clean)).collect();
    let tasks: Vec<_> = (0..64).map(|_| runtime.spawn(async { is_clean() })).collect();
    runtime.block_on(async {
        for thread in threads.into_iter().chain(tasks) {
            assert!(thread.await.unwrap());
        }
    });
    assert_eq!(runtime.block_on(watch.handle.flush(SOON)).pending(), 0);
}

fn is_clean() -> bool {
    format!("{:?}", RequestAlert::current()).contains("in_request: false")
}
