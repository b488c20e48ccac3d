//! Takes secrets out of text that strangers and libraries wrote.

use super::privacy::{MASK, is_jwt};

/// Characters that end a word.
const DELIMITERS: &[char] =
    &['"', '\'', '`', '<', '>', '(', ')', '[', ']', '{', '}', ',', ';', '&', '?', '|'];
const QUOTES: &[char] = &['"', '\'', '`'];

/// `text` without URL passwords, bearer and basic credentials, Slack tokens
/// and hook URLs, JWTs, e-mail addresses, and values that follow a
/// secret-looking name. Best effort: it knows shapes, not meanings.
pub(crate) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut expect = Expect::Nothing;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if expect == Expect::Line {
            // Headers that carry credentials do so in many forms.
            let end = rest.find('\n').unwrap_or(rest.len());
            let (secret, tail) = rest.split_at(end);
            if !secret.trim().is_empty() && !out.ends_with(MASK) {
                out.push(' ');
                out.push_str(MASK);
            }
            (rest, expect) = (tail, Expect::Nothing);
            continue;
        }
        if expect == Expect::Rest {
            // What is left of a secret that holds a character that ends words.
            let end = rest.find(ends_secret).unwrap_or(rest.len());
            (rest, expect) = (rest.get(end..).unwrap_or_default(), Expect::Nothing);
            continue;
        }
        if expect == Expect::Secret && QUOTES.contains(&first) {
            let inside = rest.get(first.len_utf8()..).unwrap_or_default();
            let end = closing_quote(inside, first);
            out.push(first);
            out.push_str(MASK);
            (rest, expect) = (inside.get(end..).unwrap_or_default(), Expect::Nothing);
            if let Some(after) = rest.strip_prefix(first) {
                out.push(first);
                rest = after;
            }
            continue;
        }
        if expect == Expect::Secret && matches!(first, '(' | '[' | '{') {
            // A list or a structure of secrets.
            let (_, tail) = rest.split_at(secret_end(rest));
            out.push_str(MASK);
            (rest, expect) = (tail, Expect::Nothing);
            continue;
        }
        let is_delimiter = |c: char| c.is_whitespace() || DELIMITERS.contains(&c);
        if is_delimiter(first) {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            if matches!(first, ',' | ';' | '&' | '\n') {
                expect = Expect::Nothing;
            }
            continue;
        }
        let end = rest.find(is_delimiter).unwrap_or(rest.len());
        let word_end = match url_end(rest, end) {
            Some(end) => end,
            // An unquoted secret ends where the next word begins.
            None if expect == Expect::Secret => secret_end(rest),
            None => end,
        };
        let (piece, tail) = rest.split_at(word_end);
        rest = tail;
        expect = word(piece, expect, &mut out);
    }
    out
}

/// What the words so far say of the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Nothing,
    /// A secret-looking name came; a `=` or `:` may follow.
    Separator,
    /// The same, and what follows is a secret to the end of its line.
    LineSeparator,
    /// The next word, or the next quoted text, is a secret.
    Secret,
    /// The rest of the line is a secret.
    Line,
    /// The rest of the word is part of a secret.
    Rest,
}

/// Where a secret without quotes ends.
fn ends_secret(c: char) -> bool {
    c.is_whitespace() || matches!(c, '&' | ';')
}

/// Where a secret without quotes ends: not inside of its brackets or of quotes
/// in them, as in `Some("two words")`.
fn secret_end(text: &str) -> usize {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' if depth > 0 => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 1 => return at + c.len_utf8(),
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            c if depth == 0 && ends_secret(c) => return at,
            _ => {}
        }
    }
    text.len()
}

/// Where a quoted text ends whose opening quote came before.
fn closing_quote(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if !escaped && c == quote {
            return at;
        }
        escaped = !escaped && c == '\\';
    }
    text.len()
}

/// Where a URL ends that begins in the word ending at `word_end`: a password
/// may hold characters that end other words.
fn url_end(text: &str, word_end: usize) -> Option<usize> {
    text.get(..word_end)?.find("://")?;
    text.find(|c: char| c.is_whitespace() || QUOTES.contains(&c) || matches!(c, '<' | '>'))
        .or(Some(text.len()))
}

fn word(word: &str, expect: Expect, out: &mut String) -> Expect {
    // A backslash, where text with quotes is quoted itself.
    let is_separator = matches!(word.trim_end_matches('\\'), "=" | ":" | "=>" | ":=");
    match expect {
        Expect::Separator if is_separator => {
            out.push_str(word);
            return Expect::Secret;
        }
        Expect::LineSeparator if is_separator => {
            out.push_str(word);
            return Expect::Line;
        }
        Expect::Secret if !is_scheme_name(word) => {
            out.push_str(MASK);
            return Expect::Nothing;
        }
        _ => {}
    }
    if is_scheme_name(word) {
        out.push_str(word);
        return Expect::Secret;
    }
    let scheme = word.find("://");
    if let Some(at) = word.find(['=', ':']).filter(|at| scheme != Some(*at)) {
        let (name, value) = word.split_at(at);
        let value = value.trim_start_matches(['=', ':', '>']);
        let (named, _) = word.split_at(word.len() - value.len());
        if is_line_name(name) {
            out.push_str(named);
            return Expect::Line.after(value, out);
        }
        if is_secret_name(name) {
            out.push_str(named);
            return Expect::Secret.after(value, out);
        }
        if is_scheme_name(value) {
            out.push_str(word);
            return Expect::Secret;
        }
    }
    if let Some(at) = scheme {
        url(word, at + 3, out);
    } else if is_jwt(word) {
        out.push_str(MASK);
    } else if let Some(at) = slack_token(word) {
        out.push_str(word.get(..at).unwrap_or_default());
        out.push_str(MASK);
    } else if let Some(at) = hook(word) {
        out.push_str(word.get(..at).unwrap_or_default());
        out.push_str("/…");
    } else if is_email(word) {
        out.push_str("…@…");
    } else {
        out.push_str(word);
        if is_line_name(word) {
            return Expect::LineSeparator;
        }
        if is_secret_name(word) {
            return Expect::Separator;
        }
    }
    Expect::Nothing
}

impl Expect {
    /// What is left to expect when the name's value has already begun.
    fn after(self, value: &str, out: &mut String) -> Expect {
        if value.is_empty() {
            return self;
        }
        if is_scheme_name(value) {
            out.push_str(value);
            return Expect::Secret;
        }
        out.push_str(MASK);
        if self == Expect::Line { Expect::Line } else { Expect::Rest }
    }
}

fn is_scheme_name(word: &str) -> bool {
    let word = word.trim_end_matches(':');
    word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic")
}

fn url(word: &str, authority: usize, out: &mut String) {
    let (scheme, rest) = word.split_at(authority);
    out.push_str(scheme);
    if let Some(at) = hook(rest) {
        out.push_str(rest.get(..at).unwrap_or_default());
        out.push_str("/…");
        return;
    }
    // A password may itself hold an `@` or a `/`, and there may be several
    // hosts: the last `@` decides whether anything before it is hidden.
    let rest = match rest.rfind('@') {
        Some(at) => {
            out.push_str(MASK);
            rest.get(at..).unwrap_or_default()
        }
        None => rest,
    };
    let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
    if let Some(at) = slack_token(path) {
        out.push_str(path.get(..at).unwrap_or_default());
        out.push_str(MASK);
    } else {
        let segments = path.split('/').map(|part| if is_jwt(part) { MASK } else { part });
        out.push_str(&segments.collect::<Vec<_>>().join("/"));
    }
    out.push_str(&redact(query));
}

/// Where a hook's secret path begins.
fn hook(word: &str) -> Option<usize> {
    let lower = word.to_ascii_lowercase();
    let hosts = ["hooks.slack.com", "hooks.slack-gov.com"];
    hosts.iter().filter_map(|host| Some(lower.find(host)? + host.len())).min()
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

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn is_line_name(name: &str) -> bool {
    matches!(plain(name).as_str(), "authorization" | "proxyauthorization" | "cookie" | "setcookie")
}

pub(crate) fn is_secret_name(name: &str) -> bool {
    const PARTS: [&str; 12] = [
        "passw",
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
        "signature",
    ];
    let plain = plain(name);
    matches!(plain.as_str(), "pass" | "auth" | "bearer")
        || PARTS.iter().any(|part| plain.contains(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_in_structures_and_in_quoted_quotes_are_found() {
        for leaky in [
            r#"body="{\"user\":\"u\",\"password\":\"canary\"}""#,
            "password: Some(\n    \"canary\",\n)",
            r#"password: Some("correct horse canary")"#,
            r#"password: "a\"canary""#,
            r#"tokens: ["one", "canary"]"#,
            "secret_key: [77, 77, canary]",
            "bearer=canary auth=canary",
        ] {
            let told = redact(leaky);
            assert!(!told.contains("canary"), "{leaky} is told as {told}");
        }
        assert_eq!(redact(r#"tokens: ["a"], user: 7"#), "tokens: …, user: 7");
    }

    #[test]
    fn takes_secrets_out() {
        let cases = [
            (
                "connect postgres://user:pw@db:5432/shop failed",
                "connect postgres://…@db:5432/shop failed",
            ),
            ("postgres://u:p@ss/w0rd@db/x", "postgres://…@db/x"),
            ("postgres://app:s3cr&tcanary@db.internal/shop", "postgres://…@db.internal/shop"),
            ("app redis://:can(ary)x@cache down", "app redis://…@cache down"),
            ("mongodb://u:p@h1,u2:canary@h2", "mongodb://…@h2"),
            ("Authorization: Bearer abc.def", "Authorization: …"),
            ("Authorization: Token canary, x=1\nnext", "Authorization: …\nnext"),
            ("Cookie: a=b; session=canary", "Cookie: …"),
            ("bearer abc, then more", "bearer … then more"),
            ("auth=Bearer canary", "auth=Bearer …"),
            ("header:Bearer canary", "header:Bearer …"),
            ("token xoxb-1-2-3 revoked", "token xoxb-… revoked"),
            (
                "POST https://hooks.slack.com/services/T0/B0/xyz failed",
                "POST https://hooks.slack.com/… failed",
            ),
            ("hooks.slack.com/services/T0/B0/xyz", "hooks.slack.com/…"),
            (
                "http://proxy.local/https://hooks.slack.com/services/T0/x",
                "http://proxy.local/https://hooks.slack.com/…",
            ),
            ("mail ann@example.com bounced", "mail …@… bounced"),
            ("password=hunter2&user=ann", "password=…&user=ann"),
            ("password=ab,canary next", "password=… next"),
            (r#"password="canary horse battery" x"#, r#"password="…" x"#),
            (r#"{"api_key": "k-123", "id": 7}"#, r#"{"api_key": "…", "id": 7}"#),
            ("secret = s3cr3t; next", "secret = …; next"),
            ("SECRET_KEY=canary", "SECRET_KEY=…"),
            ("secret_key_base: canary", "secret_key_base: …"),
            ("pass=canary", "pass=…"),
            ("token=https://x/canary", "token=…"),
            ("GET /x?access_token=abc&page=2", "GET /x?access_token=…&page=2"),
            ("https://x/y?X-Amz-Signature=canary&z=1", "https://x/y?X-Amz-Signature=…&z=1"),
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
        fn never_panics_and_hides_planted_secrets(
            before in "\\PC{0,20}",
            after in "\\PC{0,20}",
            inside in "[!-~&&[^\"'`<>@]]{0,6}",
        ) {
            let text = format!("{before} password=canary77 {after} postgres://u:{inside}canary77@h/ \
                {before} xoxb-canary77 \"secret\": \"{inside}canary77\"");
            prop_assert!(!redact(&text).contains("canary77"), "{}", redact(&text));
        }
    }
}
