//! Why: how the time was spent, what was logged, where it panicked, what else
//! was going on.

use std::time::Duration;

use crate::incident::IncidentView;
use crate::observation::{InFlight, Key, Kind, Outcome, Polls, Route, Sample, Samples, spoken};

use super::card::context;
use super::names::{name, place, shortened};
use super::{Color, Line, SlackMessage};

/// What a message without a thread shows of logs and backtrace, in lines.
const LOGS_INLINE: usize = 8;
const FRAMES_INLINE: usize = 8;
/// A log line in a card is cut after so many bytes.
const LOG_LINE: usize = 300;
/// A gauge's value is cut after so many bytes.
const GAUGE: usize = 40;

/// Ages that differ by less are told as the same.
const NEAR: Duration = Duration::from_secs(1);

/// The request that stands for the latest ones: of those that a block kept
/// waiting and those that made it, one of these.
pub(super) fn latest(view: &IncidentView) -> Option<&Sample> {
    let samples = view.samples();
    if !matches!(view.key(), Key::Blocked { .. }) {
        return last(samples);
    }
    let known = [samples.last(), samples.slowest(), samples.first()];
    let blocks =
        |sample: &&Sample| sample.polls().is_some_and(|polls| polls.is_blocking(sample.took()));
    known.into_iter().flatten().find(blocks).or(samples.last())
}

/// The request that has hung for longest, as it was when it was told; or one
/// that began with it.
pub(super) fn hanging(view: &IncidentView) -> Option<&Sample> {
    let began = view.oldest_began?;
    let is_it = |sample: &&Sample| {
        sample.is_running() && sample.at().checked_sub(sample.took()) == Some(began)
    };
    view.samples().all().filter(is_it).last()
}

/// The latest one; while others hang, of those that ended.
fn last(samples: &Samples) -> Option<&Sample> {
    let ended = samples.all().filter(|sample| !sample.is_running());
    ended.max_by_key(|sample| sample.at()).or(samples.last())
}

/// How a slow request spent its time: `waiting 125.9 s, computing 0.2 s in 12
/// polls, longest 40 ms`, or that it blocked the runtime.
pub(super) fn spent(view: &IncidentView, sample: &Sample) -> Line {
    let is_slow = matches!(view.key().kind(), Kind::Slow | Kind::Cancelled);
    let Some(polls) = sample.polls() else { return Line::new() };
    let took = sample.took();
    // A body is not measured poll by poll.
    if !is_slow && took < Duration::from_secs(1) {
        return Line::new();
    }
    // The body was not measured.
    if matches!(sample.outcome(), Outcome::SlowBody | Outcome::DuringBody) {
        return Line::new();
    }
    let is_now = view.hanging().is_some_and(|(_, age)| age.abs_diff(took) < NEAR);
    let so_far = match sample.is_running() && !is_now {
        true => Line::new().text(format!("after {}: ", spoken::duration(took))),
        false => Line::new(),
    };
    let blocked = match polls.is_blocking(took) {
        true => blocking(polls, sample.is_running()),
        false => Line::new(),
    };
    if !blocked.is_empty() && polls.longest() * 2 >= took {
        return so_far.join(blocked);
    }
    let waited = seconds(took.saturating_sub(polls.busy()));
    let busy = seconds(polls.busy());
    let line = so_far.join(blocked.dot().text(format!("waiting {waited}, computing {busy}")));
    let longest = spoken::duration(polls.longest());
    match polls.count() {
        0 | 1 => line,
        count => {
            let count = spoken::count(count.into());
            line.text(format!(" in {count} polls, longest {longest}"))
        }
    }
}

fn blocking(polls: &Polls, is_running: bool) -> Line {
    let longest = spoken::duration(polls.longest());
    let took = match polls.current() {
        Some(current) if is_running && current >= polls.longest() => {
            format!("one poll has taken {longest} so far")
        }
        _ => format!("one poll took {longest}"),
    };
    let line = Line::new().strong("blocking the async runtime").text(format!(": {took}"));
    match polls.thread() {
        Some(thread) => line.text(" on thread ").code(&*thread),
        None => line,
    }
}

/// Seconds with a tenth, however many.
fn seconds(span: Duration) -> String {
    let tenths = (span.as_millis() + 50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// What was logged while the request ran, and where it panicked: the last
/// words of both, if the rest goes below the message.
pub(super) fn details(view: &IncidentView, sample: &Sample, message: SlackMessage) -> SlackMessage {
    let most = if view.has_thread { Sample::LOGS_AT_ONCE } else { LOGS_INLINE };
    let message = message.preformatted(logs(sample, most, LOG_LINE));
    // Its names are looked up only where they are shown.
    let trace = match view.has_thread {
        true => None,
        false => sample.backtrace(),
    };
    let lines: Vec<&str> = trace.unwrap_or_default().lines().take(FRAMES_INLINE).collect();
    message.preformatted(lines.join("\n"))
}

/// The last log lines, and how many came before.
fn logs(sample: &Sample, most: usize, longest: usize) -> String {
    let count = sample.logs().count();
    let earlier = count.saturating_sub(most) + usize::try_from(sample.logs_left_out()).unwrap_or(0);
    let mut lines: Vec<String> = Vec::new();
    if earlier > 0 {
        lines.push(format!("… {earlier} earlier"));
    }
    let said = sample.logs().skip(count.saturating_sub(most));
    lines.extend(said.map(|line| shortened(&line.to_string().replace('\n', " "), longest)));
    lines.join("\n")
}

/// What goes below the message: all of it.
pub(super) fn below(view: &IncidentView) -> SlackMessage {
    let samples = [view.samples().first(), view.samples().last()];
    let samples = samples.into_iter().flatten();
    let sample = samples.clone().find(|sample| sample.has_more()).or(samples.clone().next());
    let Some(sample) = sample else {
        return SlackMessage::new(name(view.key(), Line::new().text("🔎 more of ")));
    };
    let logs = logs(sample, usize::MAX, usize::MAX);
    let said = match (logs.is_empty(), sample.backtrace().is_some()) {
        (false, true) => "logs and backtrace",
        (true, true) => "backtrace",
        _ => "logs",
    };
    // The message above may tell of another one by now.
    let headline = name(view.key(), Line::new().text(format!("🔎 {said} · ")));
    let place = place(view.key(), sample, Line::new());
    let message = SlackMessage::new(headline).color(Color::GREY);
    let mut message = message.paragraph(place).paragraph(context(view, sample)).preformatted(logs);
    if let Some(trace) = sample.backtrace() {
        let thread = sample.thread();
        let on = thread.map(|thread| Line::new().text("on thread ").code(&*thread));
        message = message.paragraph(on.unwrap_or_default()).preformatted(trace);
    }
    message
}

/// What else goes on in the process: gauges, and who has been in flight for
/// longest.
pub(super) fn around(view: &IncidentView) -> Line {
    let mut line = Line::new();
    for (name, value) in view.gauges() {
        line = line.dot().text(format!("{name} ")).code(shortened(value, GAUGE));
    }
    // Alone in flight it is named above.
    let is_named = |request: &InFlight| view.key().route() == Some(request.route());
    if view.oldest().len() > 1 || !view.oldest().iter().all(is_named) {
        line = line.dot().text("oldest in flight: ");
        for (n, request) in view.oldest().iter().enumerate() {
            let age = spoken::duration(request.age());
            let name = match request.route() {
                // Its method is not known.
                Route::Unmatched => Route::Unmatched.to_string(),
                route => format!("{} {route}", request.method()),
            };
            line = line.text(if n > 0 { ", " } else { "" }).code(name).text(format!(" {age}"));
            let blocking = request.polled_for().filter(|polled| *polled >= Duration::from_secs(1));
            line = line.text(if blocking.is_some() { " blocking" } else { "" });
        }
    }
    if line.is_empty() {
        return line;
    }
    let now = view.now().wall;
    Line::new().text("at ").time(now, now).text(": ").join(line)
}
