//! [`DateTime`]: a time as each reader's own clock shows it.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

/// A time as each reader's own clock shows it, by Slack's date tokens, with an
/// absolute time in UTC for clients that don't know them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DateTime {
    unix: u64,
    with_day: bool,
}

impl DateTime {
    /// `at`, with its day if that is another one than `now`'s.
    pub(super) fn new(at: SystemTime, now: SystemTime) -> Self {
        // The formatter panics after the year 9999.
        const LATEST: u64 = 253_402_300_799;
        let unix = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            since.as_secs().min(LATEST)
        };
        let (at, now) = (unix(at), unix(now));
        DateTime { unix: at, with_day: at / 86_400 != now / 86_400 }
    }

    /// `12:04 UTC`, or `22 Nov 12:04 UTC`.
    pub(super) fn to_plain(&self) -> String {
        let (day, _, time) = self.parts();
        if self.with_day { format!("{day} {time} UTC") } else { format!("{time} UTC") }
    }

    /// In text with markup.
    pub(super) fn to_token(&self) -> String {
        format!("<!date^{}^{}|{}>", self.unix, self.format(), self.absolute())
    }

    /// In rich text.
    pub(super) fn to_element(&self) -> Value {
        json!({
            "type": "date",
            "timestamp": self.unix,
            "format": self.format(),
            "fallback": self.absolute(),
        })
    }

    fn format(&self) -> &'static str {
        if self.with_day { "{date_short} {time}" } else { "{time}" }
    }

    fn absolute(&self) -> String {
        let (day, year, time) = self.parts();
        format!("{day} {year} {time} UTC")
    }

    /// `22 Nov`, `2026`, `12:04`.
    fn parts(&self) -> (String, String, String) {
        // "Sun, 22 Nov 2026 12:04:05 GMT", RFC 9110's fixed form.
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(self.unix);
        let date = httpdate::fmt_http_date(at);
        let part = |range: std::ops::Range<usize>| date.get(range).unwrap_or_default().to_owned();
        (part(5..11), part(12..16), part(17..22))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_every_reader() {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_349_040);
        let today = DateTime::new(noon, noon + Duration::from_secs(600));
        assert_eq!(today.to_plain(), "12:04 UTC");
        assert_eq!(today.to_token(), "<!date^1795349040^{time}|22 Nov 2026 12:04 UTC>");
        let tomorrow = DateTime::new(noon, noon + Duration::from_secs(86_400));
        assert_eq!(tomorrow.to_plain(), "22 Nov 12:04 UTC");
        assert_eq!(tomorrow.to_element()["format"], "{date_short} {time}");
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(400_000_000_000);
        assert_eq!(DateTime::new(far, far).to_plain(), "23:59 UTC");
    }
}
