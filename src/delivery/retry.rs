//! [`Backoff`] and [`retry_after`]: when to try again.

use std::time::{Duration, SystemTime};

/// The longest that a destination may ask us to wait.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// When it does not say.
pub(crate) const DEFAULT_PAUSE: Duration = Duration::from_secs(30);

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Full-jitter exponential backoff: a random part of 1 s, 2 s, 4 s .. 60 s.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// One more failure; how long to wait. `random` is in `0.0..1.0`.
    pub(crate) fn failed(&mut self, random: f64) -> Duration {
        let ceiling = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // Never quite at once, so that a loop can't spin.
        ceiling.mul_f64(random.clamp(0.0, 1.0)).max(Duration::from_millis(50))
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failures > 0
    }
}

/// Reads a `Retry-After`: seconds, also with a fraction, or an HTTP date
/// (RFC 9110, 10.2.3). Junk is `None`; the result is at most 15 minutes.
pub(crate) fn retry_after(value: &[u8], now: SystemTime) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let wait = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_nan() || seconds.is_sign_negative() && seconds != 0.0 => {
            return None;
        }
        Ok(seconds) => Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST_PAUSE),
        Err(_) => {
            let date = httpdate::parse_http_date(text).ok()?;
            date.duration_since(now).unwrap_or(Duration::ZERO)
        }
    };
    Some(wait.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn retry_after_in_every_form() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let date = |offset: i64| {
            let at = u64::try_from(1_000_000_000 + offset).unwrap();
            httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(at))
        };
        let cases: [(&str, Option<u64>); 16] = [
            ("3", Some(3_000)),
            (" 30 ", Some(30_000)),
            ("0", Some(0)),
            ("1.5", Some(1_500)),
            ("3600", Some(900_000)),
            ("1e300", Some(900_000)),
            ("inf", Some(900_000)),
            ("-1", None),
            ("NaN", None),
            ("", None),
            ("soon", None),
            ("3, 4", None),
            ("0x10", None),
            (&date(20), Some(20_000)),
            (&date(-20), Some(0)),
            (&date(86_400), Some(900_000)),
        ];
        for (text, expected) in cases {
            let read = retry_after(text.as_bytes(), now);
            assert_eq!(read, expected.map(Duration::from_millis), "{text:?}");
        }
        assert_eq!(retry_after(b"\xff3", now), None);
    }

    #[test]
    fn backoff_grows_to_a_minute_and_starts_anew() {
        let mut backoff = Backoff::default();
        let ceilings: Vec<u64> = (0..9).map(|_| backoff.failed(1.0).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!(backoff.is_failing());
        backoff.succeeded();
        assert!(!backoff.is_failing());
        assert_eq!(backoff.failed(0.5), Duration::from_millis(500));
        assert_eq!(backoff.failed(0.0), Duration::from_millis(50));
    }

    proptest! {
        #[test]
        fn retry_after_of_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(wait) = retry_after(&bytes, SystemTime::UNIX_EPOCH) {
                prop_assert!(wait <= LONGEST_PAUSE);
            }
        }
    }
}
