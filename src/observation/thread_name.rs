//! [`ThreadName`]: a thread's name, as small as a number.

use std::cell::Cell;
use std::fmt;
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

impl ThreadName {
    /// The running thread's.
    #[inline]
    pub(crate) fn here() -> Self {
        thread_local! {
            static HERE: Cell<u32> = const { Cell::new(u32::MAX) };
        }
        let here = HERE.try_with(|here| {
            if here.get() == u32::MAX {
                here.set(number(std::thread::current().name()));
            }
            here.get()
        });
        ThreadName(here.unwrap_or(0))
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
            thread.spawn(ThreadName::here).unwrap().join().unwrap()
        };
        let (first, second, other) = (of("worker"), of("worker"), of("other"));
        assert_eq!(first, second);
        assert_ne!(first, other);
        assert_eq!(first.name().as_deref(), Some("worker"));
        assert_eq!(ThreadName::default().to_string(), "without a name");
    }
}
