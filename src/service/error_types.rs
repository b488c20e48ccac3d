//! [`ErrorTypes`]: which errors of services and bodies can be asked for their
//! causes.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Display};

use crate::observation::{Reason, ReportedError};

use super::shown::{quietly, reason, shown};

/// Looks at a value as an error, if it is of the right type.
type AsError = fn(&dyn Any) -> Option<&(dyn Error + 'static)>;

/// Which errors of services and bodies can be asked for their causes. The
/// layer asks no more of an error than `Display`, so it has to know its type:
/// boxed errors, `std::io::Error`, axum's, and what the user names.
#[derive(Clone)]
pub(crate) struct ErrorTypes(Vec<AsError>);

impl Default for ErrorTypes {
    fn default() -> Self {
        ErrorTypes(vec![
            |any| any.downcast_ref::<Box<dyn Error + Send + Sync>>().map(|error| &**error as _),
            |any| any.downcast_ref::<Box<dyn Error + Send>>().map(|error| &**error as _),
            |any| any.downcast_ref::<Box<dyn Error>>().map(|error| &**error),
            plain::<std::io::Error>,
            #[cfg(feature = "axum")]
            plain::<axum::Error>,
        ])
    }
}

fn plain<E: Error + 'static>(any: &dyn Any) -> Option<&(dyn Error + 'static)> {
    any.downcast_ref::<E>().map(|error| error as _)
}

impl ErrorTypes {
    /// Knows one more.
    pub(crate) fn add<E: Error + 'static>(&mut self) {
        self.0.push(plain::<E>);
    }

    /// Lends out what an error says: with its causes, if its type is known.
    pub(super) fn reason<E, R>(&self, error: &E, with: impl FnOnce(Reason<'_>) -> R) -> R
    where
        E: Display + 'static,
    {
        match self.chain(error) {
            Some(known) => with(Reason::Chain(known.chain())),
            None => with(reason(shown(error).as_str())),
        }
    }

    /// The error with its causes, if its type is known. Asking may panic.
    fn chain(&self, error: &dyn Any) -> Option<ReportedError> {
        let error = self.0.iter().find_map(|as_error| as_error(error))?;
        quietly(|| ReportedError::new(error))
    }
}

impl fmt::Debug for ErrorTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorTypes({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Own(std::io::Error);
    impl fmt::Display for Own {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("order failed")
        }
    }
    impl Error for Own {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn boxed_errors_show_their_causes_and_others_when_they_are_named() {
        let own = || Own(std::io::Error::other("connection refused"));
        let mut types = ErrorTypes::default();
        let causes = |types: &ErrorTypes, error: &dyn Any| {
            types.chain(error).map(|error| error.chain().join(" < "))
        };
        let boxed: Box<dyn Error + Send + Sync> = Box::new(own());
        assert_eq!(causes(&types, &boxed).as_deref(), Some("order failed < connection refused"));
        assert_eq!(causes(&types, &own()), None);
        types.add::<Own>();
        assert_eq!(causes(&types, &own()).as_deref(), Some("order failed < connection refused"));
        assert_eq!(causes(&types, &"text"), None);
    }
}
