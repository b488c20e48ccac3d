//! Plays storms and smaller troubles on a clock moved by hand, and prints the
//! channel as a person would see it.
//!
//! `cargo run --release --example storm` plays all scenes, for a bot and for a
//! webhook; name some to play only those, as in `... --example storm -- storm
//! deploy`. Of edits in a row that only count on, the last one of each minute is
//! printed in the first quarter of an hour, and then the last one.

#[allow(dead_code, reason = "the tests ask it more")]
mod channel;
#[path = "../shared/routes.rs"]
mod routes;
mod scenes;
#[allow(dead_code, reason = "each who plays it asks it for a part")]
#[path = "../shared/simulation.rs"]
mod simulation;

use std::process::ExitCode;

use channel::Mode;
use scenes::SCENES;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let known: Vec<&str> = SCENES.iter().map(|scene| scene.name).collect();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        eprintln!("there is no scene {unknown:?}; there are: {}", known.join(", "));
        return ExitCode::FAILURE;
    }
    for scene in &SCENES {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == scene.name) {
            continue;
        }
        for mode in [Mode::Bot, Mode::Webhook] {
            println!("═══ {}: {} ({mode})\n", scene.name, scene.about);
            println!("{}", (scene.play)(mode).await);
        }
    }
    ExitCode::SUCCESS
}
