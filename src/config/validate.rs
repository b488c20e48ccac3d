//! Checks what a builder recorded, and makes of it what the rooms need.

use std::time::Duration;

use http::header::{self, HeaderName};

use crate::incident::TellAfter;
use crate::observation::{Identity, REQUEST_ID, TRACE_PARENT};
use crate::service::StatusSet;
use crate::worker::DestinationSetup;

use super::{AlertConfigBuilder, ConfigFault};

/// Names and values shown in every message are at most so long.
const MAX_NAME: usize = 64;
const MAX_HEADERS: usize = 6;

const SHORTER_THAN_SLOW: &str = "must not be shorter than slow_after";

const HAS_HTTP: bool = cfg!(feature = "__http");

impl AlertConfigBuilder {
    pub(super) fn destinations(&mut self, faults: &mut Vec<ConfigFault>) -> Vec<DestinationSetup> {
        let mut setups: Vec<DestinationSetup> = Vec::new();
        let mut kinds: Vec<&str> = Vec::new();
        for (destination, is_fallback) in self.destinations.drain(..) {
            match destination.into_setup() {
                Ok((kind, channel)) => {
                    kinds.push(kind);
                    let nth = kinds.iter().filter(|known| **known == kind).count();
                    let name = if nth > 1 { format!("{kind}-{nth}") } else { kind.to_owned() };
                    setups.push(DestinationSetup { name, is_fallback, channel });
                }
                Err(fault) => faults.push(fault),
            }
        }
        let speaks_http = kinds.iter().any(|kind| matches!(*kind, "webhook" | "bot"));
        if speaks_http && !HAS_HTTP {
            faults.push(ConfigFault::new(
                "destination",
                "needs one of the features `rustls`, `rustls-no-provider`, `native-tls`",
            ));
        }
        setups
    }

    pub(super) fn identity(&mut self, faults: &mut Vec<ConfigFault>) -> Identity {
        let mut named = |setting: &str, value: Option<String>| {
            let value = value?;
            let trimmed = value.trim();
            if trimmed.is_empty() || trimmed.chars().count() > MAX_NAME {
                faults.push(ConfigFault::new(setting, "must have 1 to 64 characters"));
            } else if trimmed.chars().any(char::is_control) {
                faults.push(ConfigFault::new(setting, "must not have control characters"));
            }
            Some(trimmed.to_owned())
        };
        Identity {
            service: named("service", self.service.take()).unwrap_or_else(binary_name),
            environment: named("environment", self.environment.take()),
            release: named("release", self.release.take()),
            instance: named("instance", self.instance.take()).unwrap_or_else(host_name),
        }
    }

    pub(super) fn check_thresholds(&self, faults: &mut Vec<ConfigFault>) {
        check_positive("slow_after", Some(self.rules.slow_after), faults);
        check_positive("blocked_after", Some(self.rules.blocked_after), faults);
        check_positive("cancelled_after", self.rules.cancelled_after, faults);
    }

    /// An explicit `hung_after` below an explicit `slow_after` is a mistake.
    pub(super) fn take_hung_after(&mut self, faults: &mut Vec<ConfigFault>) {
        let Some(hung_after) = self.hung_after.take() else { return };
        check_positive("hung_after", Some(hung_after), faults);
        if self.slow_is_set && hung_after < self.rules.slow_after {
            faults.push(ConfigFault::new("hung_after", SHORTER_THAN_SLOW));
        }
        self.rules.hung_after = hung_after;
    }

    pub(super) fn check_ignores(&self, faults: &mut Vec<ConfigFault>) {
        for path in self.rules.ignore.paths.iter().filter(|path| !path.starts_with('/')) {
            let shown: String = path.chars().take(MAX_NAME).collect();
            faults.push(ConfigFault::new("ignore_path", format!("must begin with /: {shown:?}")));
        }
    }

    pub(super) fn check_http(&self, faults: &mut Vec<ConfigFault>) {
        let limits = Duration::from_millis(100)..=Duration::from_secs(60);
        if !limits.contains(&self.http.total_timeout) {
            faults.push(ConfigFault::new("request_timeout", "must be from 100 ms to 60 s"));
        }
        if let Err((setting, problem)) = self.http.check() {
            faults.push(ConfigFault::new(setting, problem));
        }
    }

    pub(super) fn take_headers(&mut self, faults: &mut Vec<ConfigFault>) {
        let mut names = Vec::new();
        if self.needs_trace {
            names.push(TRACE_PARENT.clone());
        }
        for name in self.extra_headers.drain(..) {
            match HeaderName::try_from(name.to_ascii_lowercase()) {
                Err(_) => faults.push(ConfigFault::new("header", "is not a header's name")),
                Ok(name) if is_credential(name.as_str()) => faults.push(ConfigFault::new(
                    "header",
                    format!("{name} carries credentials and is never told"),
                )),
                // Those two are told anyway.
                Ok(name) if name == REQUEST_ID || name == header::USER_AGENT => {}
                Ok(name) if names.contains(&name) => {}
                Ok(name) => names.push(name),
            }
        }
        if names.len() > MAX_HEADERS + usize::from(self.needs_trace) {
            faults.push(ConfigFault::new("header", "is set for more than 6 further headers"));
        }
        self.rules.headers = names.into();
    }

    pub(super) fn take_statuses(&mut self, faults: &mut Vec<ConfigFault>) {
        let Some(codes) = self.failure_statuses.take() else { return };
        if codes.iter().any(|code| !(100..=999).contains(code)) {
            faults.push(ConfigFault::new("failure_statuses", "must be codes from 100 to 999"));
        }
        self.rules.failure_statuses = StatusSet::of(codes);
    }

    pub(super) fn take_routes(&mut self, faults: &mut Vec<ConfigFault>) {
        for (template, config) in std::mem::take(&mut self.routes) {
            self.take_runbook(&template, config.runbook, faults);
            let setting = |name: &str| format!("route({template:?}) {name}");
            check_positive(&setting("slow_after"), config.rules.slow_after, faults);
            check_positive(&setting("cancelled_after"), config.rules.cancelled_after, faults);
            check_positive(&setting("hung_after"), config.rules.hung_after, faults);
            if config.rules.hung_after.zip(config.rules.slow_after).is_some_and(|(h, s)| h < s) {
                faults.push(ConfigFault::new(setting("hung_after"), SHORTER_THAN_SLOW));
            }
            // The last call for a route stands.
            self.policy.tell_after.retain(|rule| rule.route.as_ref() != Some(&template));
            self.policy.mentions.retain(|rule| !rule.is_on(&template));
            for rule in config.mentions {
                self.policy.mentions.push(rule.route(template.clone()));
            }
            for rule in config.tell_after {
                let route = Some(template.clone());
                self.policy.tell_after.push(TellAfter { route, ..rule });
            }
            self.rules.routes.insert(template, config.rules);
        }
    }

    pub(super) fn check_policy(&self, faults: &mut Vec<ConfigFault>) {
        let found = self.policy.faults().into_iter();
        faults.extend(found.map(|(setting, problem)| ConfigFault::new(setting, problem)));
    }

    /// Somebody who is never mentioned should know.
    pub(super) fn warn_of_mentions(&mut self, identity: &Identity) {
        let environments = &self.policy.mention_environments;
        let here = identity.environment();
        let mut rules = self.policy.mentions.iter();
        if rules.len() > 0 && rules.all(|rule| !rule.is_for(here, environments)) {
            let here =
                here.map_or("no environment is set".to_owned(), |here| format!("this is {here:?}"));
            self.warnings.push(format!(
                "nobody will be mentioned: {here}, and mentions are for {}; see \
                 mention_environments",
                environments.join(", ")
            ));
        }
    }
}

fn check_positive(setting: &str, duration: Option<Duration>, faults: &mut Vec<ConfigFault>) {
    const LONGEST: Duration = Duration::from_secs(366 * 86_400);
    if duration.is_some_and(|duration| duration.is_zero() || duration > LONGEST) {
        faults.push(ConfigFault::new(setting, "must be more than zero and at most a year"));
    }
}

fn is_credential(name: &str) -> bool {
    const PARTS: [&str; 8] = [
        "authorization",
        "cookie",
        "token",
        "secret",
        "api-key",
        "apikey",
        "password",
        "credential",
    ];
    PARTS.iter().any(|part| name.contains(part))
}

fn binary_name() -> String {
    let path = std::env::current_exe().ok();
    let stem = path.as_deref().and_then(|path| path.file_stem()?.to_str());
    stem.unwrap_or("service").chars().take(MAX_NAME).collect()
}

fn host_name() -> String {
    let name = hostname::get().ok().and_then(|name| name.into_string().ok());
    let name: String = name.unwrap_or_default().chars().take(MAX_NAME).collect();
    if name.trim().is_empty() { "unknown host".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AlertConfig, ConfigError, Destination, IncidentPolicy, Kind};

    fn faults(error: &ConfigError) -> Vec<&str> {
        error.faults().iter().map(ConfigFault::setting).collect()
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let error = AlertConfig::builder(Destination::log().render(|_: &_| None))
            .service(" ")
            .environment("x".repeat(65))
            .release("a\nb")
            .slow_after(Duration::ZERO)
            .cancelled_after(Duration::MAX)
            .ignore_path("healthz")
            .request_timeout(Duration::from_secs(61))
            .header("not a name")
            .header("X-Auth-Token")
            .failure_statuses([99, 500])
            .route("/a", |route| route.slow_after(Duration::ZERO))
            .policy(IncidentPolicy::new().digests([]))
            .tell_after(Kind::Failed, 0, Duration::ZERO)
            .build()
            .unwrap_err();
        let expected = [
            "render",
            "service",
            "environment",
            "release",
            "slow_after",
            "cancelled_after",
            "ignore_path",
            "request_timeout",
            "header",
            "header",
            "failure_statuses",
            "route(\"/a\") slow_after",
            "policy.digests",
            "tell_after",
            "tell_after window",
        ];
        assert_eq!(faults(&error), expected);
    }

    #[test]
    fn what_the_client_could_not_use_is_found_at_once() {
        let builder = || AlertConfig::builder(Destination::log());
        let error = builder().proxy("not a proxy").build().unwrap_err();
        assert_eq!(faults(&error), ["proxy"]);
        if HAS_HTTP {
            let pem = "-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n";
            let error = builder().root_certificate_pem(pem).build().unwrap_err();
            assert_eq!(faults(&error), ["root_certificate_pem"]);
            let said =
                |pem: &str| builder().root_certificate_pem(pem).build().unwrap_err().to_string();
            let none = "root_certificate_pem is not a PEM certificate";
            assert!(said("junk").contains(none), "{}", said("junk"));
            // PEM, and no certificate.
            let other = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
            assert!(said(other).contains("root_certificate_pem"), "{}", said(other));
        }
    }

    #[test]
    fn the_last_call_for_a_route_stands() {
        let minute = Duration::from_secs(60);
        let config = AlertConfig::builder(Destination::log())
            .route("/a", |route| route.tell_after(Kind::Failed, 5, minute))
            .route("/a", |route| route.slow_after(minute))
            .build()
            .unwrap();
        assert!(config.policy.tell_after.is_empty());
        assert_eq!(config.rules.routes["/a"].slow_after, Some(minute));
    }
}
