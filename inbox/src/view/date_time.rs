//! Dates as Slack's tokens ask for them, in UTC.

use std::time::{Duration, UNIX_EPOCH};

/// After it the formatter panics.
const LATEST: u64 = 253_402_300_799;

/// A time by a format such as `{date_short} {time}`; none if the format says
/// nothing that is known.
pub(crate) fn date_time(unix: u64, format: &str) -> Option<String> {
    // "Sun, 22 Nov 2026 12:04:05 GMT", RFC 9110's fixed form.
    let http = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(unix.min(LATEST)));
    let part = |from, to| http.get(from..to).unwrap_or_default();
    let (weekday, day, month, year) = (part(0, 3), part(5, 7), part(8, 11), part(12, 16));
    let (time, seconds) = (part(17, 22), part(17, 25));
    let short = format!("{day} {month} {year}");
    let long = format!("{weekday}, {day} {month} {year}");
    let replaced = [
        ("{date_short_pretty}", short.as_str()),
        ("{date_long_pretty}", long.as_str()),
        ("{date_pretty}", short.as_str()),
        ("{date_short}", short.as_str()),
        ("{date_long}", long.as_str()),
        ("{date_num}", short.as_str()),
        ("{date_slash}", short.as_str()),
        ("{date_long_full}", long.as_str()),
        ("{date}", short.as_str()),
        ("{day_divider_pretty}", short.as_str()),
        ("{time_secs}", &format!("{seconds} UTC")),
        ("{time}", &format!("{time} UTC")),
        ("{ago}", &format!("{short} {time} UTC")),
    ]
    .iter()
    .fold(format.to_owned(), |text, (token, shown)| text.replace(token, shown));
    (replaced != format).then_some(replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        let at = 1_795_349_045;
        assert_eq!(date_time(at, "{time}").as_deref(), Some("12:04 UTC"));
        assert_eq!(date_time(at, "{date_short} {time}").as_deref(), Some("22 Nov 2026 12:04 UTC"));
        assert_eq!(date_time(at, "on {date_long}").as_deref(), Some("on Sun, 22 Nov 2026"));
        assert_eq!(date_time(at, "soon"), None);
        assert!(date_time(u64::MAX, "{time}").is_some());
    }
}
