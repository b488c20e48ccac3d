//! Starts the service, plays the faults, and judges what came of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use slack_inbox::{Inbox, Message};

use super::load::Fate;
use super::schedule::schedule;
use super::{NOTE, Options};

/// The longest backoff, and what a busy machine needs.
const BACK_WITHIN: Duration = Duration::from_secs(90);

/// Faster than a message is edited.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// By how much resident memory may grow after the first third, in KiB.
const MOST_GROWTH: f64 = 8.0 * 1024.0;

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let Options { seconds, seed, rate } = *options;
    println!("seed {seed}: {seconds} s at {rate} requests/s");
    let inbox = Inbox::builder().start().map_err(|error| error.to_string())?;
    let mut service = Service::start(&inbox, seconds, rate)?;
    let faults = schedule(seed, seconds);
    let names: Vec<String> = faults.iter().map(|played| format!("{:?}", played.fault)).collect();
    println!("{} faults: {}", faults.len(), names.join(", "));
    let mut seen = Seen::default();
    let is_asked = AtomicBool::new(false);
    let played = thread::scope(|scope| {
        scope.spawn(|| {
            while !is_asked.load(Ordering::Relaxed) {
                seen.look(&inbox);
                thread::sleep(LOOK_EVERY);
            }
        });
        let playing = scope.spawn(|| {
            for played in &faults {
                thread::sleep(played.after);
                inbox.fault_for(played.fault.clone(), played.lasting);
                thread::sleep(played.lasting);
            }
        });
        let samples = service.until_asked();
        is_asked.store(true, Ordering::Relaxed);
        // A panic of that thread shows as its own.
        let _played = playing.join();
        samples
    });
    let samples = played?;
    inbox.heal();
    let begun = Instant::now();
    service.ask("/fresh")?;
    while !inbox.messages().iter().any(|message| is_about(message, "/fresh")) {
        if begun.elapsed() > BACK_WITHIN {
            return Err("a fresh failure did not get through after the faults had stopped".into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    println!("a fresh failure got through in {:.1} s", begun.elapsed().as_secs_f64());
    let said = service.end()?;
    for line in &said {
        println!("{line}");
    }
    let mut broken = Vec::new();
    judge_accounts(&said, &mut broken);
    seen.look(&inbox);
    judge_messages(&seen, &mut broken);
    judge_samples(&samples, &mut broken);
    let refused =
        inbox.requests().iter().filter(|request| request.outcome() == "invalid_blocks").count();
    if refused > 0 {
        broken.push(format!("Slack refused {refused} messages"));
    }
    match broken.is_empty() {
        true => {
            println!("everything is where it belongs");
            Ok(())
        }
        false => Err(format!("seed {seed}:\n{}", broken.join("\n"))),
    }
}

fn is_about(message: &Message, text: &str) -> bool {
    message.lines().iter().any(|line| line.contains(text)) || message.text().contains(text)
}

/// Every noteworthy request is in exactly one place.
fn judge_accounts(said: &[String], broken: &mut Vec<String>) {
    let after = |name: &str| {
        let line = said.iter().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().to_owned()
    };
    let asked = after("asked ");
    let of = |fate: Fate| {
        let name = format!("{fate:?}: ");
        let rest = asked.split_once(&name).map(|(_, rest)| rest).unwrap_or_default();
        rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|n| n.parse().ok()).unwrap_or(0)
    };
    let told: u64 = [Fate::Fails, Fate::Panics, Fate::Slow].into_iter().map(of).sum();
    let (probed, ignored) = (of(Fate::Probed), of(Fate::Ignored));
    let observed: u64 = after("observed ").parse().unwrap_or(0);
    if observed != told + probed + ignored {
        broken.push(format!("{observed} observed of {told} + {probed} + {ignored}"));
    }
    let accounts: Vec<&String> = said.iter().filter(|line| line.starts_with("account ")).collect();
    if accounts.len() != 2 {
        broken.push(format!("{} accounts", accounts.len()));
    }
    for line in accounts {
        let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let [delivered, coalesced, by_probe, by_handler, dropped, pending, accounted] = *numbers
        else {
            broken.push(format!("not an account: {line}"));
            continue;
        };
        if (by_probe, by_handler) != (probed, ignored) {
            broken.push(format!("suppressed otherwise than {probed} and {ignored}: {line}"));
        }
        if delivered + coalesced + dropped != told || accounted != observed || pending > 0 {
            broken.push(format!("does not add up to {told} told of {observed}: {line}"));
        }
    }
    if after("restarts ") != "0 faults 0" {
        broken.push(format!("restarts {}", after("restarts ")));
    }
}

/// The messages as they were to be read, before an edit and after it.
#[derive(Default)]
struct Seen {
    versions: BTreeMap<(String, String, u32), Message>,
}

impl Seen {
    fn look(&mut self, inbox: &Inbox) {
        for message in inbox.messages() {
            let name = (message.channel().to_owned(), message.ts().to_owned(), message.edits());
            self.versions.entry(name).or_insert(message);
        }
    }
}

/// Messages are about what happened, and nothing else.
fn judge_messages(seen: &Seen, broken: &mut Vec<String>) {
    let mut examples = 0;
    for message in seen.versions.values() {
        // Who else was in flight is none of those told of.
        let told = message.lines().into_iter().filter(|line| !line.contains("oldest in flight: "));
        let text = format!("{}\n{}", message.text(), told.collect::<Vec<_>>().join("\n"));
        for quiet in [Fate::Fine, Fate::Probed, Fate::Ignored] {
            let route = quiet.route(0);
            let route = route.rsplit_once('/').map_or("", |(route, _)| route);
            if text.contains(route) {
                broken.push(format!("told of a request that was {quiet:?}: {text}"));
            }
        }
        for part in text.split(NOTE).skip(1) {
            let digits: String =
                part.trim_start().chars().take_while(char::is_ascii_digit).collect();
            let Ok(number) = digits.parse::<u64>() else { continue };
            examples += 1;
            let fate = Fate::of(number);
            let is_told = matches!(fate, Fate::Fails | Fate::Panics | Fate::Slow);
            let route = fate.route(number);
            if !is_told || !(text.contains(&route) || text.contains("/fresh")) {
                broken.push(format!(
                    "request {number} was {fate:?} on {route}, and not this: {text}"
                ));
            }
        }
    }
    println!("{} versions of messages with {examples} examples", seen.versions.len());
    if examples == 0 {
        broken.push("no message shows an example".to_owned());
    }
}

/// After the first third, nothing grows: KiB, threads, open files.
fn judge_samples(samples: &[[f64; 3]], broken: &mut Vec<String>) {
    let samples = samples.get(samples.len() / 3..).unwrap_or_default();
    let column =
        |at: usize| samples.iter().map(move |sample| sample.get(at).copied().unwrap_or(0.0));
    let range = |at: usize| {
        let (low, high) = column(at)
            .fold((f64::MAX, 0.0), |(low, high), value: f64| (value.min(low), value.max(high)));
        (low, high)
    };
    let count = samples.len() as f64;
    let mean_x = (count - 1.0) / 2.0;
    let mean_y = column(0).sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for (x, y) in column(0).enumerate() {
        let x = x as f64 - mean_x;
        above += x * (y - mean_y);
        below += x * x;
    }
    let growth = if below > 0.0 { above / below * count } else { 0.0 };
    let (threads, files) = (range(1), range(2));
    println!(
        "memory {mean_y:.0} KiB, growing by {growth:.0} KiB; threads {}..{}, files {}..{}",
        threads.0, threads.1, files.0, files.1
    );
    if growth > MOST_GROWTH {
        broken.push(format!("memory grew by {growth:.0} KiB"));
    }
    // One of each may come and go with a call to Slack.
    if threads.1 - threads.0 > 2.0 || files.1 - files.0 > 8.0 {
        broken.push(format!("threads {threads:?}, files {files:?}"));
    }
}

/// The service's process; stopped with this.
struct Service {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Service {
    fn start(inbox: &Inbox, seconds: u64, rate: u64) -> Result<Self, String> {
        let this = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(this)
            .args(["--serve", &inbox.webhook_url(), &inbox.api_url()])
            .args([seconds.to_string(), rate.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let said = BufReader::new(child.stdout.take().ok_or("the service has no output")?);
        Ok(Service { child, said })
    }

    fn line(&mut self) -> Result<Option<String>, String> {
        let mut line = String::new();
        let read = self.said.read_line(&mut line).map_err(|error| error.to_string())?;
        Ok((read > 0).then(|| line.trim_end().to_owned()))
    }

    /// What it measured of itself until all was asked.
    fn until_asked(&mut self) -> Result<Vec<[f64; 3]>, String> {
        let mut samples = Vec::new();
        while let Some(line) = self.line()? {
            if line == "asked" {
                return Ok(samples);
            }
            let mut numbers = line.split(' ').filter_map(|word| word.parse().ok());
            samples.push([(); 3].map(|()| numbers.next().unwrap_or(0.0)));
        }
        Err("the service ended early".to_owned())
    }

    /// One more request, that fails.
    fn ask(&mut self, path: &str) -> Result<(), String> {
        let input = self.child.stdin.as_mut().ok_or("the service has no input")?;
        writeln!(input, "{path}").map_err(|error| error.to_string())
    }

    /// Shuts it down; what it says of everything.
    fn end(&mut self) -> Result<Vec<String>, String> {
        drop(self.child.stdin.take());
        let mut said = Vec::new();
        while let Some(line) = self.line()? {
            said.push(line);
        }
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(said) } else { Err(format!("the service ended with {status}")) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}
