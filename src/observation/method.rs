//! [`MethodName`]: a request method, bounded to the nine standard ones.

use std::fmt;

/// A request method as a key sees it: one of the nine standard ones, or
/// `OTHER`, so that made-up methods can't make keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MethodName(Name);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Name {
    Get,
    Post,
    Put,
    Delete,
    Patch,
    Head,
    Options,
    Trace,
    Connect,
    Other,
}

impl MethodName {
    /// Where methods are not told apart.
    pub(crate) const OTHER: MethodName = MethodName(Name::Other);

    /// The name of `method`, or `OTHER`.
    #[must_use]
    pub fn of(method: &http::Method) -> Self {
        use http::Method as M;
        MethodName(match *method {
            M::GET => Name::Get,
            M::POST => Name::Post,
            M::PUT => Name::Put,
            M::DELETE => Name::Delete,
            M::PATCH => Name::Patch,
            M::HEAD => Name::Head,
            M::OPTIONS => Name::Options,
            M::TRACE => Name::Trace,
            M::CONNECT => Name::Connect,
            _ => Name::Other,
        })
    }

    /// The method's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self.0 {
            Name::Get => "GET",
            Name::Post => "POST",
            Name::Put => "PUT",
            Name::Delete => "DELETE",
            Name::Patch => "PATCH",
            Name::Head => "HEAD",
            Name::Options => "OPTIONS",
            Name::Trace => "TRACE",
            Name::Connect => "CONNECT",
            Name::Other => "OTHER",
        }
    }

    /// Tells it from the others, within this process.
    pub(crate) const fn number(self) -> u8 {
        self.0 as u8
    }
}

impl fmt::Debug for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MethodName").field(&self.as_str()).finish()
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_own_name() {
        let names =
            ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT"];
        let of = |name: &str| MethodName::of(&name.parse().unwrap());
        assert_eq!(names.map(|name| of(name).as_str()), names);
        assert_eq!(names.map(|name| of(name).number()), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(format!("{} {:?}", of("GET"), of("GET")), "GET MethodName(\"GET\")");
    }

    #[test]
    fn made_up_methods_are_other() {
        assert_eq!(MethodName::of(&http::Method::PATCH).as_str(), "PATCH");
        let made_up = http::Method::from_bytes(b"GIMME").unwrap();
        assert_eq!(MethodName::of(&made_up).as_str(), "OTHER");
    }
}
