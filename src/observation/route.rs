//! [`Route`]: the low-cardinality name of what was asked for, and how one is
//! made from a raw path where no router gave one.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::privacy::{is_jwt, is_secret_like};

/// The low-cardinality name of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// A router's template, a gRPC method's path, or a normalised path.
    Known(Arc<str>),
    /// No template, and no room for another normalised path.
    Unmatched,
}

impl Route {
    /// The template, or `<unmatched>`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Route::Known(template) => template,
            Route::Unmatched => RouteRef::UNMATCHED,
        }
    }
}

impl fmt::Display for Route {
    /// As it is shown to people: the template, or `(no route)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Known(template) => f.write_str(template),
            Route::Unmatched => f.write_str("(no route)"),
        }
    }
}

/// A borrowed [`Route`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RouteRef<'a> {
    Known(&'a str),
    Unmatched,
}

impl RouteRef<'_> {
    pub(crate) const UNMATCHED: &'static str = "<unmatched>";

    pub(crate) fn to_route(self) -> Route {
        match self {
            RouteRef::Known(template) => Route::Known(template.into()),
            RouteRef::Unmatched => Route::Unmatched,
        }
    }
}

impl<'a> From<&'a Route> for RouteRef<'a> {
    fn from(route: &'a Route) -> Self {
        match route {
            Route::Known(template) => RouteRef::Known(template),
            Route::Unmatched => RouteRef::Unmatched,
        }
    }
}

/// How many routes may come from raw paths in the life of a process; more
/// share `<unmatched>`.
const BUDGET: usize = 64;
const MAX_LEN: usize = 160;
const MAX_SEGMENTS: usize = 10;
/// A longer segment is taken for a value.
const MAX_WORD: usize = 24;
/// From this length on, letters and digits together are an id.
const MIN_ID: usize = 8;
/// From this length on, so are small and capital letters together.
const MIN_MIXED: usize = 16;

/// Admits routes that come from raw paths, up to a budget, for good: the same
/// path has the same route as long as the process lives.
#[derive(Debug, Default)]
pub(crate) struct RouteBudget {
    admitted: RwLock<Vec<Arc<str>>>,
}

impl RouteBudget {
    /// The route of `path`, with its values replaced by `{}`.
    pub(crate) fn normalised(&self, path: &str) -> Route {
        let mut buffer = RouteBuffer::default();
        if !normalise(path, &mut buffer) {
            return Route::Unmatched;
        }
        self.admit(buffer.as_str())
    }

    /// The path of a gRPC request, which names a method; normalised if it does
    /// not look like one, since anybody can claim to speak gRPC.
    pub(crate) fn grpc(&self, path: &str) -> Route {
        if names_a_method(path) { self.admit(path) } else { self.normalised(path) }
    }

    /// The route of `path` if it has been admitted before, without admitting
    /// it: else it would have none.
    pub(crate) fn with_known<R>(
        &self,
        path: &str,
        is_grpc: bool,
        with: impl FnOnce(RouteRef<'_>) -> R,
    ) -> R {
        let mut buffer = RouteBuffer::default();
        let template = match is_grpc && names_a_method(path) {
            true => Some(path),
            false if normalise(path, &mut buffer) => Some(buffer.as_str()),
            false => None,
        };
        let admitted = self.admitted.read().unwrap_or_else(PoisonError::into_inner);
        let known = template.filter(|wanted| admitted.iter().any(|known| **known == **wanted));
        // Where there is room, it would get a route of its own if it were told.
        let has_room = admitted.len() < BUDGET;
        drop(admitted);
        match (known, template) {
            (Some(template), _) => with(RouteRef::Known(template)),
            (None, Some(template)) if has_room => with(RouteRef::Known(template)),
            _ => with(RouteRef::Unmatched),
        }
    }

    fn admit(&self, template: &str) -> Route {
        let find = |admitted: &[Arc<str>]| {
            let known = admitted.iter().find(|known| &***known == template);
            known.map(|known| Route::Known(Arc::clone(known)))
        };
        let known = find(&self.admitted.read().unwrap_or_else(PoisonError::into_inner));
        if let Some(known) = known {
            return known;
        }
        let mut admitted = self.admitted.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = find(&admitted) {
            return known;
        }
        if admitted.len() >= BUDGET {
            return Route::Unmatched;
        }
        let template: Arc<str> = template.into();
        admitted.push(Arc::clone(&template));
        Route::Known(template)
    }
}

/// Whether a path names a service and a method, as gRPC's do.
pub(super) fn names_a_method(path: &str) -> bool {
    let mut parts = path.strip_prefix('/').unwrap_or_default().split('/');
    path.len() <= MAX_LEN
        && parts.next().is_some_and(|service| !is_jwt(service) && service.split('.').all(is_name))
        && parts.next().is_some_and(is_name)
        && parts.next().is_none()
}

/// Whether somebody named something so: a version may end a long name, and
/// digits in other places make a long one a token.
fn is_name(part: &str) -> bool {
    let stem = part.trim_end_matches(|c: char| c.is_ascii_digit());
    !part.is_empty()
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && part.len() - stem.len() <= 3
        && !is_secret_like(stem)
}

/// A route on the stack, so that a known one is found without allocating.
struct RouteBuffer {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Default for RouteBuffer {
    fn default() -> Self {
        RouteBuffer { bytes: [0; MAX_LEN], len: 0 }
    }
}

impl RouteBuffer {
    fn push(&mut self, text: &str) -> bool {
        let end = self.len + text.len();
        match self.bytes.get_mut(self.len..end) {
            Some(room) => {
                room.copy_from_slice(text.as_bytes());
                self.len = end;
                true
            }
            None => false,
        }
    }

    fn as_str(&self) -> &str {
        self.bytes
            .get(..self.len)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

fn normalise(path: &str, out: &mut RouteBuffer) -> bool {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let fits = segments
        .by_ref()
        .take(MAX_SEGMENTS)
        .all(|segment| out.push("/") && out.push(if is_value(segment) { "{}" } else { segment }));
    fits && segments.next().is_none()
}

/// Whether a path segment looks like a value (an id, a name with odd
/// characters, something long) and not like a word of a route.
fn is_value(segment: &str) -> bool {
    if is_secret_like(segment) {
        return true;
    }
    let word_like =
        segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !word_like || segment.len() > MAX_WORD {
        return true;
    }
    let lower = segment.bytes().any(|b| b.is_ascii_lowercase());
    let upper = segment.bytes().any(|b| b.is_ascii_uppercase());
    if segment.len() >= MIN_MIXED && lower && upper {
        return true;
    }
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    if segment.len() >= MIN_ID && digits > 0 && (lower || upper) {
        return true;
    }
    let hex = segment.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    digits > 0 && (digits == segment.len() || (hex && segment.len() >= 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(path: &str) -> String {
        RouteBudget::default().normalised(path).as_str().to_owned()
    }

    #[test]
    fn values_become_placeholders() {
        assert_eq!(normalised("/users/42/orders"), "/users/{}/orders");
        assert_eq!(normalised("/a/67e55044-10b1-426f-9247-bb680e5fe0c8"), "/a/{}");
        assert_eq!(normalised("/blob/deadbeef01"), "/blob/{}");
        assert_eq!(normalised("/who/a@b.example/x"), "/who/{}/x");
        assert_eq!(normalised("/t/abcdefghijklmnopqrstuvwxyz"), "/t/{}");
        assert_eq!(normalised("/reset/a1b2c3d4e5f6g7h8i9j0k"), "/reset/{}");
        assert_eq!(normalised("/v1/users"), "/v1/users");
        assert_eq!(normalised("/"), "/");
        for id in ["x1234567", "X1234567", "2026-11-22", "42", "1-2345678"] {
            assert_eq!(normalised(&format!("/day/{id}")), "/day/{}", "{id}");
        }
        for word in ["x123456", "v1-2", "oauth2", "1-2"] {
            assert_eq!(normalised(&format!("/day/{word}")), format!("/day/{word}"));
        }
        // Words up to 24 letters.
        assert_eq!(normalised("/aaaa-bbbb-cccc-dddd-eeee"), "/aaaa-bbbb-cccc-dddd-eeee");
        assert_eq!(normalised("/aaaa-bbbb-cccc-dddd-eeeee"), "/{}");
        assert_eq!(normalised("/caf%C3%A9"), "/{}");
    }

    #[test]
    fn what_is_not_told_yet_is_seen_as_what_it_would_be_told_as() {
        let budget = RouteBudget::default();
        let seen = |path: &str, is_grpc| {
            budget.with_known(path, is_grpc, |route| route.to_route().as_str().to_owned())
        };
        let told = |path: &str, is_grpc| {
            let route = if is_grpc { budget.grpc(path) } else { budget.normalised(path) };
            route.as_str().to_owned()
        };
        let method = "/shop.v1.Orders/CreateOrderForCustomerLater";
        let deep = "/a/b/c/d/e/f/g/h/i/j/k";
        let cases = [
            ("/users/12345", false, "/users/{}"),
            ("/users/12345", true, "/users/{}"),
            (method, false, "/{}/{}"),
            (method, true, method),
            (deep, false, "<unmatched>"),
        ];
        // To look at many takes nobody's room.
        for n in 0..2 * BUDGET {
            assert_eq!(
                seen(&format!("/word{}", letters(n)), false),
                format!("/word{}", letters(n))
            );
        }
        for (path, is_grpc, expected) in cases {
            assert_eq!(seen(path, is_grpc), expected);
        }
        for (path, is_grpc, expected) in cases {
            assert_eq!(told(path, is_grpc), expected);
        }
        // The last one that finds room, and the first one that does not.
        let taken = budget.admitted.read().unwrap().len();
        for n in taken..BUDGET {
            let path = format!("/other{}", letters(n));
            assert_eq!(seen(&path, false), path);
            assert_eq!(told(&path, false), path);
        }
        assert_eq!(seen("/late", false), "<unmatched>");
        assert_eq!(told("/late", false), "<unmatched>");
        for (path, is_grpc, expected) in cases {
            assert_eq!(
                (seen(path, is_grpc).as_str(), told(path, is_grpc).as_str()),
                (expected, expected)
            );
        }
    }

    /// A word for a number.
    fn letters(n: usize) -> String {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
        [n / 26, n].map(letter).iter().collect()
    }

    #[test]
    fn a_methods_name_has_letters_underscores_and_a_version() {
        for name in ["/my_pkg.Orders/Create_Order", "/a/b", "/a.b.C/GetV2", "/pkg.S/M123"] {
            assert!(names_a_method(name), "{name}");
        }
        for other in ["/a", "/a/", "//b", "/a/b/c", "a/b", "/a.b/c-d", "/a..b/c", "/a/b1234"] {
            assert!(!names_a_method(other), "{other}");
        }
        assert!(names_a_method(&format!("/{}/b", "a_".repeat(78))));
        assert!(!names_a_method(&format!("/{}/b", "a_".repeat(79))));
    }

    #[test]
    fn ids_of_many_makes_are_values() {
        for id in ["V1StGXR8_Z5jdHi6B-myT", "AbCdEfGhIjKlMnOpQrStUvWx", "x7Kp2mQ9zT"] {
            assert_eq!(normalised(&format!("/note/{id}")), "/note/{}", "{id}");
        }
        assert_eq!(normalised("/oauth2/callback"), "/oauth2/callback");
    }

    #[test]
    fn only_method_names_are_taken_as_they_are() {
        let grpc = |path: &str| RouteBudget::default().grpc(path).as_str().to_owned();
        assert_eq!(grpc("/shop.v1.Orders/Create2"), "/shop.v1.Orders/Create2");
        let long = "/shop.orders.v1.OrderService/ListOrdersOfCustomerV2";
        assert_eq!(grpc(long), long);
        assert_eq!(grpc("/a/a1b2c3d4e5f6g7h8i9j0k"), "/a/{}");
        assert_eq!(grpc("/a.a1b2c3d4e5f6g7h8i9j0k/b"), "/{}/b");
        assert_eq!(grpc("/a/abcdefghijklmnopqrstu1234"), "/a/{}");
        assert_eq!(grpc("/a..b/c"), "/a..b/c");
        assert_eq!(grpc("/invite/ann@example.com"), "/invite/{}");
        assert_eq!(grpc("/invite/eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl"), "/invite/{}");
        assert_eq!(grpc("/a/b/123"), "/a/b/{}");
    }

    #[test]
    fn too_long_or_too_deep_is_unmatched() {
        assert_eq!(normalised(&"/abc".repeat(11)), "<unmatched>");
        assert_eq!(normalised(&"/abcdefghijklmnopqrst".repeat(9)), "<unmatched>");
    }

    #[test]
    fn the_budget_holds_and_what_is_admitted_stays() {
        let budget = RouteBudget::default();
        for n in 0..BUDGET {
            let path = format!("/{}", "x".repeat(1 + n % 20))
                + if n < 20 {
                    ""
                } else if n < 40 {
                    "/a"
                } else if n < 60 {
                    "/b"
                } else {
                    "/c"
                };
            assert!(matches!(budget.normalised(&path), Route::Known(_)));
        }
        assert_eq!(budget.normalised("/one-more"), Route::Unmatched);
        assert_eq!(budget.grpc("/pkg.Service/Method"), Route::Unmatched);
        assert!(matches!(budget.normalised("/x"), Route::Known(_)));
    }
}
