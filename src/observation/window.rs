//! [`Window`]: the samples of one key between two drains.

use std::time::Duration;

use super::sample_buffer::SampleBuffer;
use super::{Facts, Sample, Samples};

/// What a window of the tally keeps of one key: the last and the slowest since
/// it was drained. Of the two at first observation, one is the first ever.
#[derive(Debug, Default)]
pub(crate) struct Window {
    last: SampleBuffer,
    slowest: SampleBuffer,
    first_given: bool,
    seen: u64,
    of_several: bool,
}

impl Window {
    /// The slowest one so far, in which the first one ever may stand.
    pub(crate) fn slowest(&self) -> Option<Duration> {
        self.slowest.get().map(Sample::took)
    }

    /// Takes one observation.
    pub(crate) fn take(&mut self, facts: &Facts<'_>) {
        self.seen += 1;
        let before = self.last.get().or(self.slowest.get());
        self.of_several |= before.is_some_and(|before| before.is_elsewhere(facts));
        // Until it has been given out, the first one stays in the second buffer.
        let holds_first = !self.first_given && self.seen > 1;
        let is_slowest =
            self.slowest.get().is_none_or(|slowest| !holds_first && slowest.took() < facts.took);
        if is_slowest {
            self.slowest.room(facts.at).fill(facts);
        }
        if self.seen > 1 || self.first_given {
            self.last.room(facts.at).fill(facts);
        }
    }

    /// Gives out what was taken since the last time, scrubbed.
    pub(crate) fn drain(&mut self) -> Samples {
        let scrubbed = |buffer: &mut SampleBuffer| {
            let sample = buffer.get().map(|raw| {
                let mut sample = Sample::empty(raw.at());
                sample.copy_scrubbed(raw);
                Box::new(sample)
            });
            buffer.taken = false;
            if let Some(raw) = &mut buffer.sample {
                raw.forget_detail();
            }
            SampleBuffer { taken: sample.is_some(), sample }
        };
        let (last, slowest) = (scrubbed(&mut self.last), scrubbed(&mut self.slowest));
        let is_first = !self.first_given && self.seen > 0;
        self.first_given |= is_first;
        self.seen = 0;
        let of_several = std::mem::take(&mut self.of_several);
        let first = if is_first { slowest.clone() } else { SampleBuffer::default() };
        let last = if last.taken { last } else { slowest.clone() };
        // The second buffer held the first one, not the slowest.
        let took = |buffer: &SampleBuffer| buffer.get().map(Sample::took);
        let slowest = if took(&last) > took(&slowest) { last.clone() } else { slowest };
        // The one before the last, if there was one, is as good as any.
        let random = [last.clone(), SampleBuffer::default()];
        Samples { first, last, slowest, random, of_several }
    }
}
