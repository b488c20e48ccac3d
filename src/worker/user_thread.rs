//! [`UserThread`]: where users' code runs, so that it can't hold us up.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::delivery::BoxFuture;
use crate::handoff::{Handoff, own_thread};
use crate::observation::lock::relock;

type Job = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// A thread for one user's transport or renderer, started when it is needed,
/// so that a blocking one holds up no other. A late answer is abandoned; a
/// panic is caught and counted.
#[derive(Debug)]
pub(super) struct UserThread {
    handoff: Arc<Handoff>,
    jobs: Mutex<Option<mpsc::UnboundedSender<Job>>>,
}

/// Whether somebody's code is still at it. It is not asked again until it has
/// returned.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate(Arc<AtomicBool>);

/// Frees a [`Gate`] also when the code panics.
struct Working(Gate);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Release);
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The last call has not returned yet.
    StillBusy,
    Late,
    Panicked,
    NoThread,
}

impl UserThread {
    pub(super) fn new(handoff: Arc<Handoff>) -> Arc<Self> {
        Arc::new(UserThread { handoff, jobs: Mutex::new(None) })
    }

    /// Runs somebody's code for at most `limit`.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        gate: &Gate,
        limit: Duration,
        code: impl FnOnce() -> BoxFuture<'static, T> + Send + 'static,
    ) -> Result<T, NoAnswer> {
        if gate.0.swap(true, Ordering::AcqRel) {
            return Err(NoAnswer::StillBusy);
        }
        let working = Working(gate.clone());
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move || {
            Box::pin(async move {
                let working = working;
                let said = tokio::time::timeout(limit, code()).await;
                // First, so that whoever hears the answer may ask again.
                drop(working);
                // Nobody may be waiting any more.
                if let Ok(said) = said {
                    let _ = answer.send(said);
                }
            })
        });
        if !self.send(job) {
            return Err(NoAnswer::NoThread);
        }
        let asked = std::time::Instant::now();
        match tokio::time::timeout(limit, answered).await {
            Ok(Ok(answer)) => Ok(answer),
            // The job ended its own wait just before we did.
            Ok(Err(_)) if asked.elapsed() >= limit => Err(NoAnswer::Late),
            Ok(Err(_)) => {
                self.handoff.ledger.callback_panicked();
                Err(NoAnswer::Panicked)
            }
            Err(_) => Err(NoAnswer::Late),
        }
    }

    fn send(&self, job: Job) -> bool {
        let mut jobs = relock(&self.jobs);
        if jobs.as_ref().is_none_or(|jobs| jobs.is_closed()) {
            *jobs = spawn();
        }
        match &*jobs {
            Some(jobs) => jobs.send(job).is_ok(),
            None => {
                self.handoff.ledger.fault("the thread for users' code could not start".to_owned());
                false
            }
        }
    }
}

fn spawn() -> Option<mpsc::UnboundedSender<Job>> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Job>();
    let thread = std::thread::Builder::new().name("slack-alert-user".to_owned());
    let run = move || {
        own_thread::mark();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .on_thread_start(own_thread::mark)
            .build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            while let Some(job) = receiver.recv().await {
                // A task each, so that one that waits does not hold up another;
                // the runtime catches their panics.
                tokio::spawn(async move { job().await });
            }
        });
        runtime.shutdown_background();
    };
    thread.spawn(run).is_ok().then_some(sender)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Clock;

    fn thread() -> Arc<UserThread> {
        UserThread::new(Arc::new(Handoff::new(Clock::default())))
    }

    #[tokio::test]
    async fn answers_come_back_and_panics_are_counted() {
        let (thread, busy) = (thread(), Gate::default());
        let limit = Duration::from_secs(5);
        let seven = thread.run(&busy, limit, || Box::pin(async { 7 })).await;
        assert_eq!(seven, Ok(7));
        let panicked = thread.run(&busy, limit, || Box::pin(async { panic!("user") as u8 })).await;
        assert_eq!(panicked, Err(NoAnswer::Panicked));
        assert_eq!(thread.handoff.stats().callback_panics(), 1);
        let again = thread.run(&busy, limit, || Box::pin(async { 8 })).await;
        assert_eq!(again, Ok(8));
    }

    #[tokio::test]
    async fn a_late_answer_is_abandoned_and_not_asked_again_until_it_returned() {
        let (thread, busy) = (thread(), Gate::default());
        let (release, held) = std::sync::mpsc::channel::<()>();
        let late = thread
            .run(&busy, Duration::from_millis(30), move || {
                Box::pin(async move { held.recv().is_ok() })
            })
            .await;
        assert_eq!(late, Err(NoAnswer::Late));
        let busy_still = thread.run(&busy, Duration::from_secs(5), || Box::pin(async {})).await;
        assert_eq!(busy_still, Err(NoAnswer::StillBusy));
        release.send(()).unwrap();
        let answer = async {
            loop {
                match thread.run(&busy, Duration::from_secs(5), || Box::pin(async { 9 })).await {
                    Err(NoAnswer::StillBusy) => tokio::time::sleep(Duration::from_millis(2)).await,
                    other => return other,
                }
            }
        };
        assert_eq!(answer.await, Ok(9));
    }
}
