//! A story: what happens to a channel, told as it goes on.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::bench::*;
use crate::incident::engine::*;
use crate::incident::input::*;
use crate::incident::{Ending, IncidentView, ViewRow};

/// More wakes than this between two events are one for nothing after the other.
const MANY: u32 = 500;

/// What happens, and what the channel is told of it: a line each, with the
/// second. Time passes as it does for the driver, from one wake to the next.
pub(super) struct Story {
    pub(super) bench: Bench,
    begun: Instant,
    /// Nothing gets through.
    pub(super) is_stuck: bool,
    text: String,
}

impl Story {
    pub(super) fn new(policy: IncidentPolicy, roles: &[Role]) -> Self {
        let bench = Bench::new(policy, roles);
        let begun = bench.now.mono;
        Story { bench, begun, is_stuck: false, text: String::new() }
    }

    /// Goes on to this second.
    pub(super) fn at(&mut self, second: u64) {
        let end = self.begun + Duration::from_secs(second);
        for wakes in 0.. {
            assert!(wakes < MANY, "woken for nothing, before second {second}:\n{}", self.text);
            self.deliver();
            let Some(wake) = self.bench.engine.deadline().filter(|at| *at <= end) else { break };
            self.bench.pass(wake.saturating_duration_since(self.bench.now.mono));
        }
        self.bench.pass(end.saturating_duration_since(self.bench.now.mono));
        self.deliver();
    }

    /// Goes on from here to `second`, with so many observations each `step`.
    pub(super) fn go_on(&mut self, key: &Key, each: u64, step: u64, second: u64) {
        let from = self.seconds(self.bench.now.mono) as u64;
        self.line("", &format!("{each} × {} each {step} s until {second}", name(key)));
        for at in (from..=second).step_by(usize::try_from(step).unwrap()).skip(1) {
            self.at(at);
            self.bench.observe(key, each);
            self.deliver();
        }
    }

    pub(super) fn observe(&mut self, key: &Key, count: u64) {
        self.happens(&format!("{count} × {}", name(key)), |bench| bench.observe(key, count));
    }

    pub(super) fn happens(&mut self, what: &str, event: impl FnOnce(&mut Bench)) {
        self.line("", what);
        event(&mut self.bench);
        self.deliver();
    }

    /// The story, with where everything went at its end. Of many edits after
    /// one another some stand for all.
    pub(super) fn end(self) -> String {
        let mut text = String::new();
        let is_progress = |line: &&str| line.contains("> edit Progress");
        let lines: Vec<&str> = self.text.lines().collect();
        for run in lines.chunk_by(|one, next| is_progress(one) == is_progress(next)) {
            match run {
                [first, second, hidden @ .., last] if hidden.len() > 1 && is_progress(first) => {
                    let between = format!("{:>11} … {} edits …", "", hidden.len());
                    text.extend([first, *second, &between, last].map(|line| format!("{line}\n")));
                }
                all => text.extend(all.iter().map(|line| format!("{line}\n"))),
            }
        }
        for (at, account) in self.bench.engine.accounts().enumerate() {
            let _ = writeln!(text, "{at}: {account}");
        }
        text
    }

    fn seconds(&self, at: Instant) -> f64 {
        at.duration_since(self.begun).as_secs_f64()
    }

    fn line(&mut self, mark: &str, what: &str) {
        let second = self.seconds(self.bench.now.mono);
        let _ = writeln!(self.text, "{second:>8.1} {mark:3}{what}");
    }

    fn deliver(&mut self) {
        if self.is_stuck {
            return;
        }
        let mut told = Vec::new();
        self.bench.deliver_each(|engine, action, said| {
            let manner = engine.manner(action.destination, action.subject);
            assert_eq!(said.is_visible(), manner != Manner::Edit, "{}", said.brief());
            told.push((action, said));
        });
        for (action, said) in told {
            let what = format!("{} ({:?})", describe(&said), action.urgency);
            self.line(&format!("{}>", action.destination), &what);
        }
    }
}

fn name(key: &Key) -> String {
    let mut name = key.kind().to_string();
    if let Key::RollUp { .. } = key {
        name += " on several routes";
    }
    if let Key::Panic { site } | Key::Log { site, .. } = key {
        let _ = write!(name, " at {site}");
    }
    if let Some(route) = key.route() {
        let _ = write!(name, " {}", route.as_str());
    }
    name
}

fn rows(rows: &[ViewRow]) -> String {
    let row = |row: &ViewRow| {
        let over = if row.is_active() { "" } else { ", over" };
        format!("{} × {} {}{over}", row.total, row.kind, name(&row.key))
    };
    rows.iter().map(row).collect::<Vec<_>>().join("; ")
}

/// All that a view says, as far as it says something.
fn describe(said: &Said) -> String {
    let view: &IncidentView = &said.view;
    let mut text = said.brief();
    let mut add = |is_said: bool, what: String| {
        if is_said {
            text = format!("{text} | {what}");
        }
    };
    let since = |at: std::time::SystemTime| {
        at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs()
    };
    add(true, name(&view.key));
    add(view.kind != view.key.kind(), format!("as {}", view.kind));
    add(view.counts.total != view.round_total, format!("{} in all", view.counts.total));
    add(view.fresh != view.round_total, format!("{} new", view.fresh));
    add(view.is_new, "never seen before".to_owned());
    add(view.round > 0, format!("round {}", view.round));
    add(view.moved_in + view.moved_out > 0, format!("moved {}/{}", view.moved_in, view.moved_out));
    if let Some((failed, all)) = view.share {
        add(true, format!("{failed} of {all}"));
    }
    if let Some((count, age)) = view.hanging {
        add(true, format!("{count} still run, the oldest {age:?}"));
    }
    if let Some(ending) = view.ending {
        let ending = match ending {
            Ending::Recovered { requests, failed } => {
                format!("recovered by {requests}, {failed} failed")
            }
            Ending::Partly { requests, failed, unproven } => {
                format!("{failed} of {requests} since, unproven on {unproven}")
            }
            Ending::Quiet { since: at } => format!("quiet since {}", since(at)),
            Ending::Unseen { since: at } => format!("unseen since {}", since(at)),
        };
        add(true, format!("{ending}, lasted {:?}", view.lasted));
    }
    add(!view.joined.is_empty(), format!("joined: {}", rows(&view.joined)));
    if let Some((all, active)) = view.routes {
        add(true, format!("{active} of {all} routes"));
    }
    if let Some(host) = &view.host {
        add(true, format!("part of {}", rows(std::slice::from_ref(host))));
    }
    add(view.silenced > 0, format!("{} silenced", view.silenced));
    if let Some(silence) = &view.silence {
        add(true, format!("silence of {silence}"));
    }
    add(!view.mentions.is_empty(), format!("mentions {:?}", view.mentions));
    if let Some(gap) = view.gap {
        add(true, format!("gap {gap:?}"));
    }
    add(!view.rows.is_empty(), rows(&view.rows));
    add(view.more > 0, format!("{} more with {}", view.more, view.more_total));
    if let Some(outage) = view.outage {
        add(true, format!("outage {outage:?}"));
    }
    add(view.stopped, "stopped".to_owned());
    text
}
