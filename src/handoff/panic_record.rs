//! [`PanicRecord`]: what the panic hook saw of a panic.

use std::any::Any;
use std::sync::Arc;

use crate::observation::{Site, Trace, floor_boundary};

/// A text is kept up to so many bytes.
const MAX_TEXT: usize = 512;

/// What the panic hook saw of a panic.
#[derive(Clone, Debug)]
pub(crate) struct PanicRecord {
    pub(crate) site: Site,
    /// What it said, as far as that is known without running anybody's code.
    pub(crate) text: Option<String>,
    pub(crate) trace: Option<Arc<Trace>>,
    /// It was in a task of its own, within the request's scope.
    pub(crate) is_apart: bool,
}

impl PanicRecord {
    pub(crate) fn new(site: Site, payload: &(dyn Any + Send), trace: Option<Arc<Trace>>) -> Self {
        let text = plain(payload).map(str::to_owned);
        PanicRecord { site, text, trace, is_apart: false }
    }

    /// Whether this is the panic with that payload, and not an earlier one.
    pub(crate) fn is_of(&self, payload: &(dyn Any + Send)) -> bool {
        self.text.as_deref() == plain(payload)
    }

    /// What it said.
    pub(crate) fn said(&self) -> &str {
        self.text.as_deref().unwrap_or("a panic whose payload is not text")
    }
}

/// The text of a payload of the usual types, capped.
fn plain(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&'static str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))?;
    text.get(..floor_boundary(text, MAX_TEXT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_panic_is_told_apart() {
        let record = |payload: &(dyn Any + Send)| {
            PanicRecord::new(Site::new("a.rs", 1, None), payload, None)
        };
        let (text, owned) = ("boom", String::from("boom"));
        assert!(record(&text).is_of(&owned));
        assert!(!record(&text).is_of(&"another"));
        assert!(record(&7).is_of(&8));
        assert!(!record(&7).is_of(&text));
        let long = "é".repeat(600);
        assert!(record(&long).is_of(&long));
        assert_eq!(record(&7).said(), "a panic whose payload is not text");
    }
}
