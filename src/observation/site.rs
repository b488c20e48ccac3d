//! [`Site`]: a place in source code.

use std::fmt;
use std::sync::Arc;

/// A place in source code: `file:line`, with a column where it is known.
///
/// A file of a dependency begins with the dependency's name and version, and
/// one of the standard library with `library/`, wherever they were built.
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

    /// Where nobody said where.
    pub(crate) fn nowhere() -> Self {
        Site::new("unknown", 0, None)
    }

    /// The place of a caller marked by `#[track_caller]`, or of a panic.
    #[must_use]
    pub fn of(location: &std::panic::Location<'_>) -> Self {
        let file = portable(location.file());
        Site::new(file.as_str(), location.line(), Some(location.column()))
    }

    /// A place that a log event names.
    #[cfg(feature = "request-logs")]
    pub(crate) fn logged(file: &str, line: u32) -> Self {
        Site::new(portable(file).as_str(), line, None)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}

/// A file's path without the part that differs from machine to machine.
pub(super) fn portable(file: &str) -> String {
    // How many parts follow before a dependency's own files begin.
    const ROOTS: [(&str, usize); 3] =
        [("/registry/src/", 1), ("/git/checkouts/", 2), ("/rustc/", 1)];
    let file = file.replace('\\', "/");
    for (root, parts) in ROOTS {
        let Some((_, rest)) = file.split_once(root) else { continue };
        if let Some(own) = rest.splitn(parts + 1, '/').nth(parts) {
            return own.to_owned();
        }
    }
    file.strip_prefix("./").unwrap_or(&file).to_owned()
}

/// Whether a file is somebody else's: a dependency's or the standard library's.
pub(super) fn is_foreign(file: &str) -> bool {
    let file = file.replace('\\', "/");
    ["/registry/src/", "/git/checkouts/", "/rustc/"].iter().any(|root| file.contains(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_alike_on_every_machine() {
        assert_eq!(portable("src/cart.rs"), "src/cart.rs");
        assert_eq!(portable("./src/cart.rs"), "src/cart.rs");
        assert_eq!(portable("src\\cart.rs"), "src/cart.rs");
        let registry = "/home/a/.cargo/registry/src/index-1949cf8c/axum-0.8.9/src/lib.rs";
        assert_eq!(portable(registry), "axum-0.8.9/src/lib.rs");
        let git = "/home/a/.cargo/git/checkouts/shop-1a2b/3c4d/src/lib.rs";
        assert_eq!(portable(git), "src/lib.rs");
        let std = "/rustc/59807616e/library/core/src/option.rs";
        assert_eq!(portable(std), "library/core/src/option.rs");
        assert!(is_foreign(registry) && is_foreign(std) && !is_foreign("./src/cart.rs"));
    }
}
