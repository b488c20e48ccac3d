//! [`PathCapture`] and [`QueryCapture`]: how much of a URL is told.

use super::text::CappedText;

/// How much of a request's path is told beside its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PathCapture {
    /// The path, with segments that look like secrets shown as `…`: those with
    /// an `@`, of a JWT's shape, or of more than 20 characters mixing letters
    /// and digits (UUIDs excepted). The default.
    #[default]
    Masked,
    /// The whole path.
    Full,
    /// Only the route's template.
    TemplateOnly,
}

/// How much of a request's query string is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum QueryCapture {
    /// Nothing. The default.
    #[default]
    Nothing,
    /// The parameters' names.
    Names,
    /// Everything.
    Full,
}

/// What stands for something that is not told.
pub(crate) const MASK: &str = "…";

/// Shows segments of `path` that look like secrets as `…`, and a last segment
/// that was cut, since nobody can tell what it was.
pub(crate) fn mask_path(path: &CappedText) -> CappedText {
    let mut segments: Vec<&str> = path.as_str().split('/').collect();
    if path.is_cut() {
        if let Some(last) = segments.last_mut() {
            *last = MASK;
        }
    }
    let masked = segments.iter().map(|part| if is_secret_like(part) { MASK } else { part });
    CappedText::from(masked.collect::<Vec<_>>().join("/").as_str())
}

/// The names in a query string.
pub(crate) fn query_names(query: &str) -> String {
    let names: Vec<&str> =
        query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
    names.join("&")
}

pub(super) fn is_secret_like(segment: &str) -> bool {
    if segment.contains('@') || segment.contains("%40") || is_jwt(segment) {
        return true;
    }
    let letters = segment.bytes().any(|b| b.is_ascii_alphabetic());
    let digits = segment.bytes().any(|b| b.is_ascii_digit());
    letters && digits && segment.chars().count() > 20 && !is_uuid(segment)
}

/// Three base64url parts of which the first is a JSON object.
pub(crate) fn is_jwt(text: &str) -> bool {
    let mut parts = text.split('.');
    let header = parts.next().unwrap_or_default();
    let base64url = |part: &str| {
        part.len() >= 4 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b))
    };
    header.starts_with("eyJ")
        && base64url(header)
        && parts.next().is_some_and(base64url)
        && parts.next().is_some()
}

fn is_uuid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(path: &str) -> String {
        mask_path(&CappedText::from(path)).as_str().to_owned()
    }

    #[test]
    fn masks_what_looks_like_a_secret() {
        assert_eq!(masked("/orders/1234"), "/orders/1234");
        assert_eq!(
            masked("/u/67e55044-10b1-426f-9247-bb680e5fe0c8"),
            "/u/67e55044-10b1-426f-9247-bb680e5fe0c8"
        );
        assert_eq!(masked("/invite/ann@example.com"), "/invite/…");
        assert_eq!(masked("/invite/ann%40example.com/x"), "/invite/…/x");
        assert_eq!(masked("/reset/a1b2c3d4e5f6g7h8i9j0k"), "/reset/…");
        assert_eq!(masked("/t/eyJhbGciOi.eyJzdWIiOi.c2ln"), "/t/…");
        assert_eq!(
            masked("/a-very-long-word-without-any-number"),
            "/a-very-long-word-without-any-number"
        );
    }

    #[test]
    fn a_cut_segment_is_masked() {
        let mut path = CappedText::default();
        path.set("/abc/secret", 8);
        assert_eq!(mask_path(&path).as_str(), "/abc/…");
    }

    #[test]
    fn names_only() {
        assert_eq!(query_names("token=abc&page=2&flag"), "token&page&flag");
    }
}
