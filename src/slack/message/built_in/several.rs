//! Messages about several incidents: roll-ups, what is held, outages, the last
//! words.

use crate::delivery::Op;
use crate::incident::{Ending, IncidentView, Moment, ViewRow};
use crate::observation::{Key, Kind, spoken};

use super::card::{causes, context, deployment};
use super::names::{HEADLINE_REASON, color, icon, name, request, shortened, what};
use super::{
    Color, Line, SlackMessage, beside, example, numbers, opening, requests, span, still_running,
    told_as, why,
};

/// A digest names only the worst ones again.
const IN_A_DIGEST: usize = 3;

/// Several routes with the same trouble.
pub(super) fn roll_up(view: &IncidentView, op: Op<'_>) -> SlackMessage {
    let kind = view.kind();
    let (all, active) = view.routes().unwrap_or_default();
    let mut headline = opening(icon(kind), view);
    headline = headline.text(told_as(view.moment()));
    if active > 0 && active < all {
        headline = headline.text(format!("{active} of "));
    }
    headline = subject(view, all, kind, headline);
    if let Some((text, ..)) = view.common_reason() {
        headline = headline.dot().code(shortened(text, HEADLINE_REASON));
    }
    if let Some((count, oldest)) = view.hanging() {
        let (count, oldest) = (spoken::count(count), spoken::span(oldest));
        headline = headline.dot().text(format!("{count} still running, the oldest {oldest}"));
    }
    let headline = match view.moment() {
        _ if view.hanging().is_some() => headline,
        Moment::First => {
            headline.dot().text(format!("{} so far", spoken::count(view.round_total())))
        }
        _ => numbers(view, op, headline.dot()),
    };
    let mut message = SlackMessage::new(headline).color(color(kind));
    // What is replied to lists them.
    let is_digest = matches!(op, Op::Post) && view.moment() == Moment::Progress;
    if !matches!(op, Op::Reply(_)) || view.moment() == Moment::Again {
        let most = if is_digest { IN_A_DIGEST } else { usize::MAX };
        message = rows(view, common(view, message), most);
    } else if view.hanging().is_some() {
        // But not which of them hang now.
        let hanging = view.rows().iter().filter(|row| row.hanging() > 0);
        message = hanging.take(IN_A_DIGEST).map(line_of).fold(message, SlackMessage::paragraph);
    }
    // The only one is told as any other.
    let only = only(view);
    if let Some(row) = only {
        message = example(view, row.key(), message);
    }
    if view.moment() != Moment::First {
        message = message.paragraph(span(view));
    }
    message = message.paragraph(beside(view));
    if only.is_some() {
        return message;
    }
    let from = Line::new().code(view.identity().instance());
    message.paragraph(deployment(view, from))
}

/// The one that is left of several, or came back.
pub(super) fn only(view: &IncidentView) -> Option<&ViewRow> {
    match (view.routes(), view.rows()) {
        (Some((1, _)), [one]) => Some(one),
        _ => None,
    }
}

/// `12 routes failing`; the only one by its name.
pub(super) fn subject(view: &IncidentView, all: usize, kind: Kind, line: Line) -> Line {
    match (all, view.rows()) {
        (1, [one]) => name(one.key(), line),
        (1, [one, ..]) => match one.key().route() {
            Some(route) => line.text(format!("{}: ", routes(all, kind))).code(route.to_string()),
            None => name(one.key(), line),
        },
        _ => line.text(routes(all, kind)),
    }
}

/// A reason that some have in common, unless the headline said it all.
pub(super) fn common(view: &IncidentView, message: SlackMessage) -> SlackMessage {
    match view.common_reason() {
        Some((text, with, of)) if with < of || text.len() > HEADLINE_REASON => {
            let line = Line::new().code(text);
            message.paragraph(match view.routes() {
                _ if view.kind() == Kind::Logged => line.text(format!(" in {with} of {of} places")),
                Some((all, _)) if all == of => line.text(format!(" in {with} of {of} routes")),
                // Some fail in several ways.
                _ if with == of => line.text(" in all of them"),
                _ => line.text(" in most of them"),
            })
        }
        _ => message,
    }
}

/// `12 routes failing`.
pub(super) fn routes(count: usize, kind: Kind) -> String {
    let many = format!("{count} {}", trouble(kind));
    match count {
        1 => many.replacen("routes", "route", 1).replacen("places", "place", 1),
        _ => many,
    }
}

/// `routes failing`.
pub(super) fn trouble(kind: Kind) -> &'static str {
    match kind {
        Kind::Failed => "routes failing",
        Kind::Panicked => "routes panicking",
        Kind::BodyFailed => "routes with failing bodies",
        Kind::Hung => "routes hanging",
        Kind::Slow => "routes slow",
        Kind::Cancelled => "routes with cancelled requests",
        Kind::Logged => "places reporting errors",
    }
}

/// One line for each incident, the worst ones by name; the ones that are over
/// by their number, unless all are or nothing else is said of them.
pub(super) fn rows(view: &IncidentView, mut message: SlackMessage, most: usize) -> SlackMessage {
    // The headline names the only one.
    if only(view).is_some() {
        return message;
    }
    let quiet = view.rows().iter().filter(|row| !row.is_active()).count();
    let is_last_word = view.routes().is_none();
    let quiet = if is_last_word || quiet == view.rows().len() { 0 } else { quiet };
    let named: Vec<&ViewRow> =
        view.rows().iter().filter(|row| row.is_active() || quiet == 0).collect();
    for row in named.iter().take(most) {
        let line = line_of(row);
        message = message.paragraph(match view.ending() {
            Some(Ending::Partly { .. }) if !row.is_proven() => line.text(", not answered since"),
            None if is_last_word && !row.is_active() => line.text(", quiet now"),
            _ => line,
        });
    }
    let unnamed = named.iter().skip(most);
    let more = view.more() + unnamed.len();
    let more_total = unnamed.fold(view.more_total(), |sum, row| sum.saturating_add(row.total()));
    let mut rest = Line::new();
    if more > 0 {
        rest = rest.text(format!("and {more} more with {}", requests(more_total)));
    }
    match quiet {
        0 => {}
        1 => rest = rest.dot().text("1 more is quiet now"),
        quiet => rest = rest.dot().text(format!("{quiet} more are quiet now")),
    }
    message.paragraph(rest)
}

/// `18 × 500 POST /orders/{id}`, or how many of them still run.
fn line_of(row: &ViewRow) -> Line {
    let times = |count| Line::new().text(format!("{} × ", spoken::count(count)));
    if row.hanging() == 0 {
        return name(row.key(), times(row.total()));
    }
    let line = request(row.key(), times(row.hanging()).text("still running "));
    match row.total() > row.hanging() {
        true => line.text(format!(", {} in all", spoken::count(row.total()))),
        false => line,
    }
}

/// Whether it is about more than one incident.
pub(super) fn is_list(view: &IncidentView) -> bool {
    view.rows().len() + view.more() > 1
}

/// Requests that the shutdown cut off.
pub(super) fn cut(view: &IncidentView) -> SlackMessage {
    let now = view.now().wall;
    let count = requests(view.counts().total());
    let headline = opening("⏹", view).text(format!("{count} cut by the shutdown · "));
    let headline = headline.code(view.identity().instance()).text(" stopped ").time(now, now);
    let message = SlackMessage::new(headline);
    match view.samples().first() {
        Some(sample) => {
            let took = spoken::duration(sample.took());
            let cut = match view.counts().total() {
                1 => Line::new().text(format!("after {took}")),
                _ => Line::new().text(format!("one of them, after {took}")),
            };
            message.paragraph(cut).paragraph(context(view, sample))
        }
        None => message,
    }
}

/// The channel has been told enough for a while.
pub(super) fn holding(view: &IncidentView) -> SlackMessage {
    let several = view.rows().len() + view.more();
    if several == 0 {
        let headline = opening("▶", view).text("nothing is held any more");
        return SlackMessage::new(headline);
    }
    let noun = if several == 1 { "incident" } else { "incidents" };
    let headline = opening("⏸", view).text(format!(
        "holding {several} {noun} with {}: this channel has been told a lot",
        requests(view.counts().total())
    ));
    let message = rows(view, SlackMessage::new(headline).color(Color::ORANGE), usize::MAX);
    message.paragraph(
        Line::new().text("What goes on is told by itself as soon as it has been quieter here."),
    )
}

/// Nothing could be delivered for a while.
pub(super) fn outage(view: &IncidentView) -> SlackMessage {
    let lasted = spoken::span(view.outage().unwrap_or_default());
    let headline = opening("📭", view).text(format!("alerts could not be delivered for {lasted}"));
    let headline = match view.fresh() {
        0 => headline.dot().text("nothing else happened meanwhile"),
        1 => headline.dot().text("1 request was counted meanwhile"),
        fresh => headline.dot().text(format!("{} were counted meanwhile", requests(fresh))),
    };
    let message = rows(view, SlackMessage::new(headline).color(Color::ORANGE), usize::MAX);
    match view.rows().iter().any(|row| row.is_active()) {
        true => message.paragraph(Line::new().text("What still goes on follows.")),
        false => message,
    }
}

/// A silence is over.
pub(super) fn silence_over(view: &IncidentView) -> SlackMessage {
    let mut headline = opening("🔔", view).text("silence over: ");
    if let Some(silence) = view.silence() {
        headline = match silence.kind_and_route() {
            (None, None) => headline.text("everything"),
            (Some(kind), None) => headline.text(kind.as_str()),
            (None, Some(route)) => headline.code(route),
            (Some(kind), Some(route)) => headline.text(format!("{kind} on ")).code(route),
        };
    }
    let held = spoken::count(view.silenced());
    let headline = headline.dot().text(format!("{held} held while silenced, since "));
    SlackMessage::new(headline.time(view.since(), view.now().wall))
}

/// Nobody watches any more.
pub(super) fn stopped(view: &IncidentView) -> SlackMessage {
    let now = view.now().wall;
    let total = spoken::count(view.counts().total());
    let opening = opening("⏹", view).text("no longer watched: ");
    let stopped =
        |line: Line| line.code(view.identity().instance()).text(" stopped ").time(now, now);
    let listed = view.rows().len() + view.more();
    if listed <= 1 || view.routes().is_some() {
        let subject = match (view.routes(), view.hanging()) {
            (Some((all, _)), _) => subject(view, all, view.key().kind(), opening),
            (None, Some(hanging)) => still_running(view, hanging, opening),
            (None, None) => name(view.key(), opening),
        };
        let headline = stopped(subject.dot());
        let mut message = SlackMessage::new(headline.dot().text(format!("{total} until then")));
        if view.routes().is_some() {
            return rows(view, message, usize::MAX);
        }
        // An edit replaces the message that told what happened: say it again.
        let only = view.samples().last().filter(|_| view.counts().total() == 1);
        let hanging = why::hanging(view);
        if let Some(sample) = hanging.or(only).or(view.samples().first()) {
            let first = what(view.key(), Some(sample), Line::new().text("first: "));
            message = message
                .paragraph(if hanging.is_some() { Line::new() } else { first })
                .paragraph(causes(sample, HEADLINE_REASON))
                .paragraph(context(view, sample));
        }
        return message.paragraph(beside(view));
    }
    // Requests that the shutdown cut are no incident; their row says so.
    let cut = view.rows().iter().find(|row| *row.key() == Key::Cut).map(ViewRow::total);
    let open = listed - usize::from(cut.is_some());
    let total = view.counts().total().saturating_sub(cut.unwrap_or_default());
    let noun = if open == 1 { "open incident" } else { "open incidents" };
    let headline =
        stopped(opening).dot().text(format!("{open} {noun}, {} until then", requests(total)));
    rows(view, SlackMessage::new(headline), usize::MAX)
}
