//! The built-in rendering of an [`IncidentView`].

mod blocked;
mod card;
mod ended;
mod names;
mod several;
mod why;

use crate::delivery::Op;
use crate::incident::{IncidentView, Moment, ViewRow};
use crate::observation::{Key, Kind, spoken};

use super::{Color, Line, SlackMessage};

use card::{causes, context, context_of, deployment};
use names::{HEADLINE_REASON, color, icon, name, what};

/// Renders a view the way the crate does unless it is told otherwise.
pub(crate) fn render(view: &IncidentView, op: Op<'_>) -> SlackMessage {
    let is_several = matches!(view.key(), Key::RollUp { .. });
    let mut message = match view.moment() {
        Moment::Holding => several::holding(view),
        Moment::Outage => several::outage(view),
        Moment::SilenceOver => several::silence_over(view),
        Moment::First | Moment::Stopped if *view.key() == Key::Cut && !several::is_list(view) => {
            several::cut(view)
        }
        Moment::Stopped => several::stopped(view),
        Moment::Details => why::below(view),
        Moment::Test => test(view),
        Moment::Ended | Moment::Progress | Moment::Reminder if ended::is_moved(view) => {
            ended::moved(view)
        }
        Moment::Ended => ended::ended(view, op),
        Moment::Joined => joined(view),
        Moment::First
        | Moment::Progress
        | Moment::Worse
        | Moment::Grown
        | Moment::Reminder
        | Moment::Again
            if is_several =>
        {
            several::roll_up(view, op)
        }
        Moment::First => first(view),
        // Nothing has come to it that would be told by its number.
        Moment::Progress if view.counts().total() == 1 && view.hanging().is_none() => first(view),
        Moment::Progress | Moment::Worse | Moment::Grown | Moment::Reminder | Moment::Again => {
            progress(view, op)
        }
    };
    if let Some(gap) = view.gap() {
        message = message.paragraph(Line::new().text(format!(
            "Alerting was paused for {} (the process was stopped or frozen); ages leave that out.",
            spoken::span(gap)
        )));
    }
    if view.maybe_repeat() {
        message = message.paragraph(
            Line::new().text("This may be a repeat: an earlier attempt was not answered."),
        );
    }
    message.mentions(view.mentions())
}

fn first(view: &IncidentView) -> SlackMessage {
    let kind = view.kind();
    // Where each is told, the one that is told is the latest.
    let sample = match view.counts().total() > view.fresh() {
        true => view.samples().last(),
        false => view.samples().first(),
    };
    let sample = sample.or(view.samples().last());
    let opened = opening(icon(kind), view);
    let mut headline = match (view.key(), view.hanging()) {
        (Key::Blocked { .. }, _) => blocked::headline(view, opened),
        (_, Some(hanging)) => still_running(view, hanging, opened),
        (_, None) => what(view.key(), sample, opened),
    };
    if view.counts().total() > 1 && view.hanging().is_none() {
        headline = headline.dot().text(format!("{} so far", spoken::count(view.counts().total())));
    }
    let mut message = SlackMessage::new(headline).color(color(kind));
    if let Some(sample) = sample {
        message = message
            .paragraph(causes(sample, HEADLINE_REASON))
            .paragraph(why::spent(view, sample))
            .paragraph(context(view, sample));
        message = why::details(view, sample, message);
    }
    message = message.paragraph(why::around(view));
    if view.moved_in() > 0 {
        let before = "it had been told as slow or still running before";
        message = message.paragraph(Line::new().text(before));
    }
    message = message.paragraph(beside(view));
    if view.stopped() {
        message = message.paragraph(
            Line::new()
                .text("No longer watched: ")
                .code(view.identity().instance())
                .text(" stopped ")
                .time(view.now().wall, view.now().wall),
        );
    }
    message
}

/// `still running 30 s · GET /reports/{year}`, or how many and the oldest.
fn still_running(
    view: &IncidentView,
    (count, oldest): (u64, std::time::Duration),
    line: Line,
) -> Line {
    let oldest = spoken::span(oldest);
    let line = match count {
        1 => line.text(format!("still running {oldest} · ")),
        _ => line.text(format!("{} still running, the oldest {oldest} · ", spoken::count(count))),
    };
    names::request(view.key(), line)
}

fn progress(view: &IncidentView, op: Op<'_>) -> SlackMessage {
    let kind = view.kind();
    let opened = opening(icon(kind), view);
    let is_block = matches!(view.key(), Key::Blocked { .. });
    let mut headline = match view.hanging() {
        _ if is_block => blocked::headline(view, opened.text(told_as(view.moment()))),
        Some(hanging) => still_running(view, hanging, opened),
        None => name(view.key(), opened.text(told_as(view.moment()))),
    };
    if is_block && blocked::is_one(view) {
        // How many it kept waiting is said with it.
    } else if view.hanging().is_none() || view.counts().total() > 1 {
        headline = numbers(view, op, headline.dot());
    }
    // Why, before when: that is what is looked for.
    let mut message = SlackMessage::new(headline).color(color(kind));
    message = example(view, view.key(), message);
    message.paragraph(why::around(view)).paragraph(span(view)).paragraph(beside(view))
}

/// The one of `key` that hangs, or else the latest.
fn example(view: &IncidentView, key: &Key, message: SlackMessage) -> SlackMessage {
    let hanging = why::hanging(view);
    let Some(sample) = hanging.or(why::latest(view)) else { return message };
    let mut latest = card::latest(view, sample);
    let is_slow = key.kind() == Kind::Slow && !matches!(key, Key::Blocked { .. });
    if latest.is_empty() && is_slow && !sample.is_running() {
        // Slow ones end in several ways.
        let told = match view.hanging() {
            Some(_) => "latest that ended: ",
            None => "latest: ",
        };
        latest = what(key, Some(sample), Line::new().text(told));
    }
    let message = message.paragraph(latest).paragraph(why::spent(view, sample));
    message.paragraph(context_of(view, key, sample))
}

/// Why it is told now, if that is not plain.
fn told_as(moment: Moment) -> &'static str {
    match moment {
        Moment::Again => "again: ",
        Moment::Reminder => "still: ",
        Moment::Grown => "many more: ",
        Moment::Worse => "worse: ",
        _ => "",
    }
}

/// `812 more · 15 012 since 12:04 (97 %)`.
fn numbers(view: &IncidentView, op: Op<'_>, line: Line) -> Line {
    let total = view.round_total();
    // What a message in place says has told the smaller count itself.
    let is_digest = matches!(op, Op::Post) && view.moment() == Moment::Progress;
    let mut line = match view.fresh() {
        fresh if is_digest && fresh > 0 && fresh < total => {
            line.text(format!("{} more · ", spoken::count(fresh)))
        }
        _ => line,
    };
    line = line.text(format!("{} since ", spoken::count(total)));
    line = line.time(view.since(), view.now().wall);
    match view.share().filter(|(_, all)| *all > 1) {
        Some((own, all)) => line.text(format!(" ({})", spoken::share(own, all))),
        None => line,
    }
}

/// When it was last seen, how long it took, and what else became of it.
fn span(view: &IncidentView) -> Line {
    let mut line = Line::new().text("last ").time(view.last_seen(), view.now().wall);
    let slowest = view.counts().slowest();
    // What still runs has taken longer by now; how long it was blocked is said.
    let is_block = matches!(view.key(), Key::Blocked { .. });
    if view.round() > 0 {
        let total = spoken::count(view.counts().total());
        line = line.dot().text(format!("{total} in all, back {}", times(view.round())));
    }
    // Also of those in earlier rounds.
    if !slowest.is_zero() && view.hanging().is_none() && !is_block {
        let begin = if view.round() > 0 { ", " } else { " · " };
        line = line.text(format!("{begin}slowest {}", spoken::duration(slowest)));
    }
    line = moved_out(view, line);
    if view.moved_in() > 0 {
        let count = spoken::count(view.moved_in());
        line = line.dot().text(format!("{count} of them had been told as slow before"));
    }
    line
}

/// What ended worse than it had been told.
fn moved_out(view: &IncidentView, line: Line) -> Line {
    match view.moved_out() {
        0 => line,
        1 => line.dot().text("1 more ended worse: see its own alert"),
        count => {
            let count = spoken::count(count);
            line.dot().text(format!("{count} more ended worse: see their own alerts"))
        }
    }
}

/// What goes on beside it: what joined it, what a silence keeps.
fn beside(view: &IncidentView) -> Line {
    let mut line = Line::new();
    let several = view.routes().is_some();
    for kind in Kind::ALL {
        let of_kind = |row: &ViewRow| match kind {
            Kind::Hung => row.hanging(),
            kind if kind == row.key().kind() => row.total().saturating_sub(row.hanging()),
            _ => 0,
        };
        let joined = view.joined().iter().map(of_kind);
        let total = joined.fold(0_u64, u64::saturating_add);
        if total > 0 {
            let (count, word) = (spoken::count(total), names::word(kind));
            let place = if several { "these routes" } else { "this route" };
            line = line.dot().text(format!("and {count} {word} on {place}"));
        }
    }
    if view.silenced() > 0 && view.silence().is_none() {
        let count = spoken::count(view.silenced());
        let verb = if view.silenced() == 1 { "was" } else { "were" };
        line = line.dot().text(format!("{count} more {verb} silenced"));
    }
    line
}

/// Its message was posted, and from now on another one tells it.
fn joined(view: &IncidentView) -> SlackMessage {
    let mut headline = name(view.key(), opening("↪", view)).dot().text("part of: ");
    headline = match (view.routes(), view.host()) {
        // Without their number, which grows.
        (Some(_), Some(host)) => {
            headline.text(format!("several {}", several::trouble(host.key().kind())))
        }
        (None, Some(host)) => name(host.key(), headline),
        _ => headline.text("another incident"),
    };
    let mut message = SlackMessage::new(headline).color(Color::GREY);
    if let Some(sample) = view.samples().first().or(view.samples().last()) {
        let first = what(view.key(), Some(sample), Line::new().text("first: "));
        message = message.paragraph(first).paragraph(context(view, sample));
    }
    message
}

fn test(view: &IncidentView) -> SlackMessage {
    let headline = opening("🔔", view).text("test message · alerts arrive here");
    let from = deployment(view, Line::new().text("sent by ").code(view.identity().instance()));
    SlackMessage::new(headline).paragraph(from)
}

/// `🔴 [production] shop-api · `, with the instance where several speak.
fn opening(icon: &str, view: &IncidentView) -> Line {
    let identity = view.identity();
    let environment = identity.environment().map(|name| format!("[{name}] ")).unwrap_or_default();
    let line = Line::new().text(format!("{icon} {environment}{}", identity.service()));
    match view.names_instance() {
        true => line.text(" ").code(identity.instance()).text(" · "),
        false => line.text(" · "),
    }
}

/// `once`, `twice`, `3 times`.
fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

/// `1 request`, `15 012 requests`.
fn requests(count: u64) -> String {
    let noun = if count == 1 { "request" } else { "requests" };
    format!("{} {noun}", spoken::count(count))
}

/// What a kind's requests did, after "0 of 214".
fn did(kind: Kind) -> &'static str {
    match kind {
        Kind::Slow | Kind::Hung => "slow",
        Kind::Cancelled => "cancelled",
        _ => "failed",
    }
}
