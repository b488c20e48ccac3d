//! [`SampleBuffer`]: room for one sample.

use std::time::Instant;

use super::Sample;

/// Room for one sample that keeps its buffers while it is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct SampleBuffer {
    pub(super) sample: Option<Box<Sample>>,
    pub(super) taken: bool,
}

impl SampleBuffer {
    pub(super) fn get(&self) -> Option<&Sample> {
        self.sample.as_deref().filter(|_| self.taken)
    }

    pub(super) fn room(&mut self, at: Instant) -> &mut Sample {
        self.taken = true;
        self.sample.get_or_insert_with(|| Box::new(Sample::empty(at)))
    }

    pub(super) fn copy(&mut self, other: &Sample) {
        self.room(other.at()).copy(other);
    }

    /// As [`copy`](SampleBuffer::copy), without what takes most room.
    pub(super) fn copy_briefly(&mut self, other: &Sample) {
        self.copy(other);
        self.forget_detail();
    }

    pub(super) fn forget_detail(&mut self) {
        if let Some(sample) = &mut self.sample {
            sample.forget_detail();
        }
    }
}
