//! Posts one of each message that the crate can produce to a local Slack, so
//! that its page shows them all.
//!
//! `cargo run --example preview`, then open <http://127.0.0.1:3001>. Name some
//! to see only those, as in `... --example preview -- failed recovered`;
//! `--exit` does not wait for Ctrl-C, and `INBOX_PORT` is another port. Hours
//! pass in seconds here: each service runs on a clock moved by hand.

#[path = "../shared/routes.rs"]
mod routes;
mod scenes;
#[allow(dead_code, reason = "each who plays it asks it for a part")]
#[path = "../shared/simulation.rs"]
mod simulation;
mod stage;
mod workers;

use std::process::ExitCode;

use scenes::SCENES;
use slack_inbox::Inbox;

const INBOX_PORT: u16 = 3001;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("preview: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), String> {
    let (options, wanted): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    if let Some(unknown) = options.iter().find(|option| *option != "--exit") {
        return Err(format!("unknown option {unknown}; there is --exit"));
    }
    let known: Vec<&str> = SCENES.iter().map(|scene| scene.name).collect();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("there is no message {unknown:?}; there are: {}", known.join(", ")));
    }
    stage::set();

    let inbox = start_inbox()?;
    println!("the page: {}", inbox.page_url());
    let mut played = Vec::new();
    for scene in SCENES {
        if wanted.is_empty() || wanted.iter().any(|name| name == scene.name) {
            // Kept, so that none of them says farewell.
            played.push((scene.play)(&inbox).await);
            println!("  {:18} {}", scene.name, scene.about);
        }
    }
    println!("{} messages at {}", inbox.messages().len(), inbox.page_url());
    if options.is_empty() {
        println!("Ctrl-C stops it");
        tokio::signal::ctrl_c().await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn start_inbox() -> Result<Inbox, String> {
    let port = match std::env::var("INBOX_PORT") {
        Ok(port) => port.parse().map_err(|_| "INBOX_PORT is not a number from 0 to 65535")?,
        Err(_) => INBOX_PORT,
    };
    let inbox = Inbox::builder().port(port).start();
    inbox.map_err(|error| format!("can't listen on port {port}: {error}; set another INBOX_PORT"))
}
