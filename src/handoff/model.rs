//! The registry with its slots, and the ledger with its tally, under many
//! schedules:
//! `RUSTC_WORKSPACE_WRAPPER=tests/rustc/shuttle cargo test --all-features --lib handoff::model`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Request;
use shuttle::thread;

use crate::observation::{
    Account, Age, DropReason, Facts, KeyRef, Kind, LogLine, MethodName, RequestHead, RouteRef, Rule,
};

use super::sync::atomic::{AtomicU64, Ordering};
use super::{Batch, Ledger, Registry, Tally, Told};

const SCHEDULES: usize = 5_000;

/// One request from its entering to its leaving, as a layer does it.
fn request(registry: &Registry, now: Instant, number: u64, at_end: impl FnOnce(bool)) {
    let request = Request::builder().uri(format!("/{number}")).body(()).unwrap();
    let slot = registry.enter(1, None, now, |info| {
        info.fill(&RequestHead::of(&request), &Arc::default(), Some("/known".into()), now);
    });
    slot.polls().begin_call();
    thread::yield_now();
    let age = || Age::from(Duration::from_secs(1));
    slot.polls().add(slot.polls().end_call(), age);
    slot.polls().begin(age());
    thread::yield_now();
    slot.polls().add(slot.polls().end(), age);
    at_end(slot.hang().end());
    slot.hang().settle();
    slot.close();
    registry.leave(slot);
}

fn left_nothing(registry: &Registry) {
    assert_eq!(registry.in_flight(), 0);
    let mut seen = 0;
    registry.scan(|_| seen += 1);
    assert_eq!(seen, 0);
}

/// Whoever scans sees whole requests only: never a slot that is being cleared,
/// or filled for another one.
#[test]
fn a_scan_sees_whole_requests() {
    let run = || {
        let (registry, now) = (Arc::new(Registry::new()), Instant::now());
        let requests: Vec<_> = (0..2)
            .map(|number| {
                let registry = Arc::clone(&registry);
                thread::spawn(move || {
                    for round in 0..3 {
                        request(&registry, now, number * 10 + round, |_| {});
                    }
                })
            })
            .collect();
        for _ in 0..3 {
            registry.scan(|slot| {
                assert_eq!(slot.info().template(), Some("/known"));
                assert!(slot.info().path().len() > 1, "a cleared one");
                let _ = slot.polls().read(Duration::from_secs(2).into());
            });
            thread::yield_now();
        }
        requests.into_iter().for_each(|thread| thread.join().unwrap());
        left_nothing(&registry);
    };
    shuttle::check_random(run, SCHEDULES);
    shuttle::check_pct(run, SCHEDULES, 3);
}

/// A request is told while it runs, and then knows it at its end; or it has
/// ended, and is not told any more: however a slot is used again.
#[test]
fn what_is_told_is_known_at_the_end() {
    let run = || {
        let (registry, now) = (Arc::new(Registry::new()), Instant::now());
        let known = Arc::new(AtomicU64::new(0));
        let requests: Vec<_> = (0..2)
            .map(|number| {
                let (registry, known) = (Arc::clone(&registry), Arc::clone(&known));
                thread::spawn(move || {
                    for _ in 0..2 {
                        request(&registry, now, number, |told| {
                            known.fetch_add(u64::from(told), Ordering::SeqCst);
                        });
                    }
                })
            })
            .collect();
        let mut told = 0;
        for _ in 0..3 {
            let mut old = Vec::new();
            registry.scan(|slot| old.push(Arc::clone(slot)));
            for slot in old {
                let counted = || Told::Suppressed(Rule::Probe);
                told += u64::from(slot.hang().tell(counted).is_some());
            }
        }
        requests.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(known.load(Ordering::SeqCst), told);
        left_nothing(&registry);
    };
    shuttle::check_random(run, SCHEDULES);
    shuttle::check_pct(run, SCHEDULES, 3);
}

/// What a task logs that outlives its request is kept by the request or given
/// back, and never shows up in the next one.
#[test]
fn a_late_log_is_not_the_next_requests() {
    let line = || LogLine {
        level: tracing::Level::ERROR,
        target: String::new(),
        site: None,
        text: String::new(),
    };
    let run = move || {
        let (registry, now) = (Arc::new(Registry::new()), Instant::now());
        let slot = registry.enter(1, None, now, |_| {});
        let notes = Arc::clone(slot.notes());
        let late = thread::spawn(move || notes.log(line()).is_ok());
        let first = Arc::clone(slot.notes());
        slot.close();
        registry.leave(slot);
        let slot = registry.enter(1, None, now, |_| {});
        assert!(slot.notes().take_errors().is_empty());
        let kept = late.join().unwrap();
        let errors: u64 = first.take_errors().iter().map(|(_, count)| *count).sum();
        assert_eq!(errors, u64::from(kept));
        registry.leave(slot);
        left_nothing(&registry);
    };
    shuttle::check_random(run, SCHEDULES);
}

fn key(kind: Kind, route: &str) -> KeyRef<'_> {
    let method = MethodName::of(&http::Method::GET);
    KeyRef::Request { kind, method, route: RouteRef::Known(route), status: None }
}

/// Our thread: takes what was counted, and later says where it is.
struct Teller {
    account: Account,
    taken: i128,
}

impl Teller {
    fn settle(&mut self, ledger: &Ledger, batch: &Batch) {
        self.taken += batch.net();
        thread::yield_now();
        self.account.delivered = u64::try_from(self.taken).expect("less than nothing was counted");
        ledger.settle(std::iter::once(self.account));
    }
}

/// Whenever somebody asks, every observation is in exactly one place: while
/// threads count, move what others counted and keep it from being told, our
/// thread takes and settles it, and the end comes in between.
#[test]
fn e5_the_law_holds_in_every_snapshot() {
    let run = || {
        let (ledger, tally) = (Arc::new(Ledger::default()), Arc::new(Tally::new()));
        ledger.open(std::iter::once("slack".to_owned()));
        let now = Instant::now();
        let (left, right) = shuttle::sync::mpsc::channel::<()>();
        let counting = {
            let tally = Arc::clone(&tally);
            thread::spawn(move || {
                tally.record(key(Kind::Slow, "/a"), &Facts::at(now));
                tally.suppress(Rule::Probe);
                left.send(()).unwrap();
                tally.record(key(Kind::Failed, "/b"), &Facts::at(now));
            })
        };
        let moving = {
            let tally = Arc::clone(&tally);
            thread::spawn(move || {
                tally.record(key(Kind::Failed, "/b"), &Facts::at(now));
                right.recv().unwrap();
                tally.amend(key(Kind::Slow, "/a"), key(Kind::BodyFailed, "/a"), &Facts::at(now));
                tally.unsuppress(Rule::Probe, key(Kind::Slow, "/a"), &Facts::at(now));
            })
        };
        let telling = {
            let (ledger, tally) = (Arc::clone(&ledger), Arc::clone(&tally));
            thread::spawn(move || {
                let mut teller = Teller { account: Account::default(), taken: 0 };
                teller.settle(&ledger, &ledger.take(&tally));
                teller.settle(&ledger, &ledger.take(&tally));
                teller.settle(&ledger, &ledger.close(&tally, DropReason::AfterShutdown));
            })
        };
        let mut before = 0;
        for _ in 0..3 {
            let stats = ledger.stats(&tally, 0);
            assert_eq!(stats.destinations()[0].account().accounted(), stats.observed());
            assert!(stats.observed() >= before);
            before = stats.observed();
            thread::yield_now();
        }
        [counting, moving, telling].into_iter().for_each(|thread| thread.join().unwrap());
        let stats = ledger.stats(&tally, 0);
        let account = stats.destinations()[0].account();
        assert_eq!((stats.observed(), account.accounted()), (4, 4));
        assert_eq!(account.pending(), 0);
    };
    shuttle::check_random(run, SCHEDULES);
    shuttle::check_pct(run, SCHEDULES, 3);
}
