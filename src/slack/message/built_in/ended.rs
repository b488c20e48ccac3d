//! How an end is told.

use crate::delivery::Op;
use crate::incident::{Ending, IncidentView, ViewRow};
use crate::observation::{Key, Kind, spoken};

use super::card::{self, causes, context, context_of};
use super::names::{HEADLINE_REASON, name, request, what};
use super::{Color, Line, SlackMessage, beside, did, opening, several, span, why};

/// What is told when an incident has ended: recovered with proof, quiet, or
/// once.
pub(super) fn ended(view: &IncidentView, op: Op<'_>) -> SlackMessage {
    let kind = view.key().kind();
    let is_well = matches!(view.ending(), Some(Ending::Recovered { failed: 0, .. }));
    let is_several = matches!(view.key(), Key::RollUp { .. });
    let has_name = !is_several || several::only(view).is_some();
    let is_once = view.round_total() == 1 && view.round() == 0 && has_name;
    let (icon, color) = match is_well && !is_once {
        true => ("🟢", Color::GREEN),
        false => ("⚪", Color::GREY),
    };
    let line = opening(icon, view);
    let headline = if is_once {
        once(view, line)
    } else {
        let line = subject(view, line, is_well, is_several);
        let total = spoken::count(view.round_total());
        let noun = match kind {
            Kind::Slow | Kind::Cancelled => format!(" {}", did(kind)),
            _ => String::new(),
        };
        let lasted = spoken::span(view.lasted());
        let line = match view.lasted().as_secs() {
            _ if view.round_total() == 1 => line.dot().text("once"),
            0 => line.dot().text(format!("{total}{noun} within a second")),
            _ => line.dot().text(format!("{total}{noun} in {lasted}")),
        };
        since(view, line)
    };
    let mut message = SlackMessage::new(headline).color(color);
    if !has_name {
        return match op {
            Op::Reply(_) => message,
            _ => several::rows(view, several::common(view, message), usize::MAX)
                .paragraph(span(view)),
        };
    }
    if let Some(sample) = why::latest(view).or(view.samples().first()) {
        let latest = match is_once {
            true => causes(sample, HEADLINE_REASON),
            false => card::latest(view, sample),
        };
        message = message.paragraph(latest).paragraph(context_of(view, key(view), sample));
    }
    if !is_once {
        message = message.paragraph(span(view));
    }
    message.paragraph(beside(view))
}

/// What has ended, or the only one of several that has.
fn key(view: &IncidentView) -> &Key {
    several::only(view).map_or(view.key(), ViewRow::key)
}

/// `recovered POST /orders/{id}`, or what is over without a proof.
fn subject(view: &IncidentView, line: Line, is_well: bool, is_several: bool) -> Line {
    let (all, _) = view.routes().unwrap_or_default();
    let kind = view.key().kind();
    match (is_well, view.ending(), is_several) {
        (_, _, true) if all == 1 => match view.rows() {
            [one] if is_well => request(one.key(), line.text("recovered ")),
            [one, ..] if is_well => {
                let route = one.key().route().map(ToString::to_string);
                line.text("recovered ").code(route.unwrap_or_default())
            }
            _ => {
                let is_quiet = matches!(view.ending(), Some(Ending::Quiet { .. }));
                let word = if is_quiet { "quiet: " } else { "over: " };
                several::subject(view, all, kind, line.text(word))
            }
        },
        (true, _, true) => line.text(format!("recovered: {all} routes")),
        (true, ..) if view.key().route().is_some() => request(view.key(), line.text("recovered ")),
        (true, ..) => name(view.key(), line.text("recovered: ")),
        (_, Some(Ending::Quiet { .. }), true) => {
            line.text(format!("quiet: {}", several::routes(all, kind)))
        }
        (_, Some(Ending::Quiet { .. }), _) => name(view.key(), line.text("quiet: ")),
        (_, _, true) => line.text(format!("over: {}", several::routes(all, kind))),
        _ => name(view.key(), line.text("over: ")),
    }
}

/// What has been seen since its last observation.
fn since(view: &IncidentView, line: Line) -> Line {
    match view.ending() {
        Some(Ending::Recovered { requests, failed }) => {
            line.dot().text(proof(view, requests, failed))
        }
        Some(Ending::Partly { requests, failed, unproven }) => {
            let all = view.rows().len() + view.more();
            let proof = proof(view, requests, failed);
            line.dot().text(format!("{proof} · {unproven} of {all} not answered since"))
        }
        Some(Ending::Quiet { since }) => {
            line.dot().text("none answered since ").time(since, view.now().wall)
        }
        Some(Ending::Unseen { since }) => {
            line.dot().text("none since ").time(since, view.now().wall)
        }
        None => line,
    }
}

/// `0 of 214 failed since`.
fn proof(view: &IncidentView, requests: u64, failed: u64) -> String {
    let all = spoken::count(requests);
    match failed {
        0 => format!("0 of {all} {} since", did(view.key().kind())),
        _ => format!("{} of {all} failed in another way since", spoken::count(failed)),
    }
}

/// `once at 12:07: 500 POST /orders/{id} · 812 ms · 0 of 214 failed since`.
fn once(view: &IncidentView, line: Line) -> Line {
    let line = line.text("once at ").time(view.since(), view.now().wall).text(": ");
    let sample = view.samples().last().or(view.samples().first());
    let line = what(key(view), sample, line);
    match view.ending() {
        Some(Ending::Recovered { requests, failed }) => {
            line.dot().text(proof(view, requests, failed))
        }
        Some(Ending::Quiet { .. }) => line.dot().text("none answered since"),
        _ => line.dot().text("none since"),
    }
}

/// Whether all of its requests ended worse than it said.
pub(super) fn is_moved(view: &IncidentView) -> bool {
    view.round_total() == 0 && view.moved_out() > 0 && view.hanging().is_none()
}

/// What is said then.
pub(super) fn moved(view: &IncidentView) -> SlackMessage {
    let line = opening("⚪", view);
    let line = match view.routes() {
        Some((all, _)) => several::subject(view, all, view.key().kind(), line),
        None => request(view.key(), line),
    };
    let headline = line.dot().text(match view.moved_out() {
        1 => "ended worse: see its own alert".to_owned(),
        count => format!("{} ended worse: see their own alerts", spoken::count(count)),
    });
    let message = SlackMessage::new(headline).color(Color::GREY);
    // Of several, one says little.
    match view.samples().last().or(view.samples().first()) {
        Some(sample) if view.routes().is_none() => message.paragraph(context(view, sample)),
        _ => message,
    }
}
