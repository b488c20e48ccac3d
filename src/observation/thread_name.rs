//! [`ThreadName`]: a thread's name, as small as a number.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::lock::relock;

/// More names than this are not told apart.
const MAX_NAMES: usize = 256;

/// The names of the threads seen so far; each but once, since the workers of a
/// runtime share theirs.
static NAMES: Mutex<Vec<Arc<str>>> = Mutex::new(Vec::new());

/// A thread's name, as small as a number, so that taking it down costs next to
/// nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ThreadName(u32);

/// No thread's number.
const UNNAMED: u32 = u32::MAX;

thread_local! {
    static HERE: Cell<(u32, u32)> = const { Cell::new((UNNAMED, 0)) };
}

/// The running thread's number, and that of the last part that ran on it.
#[inline]
fn known(here: &Cell<(u32, u32)>) -> (u32, u32) {
    match here.get() {
        (UNNAMED, _) => named(),
        known => known,
    }
}

/// A new thread's number, and where its parts begin to count.
#[cold]
fn named() -> (u32, u32) {
    /// Spreads the threads' parts over all numbers.
    const APART: u32 = 0x9e37_79b9;
    static THREADS: AtomicU32 = AtomicU32::new(0);
    let parts = THREADS.fetch_add(1, Ordering::Relaxed).wrapping_mul(APART);
    (number(std::thread::current().name()), parts)
}

impl ThreadName {
    /// The running thread's.
    pub(crate) fn here() -> Self {
        HERE.try_with(|here| {
            let (name, part) = known(here);
            here.set((name, part));
            ThreadName(name)
        })
        .unwrap_or_default()
    }

    /// The running thread's, and the number of the part of a request that
    /// begins to run here: one more than that of the part before it on this
    /// thread, and most likely than that of no other thread's.
    #[inline]
    pub(crate) fn begin_part() -> (Self, u32) {
        let begun = HERE.try_with(|here| {
            let (name, part) = known(here);
            let part = part.wrapping_add(1);
            here.set((name, part));
            (ThreadName(name), part)
        });
        begun.unwrap_or_default()
    }

    pub(crate) fn from_number(number: u32) -> Self {
        ThreadName(number)
    }

    #[inline]
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// The name itself; `None` for a thread without one.
    pub(crate) fn name(self) -> Option<Arc<str>> {
        let at = usize::try_from(self.0).ok()?.checked_sub(1)?;
        relock(&NAMES).get(at).cloned()
    }
}

impl fmt::Display for ThreadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().as_deref().unwrap_or("without a name"))
    }
}

/// The place of a name in the table, from 1 on; 0 if it has none.
fn number(name: Option<&str>) -> u32 {
    let Some(name) = name else { return 0 };
    let mut names = relock(&NAMES);
    let at = names.iter().position(|known| **known == *name);
    let at = at.or_else(|| {
        (names.len() < MAX_NAMES).then(|| {
            names.push(name.into());
            names.len() - 1
        })
    });
    at.and_then(|at| u32::try_from(at + 1).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_one_name_share_a_number() {
        let of = |name: &str| {
            let thread = std::thread::Builder::new().name(name.to_owned());
            thread.spawn(|| ThreadName::begin_part().0).unwrap().join().unwrap()
        };
        let (first, second, other) = (of("worker"), of("worker"), of("other"));
        assert_eq!(first, second);
        assert_ne!(first, other);
        assert_eq!(first.name().as_deref(), Some("worker"));
        assert_eq!(ThreadName::default().to_string(), "without a name");
    }

    #[test]
    fn parts_count_by_thread() {
        let parts = || [(); 3].map(|()| ThreadName::begin_part().1);
        let [a, b, c] = parts();
        assert_eq!([b, c], [a.wrapping_add(1), a.wrapping_add(2)]);
        let other = std::thread::scope(|scope| scope.spawn(parts).join().unwrap());
        assert!(!other.contains(&c.wrapping_add(1)));
    }
}
