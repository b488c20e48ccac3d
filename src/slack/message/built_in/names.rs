//! What an incident is called.

use crate::observation::{
    Blocked, Key, Kind, MethodName, Outcome, Route, Sample, Status, floor_boundary, spoken,
};

use super::blocked;
use super::card::size;
use super::{Color, Line};

/// A reason in a headline is cut after so many bytes.
pub(super) const HEADLINE_REASON: usize = 80;

/// What happened, with its reason and how long it took.
pub(super) fn what(key: &Key, sample: Option<&Sample>, line: Line) -> Line {
    let Some(sample) = sample else { return name(key, line) };
    let took = spoken::duration(sample.took());
    let reason = |line: Line| match sample.causes().next() {
        Some(cause) => line.dot().code(shortened(cause, HEADLINE_REASON)),
        None => line,
    };
    match (key, key.kind()) {
        (Key::Blocked { .. }, _) => {
            let blocked = sample.blocked();
            blocked::said(key, blocked, blocked.map_or(sample.took(), Blocked::lasted), line)
        }
        (Key::Request { .. }, Kind::Slow | Kind::Hung) => {
            if sample.outcome() == Outcome::GivenUp {
                let line = request(key, line.text(format!("cancelled after {took} · ")));
                return line.dot().text("no response");
            }
            let slow = match sample.outcome() {
                Outcome::Running => format!("still running after {took} · "),
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
        (Key::Panic { site }, _) => {
            let line = reason(place(key, sample, line.text("panic "))).dot().code(site.to_string());
            match sample.endpoint() {
                Some(_) => line.dot().text(took),
                None => line,
            }
        }
        (Key::Request { .. }, Kind::Panicked) => {
            reason(request(key, line.text("panic "))).dot().text(took)
        }
        (Key::Log { target, site }, _) => {
            let line = reason(line.text("ERROR ").code(target.as_ref())).dot();
            let line = line.code(site.to_string());
            match place(key, sample, Line::new()) {
                place if place.is_empty() => line,
                place => line.dot().join(place),
            }
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
        (Key::Other { .. }, _) => {
            let line = match sample.site() {
                Some(site) => name(key, line).dot().code(site.to_string()),
                None => name(key, line),
            };
            reason(line).dot().text(took)
        }
        _ => reason(name(key, line)),
    }
}

/// What an incident is about, without numbers.
pub(super) fn name(key: &Key, line: Line) -> Line {
    match key {
        Key::Request { kind, status, .. } => {
            let word = match (kind, status) {
                (Kind::Failed, Some(Status::Error)) => "error ".to_owned(),
                // Only what `failure_when` says.
                (Kind::Failed, Some(status @ Status::Http(..400))) => {
                    format!("failed with {status} ")
                }
                (Kind::Failed, Some(status)) => format!("{status} "),
                (kind, _) => format!("{} ", word(*kind)),
            };
            request(key, line.text(word))
        }
        Key::Panic { site } => line.text("panic at ").code(site.to_string()),
        Key::Log { target, site } => {
            line.text("ERROR ").code(target.as_ref()).dot().code(site.to_string())
        }
        Key::Blocked { .. } => request(key, line.text("async runtime blocked by ")),
        Key::Cut => line.text("requests cut by the shutdown"),
        Key::RollUp { kind } => line.text(format!("several routes: {}", word(*kind))),
        Key::Other { kind } => line.text(format!("{} on further routes", word(*kind))),
    }
}

pub(super) fn request(key: &Key, line: Line) -> Line {
    match (key.method(), key.route()) {
        (Some(_), Some(Route::Unmatched)) => line.code(Route::Unmatched.to_string()),
        (Some(method), Some(route)) => line.code(format!("{method} {route}")),
        _ => line,
    }
}

/// Which request it was, where a site alone does not say it.
pub(super) fn place(key: &Key, sample: &Sample, line: Line) -> Line {
    match (key, sample.endpoint()) {
        (Key::Panic { .. } | Key::Log { .. }, Some(endpoint)) => match endpoint.route {
            Route::Unmatched => line.code(format!("{} {}", sample.method(), endpoint.route)),
            Route::Known(_) => line.code(format!("{} {}", endpoint.method, endpoint.route)),
        },
        (Key::Panic { .. }, None) => line.text("outside any request"),
        _ => line,
    }
}

/// The method and the route that stand above what is said of this request.
pub(super) fn named<'a>(key: &'a Key, sample: &'a Sample) -> Option<(MethodName, &'a Route)> {
    let named = match key {
        Key::Panic { .. } | Key::Log { .. } => {
            sample.endpoint().map(|endpoint| (endpoint.method, &endpoint.route))
        }
        _ => key.method().zip(key.route()),
    };
    named.filter(|(_, route)| **route != Route::Unmatched)
}

pub(super) fn word(kind: Kind) -> &'static str {
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

pub(super) fn icon(kind: Kind) -> &'static str {
    match kind {
        Kind::Panicked => "🟣",
        Kind::Failed | Kind::BodyFailed | Kind::Logged => "🔴",
        Kind::Hung => "🟠",
        Kind::Slow => "🟡",
        Kind::Cancelled => "⚪",
    }
}

pub(super) fn color(kind: Kind) -> Color {
    match kind {
        Kind::Panicked => Color::PURPLE,
        Kind::Failed | Kind::BodyFailed | Kind::Logged => Color::RED,
        Kind::Hung => Color::ORANGE,
        Kind::Slow => Color::AMBER,
        Kind::Cancelled => Color::GREY,
    }
}

pub(super) fn shortened(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let cut = text.get(..floor_boundary(text, max)).unwrap_or_default();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_between_characters() {
        assert_eq!(shortened("ab€cd", 4), "ab…");
    }
}
