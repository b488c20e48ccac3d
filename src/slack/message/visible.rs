//! Makes text visible: what can't be seen, or would turn text around, is
//! spelled out.

/// Whether a character can't be seen, breaks a line, or changes direction.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
        )
}

/// `c` as it is, or spelled out: `\n`, `\t`, `\r`, `\u{202e}`.
pub(super) fn spell(c: char, out: &mut impl FnMut(char)) {
    if is_hidden(c) {
        match c {
            '\n' | '\t' | '\r' => c.escape_default().for_each(out),
            _ => c.escape_unicode().for_each(out),
        }
    } else {
        out(c);
    }
}

/// `text` with all of that spelled out: one line, for a log.
pub(crate) fn spelled_out(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| spell(c, &mut |c| out.push(c)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(text: &str) -> String {
        let mut out = String::new();
        text.chars().for_each(|c| spell(c, &mut |c| out.push(c)));
        out
    }

    #[test]
    fn spells_out_what_cannot_be_seen() {
        assert_eq!(spelled("a\nb\tc"), "a\\nb\\tc");
        assert_eq!(spelled("pay\u{202e}cod"), "pay\\u{202e}cod");
        assert_eq!(spelled("\u{0}\u{7f}\u{85}"), "\\u{0}\\u{7f}\\u{85}");
        assert_eq!(spelled("naïve – 日本 🔴"), "naïve – 日本 🔴");
        assert_eq!(spelled_out("a\nb\u{202e}c"), "a\\nb\\u{202e}c");
    }
}
