//! Durations and counts as people say them.

use std::time::Duration;

/// `812 ms`, `2.1 s`, `2 min 7 s`, `3 h 5 min`, `2 d 4 h`.
pub(crate) fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1000 {
        return if millis == 0 && !duration.is_zero() {
            "< 1 ms".into()
        } else {
            format!("{millis} ms")
        };
    }
    let tenths = (millis + 50) / 100;
    if tenths < 900 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    span(Duration::from_secs(u64::try_from((millis + 500) / 1000).unwrap_or(u64::MAX)))
}

/// A span in whole units, without a smaller part that is zero: `30 s`,
/// `10 min`, `2 min 7 s`, `1 h 30 min`, `2 d`.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (big, big_unit, small, small_unit) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3600 => (seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => (seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => (seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    };
    if small == 0 {
        format!("{big} {big_unit}")
    } else {
        format!("{big} {big_unit} {small} {small_unit}")
    }
}

/// `15 012`: thousands apart by a no-break space.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 2);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    out
}

/// `97 %`, never rounded to none or to all of them.
pub(crate) fn share(part: u64, all: u64) -> String {
    let percent = u128::from(part) * 100 / u128::from(all.max(1));
    match percent {
        0 if part > 0 => "under 1 %".into(),
        percent => format!("{percent} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_say_them() {
        let said = |millis| duration(Duration::from_millis(millis));
        assert_eq!(duration(Duration::ZERO), "0 ms");
        assert_eq!(duration(Duration::from_micros(300)), "< 1 ms");
        assert_eq!(said(812), "812 ms");
        assert_eq!(said(999), "999 ms");
        assert_eq!(said(1_000), "1.0 s");
        assert_eq!(said(1_049), "1.0 s");
        assert_eq!(said(1_050), "1.1 s");
        assert_eq!(said(2_100), "2.1 s");
        assert_eq!(said(60_000), "60.0 s");
        assert_eq!(said(89_949), "89.9 s");
        assert_eq!(said(89_950), "1 min 30 s");
        assert_eq!(said(127_000), "2 min 7 s");
        assert_eq!(said(3_599_700), "1 h");
        assert_eq!(said(11_100_000), "3 h 5 min");
    }

    #[test]
    fn shares_are_never_rounded_to_none_or_all() {
        let said = [(0, 10), (1, 1000), (97, 100), (9_999, 10_000), (10, 10), (0, 0)];
        let said = said.map(|(part, all)| share(part, all));
        assert_eq!(said, ["0 %", "under 1 %", "97 %", "99 %", "100 %", "0 %"]);
    }

    #[test]
    fn spans_and_counts() {
        assert_eq!(span(Duration::from_secs(600)), "10 min");
        assert_eq!(span(Duration::from_secs(187_200)), "2 d 4 h");
        let said = [59, 60, 61, 3_599, 3_600, 5_400, 86_399, 86_400, 86_400 + 3_599, 90_000];
        let said = said.map(|seconds| span(Duration::from_secs(seconds)));
        let expected = ["59 s", "1 min", "1 min 1 s", "59 min 59 s", "1 h", "1 h 30 min"];
        assert_eq!(said[..6], expected);
        assert_eq!(said[6..], ["23 h 59 min", "1 d", "1 d", "1 d 1 h"]);
        assert_eq!([0, 7, 999].map(count), ["0", "7", "999"]);
        assert_eq!(count(1_000), "1\u{a0}000");
        assert_eq!(count(100_000), "100\u{a0}000");
        assert_eq!(count(15_012), "15\u{a0}012");
        assert_eq!(count(812), "812");
        assert_eq!(count(1_234_567), "1\u{a0}234\u{a0}567");
    }
}
