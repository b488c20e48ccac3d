//! Reads a configuration from environment variables.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use crate::incident::{Mention, MentionRule};
use crate::observation::Kind;

use super::disabled::Disabled;
use super::{AlertConfigBuilder, ConfigFault, Destination};

const PREFIX: &str = "SLACK_ALERT_";
const KNOWN: [&str; 16] = [
    "WEBHOOK_URL",
    "BOT_TOKEN",
    "CHANNEL",
    "API_URL",
    "SERVICE",
    "ENVIRONMENT",
    "RELEASE",
    "SLOW_AFTER",
    "HUNG_AFTER",
    "CANCELLED_AFTER",
    "CLOSE_AFTER",
    "IGNORE_PATHS",
    "MENTION",
    "REPLICAS",
    "DRY_RUN",
    "ENABLED",
];

/// Reads variables, given as names and values.
pub(super) fn read(variables: impl Iterator<Item = (OsString, OsString)>) -> AlertConfigBuilder {
    // What is no text is nobody's name, and as a value it is refused where it is read.
    let variables = variables.filter_map(|(name, value)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into()))
    });
    // An empty variable is how many tools unset one.
    let variables: BTreeMap<String, String> =
        variables.filter(|(_, value): &(_, String)| !value.trim().is_empty()).collect();
    let mut reader = Reader { builder: AlertConfigBuilder::empty(), variables };
    reader.warn_of_unknown();
    reader.destination();
    reader.settings();
    reader.builder
}

struct Reader {
    builder: AlertConfigBuilder,
    variables: BTreeMap<String, String>,
}

impl Reader {
    fn get(&self, name: &str) -> Option<String> {
        self.variables.get(&format!("{PREFIX}{name}")).map(|value| value.trim().to_owned())
    }

    fn fault(&mut self, name: &str, problem: impl Into<String>) {
        self.builder.faults.push(ConfigFault::new(format!("{PREFIX}{name}"), problem));
    }

    fn destination(&mut self) {
        if self.flag("DRY_RUN") == Some(true) {
            self.builder.destinations.push((Destination::log(), false));
            return;
        }
        let found = self.destination_at(PREFIX) || self.destination_at("SLACK_");
        if !found {
            self.builder.disabled = Some(Disabled::NoDestination);
        }
    }

    /// Whether any variable of this level is set.
    fn destination_at(&mut self, prefix: &str) -> bool {
        let name = |suffix: &str| format!("{prefix}{suffix}");
        let get = |suffix: &str| self.variables.get(&name(suffix)).cloned();
        let (webhook, token) = (get("WEBHOOK_URL"), get("BOT_TOKEN"));
        let (channel, api) = (get("CHANNEL"), get("API_URL"));
        match (webhook, token) {
            (Some(_), Some(_)) => self.builder.faults.push(ConfigFault::new(
                format!("{prefix}WEBHOOK_URL and {prefix}BOT_TOKEN"),
                "are both set; keep one of them",
            )),
            (Some(url), None) => {
                if prefix == PREFIX && (channel.is_some() || api.is_some()) {
                    self.builder.warnings.push(format!(
                        "{prefix}CHANNEL and {prefix}API_URL are for a bot and have no effect \
                         with {prefix}WEBHOOK_URL"
                    ));
                }
                let destination = Destination::named_webhook(&name("WEBHOOK_URL"), &url);
                self.builder.destinations.push((destination, false));
            }
            (None, Some(token)) => {
                let (token_name, channel_name) = (name("BOT_TOKEN"), name("CHANNEL"));
                let channel = channel.unwrap_or_default();
                let settings = (token_name.as_str(), channel_name.as_str());
                let mut destination = Destination::named_bot(settings, &token, channel);
                if let Some(api) = api {
                    destination = destination.named_api_url(&name("API_URL"), &api);
                }
                self.builder.destinations.push((destination, false));
            }
            (None, None) if prefix == PREFIX && (channel.is_some() || api.is_some()) => {
                self.builder.faults.push(ConfigFault::new(
                    name("BOT_TOKEN"),
                    "is not set, but SLACK_ALERT_CHANNEL or SLACK_ALERT_API_URL is",
                ));
            }
            (None, None) => return false,
        }
        true
    }

    fn settings(&mut self) {
        self.builder.service = self.get("SERVICE");
        self.builder.environment = self.get("ENVIRONMENT");
        self.builder.release = self.get("RELEASE");
        if let Some(threshold) = self.duration("SLOW_AFTER") {
            self.builder.rules.slow_after = threshold;
            self.builder.slow_is_set = true;
        }
        self.builder.hung_after = self.duration("HUNG_AFTER");
        self.builder.rules.cancelled_after = self.duration("CANCELLED_AFTER");
        if let Some(quiet) = self.duration("CLOSE_AFTER") {
            self.builder.close_after = Some(quiet);
        }
        if let Some(paths) = self.get("IGNORE_PATHS") {
            for path in paths.split(',').map(str::trim).filter(|path| !path.is_empty()) {
                if path.starts_with('/') {
                    self.builder.rules.ignore.paths.push(path.to_owned());
                } else {
                    let shown: String = path.chars().take(80).collect();
                    self.fault(
                        "IGNORE_PATHS",
                        format!("must be paths that begin with /: {shown:?}"),
                    );
                }
            }
        }
        if let Some(replicas) = self.get("REPLICAS") {
            match replicas.parse() {
                Ok(replicas) => self.builder.policy.replicas = replicas,
                Err(_) => self.fault("REPLICAS", "must be a number from 1 to 10000"),
            }
        }
        self.mentions();
        if let Some(enabled) = self.flag("ENABLED") {
            self.builder.enabled = enabled;
        }
    }

    /// `panicked=S024BE7LH,failed=here`.
    fn mentions(&mut self) {
        let Some(rules) = self.get("MENTION") else { return };
        for rule in rules.split(',').map(str::trim).filter(|rule| !rule.is_empty()) {
            let (kind, who) = rule.split_once('=').unwrap_or((rule, ""));
            let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind.trim());
            match (kind, who.trim().parse::<Mention>()) {
                (Some(kind), Ok(mention)) => {
                    self.builder.policy.mentions.push(MentionRule::new(mention).kind(kind));
                }
                (None, _) => {
                    let known = Kind::ALL.map(Kind::as_str).join(", ");
                    let shown: String = rule.chars().take(80).collect();
                    self.fault("MENTION", format!("needs kind=who, a kind of {known}: {shown:?}"));
                }
                (_, Err(problem)) => self.fault("MENTION", problem),
            }
        }
    }

    fn duration(&mut self, name: &str) -> Option<Duration> {
        let value = self.get(name)?;
        match humantime::parse_duration(&value) {
            Ok(duration) if !duration.is_zero() => Some(duration),
            Ok(_) => {
                self.fault(name, "must be more than zero");
                None
            }
            Err(_) => {
                self.fault(name, "is not a duration; write 500ms, 2s or 1m");
                None
            }
        }
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        match self.get(name)?.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "on" => Some(true),
            "0" | "false" | "no" | "off" => Some(false),
            _ => {
                let problem = "must be true or false";
                let known = ConfigFault::new(format!("{PREFIX}{name}"), problem);
                if !self.builder.faults.contains(&known) {
                    self.builder.faults.push(known);
                }
                None
            }
        }
    }

    fn warn_of_unknown(&mut self) {
        for name in self.variables.keys() {
            let Some(suffix) = name.strip_prefix(PREFIX) else { continue };
            if KNOWN.contains(&suffix) {
                continue;
            }
            let nearest = KNOWN.iter().min_by_key(|known| distance(known, suffix));
            let hint = nearest
                .filter(|known| distance(known, suffix) <= 1 + suffix.len() / 3)
                .map(|known| format!("; did you mean {PREFIX}{known}?"))
                .unwrap_or_default();
            let shown: String = name.chars().take(80).collect();
            self.builder.warnings.push(format!("{shown} is not known and has no effect{hint}"));
        }
    }
}

/// How many letters have to be changed, added or left out.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            let cost = diagonal + usize::from(x != *y);
            diagonal = *above;
            left = cost.min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ConfigError;

    fn with(variables: &[(&str, &str)]) -> AlertConfigBuilder {
        read(variables.iter().map(|(name, value)| (name.into(), value.into())))
    }

    fn faults(error: &ConfigError) -> Vec<&str> {
        error.faults().iter().map(super::ConfigFault::setting).collect()
    }

    const HOOK: &str = "https://hooks.slack.com/services/T0/B0/canary77";

    #[test]
    fn nothing_set_is_disabled_and_no_error() {
        let config = with(&[("PATH", "/bin"), ("SLACK_ALERT_WEBHOOK_URL", "")]).build().unwrap();
        assert_eq!(config.disabled, Some(Disabled::NoDestination));
    }

    #[cfg(feature = "__http")]
    #[test]
    fn long_names_win_over_short_ones() {
        let config = with(&[
            ("SLACK_ALERT_BOT_TOKEN", "xoxb-1"),
            ("SLACK_ALERT_CHANNEL", "C1"),
            ("SLACK_WEBHOOK_URL", HOOK),
        ]);
        assert_eq!(config.build().unwrap().destinations[0].name, "bot");
        let config = with(&[("SLACK_WEBHOOK_URL", HOOK), ("SLACK_ALERT_SERVICE", "shop")]);
        let config = config.build().unwrap();
        assert_eq!(config.destinations[0].name, "webhook");
        assert_eq!(config.identity.service(), "shop");
        let config = with(&[("SLACK_CHANNEL", "C1")]).build().unwrap();
        assert_eq!(config.disabled, Some(Disabled::NoDestination));
    }

    #[test]
    fn every_fault_is_named_at_once_without_the_secret() {
        let error = with(&[
            ("SLACK_ALERT_WEBHOOK_URL", "http://hooks.slack.com/services/canary77"),
            ("SLACK_ALERT_SLOW_AFTER", "fast"),
            ("SLACK_ALERT_CLOSE_AFTER", "0s"),
            ("SLACK_ALERT_IGNORE_PATHS", "/ok, healthz"),
            ("SLACK_ALERT_ENABLED", "maybe"),
        ])
        .build()
        .unwrap_err();
        assert_eq!(
            faults(&error),
            [
                "SLACK_ALERT_SLOW_AFTER",
                "SLACK_ALERT_CLOSE_AFTER",
                "SLACK_ALERT_IGNORE_PATHS",
                "SLACK_ALERT_ENABLED",
                "SLACK_ALERT_WEBHOOK_URL",
            ]
        );
        assert!(!format!("{error} {error:?}").contains("canary77"));
    }

    #[test]
    fn both_kinds_or_half_a_bot_are_errors() {
        let both = with(&[("SLACK_WEBHOOK_URL", HOOK), ("SLACK_BOT_TOKEN", "xoxb-1")]);
        assert_eq!(faults(&both.build().unwrap_err()), ["SLACK_WEBHOOK_URL and SLACK_BOT_TOKEN"]);
        let no_channel = with(&[("SLACK_ALERT_BOT_TOKEN", "xoxb-1")]);
        assert_eq!(faults(&no_channel.build().unwrap_err()), ["SLACK_ALERT_CHANNEL"]);
        let no_token = with(&[("SLACK_ALERT_CHANNEL", "C1")]);
        assert_eq!(faults(&no_token.build().unwrap_err()), ["SLACK_ALERT_BOT_TOKEN"]);
    }

    #[test]
    fn a_misspelt_name_is_said_with_the_nearest_one() {
        let builder = with(&[("SLACK_ALERT_SLOW_AFTR", "2s"), ("SLACK_ALERT_XYZ", "1")]);
        assert_eq!(
            builder.warnings,
            [
                "SLACK_ALERT_SLOW_AFTR is not known and has no effect; did you mean \
                 SLACK_ALERT_SLOW_AFTER?",
                "SLACK_ALERT_XYZ is not known and has no effect",
            ]
        );
    }

    #[test]
    fn settings_are_read_and_setters_override_them() {
        let variables = [
            ("SLACK_ALERT_DRY_RUN", "1"),
            ("SLACK_ALERT_SLOW_AFTER", "1m 30s"),
            ("SLACK_ALERT_IGNORE_PATHS", "/healthz, /metrics"),
        ];
        let config = with(&variables).build().unwrap();
        assert_eq!(config.destinations[0].name, "log");
        assert_eq!(config.rules.slow_after, Duration::from_secs(90));
        assert_eq!(config.rules.ignore.paths, ["/healthz", "/metrics"]);
        let config = with(&variables).slow_after(Duration::from_secs(2)).build().unwrap();
        assert_eq!(config.rules.slow_after, Duration::from_secs(2));
    }

    #[test]
    fn mentions_replicas_and_hung_after_are_read() {
        let config = with(&[
            ("SLACK_ALERT_DRY_RUN", "1"),
            ("SLACK_ALERT_ENVIRONMENT", "prod"),
            ("SLACK_ALERT_MENTION", "panicked=S024BE7LH, failed=here"),
            ("SLACK_ALERT_REPLICAS", "4"),
            ("SLACK_ALERT_HUNG_AFTER", "1m"),
        ]);
        let config = config.build().unwrap();
        let rules = [
            MentionRule::new(Mention::group("S024BE7LH")).kind(Kind::Panicked),
            MentionRule::new(Mention::here()).kind(Kind::Failed),
        ];
        assert_eq!(config.policy.mentions, rules);
        assert_eq!((config.policy.replicas, config.warnings.len()), (4, 0));
        assert_eq!(config.rules.hung_after, Duration::from_secs(60));
        let error = with(&[
            ("SLACK_ALERT_DRY_RUN", "1"),
            ("SLACK_ALERT_MENTION", "crashed=here,failed=bob,slow"),
            ("SLACK_ALERT_REPLICAS", "many"),
            ("SLACK_ALERT_SLOW_AFTER", "1m"),
            ("SLACK_ALERT_HUNG_AFTER", "1s"),
        ]);
        let error = error.build().unwrap_err();
        let mention = "SLACK_ALERT_MENTION";
        let expected = ["SLACK_ALERT_REPLICAS", mention, mention, mention, "hung_after"];
        assert_eq!(faults(&error), expected);
    }

    /// Values as they are, and values that are nearly right.
    #[cfg(unix)]
    fn value() -> impl Strategy<Value = Vec<u8>> {
        let nearly = "[0-9]{0,20}(ms|s|h)?|(true|false|panicked=here,|/a,){0,3}\\PC{0,4}\
                      |https://hooks[^ ]{0,9}/\\PC{0,30}|xoxb-\\PC{0,30}";
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..60),
            any::<String>().prop_map(String::into_bytes),
            nearly.prop_map(String::into_bytes),
        ]
    }

    /// A value that is right, for each name in `KNOWN`.
    #[cfg(unix)]
    const RIGHT: [&str; KNOWN.len()] = [
        HOOK,
        "xoxb-1-canary77-canary77",
        "C024BE91L",
        "https://slack.example/api",
        "shop",
        "prod",
        "1.2.3",
        "1m 30s",
        "2m",
        "10s",
        "20m",
        "/healthz, /metrics",
        "panicked=here",
        "4",
        "1",
        "true",
    ];

    #[cfg(unix)]
    #[test]
    fn any_bytes_are_read_or_refused_by_name_and_no_secret_is_shown() {
        use std::cell::Cell;
        use std::os::unix::ffi::OsStringExt;

        use proptest::test_runner::{Config, TestRunner};

        // Those of Slack's own tools, and some that nobody knows.
        let named = |at: usize, name: &[u8]| match KNOWN.get(at) {
            Some(known) => format!("{PREFIX}{known}").into_bytes(),
            None => match at - KNOWN.len() {
                0 => b"SLACK_WEBHOOK_URL".to_vec(),
                1 => b"SLACK_BOT_TOKEN".to_vec(),
                2 => [PREFIX.as_bytes(), name].concat(),
                _ => name.to_vec(),
            },
        };
        let right = |at: usize| RIGHT.get(at).map_or(&b"1"[..], |right| right.as_bytes()).to_vec();
        let one = (0..KNOWN.len() + 4, proptest::option::weighted(0.25, value()));
        let given =
            (proptest::collection::vec(one, 1..6), proptest::collection::vec(any::<u8>(), 0..20));
        let (accepted, refused) = (Cell::new(0), Cell::new(0));
        type Values = Vec<(usize, Option<Vec<u8>>)>;
        let read_one = |(values, name): (Values, Vec<u8>)| {
            let given: BTreeMap<_, _> = values
                .into_iter()
                .map(|(at, value)| (named(at, &name), value.unwrap_or_else(|| right(at))))
                .collect();
            let variables = given.iter().map(|(name, value)| {
                (OsString::from_vec(name.clone()), OsString::from_vec(value.clone()))
            });
            let built = read(variables).build();
            let said = match &built {
                Ok(config) => {
                    let some = usize::from(!config.destinations.is_empty());
                    accepted.set(accepted.get() + some);
                    format!("{config:?}")
                }
                Err(error) => {
                    refused.set(refused.get() + 1);
                    prop_assert!(!error.faults().is_empty());
                    prop_assert!(error.faults().iter().all(|fault| !fault.setting().is_empty()));
                    format!("{error} {error:?}")
                }
            };
            for (name, value) in given {
                let is_secret = name.ends_with(b"WEBHOOK_URL") || name.ends_with(b"BOT_TOKEN");
                let value = String::from_utf8_lossy(&value);
                let secret = value.trim().trim_start_matches("https://hooks");
                if is_secret && secret.len() > 16 {
                    prop_assert!(!said.contains(secret), "{said}");
                }
            }
            Ok(())
        };
        let cases = Config { cases: 256, failure_persistence: None, ..Config::default() };
        if let Err(failure) = TestRunner::new(cases).run(&given, read_one) {
            panic!("{failure}");
        }
        let (accepted, refused) = (accepted.get(), refused.get());
        assert!(accepted >= 5 && refused >= 5, "{accepted} with a destination, {refused} refused");
    }
}
