//! [`Gauges`]: values of the user's that are read when an alert is built.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::delivery::BoxFuture;
use crate::handoff::Handoff;

use super::user_thread::{Gate, UserThread};

/// How long all gauges together may take.
const LIMIT: Duration = Duration::from_millis(250);

/// A value of the user's that is read when a slow or hung request is told.
#[derive(Clone)]
pub(crate) struct Gauge {
    pub(crate) name: String,
    pub(crate) read: Arc<dyn Fn() -> String + Send + Sync>,
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gauge").field(&self.name).finish()
    }
}

/// Reads gauges on a thread for users' code. What is late or panics is left
/// out, and asked again only once it has returned.
#[derive(Clone)]
pub(super) struct Gauges(Vec<(Gauge, Gate, Arc<UserThread>)>);

impl Gauges {
    pub(super) fn new(gauges: &[Gauge], handoff: &Arc<Handoff>) -> Self {
        // A thread each, started when it is needed: one that hangs holds up
        // none of the others.
        let with_gate =
            |gauge: &Gauge| (gauge.clone(), Gate::default(), UserThread::new(Arc::clone(handoff)));
        Gauges(gauges.iter().map(with_gate).collect())
    }

    /// Every value that is there in time, with its name.
    pub(super) async fn read(&self) -> Vec<(String, String)> {
        let asked: Vec<_> = self
            .0
            .iter()
            .map(|(gauge, gate, thread)| {
                let (gauge, gate, thread) = (gauge.clone(), gate.clone(), Arc::clone(thread));
                tokio::spawn(async move {
                    let read = gauge.read;
                    let code =
                        move || -> BoxFuture<'static, String> { Box::pin(async move { read() }) };
                    Some((gauge.name, thread.run(&gate, LIMIT, code).await.ok()?))
                })
            })
            .collect();
        let mut values = Vec::new();
        for value in asked {
            values.extend(value.await.ok().flatten());
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Clock;

    fn gauge(name: &str, read: impl Fn() -> String + Send + Sync + 'static) -> Gauge {
        Gauge { name: name.to_owned(), read: Arc::new(read) }
    }

    #[tokio::test]
    async fn what_is_late_or_panics_is_left_out() {
        let handoff = Arc::new(Handoff::new(Clock::default()));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let gauges = [
            gauge("late", move || {
                let _ = held.lock().unwrap().recv();
                "1".into()
            }),
            gauge("bad", || panic!("user")),
            gauge("db idle", || "3".into()),
        ];
        let gauges = Gauges::new(&gauges, &handoff);
        let three = [("db idle".to_owned(), "3".to_owned())];
        assert_eq!(gauges.read().await, three);
        // The late one is not asked again while it has not returned.
        let asked = std::time::Instant::now();
        assert_eq!(gauges.read().await, three);
        assert!(asked.elapsed() < LIMIT);
        assert_eq!(handoff.stats().callback_panics(), 2);
        drop(release);
    }
}
