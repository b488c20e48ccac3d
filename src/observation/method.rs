//! [`MethodName`]: a request method, bounded to the nine standard ones.

use std::fmt;

/// A request method as a key sees it: one of the nine standard ones, or
/// `OTHER`, so that made-up methods can't make keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MethodName(&'static str);

impl MethodName {
    /// Where methods are not told apart.
    pub(crate) const OTHER: MethodName = MethodName("OTHER");

    /// The name of `method`, or `OTHER`.
    #[must_use]
    pub fn of(method: &http::Method) -> Self {
        use http::Method as M;
        MethodName(match *method {
            M::GET => "GET",
            M::POST => "POST",
            M::PUT => "PUT",
            M::DELETE => "DELETE",
            M::PATCH => "PATCH",
            M::HEAD => "HEAD",
            M::OPTIONS => "OPTIONS",
            M::TRACE => "TRACE",
            M::CONNECT => "CONNECT",
            _ => "OTHER",
        })
    }

    /// The method's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_methods_are_other() {
        assert_eq!(MethodName::of(&http::Method::PATCH).as_str(), "PATCH");
        let made_up = http::Method::from_bytes(b"GIMME").unwrap();
        assert_eq!(MethodName::of(&made_up).as_str(), "OTHER");
    }
}
