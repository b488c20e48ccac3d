//! Settings of what is told besides: where it panicked, what was logged, how
//! the time was spent, where to look next.

use std::error::Error;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use crate::capture::PanicBacktrace;
use crate::slack::{Link, MAX_LINKS, check_url};
use crate::worker::Gauge;

use super::{AlertConfigBuilder, ConfigFault};

/// So many gauges, with names of so many characters.
const MAX_GAUGES: usize = 8;
const MAX_NAME: usize = 40;

impl AlertConfigBuilder {
    /// Whether to install a panic hook, in front of the one that is there, so
    /// that panics are told with their place. It is installed once in a
    /// process and calls the previous one; a hook set later without calling it
    /// leaves panics told by their text alone. Default: `true`.
    pub fn panic_hook(mut self, installed: bool) -> Self {
        self.panic_hook = installed;
        self
    }

    /// Whether panics are told with a backtrace. It counts for the whole
    /// process: of several layers, the last one that asks for `Always` or `Never`
    /// has its way. Default: as `RUST_BACKTRACE` says.
    pub fn panic_backtrace(mut self, backtrace: PanicBacktrace) -> Self {
        self.panic_backtrace = backtrace;
        self
    }

    /// Whether panics outside of any request are told as well: in spawned
    /// tasks, jobs and `spawn_blocking`, also when somebody catches them.
    /// Needs the panic hook. Default: `false`.
    pub fn background_panics(mut self, told: bool) -> Self {
        self.rules.background_panics = told;
        self
    }

    /// Whether errors that are logged are told by themselves: outside of any
    /// request, and in one that ended well. Needs a
    #[cfg_attr(feature = "request-logs", doc = "[`RequestLogLayer`](crate::RequestLogLayer)")]
    #[cfg_attr(not(feature = "request-logs"), doc = "`RequestLogLayer` (feature `request-logs`)")]
    /// in the `tracing` subscriber. A log in a loop is one incident. Default:
    /// `false`.
    pub fn error_logs(mut self, told: bool) -> Self {
        self.rules.error_logs = told;
        self
    }

    /// Adds an error type of services or bodies whose causes are told. The
    /// layer asks no more of an error than `Display`, so it has to know the
    /// type; boxed errors, `std::io::Error` and axum's are known.
    pub fn error_type<E: Error + 'static>(mut self) -> Self {
        self.rules.error_types.add::<E>();
        self
    }

    /// Whether the time of each poll is measured, by two looks at the clock: then
    /// slow requests say whether they waited, computed, or blocked the
    /// async runtime. Default: `true`.
    pub fn poll_accounting(mut self, measured: bool) -> Self {
        self.rules.poll_accounting = measured;
        self
    }

    /// When requests that are being polled at once, without a break, have the
    /// async runtime blocked: that is one alert, which names them, in place of
    /// those of all that waited. Needs `poll_accounting`. Default: 1 s.
    pub fn blocked_after(mut self, threshold: Duration) -> Self {
        self.rules.blocked_after = threshold;
        self
    }

    /// Adds a value that slow and hung requests are told with, such as the idle
    /// connections of a pool; at most 8, with names of at most 40 characters. It
    /// is read on a thread of its own when such an alert is built; when it takes
    /// longer than 250 ms or panics, it is left out.
    ///
    /// ```
    /// # use tower_slack_alert::{AlertConfig, Destination};
    /// # fn num_idle() -> usize { 3 }
    /// let config = AlertConfig::builder(Destination::log()).gauge("db idle", || num_idle());
    /// # config.build().unwrap();
    /// ```
    pub fn gauge<V: Display>(
        mut self,
        name: impl Into<String>,
        read: impl Fn() -> V + Send + Sync + 'static,
    ) -> Self {
        let read = Arc::new(move || read().to_string());
        self.gauges.push(Gauge { name: name.into(), read });
        self
    }

    /// Adds a button to each alert; at most 5. The URL may hold the values
    /// `{trace_id}` (of the header `traceparent`), `{request_id}`, `{route}`,
    /// `{method}`, and `{from}` and `{to}`: the incident's time with 5 minutes
    /// around it, in milliseconds since 1970. They are percent-encoded; a button
    /// with a value that an alert does not know is left out of it.
    ///
    /// ```
    /// # use tower_slack_alert::{AlertConfig, Destination};
    /// let config = AlertConfig::builder(Destination::log())
    ///     .link("Trace", "https://tracing.example.com/trace/{trace_id}")
    ///     .link("Logs", "https://logs.example.com/?route={route}&from={from}&to={to}");
    /// # config.build().unwrap();
    /// ```
    pub fn link(mut self, title: impl Into<String>, url: impl Into<String>) -> Self {
        self.links.push((title.into(), url.into()));
        self
    }

    pub(super) fn take_links(&mut self, faults: &mut Vec<ConfigFault>) {
        if self.links.len() > MAX_LINKS {
            faults.push(ConfigFault::new("link", "is set more than 5 times"));
        }
        for (title, template) in self.links.drain(..) {
            match Link::parse(&title, &template) {
                Ok(link) => {
                    self.needs_trace |= link.needs_trace();
                    self.slack_links.add(link);
                }
                Err(problem) => {
                    let title: String = title.chars().take(MAX_NAME).collect();
                    faults.push(ConfigFault::new(format!("link({title:?})"), problem));
                }
            }
        }
    }

    pub(super) fn take_runbook(
        &mut self,
        template: &str,
        url: Option<String>,
        faults: &mut Vec<ConfigFault>,
    ) {
        let Some(url) = url else { return };
        match check_url(&url) {
            Ok(()) => self.slack_links.add_runbook(template.to_owned(), url),
            Err(problem) => {
                faults.push(ConfigFault::new(format!("route({template:?}) runbook"), problem));
            }
        }
    }

    pub(super) fn check_gauges(&self, faults: &mut Vec<ConfigFault>) {
        if self.gauges.len() > MAX_GAUGES {
            faults.push(ConfigFault::new("gauge", "is set more than 8 times"));
        }
        let is_named = |gauge: &Gauge| (1..=MAX_NAME).contains(&gauge.name.trim().chars().count());
        if !self.gauges.iter().all(is_named) {
            faults.push(ConfigFault::new("gauge", "must have a name of 1 to 40 characters"));
        }
    }
}
