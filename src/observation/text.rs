//! [`CappedText`]: text of strangers, cut where it is captured.

use std::fmt::{self, Write};

/// Text with a fixed cap in bytes, cut on a character boundary. The buffer is
/// kept between uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CappedText {
    text: String,
    cut: bool,
}

impl CappedText {
    /// Empties it and keeps its buffer.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.cut = false;
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether something was cut off.
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Replaces the text by `text`, at most `cap` bytes of it.
    pub(crate) fn set(&mut self, text: &str, cap: usize) {
        self.clear();
        self.append(text, cap);
    }

    /// Replaces the text by what `value` displays, at most `cap` bytes of it.
    pub(crate) fn set_display(&mut self, value: &dyn fmt::Display, cap: usize) {
        self.clear();
        // A writer that is full answers with an error; the text so far stays.
        let _ = write!(Capped { text: self, cap }, "{value}");
    }

    /// Adds what `value` displays, as long as there are at most `cap` bytes.
    #[cfg(feature = "request-logs")]
    pub(crate) fn push_display(&mut self, value: &dyn fmt::Display, cap: usize) {
        let _ = write!(Capped { text: self, cap }, "{value}");
    }

    /// Adds an entry of a list, its name and its value each followed by its
    /// mark, if it fits as a whole.
    pub(crate) fn push_entry(&mut self, parts: [&str; 2], marks: [char; 2], cap: usize) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if self.text.len() + length + 2 > cap {
            self.cut = true;
            return;
        }
        for (part, mark) in parts.iter().zip(marks) {
            self.text.reserve_exact(part.len() + 1);
            self.text.push_str(part);
            self.text.push(mark);
        }
    }

    /// Hides a last word that was cut, since nobody can tell whether it was a
    /// secret.
    pub(crate) fn hide_cut_word(&mut self) {
        if self.cut {
            let end = self.text.rfind(char::is_whitespace).map_or(0, |at| at + 1);
            let end = floor_boundary(&self.text, end);
            self.text.truncate(end);
            self.text.push('…');
        }
    }

    /// Makes this a copy of `other` and keeps its own buffer.
    pub(crate) fn copy_from(&mut self, other: &CappedText) {
        self.text.clear();
        self.text.push_str(&other.text);
        self.cut = other.cut;
    }

    fn append(&mut self, text: &str, cap: usize) -> bool {
        let room = cap.saturating_sub(self.text.len());
        let fitting = floor_boundary(text, room);
        let fitting_text = text.get(..fitting).unwrap_or_default();
        // Exactly, so that a buffer never grows beyond its cap.
        self.text.reserve_exact(fitting_text.len());
        self.text.push_str(fitting_text);
        self.cut |= fitting < text.len();
        !self.cut
    }
}

impl From<&str> for CappedText {
    fn from(text: &str) -> Self {
        CappedText { text: text.to_owned(), cut: false }
    }
}

struct Capped<'a> {
    text: &'a mut CappedText,
    cap: usize,
}

impl Write for Capped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.text.append(text, self.cap) { Ok(()) } else { Err(fmt::Error) }
    }
}

/// The largest length up to `max` at which `text` can be cut.
pub(crate) fn floor_boundary(text: &str, max: usize) -> usize {
    if max >= text.len() {
        return text.len();
    }
    (0..=max).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn display_that_goes_on_for_ever_is_cut() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("ab€")?;
                }
            }
        }
        let mut text = CappedText::default();
        text.set_display(&Endless, 8);
        assert_eq!(text.as_str(), "ab€ab");
        assert!(text.is_cut());
    }

    #[test]
    fn an_entry_fits_as_a_whole_or_not_at_all() {
        let mut text = CappedText::default();
        assert!(text.is_empty());
        text.push_entry(["ab", "c"], ['=', ';'], 10);
        text.push_entry(["ab", "c"], ['=', ';'], 10);
        assert_eq!((text.as_str(), text.is_cut()), ("ab=c;ab=c;", false));
        text.push_entry(["", ""], ['=', ';'], 11);
        assert_eq!((text.as_str(), text.is_cut()), ("ab=c;ab=c;", true));
        text.push_entry(["", ""], ['=', ';'], 12);
        assert_eq!(text.as_str(), "ab=c;ab=c;=;");
        assert!(!text.is_empty());
        text.clear();
        assert!(text.is_empty() && !text.is_cut());
    }

    #[test]
    fn a_last_word_that_was_cut_is_hidden() {
        let hidden = |input, cap| {
            let mut text = CappedText::default();
            text.set(input, cap);
            text.hide_cut_word();
            text.as_str().to_owned()
        };
        assert_eq!(hidden("why not", 20), "why not");
        assert_eq!(hidden("why not", 6), "why …");
        assert_eq!(hidden("whynot", 3), "…");
    }

    #[test]
    fn a_copy_is_the_same() {
        let (mut from, mut to) = (CappedText::default(), CappedText::from("before"));
        from.set("abcdef", 3);
        to.copy_from(&from);
        assert_eq!(to, from);
        assert_eq!((to.as_str(), to.is_cut()), ("abc", true));
    }

    #[test]
    fn what_is_displayed_replaces_and_what_is_pushed_follows() {
        let mut text = CappedText::from("before");
        text.set_display(&12, 10);
        assert_eq!((text.as_str(), text.is_cut()), ("12", false));
        #[cfg(feature = "request-logs")]
        {
            text.push_display(&34, 3);
            assert_eq!((text.as_str(), text.is_cut()), ("123", true));
        }
    }

    #[test]
    fn the_cut_is_on_a_boundary() {
        assert_eq!([0, 1, 2, 3, 4, 9].map(|max| floor_boundary("€a", max)), [0, 0, 0, 3, 4, 4]);
    }

    proptest! {
        #[test]
        fn never_over_the_cap_and_always_a_prefix(input in "\\PC{0,60}", cap in 0usize..80) {
            let mut text = CappedText::default();
            text.set(&input, cap);
            prop_assert!(text.as_str().len() <= cap);
            prop_assert!(input.starts_with(text.as_str()));
            prop_assert_eq!(text.is_cut(), text.as_str() != input);
        }
    }
}
