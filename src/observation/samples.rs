//! [`Samples`]: a few requests of one key.

use super::Sample;
use super::sample_buffer::SampleBuffer;

/// A few requests of one key: the first, the last, the slowest, two at random.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    pub(super) first: SampleBuffer,
    pub(super) last: SampleBuffer,
    pub(super) slowest: SampleBuffer,
    pub(super) random: [SampleBuffer; 2],
    pub(super) of_several: bool,
}

impl Samples {
    /// The first one.
    #[must_use]
    pub fn first(&self) -> Option<&Sample> {
        self.first.get()
    }

    /// The latest one that could be kept.
    #[must_use]
    pub fn last(&self) -> Option<&Sample> {
        self.last.get()
    }

    /// The slowest one that could be kept.
    #[must_use]
    pub fn slowest(&self) -> Option<&Sample> {
        self.slowest.get()
    }

    /// Up to two picked at random.
    pub fn random(&self) -> impl Iterator<Item = &Sample> {
        self.random.iter().filter_map(SampleBuffer::get)
    }

    /// Whether requests of different endpoints were seen, though their key does
    /// not tell these apart.
    pub(crate) fn are_of_several(&self) -> bool {
        self.of_several
    }

    /// Each that is kept, the latest at the end; one may be there more than once.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Sample> {
        let named = [&self.first, &self.slowest, &self.last].into_iter();
        self.random().chain(named.filter_map(SampleBuffer::get))
    }

    /// Lets go of all but the latest one.
    pub(crate) fn keep_last(&mut self) {
        *self = Samples { last: std::mem::take(&mut self.last), ..Samples::default() };
    }

    /// A first one that still ran when it was told gives way to one that ended.
    pub(crate) fn settle_first(&mut self) {
        if let (Some(first), Some(last)) = (self.first.get(), self.last.get()) {
            if first.is_running() && !last.is_running() {
                let last = last.clone();
                self.first.copy(&last);
            }
        }
    }

    /// Of those that still ran, none does any more: they ended here, as another
    /// sample, or elsewhere. Gives way to those that ended, if there are any.
    pub(crate) fn settle_running(&mut self) {
        let ended = |buffer: &SampleBuffer| buffer.get().is_some_and(|one| !one.is_running());
        let all = [&self.first, &self.last, &self.slowest].into_iter().chain(&self.random);
        let mut left: Vec<SampleBuffer> = all.filter(|one| ended(one)).cloned().collect();
        left.sort_by_key(|one| one.get().map(Sample::at));
        let (Some(first), Some(last)) = (left.first().cloned(), left.last().cloned()) else {
            return;
        };
        let slowest = left.iter().max_by_key(|one| one.get().map(Sample::took)).cloned();
        if !ended(&self.first) {
            self.first = first;
        }
        if !ended(&self.last) {
            self.last = last;
        }
        if !ended(&self.slowest) {
            self.slowest = slowest.unwrap_or_default();
        }
        self.random.iter_mut().filter(|one| !ended(one)).for_each(|one| one.taken = false);
    }

    /// The first one's details have been told.
    pub(crate) fn forget_first_detail(&mut self) {
        self.first.forget_detail();
    }

    /// Takes in a later window; `pick` is random and decides which of the two
    /// random samples gives way, if any.
    pub(crate) fn merge(&mut self, later: &Samples, pick: u64) {
        self.of_several |= later.of_several;
        if let (None, Some(first)) = (self.first.get(), later.first.get().or(later.last.get())) {
            self.first.copy(first);
        }
        if let Some(last) = later.last.get() {
            self.last.copy(last);
        }
        if let Some(slowest) = later.slowest.get() {
            if self.slowest.get().is_none_or(|known| known.took() <= slowest.took()) {
                self.slowest.copy_briefly(slowest);
            }
        }
        if let Some(random) = later.random().next() {
            let empty = self.random.iter().position(|buffer| buffer.get().is_none());
            let at = empty.or_else(|| usize::try_from(pick % 4).ok().filter(|at| *at < 2));
            if let Some(place) = at.and_then(|at| self.random.get_mut(at)) {
                place.copy_briefly(random);
            }
        }
    }
}
