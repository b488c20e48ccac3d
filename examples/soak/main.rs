//! A soak: numbered requests with known fates at a fixed rate, while Slack
//! fails by a schedule; and at the end an oracle.
//!
//! `cargo run --release --example soak -- --seconds 60`; `--seed N` plays one
//! again, `--rate N` asks so many a second. It fails unless
//!
//! - every noteworthy request is in exactly one place: delivered, coalesced,
//!   suppressed, or dropped for a reason;
//! - messages are about requests that were, with the fate that they had;
//! - a fresh failure gets through after the faults have stopped;
//! - memory, threads and file descriptors of the service stay flat.
//!
//! The service runs in a process of its own, so that what the local Slack
//! keeps is not taken for a leak.

mod load;
mod oracle;
mod schedule;

use std::process::ExitCode;

/// The note that each told request carries: its number.
const NOTE: &str = "numbered";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.first().map(String::as_str) {
        Some("--serve") => load::serve(arguments.get(1..).unwrap_or_default()),
        _ => Options::read(&arguments).and_then(|options| oracle::run(&options)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("soak: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
struct Options {
    seconds: u64,
    seed: u64,
    rate: u64,
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self, String> {
        let mut options = Options { seconds: 60, seed: fastrand::u64(..), rate: 500 };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let place = match word.as_str() {
                "--seconds" => &mut options.seconds,
                "--seed" => &mut options.seed,
                "--rate" => &mut options.rate,
                _ => return Err(format!("{word} is none of --seconds, --seed, --rate")),
            };
            let value = words.next().and_then(|value| value.parse().ok());
            *place = value.filter(|value| *value > 0).ok_or(format!("{word} needs a number"))?;
        }
        Ok(options)
    }
}
