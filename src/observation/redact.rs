//! Takes secrets out of text that strangers and libraries wrote.

use super::privacy::{MASK, is_jwt};

/// Characters that end a word.
const DELIMITERS: &[char] =
    &['"', '\'', '`', '<', '>', '(', ')', '[', ']', '{', '}', ',', ';', '&', '?', '|'];

/// `text` without URL passwords, bearer and basic credentials, Slack tokens
/// and hook URLs, JWTs, e-mail addresses, and values that follow a
/// secret-looking name. Best effort: it knows shapes, not meanings.
pub(crate) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut expect = Expect::Nothing;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_delimiter = |c: char| c.is_whitespace() || DELIMITERS.contains(&c);
        let (piece, tail) = rest.split_at(if is_delimiter(first) {
            first.len_utf8()
        } else {
            rest.find(is_delimiter).unwrap_or(rest.len())
        });
        rest = tail;
        if is_delimiter(first) {
            out.push_str(piece);
            if matches!(first, ',' | ';' | '&' | '\n') {
                expect = Expect::Nothing;
            }
        } else {
            expect = word(piece, expect, &mut out);
        }
    }
    out
}

/// What the words so far say of the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Nothing,
    /// A secret-looking name came; a `=` or `:` may follow.
    Separator,
    /// The next word is a secret.
    Secret,
}

fn word(word: &str, expect: Expect, out: &mut String) -> Expect {
    if expect == Expect::Separator && matches!(word, "=" | ":" | "=>" | ":=") {
        out.push_str(word);
        return Expect::Secret;
    }
    if is_scheme_name(word) {
        out.push_str(word);
        return Expect::Secret;
    }
    if expect == Expect::Secret {
        out.push_str(MASK);
        return Expect::Nothing;
    }
    if let Some(at) = word.find("://") {
        url(word, at + 3, out);
        return Expect::Nothing;
    }
    if let Some(at) = word.find(['=', ':']) {
        let (name, value) = word.split_at(at);
        let value = value.trim_start_matches(['=', ':', '>']);
        if is_secret_name(name) {
            let separator_end = word.len() - value.len();
            out.push_str(word.get(..separator_end).unwrap_or_default());
            if value.is_empty() {
                return Expect::Secret;
            }
            if is_scheme_name(value) {
                out.push_str(value);
                return Expect::Secret;
            }
            out.push_str(MASK);
            return Expect::Nothing;
        }
    }
    if is_jwt(word) {
        out.push_str(MASK);
    } else if let Some(at) = slack_token(word) {
        out.push_str(word.get(..at).unwrap_or_default());
        out.push_str(MASK);
    } else if is_hook(word) {
        out.push_str("hooks.slack.com/…");
    } else if is_email(word) {
        out.push_str("…@…");
    } else {
        out.push_str(word);
        if is_secret_name(word) {
            return Expect::Separator;
        }
    }
    Expect::Nothing
}

fn is_scheme_name(word: &str) -> bool {
    let word = word.trim_end_matches(':');
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

fn url(word: &str, authority: usize, out: &mut String) {
    let (scheme, rest) = word.split_at(authority);
    out.push_str(scheme);
    let end = rest.find(['/', '#']).unwrap_or(rest.len());
    // A password may itself hold an `@` or a `/`: the last `@` of the word
    // decides whether anything before it is hidden.
    let host = match rest.rfind('@') {
        Some(at) => {
            out.push_str(MASK);
            out.push('@');
            rest.get(at + 1..).unwrap_or_default()
        }
        None => rest,
    };
    let host_end =
        if host.len() == rest.len() { end } else { host.find(['/', '#']).unwrap_or(host.len()) };
    let (host, path) = host.split_at(host_end);
    out.push_str(host);
    if is_hook(host) {
        out.push_str("/…");
    } else if let Some(at) = slack_token(path) {
        out.push_str(path.get(..at).unwrap_or_default());
        out.push_str(MASK);
    } else {
        let segments: Vec<&str> =
            path.split('/').map(|part| if is_jwt(part) { MASK } else { part }).collect();
        out.push_str(&segments.join("/"));
    }
}

fn is_hook(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    word.contains("hooks.slack.com") || word.contains("hooks.slack-gov.com")
}

/// Where a Slack token's secret part begins.
fn slack_token(word: &str) -> Option<usize> {
    const PREFIXES: [&str; 12] = [
        "xoxe.xoxb-",
        "xoxe.xoxp-",
        "xoxb-",
        "xoxp-",
        "xoxa-",
        "xoxs-",
        "xoxr-",
        "xoxc-",
        "xoxd-",
        "xoxe-",
        "xapp-",
        "xwfp-",
    ];
    PREFIXES.iter().filter_map(|prefix| Some(word.find(prefix)? + prefix.len())).min()
}

fn is_email(word: &str) -> bool {
    word.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.trim_end_matches('.').contains('.') && !domain.starts_with('.')
    })
}

fn is_secret_name(name: &str) -> bool {
    const PARTS: [&str; 12] = [
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "token",
        "apikey",
        "accesskey",
        "privatekey",
        "credential",
        "authorization",
        "cookie",
    ];
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    PARTS.iter().any(|part| plain.ends_with(part) || plain.ends_with(&format!("{part}s")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_secrets_out() {
        let cases = [
            (
                "connect postgres://user:pw@db:5432/shop failed",
                "connect postgres://…@db:5432/shop failed",
            ),
            ("postgres://u:p@ss/w0rd@db/x", "postgres://…@db/x"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer …"),
            ("bearer abc, then more", "bearer …, then more"),
            ("token xoxb-1-2-3 revoked", "token xoxb-… revoked"),
            (
                "POST https://hooks.slack.com/services/T0/B0/xyz failed",
                "POST https://hooks.slack.com/… failed",
            ),
            ("hooks.slack.com/services/T0/B0/xyz", "hooks.slack.com/…"),
            ("mail ann@example.com bounced", "mail …@… bounced"),
            ("password=hunter2&user=ann", "password=…&user=ann"),
            (r#"{"api_key": "k-123", "id": 7}"#, r#"{"api_key": "…", "id": 7}"#),
            ("secret = s3cr3t; next", "secret = …; next"),
            ("GET /x?access_token=abc&page=2", "GET /x?access_token=…&page=2"),
            ("jwt eyJhbGciOi.eyJzdWIiOi.c2ln end", "jwt … end"),
        ];
        for (input, expected) in cases {
            assert_eq!(redact(input), expected, "{input}");
        }
    }

    #[test]
    fn leaves_ordinary_text_alone() {
        for text in [
            "index out of bounds: the len is 3 but the index is 7",
            "connection refused (os error 111)",
            "unexpected token in JSON at line 3",
            "src/cart.rs:88:17",
            "https://example.com/a/b",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_hides_planted_secrets(before in "\\PC{0,20}", after in "\\PC{0,20}") {
            let text = format!("{before} password=canary77 {after} postgres://u:canary77@h/ {before} xoxb-canary77");
            prop_assert!(!redact(&text).contains("canary77"), "{}", redact(&text));
        }
    }
}
