//! [`Site`]: a place in source code.

use std::fmt;
use std::sync::Arc;

/// A place in source code: `file:line`, with a column where it is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    file: Arc<str>,
    line: u32,
    column: Option<u32>,
}

impl Site {
    /// A place in `file`.
    #[must_use]
    pub fn new(file: impl Into<Arc<str>>, line: u32, column: Option<u32>) -> Self {
        Site { file: file.into(), line, column }
    }

    /// The place of a caller marked by `#[track_caller]`.
    #[must_use]
    pub fn of(location: &std::panic::Location<'_>) -> Self {
        Site::new(location.file(), location.line(), Some(location.column()))
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}
