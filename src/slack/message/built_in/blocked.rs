//! What is said of requests that block the async runtime.

use std::time::Duration;

use crate::incident::IncidentView;
use crate::observation::{Blocked, Key, Sample, spoken};

use super::Line;
use super::names::{name, request};

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

/// The last block, or how many there were.
pub(super) fn headline(view: &IncidentView, line: Line) -> Line {
    let (last, count) = match view.block {
        Some((last, count)) => (Some(last), count),
        None => (longest(view).copied(), 1),
    };
    let Some(last) = last else { return name(view.key(), line) };
    if count <= 1 {
        return said(view.key(), Some(&last), last.lasted(), line);
    }
    let lasted = spoken::duration(last.lasted());
    let line = line.text(format!("async runtime blocked {count} times, last for {lasted}, by "));
    request(view.key(), line)
}

/// Whether it is about one block only, whose headline counts those who waited.
pub(super) fn is_one(view: &IncidentView) -> bool {
    view.block.map_or(1, |(_, count)| count) <= 1
}

/// The longest one that the samples know.
fn longest(view: &IncidentView) -> Option<&Blocked> {
    let samples = view.samples();
    let samples = [samples.first(), samples.last(), samples.slowest()];
    let known = samples.into_iter().flatten().filter_map(Sample::blocked);
    known.max_by_key(|blocked| blocked.lasted())
}
