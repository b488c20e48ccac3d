//! [`Striped`]: one cell per group of threads, so that requests on different
//! threads don't share a lock.

#[cfg(not(all(test, shuttle)))]
use std::cell::Cell;
#[cfg(not(all(test, shuttle)))]
use std::sync::atomic::{AtomicUsize, Ordering};

use super::sync::Mutex;

/// More stripes than this help nobody.
const MAX: usize = 64;

/// One cell per group of threads, each behind its own lock and on its own
/// cache lines.
#[derive(Debug)]
pub(crate) struct Striped<T> {
    first: Cached<T>,
    /// One less than a power of two.
    others: Box<[Cached<T>]>,
}

/// Two lines apart, since processors prefetch lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Cached<T>(Mutex<T>);

impl<T> Striped<T> {
    /// A cell for each group of threads.
    pub(crate) fn new(mut cell: impl FnMut() -> T) -> Self {
        let mut cell = || Cached(Mutex::new(cell()));
        Striped { first: cell(), others: (1..stripes()).map(|_| cell()).collect() }
    }

    /// The number of this thread's cell.
    #[inline]
    pub(crate) fn here(&self) -> usize {
        stripe(self.others.len() + 1)
    }

    /// The cell with this number; numbers wrap around.
    #[inline]
    pub(crate) fn at(&self, number: usize) -> &Mutex<T> {
        let other = (number & self.others.len()).wrapping_sub(1);
        &self.others.get(other).unwrap_or(&self.first).0
    }

    /// Every cell.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Mutex<T>> {
        std::iter::once(&self.first).chain(&self.others).map(|cell| &cell.0)
    }
}

/// How many groups of threads are told apart: one for each processor, rounded
/// up to a power of two.
pub(crate) fn stripes() -> usize {
    let processors = std::thread::available_parallelism().map_or(4, usize::from);
    processors.next_power_of_two().clamp(4, MAX)
}

/// The group of this thread among so many, a power of two.
#[inline]
pub(crate) fn stripe(stripes: usize) -> usize {
    thread_number() & stripes.wrapping_sub(1)
}

/// A number of the running thread, given out in turn.
#[cfg(not(all(test, shuttle)))]
#[inline]
fn thread_number() -> usize {
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    let known = NUMBER.try_with(|number| {
        if number.get() == usize::MAX {
            number.set(next_number());
        }
        number.get()
    });
    known.unwrap_or(0)
}

#[cfg(not(all(test, shuttle)))]
#[cold]
fn next_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The model's threads share one thread of the machine.
#[cfg(all(test, shuttle))]
fn thread_number() -> usize {
    usize::from(shuttle::thread::current().id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_keeps_its_cell_and_threads_spread() {
        let striped = Striped::new(|| 0);
        assert_eq!(striped.here(), striped.here());
        let mut seen: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| striped.here())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        seen.dedup();
        assert!(seen.len() > 1);
        let cells: Vec<_> = striped.iter().collect();
        for (number, cell) in cells.iter().enumerate() {
            assert!(std::ptr::eq(*cell, striped.at(number)));
            assert!(std::ptr::eq(*cell, striped.at(number + cells.len())));
        }
    }
}
