//! [`Recorders`]: a layer's recorder, once for each group of threads.

use std::any::Any;
use std::sync::Arc;

use crate::handoff::{self, Handoff};

use super::Recorder;
use super::rules::Rules;

/// A layer's recorder, once for each group of threads: each request counts a
/// reference to one, and requests on different threads would pass it around.
#[derive(Clone)]
pub(crate) struct Recorders(Arc<[Arc<Recorder>]>);

impl Recorders {
    /// They know what ends with the last clone of the layer: `keep`.
    pub(crate) fn new(
        rules: &Arc<Rules>,
        handoff: &Arc<Handoff>,
        keep: &Arc<dyn Any + Send + Sync>,
    ) -> Self {
        let since = handoff.clock.now();
        let one =
            |_| Recorder::new(Arc::clone(rules), Arc::clone(handoff), since, Arc::clone(keep));
        Recorders((0..handoff::stripes()).map(one).collect())
    }

    /// The one for this thread.
    #[inline]
    pub(super) fn here(&self) -> Option<&Arc<Recorder>> {
        self.0.get(handoff::stripe(self.0.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Clock;

    #[test]
    fn threads_have_their_own_and_all_are_of_one_layer() {
        let (rules, handoff) = (Arc::default(), Arc::new(Handoff::new(Clock::default())));
        let keep: Arc<dyn Any + Send + Sync> = Arc::new(());
        let recorders = Recorders::new(&rules, &handoff, &keep);
        let here = || Arc::clone(recorders.here().unwrap());
        assert!(Arc::ptr_eq(&here(), &here()));
        let others: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(here)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(others.iter().any(|other| !Arc::ptr_eq(other, &here())));
        assert!(others.iter().all(|other| other.id() == here().id()));
        let next = Recorders::new(&rules, &Arc::new(Handoff::new(Clock::default())), &keep);
        assert_ne!(next.here().unwrap().id(), here().id());
        // Nothing but they keeps it.
        let kept = Arc::downgrade(&keep);
        drop((recorders, next, others, keep));
        assert!(kept.upgrade().is_none());
    }
}
