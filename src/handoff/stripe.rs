//! [`Striped`]: one cell per group of threads, so that requests on different
//! threads don't share a lock.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::sync::Mutex;

/// More stripes than this help nobody.
const MAX: usize = 64;

/// One cell per group of threads, each behind its own lock and on its own
/// cache lines.
#[derive(Debug)]
pub(crate) struct Striped<T> {
    cells: Box<[Cached<T>]>,
}

/// Two lines apart, since processors prefetch lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Cached<T>(Mutex<T>);

impl<T> Striped<T> {
    /// A cell for each processor, rounded up to a power of two.
    pub(crate) fn new(mut cell: impl FnMut() -> T) -> Self {
        let processors = std::thread::available_parallelism().map_or(4, usize::from);
        let count = processors.next_power_of_two().clamp(4, MAX);
        Striped { cells: (0..count).map(|_| Cached(Mutex::new(cell()))).collect() }
    }

    /// The number of this thread's cell.
    pub(crate) fn here(&self) -> usize {
        thread_number() & (self.cells.len() - 1)
    }

    /// The cell with this number; numbers wrap around.
    pub(crate) fn at(&self, number: usize) -> Option<&Mutex<T>> {
        self.cells.get(number & (self.cells.len() - 1)).map(|cell| &cell.0)
    }

    /// Every cell.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Mutex<T>> {
        self.cells.iter().map(|cell| &cell.0)
    }
}

/// A number of the running thread, given out in turn.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    NUMBER
        .try_with(|number| {
            if number.get() == usize::MAX {
                number.set(NEXT.fetch_add(1, Ordering::Relaxed));
            }
            number.get()
        })
        .unwrap_or(0)
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
        assert!(striped.at(1000).is_some());
    }
}
