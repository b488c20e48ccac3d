//! [`Tests`]: who waits for test messages.

use tokio::sync::oneshot;

use crate::delivery::DeliveryError;
use crate::incident::DestinationIndex;

use super::reports::CheckReport;

/// Who waits for test messages, first come, first served.
#[derive(Default)]
pub(super) struct Tests {
    waiting: Vec<Waiting>,
}

struct Waiting {
    reply: oneshot::Sender<CheckReport>,
    results: Vec<Option<Result<(), DeliveryError>>>,
}

impl Tests {
    /// Somebody waits for one at each destination.
    pub(super) fn begin(&mut self, destinations: usize, reply: oneshot::Sender<CheckReport>) {
        self.waiting.push(Waiting { reply, results: vec![None; destinations] });
    }

    /// A test message came to its end; whoever has all of theirs is answered.
    pub(super) fn answered<N: Iterator<Item = String>>(
        &mut self,
        destination: DestinationIndex,
        result: &Result<(), DeliveryError>,
        names: impl Fn() -> N,
    ) {
        let lacks =
            |waiting: &&mut Waiting| waiting.results.get(destination).is_some_and(Option::is_none);
        if let Some(waiting) = self.waiting.iter_mut().find(lacks) {
            if let Some(place) = waiting.results.get_mut(destination) {
                *place = Some(result.clone());
            }
        }
        let is_done = |waiting: &Waiting| waiting.results.iter().all(Option::is_some);
        let (done, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(is_done);
        self.waiting = waiting;
        for Waiting { reply, results } in done {
            let results = names().zip(results.into_iter().flatten());
            let _ = reply.send(CheckReport::new(results.collect()));
        }
    }
}
