//! The built-in rendering of an [`IncidentView`].

use std::time::SystemTime;

use crate::delivery::Op;
use crate::incident::{IncidentView, Moment};
use crate::observation::{Key, Kind, Outcome, Route, Sample, Status, floor_boundary, spoken};

use super::{Color, Line, SlackMessage};

/// A reason in a headline is cut after so many bytes.
const HEADLINE_REASON: usize = 80;

/// Renders a view the way the crate does unless it is told otherwise.
pub(crate) fn render(view: &IncidentView, op: Op<'_>) -> SlackMessage {
    let mut message = match view.moment() {
        Moment::First => first(view),
        Moment::Progress => progress(view, op),
        Moment::Stopped => stopped(view),
        Moment::Test => test(view),
    };
    if let Some(outage) = view.outage() {
        message = message.paragraph(Line::new().text(format!(
            "Alerts could not be delivered for {}; all counts go on from before that.",
            spoken::span(outage)
        )));
    }
    if view.maybe_repeat() {
        message = message.paragraph(
            Line::new().text("This may be a repeat: an earlier attempt was not answered."),
        );
    }
    message
}

fn first(view: &IncidentView) -> SlackMessage {
    let kind = view.key().kind();
    let sample = view.samples().first();
    let mut headline = what(view.key(), sample, opening(icon(kind), view));
    if view.counts().total() > 1 {
        headline = headline.dot().text(format!("{} so far", spoken::count(view.counts().total())));
    }
    let mut message = SlackMessage::new(headline).color(color(kind));
    if let Some(sample) = sample {
        message =
            message.paragraph(causes(sample, HEADLINE_REASON)).paragraph(context(view, sample));
    }
    if view.stopped() {
        message = message.paragraph(
            Line::new()
                .text("No longer watched: ")
                .code(view.identity().instance())
                .text(format!(" stopped {}", clock_time(view.now().wall, view.now().wall))),
        );
    }
    message
}

fn progress(view: &IncidentView, op: Op<'_>) -> SlackMessage {
    let kind = view.key().kind();
    let total = spoken::count(view.counts().total());
    let since = clock_time(view.since(), view.now().wall);
    let mut headline = name(view.key(), opening(icon(kind), view)).dot();
    headline = match op {
        // The message it replaces told the smaller count.
        Op::Update(_) => headline.text(format!("{total} since {since}")),
        _ if view.fresh() > 0 && view.fresh() < view.counts().total() => {
            headline.text(format!("{} more · {total} since {since}", spoken::count(view.fresh())))
        }
        _ => headline.text(format!("{total} since {since}")),
    };
    let mut numbers = Line::new();
    if let Some(last) = view.counts().last() {
        let last = clock_time(view.now().wall_at(last), view.now().wall);
        numbers = numbers.text(format!("last {last}"));
    }
    numbers = numbers.dot().text(format!("slowest {}", spoken::duration(view.counts().slowest())));
    if view.moved_out() > 0 {
        numbers = numbers.dot().text(format!(
            "{} more ended worse and are told there",
            spoken::count(view.moved_out())
        ));
    }
    if view.moved_in() > 0 {
        let count = spoken::count(view.moved_in());
        numbers = numbers.dot().text(format!("{count} of them were told as slow before"));
    }
    let mut message = SlackMessage::new(headline).color(color(kind)).paragraph(numbers);
    if let Some(sample) = view.samples().last() {
        let mut latest = causes(sample, 0);
        if !latest.is_empty() {
            latest = Line::new().text("latest: ").join(latest);
        }
        message = message.paragraph(latest).paragraph(context(view, sample));
    }
    message
}

fn stopped(view: &IncidentView) -> SlackMessage {
    let stopped_at = clock_time(view.now().wall, view.now().wall);
    let total = spoken::count(view.counts().total());
    let opening = opening("⏹", view).text("no longer watched: ");
    let stopped =
        |line: Line| line.code(view.identity().instance()).text(format!(" stopped {stopped_at}"));
    let several = view.rows().len() + view.more();
    if several <= 1 {
        let headline = stopped(name(view.key(), opening).dot());
        let mut message = SlackMessage::new(headline.dot().text(format!("{total} until then")));
        // An edit replaces the message that told what happened: say it again.
        if let Some(sample) = view.samples().first() {
            message = message
                .paragraph(what(view.key(), Some(sample), Line::new().text("first: ")))
                .paragraph(causes(sample, HEADLINE_REASON))
                .paragraph(context(view, sample));
        }
        return message;
    }
    let headline = stopped(opening)
        .dot()
        .text(format!("{several} open incidents, {total} requests until then"));
    let mut message = SlackMessage::new(headline);
    for row in view.rows() {
        let count = format!("{} × ", spoken::count(row.total()));
        message = message.paragraph(name(row.key(), Line::new().text(count)));
    }
    if view.more() > 0 {
        let rest = spoken::count(view.more_total());
        let more = format!("and {} more with {rest} requests", view.more());
        message = message.paragraph(Line::new().text(more));
    }
    message
}

fn test(view: &IncidentView) -> SlackMessage {
    let headline = opening("🔔", view).text("test message · alerts arrive here");
    let from = deployment(view, Line::new().text("sent by ").code(view.identity().instance()));
    SlackMessage::new(headline).paragraph(from)
}

/// `🔴 [production] shop-api · `
fn opening(icon: &str, view: &IncidentView) -> Line {
    let environment =
        view.identity().environment().map(|name| format!("[{name}] ")).unwrap_or_default();
    Line::new().text(format!("{icon} {environment}{} · ", view.identity().service()))
}

/// What happened, with its reason and how long it took.
fn what(key: &Key, sample: Option<&Sample>, line: Line) -> Line {
    let Some(sample) = sample else { return name(key, line) };
    let took = spoken::duration(sample.took());
    let reason = |line: Line| match sample.causes().next() {
        Some(cause) => line.dot().code(shortened(cause, HEADLINE_REASON)),
        None => line,
    };
    match (key, key.kind()) {
        (Key::Request { .. }, Kind::Slow | Kind::Hung) => {
            let slow = match sample.outcome() {
                Outcome::SlowBody => format!("slow {took} to the end of the body · "),
                _ => format!("slow {took} · "),
            };
            let line = request(key, line.text(slow));
            match sample.status() {
                Some(status) => line.dot().text(status.to_string()),
                None => line,
            }
        }
        (Key::Request { .. }, Kind::Cancelled) => {
            let line = request(key, line.text(format!("cancelled after {took} · ")));
            line.dot().text(match sample.outcome() {
                Outcome::DuringBody => "during the response body",
                _ => "no response yet",
            })
        }
        (Key::Request { .. }, Kind::BodyFailed) => {
            let line = reason(name(key, line));
            let sent = sample.bytes().map(|bytes| format!("after {} in ", size(bytes)));
            line.dot().text(format!("{}{took}", sent.unwrap_or_default()))
        }
        (Key::Request { .. } | Key::Panic { .. }, Kind::Panicked) => {
            // The site alone does not say which request it was.
            let line = line.text("panic ");
            let line = match key {
                Key::Panic { site } => {
                    reason(line.code(sample.method())).dot().code(site.to_string())
                }
                _ => reason(request(key, line)),
            };
            line.dot().text(took)
        }
        (Key::Request { kind: Kind::Failed, .. }, _) => {
            let line = match (key.status().or(sample.status()), sample.outcome()) {
                (Some(status), Outcome::Judged) => {
                    request(key, line.text(format!("failed with {status} ")))
                }
                // Without a route the key does not tell statuses apart.
                (Some(status), _) => request(key, line.text(format!("{status} "))),
                _ => name(key, line),
            };
            reason(line).dot().text(took)
        }
        _ => reason(name(key, line)),
    }
}

/// What an incident is about, without numbers.
fn name(key: &Key, line: Line) -> Line {
    match key {
        Key::Request { kind, status, .. } => {
            let word = match (kind, status) {
                (Kind::Failed, Some(Status::Error)) => "error ".to_owned(),
                (Kind::Failed, Some(status)) => format!("{status} "),
                (kind, _) => format!("{} ", word(*kind)),
            };
            request(key, line.text(word))
        }
        Key::Panic { site } => line.text("panic at ").code(site.to_string()),
        Key::Log { target, .. } => line.text("error · ").code(target.as_ref()),
        Key::Cut => line.text("requests cut by the shutdown"),
        Key::Other { kind } => line.text(format!("{} on further routes", word(*kind))),
    }
}

fn request(key: &Key, line: Line) -> Line {
    match (key.method(), key.route()) {
        (Some(_), Some(Route::Unmatched)) => line.code(Route::Unmatched.to_string()),
        (Some(method), Some(route)) => line.code(format!("{method} {route}")),
        _ => line,
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Failed => "failed",
        Kind::Panicked => "panic",
        Kind::BodyFailed => "body failed",
        Kind::Hung => "still running",
        Kind::Slow => "slow",
        Kind::Cancelled => "cancelled",
        Kind::Logged => "error",
    }
}

fn icon(kind: Kind) -> &'static str {
    match kind {
        Kind::Panicked => "🟣",
        Kind::Failed | Kind::BodyFailed | Kind::Logged => "🔴",
        Kind::Hung => "🟠",
        Kind::Slow => "🟡",
        Kind::Cancelled => "⚪",
    }
}

fn color(kind: Kind) -> Color {
    match kind {
        Kind::Panicked => Color::PURPLE,
        Kind::Failed | Kind::BodyFailed | Kind::Logged => Color::RED,
        Kind::Hung => Color::ORANGE,
        Kind::Slow => Color::AMBER,
        Kind::Cancelled => Color::GREY,
    }
}

/// `connection refused ← pool timed out`, unless the headline, which shows
/// the first `shown` bytes, said it already.
fn causes(sample: &Sample, shown: usize) -> Line {
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

/// Which request, where, since when: `/orders/1234 · request 01JX… · pod-7 ·
/// 1.8.2, up 4 min · 61 in flight`.
fn context(view: &IncidentView, sample: &Sample) -> Line {
    let mut line = Line::new();
    let is_route = view.key().route().is_some_and(|route| route.as_str() == sample.path());
    let route_shows_method = view.key().method().is_some_and(|m| m.as_str() == sample.method());
    if !sample.path().is_empty() && (!is_route || !sample.query().is_empty()) {
        let query = match sample.query() {
            "" => String::new(),
            query => format!("?{query}"),
        };
        let method = match sample.method() {
            method if route_shows_method || method.is_empty() => String::new(),
            method => format!("{method} "),
        };
        line = line.code(format!("{method}{}{query}", sample.path()));
    }
    let agent = http::header::USER_AGENT;
    for (name, value) in sample.headers().filter(|(name, _)| *name != agent.as_str()) {
        let name = if name == "x-request-id" { "request" } else { name };
        line = line.dot().text(format!("{name} ")).code(value);
    }
    for (name, value) in sample.notes() {
        line = line.dot().code(format!("{name} {value}"));
    }
    line = deployment(view, line.dot().code(view.identity().instance()));
    if sample.in_flight() > 1 {
        let count = spoken::count(sample.in_flight() as u64);
        line = line.dot().text(format!("{count} in flight"));
    }
    match sample.header(&agent) {
        Some(agent) => line.dot().text("from ").code(agent),
        None => line,
    }
}

fn deployment(view: &IncidentView, line: Line) -> Line {
    let up = spoken::span(view.uptime());
    match view.identity().release() {
        Some(release) => line.dot().code(release).text(format!(", up {up}")),
        None => line.dot().text(format!("up {up}")),
    }
}

fn shortened(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let cut = text.get(..floor_boundary(text, max)).unwrap_or_default();
    format!("{}…", cut.trim_end())
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// `12:04 UTC`, with the day where that is another one than `now`'s.
fn clock_time(at: SystemTime, now: SystemTime) -> String {
    // "Sun, 22 Nov 2026 12:04:05 GMT", RFC 9110's fixed form.
    let (at, now) = (date(at), date(now));
    let part =
        |text: &str, range: std::ops::Range<usize>| text.get(range).unwrap_or_default().to_owned();
    let time = part(&at, 17..22);
    if part(&at, 5..16) == part(&now, 5..16) {
        format!("{time} UTC")
    } else {
        format!("{} {time} UTC", part(&at, 5..11))
    }
}

fn date(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // The formatter panics after the year 9999.
    let capped = since.min(std::time::Duration::from_secs(253_402_300_799));
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + capped)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn clock_times() {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_349_040);
        assert_eq!(clock_time(noon, noon + Duration::from_secs(600)), "12:04 UTC");
        assert_eq!(clock_time(noon, noon + Duration::from_secs(86_400)), "22 Nov 12:04 UTC");
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(400_000_000_000);
        assert_eq!(clock_time(far, far), "23:59 UTC");
    }

    #[test]
    fn sizes_and_cuts() {
        assert_eq!(
            (size(12), size(1_250), size(12_300_000)),
            ("12 B".into(), "1.2 kB".into(), "12.3 MB".into())
        );
        assert_eq!(shortened("ab€cd", 4), "ab…");
    }
}
