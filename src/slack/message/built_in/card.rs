//! The card below a headline: causes and context.

use std::time::Duration;

use crate::incident::IncidentView;
use crate::observation::{Key, Kind, Sample, spoken};

use super::Line;
use super::names::{named, place};

/// So long after its start a process says so first.
const FRESH: Duration = Duration::from_secs(60);

/// `connection refused ← pool timed out`, unless the headline, which shows
/// the first `shown` bytes, said it already.
pub(super) fn causes(sample: &Sample, shown: usize) -> Line {
    let causes: Vec<&str> = sample.causes().collect();
    match causes.as_slice() {
        [] => Line::new(),
        [one] if one.len() <= shown => Line::new(),
        all => {
            let text = all.join(" ← ");
            Line::new().code(text)
        }
    }
}

/// `latest: GET /cart · index out of bounds`, below a headline with numbers.
pub(super) fn latest(view: &IncidentView, sample: &Sample) -> Line {
    let said = match (place(view.key(), sample, Line::new()), causes(sample, 0)) {
        (place, causes) if causes.is_empty() => place,
        (place, causes) => place.dot().join(causes),
    };
    match said.is_empty() {
        true => said,
        false => Line::new().text("latest: ").join(said),
    }
}

/// Which request, where, since when: `/orders/1234 · request 01JX… · pod-7 ·
/// 1.8.2, up 4 min · 61 in flight`.
pub(super) fn context(view: &IncidentView, sample: &Sample) -> Line {
    context_of(view, view.key(), sample)
}

/// As [`context`], below what names `key`.
pub(super) fn context_of(view: &IncidentView, key: &Key, sample: &Sample) -> Line {
    let up = view.uptime_at(sample.at());
    let is_fresh = up < FRESH;
    // Right after a deploy, that is the news.
    let mut line = match is_fresh {
        true => Line::new().text(format!("{} after start", spoken::span(up))),
        false => Line::new(),
    };
    if key.kind() == Kind::Logged {
        line = line.dot().text("at ").time(view.wall_at(sample.at()), view.now().wall);
    }
    let named = named(key, sample);
    let names_method = named.is_some_and(|(method, _)| method.as_str() == sample.method());
    let names_path = named.is_some_and(|(_, route)| route.as_str() == sample.path());
    let is_named = names_method && names_path && sample.query().is_empty();
    if !sample.path().is_empty() && !is_named {
        let query = match sample.query() {
            "" => String::new(),
            query => format!("?{query}"),
        };
        let method = match sample.method() {
            method if names_method || method.is_empty() => String::new(),
            method => format!("{method} "),
        };
        line = line.dot().code(format!("{method}{}{query}", sample.path()));
    }
    let agent = http::header::USER_AGENT;
    for (name, value) in sample.headers().filter(|(name, _)| *name != agent.as_str()) {
        let (name, value) = match name {
            "x-request-id" => ("request", value),
            "traceparent" => ("trace", value),
            name => (name, value),
        };
        line = line.dot().text(format!("{name} ")).code(value);
    }
    for (name, value) in sample.notes() {
        line = line.dot().code(format!("{name} {value}"));
    }
    line = line.dot().code(view.identity().instance());
    line = deployed(view, (!is_fresh).then_some(up), line);
    if view.is_new() && *key != Key::Cut && !is_fresh && view.counts().total() == view.fresh() {
        line = line.dot().text("first since this process started");
    }
    if sample.in_flight() > 1 {
        let count = spoken::count(sample.in_flight() as u64);
        line = line.dot().text(format!("{count} in flight"));
    }
    match sample.header(&agent) {
        Some(agent) => line.dot().text("from ").code(agent),
        None => line,
    }
}

pub(super) fn deployment(view: &IncidentView, line: Line) -> Line {
    deployed(view, Some(view.uptime()), line)
}

fn deployed(view: &IncidentView, up: Option<Duration>, line: Line) -> Line {
    let up = up.map(|up| format!("up {}", spoken::span(up)));
    match (view.identity().release(), up) {
        (Some(release), Some(up)) => line.dot().code(release).text(format!(", {up}")),
        (Some(release), None) => line.dot().code(release),
        (None, Some(up)) => line.dot().text(up),
        (None, None) => line,
    }
}

pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(
            (size(12), size(1_250), size(12_300_000)),
            ("12 B".into(), "1.2 kB".into(), "12.3 MB".into())
        );
    }
}
