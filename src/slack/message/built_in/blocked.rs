//! What is said of requests that block the async runtime.

use std::time::Duration;

use crate::incident::IncidentView;
use crate::observation::{Blocked, Key, Sample, spoken};

use super::Line;
use super::names::request;

/// `async runtime blocked 4.1 s by GET /block/{millis} (2 threads), 38 requests
/// waited`.
pub(super) fn said(key: &Key, blocked: Option<&Blocked>, lasted: Duration, line: Line) -> Line {
    let lasted = spoken::duration(lasted);
    let line = request(key, line.text(format!("async runtime blocked {lasted} by ")));
    let Some(blocked) = blocked else { return line };
    let threads = match blocked.threads() {
        1 => "1 thread".to_owned(),
        threads => format!("{threads} threads"),
    };
    let line = line.text(format!(" ({threads})"));
    match blocked.waited() {
        0 => line,
        1 => line.text(", 1 request waited"),
        waited => line.text(format!(", {} requests waited", spoken::count(waited.into()))),
    }
}

/// The longest one that the samples know.
pub(super) fn longest(view: &IncidentView) -> Option<&Blocked> {
    let samples = view.samples();
    let samples = [samples.first(), samples.last(), samples.slowest()];
    let known = samples.into_iter().flatten().filter_map(Sample::blocked);
    known.max_by_key(|blocked| blocked.lasted())
}
