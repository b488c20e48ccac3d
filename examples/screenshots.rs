//! Makes the README's picture of the local Slack's page, in a real browser.
//!
//! `cargo run --example screenshots` plays a part of the preview and writes
//! `docs/inbox.png`. `... --example screenshots -- DIRECTORY` writes one picture
//! of each message of the preview there, light and dark, and of its thread and
//! its details.

#[path = "../tests/common/browser.rs"]
mod browser;
#[path = "shared/routes.rs"]
mod routes;
#[path = "preview/scenes.rs"]
mod scenes;
#[allow(dead_code, reason = "each who plays it asks it for a part")]
#[path = "shared/simulation.rs"]
mod simulation;
#[path = "preview/stage.rs"]
mod stage;
#[path = "preview/workers.rs"]
mod workers;

use std::path::Path;
use std::process::ExitCode;

use browser::Browser;
use fantoccini::Locator;
use scenes::{SCENES, Scene};
use slack_inbox::Inbox;

const README: [&str; 6] = ["failed", "panicked", "running", "hung", "blocked", "recovered"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    stage::set();
    let done = match std::env::args().nth(1) {
        None => for_readme(Path::new("docs")).await,
        Some(directory) => each(Path::new(&directory)).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("screenshots: {problem}");
            ExitCode::FAILURE
        }
    }
}

type Done = Result<(), Box<dyn std::error::Error>>;

async fn for_readme(directory: &Path) -> Done {
    std::fs::create_dir_all(directory)?;
    let inbox = Inbox::start().await?;
    let mut played = Vec::new();
    for scene in SCENES.iter().filter(|scene| README.contains(&scene.name)) {
        println!("{}: {}", scene.name, scene.about);
        played.push((scene.play)(&inbox).await);
    }
    let browser = Browser::start(1180, 1000).await?;
    open(&browser, &inbox, "light", "").await?;
    write(directory, "inbox", browser.client.screenshot().await?)?;
    browser.close().await;
    Ok(())
}

async fn each(directory: &Path) -> Done {
    std::fs::create_dir_all(directory)?;
    let browser = Browser::start(1000, 900).await?;
    for scene in SCENES {
        of_scene(&browser, scene, directory).await?;
    }
    browser.close().await;
    Ok(())
}

async fn of_scene(browser: &Browser, scene: &Scene, directory: &Path) -> Done {
    let inbox = Inbox::start().await?;
    let _played = (scene.play)(&inbox).await;
    for theme in ["light", "dark"] {
        open(browser, &inbox, theme, "").await?;
        let channel = browser.client.find(Locator::Css("#timeline")).await?;
        fit(browser).await;
        write(directory, &format!("{}-{theme}", scene.name), channel.screenshot().await?)?;
    }
    if let Some(reply) = inbox.messages().iter().find(|message| message.thread_ts().is_some()) {
        let thread = reply.thread_ts().unwrap_or_default();
        open(browser, &inbox, "light", &format!("#/{}/thread/{thread}", reply.channel())).await?;
        write(directory, &format!("{}-thread", scene.name), browser.client.screenshot().await?)?;
    }
    if let Some(message) = inbox.messages().first() {
        let place = format!("#/{}/details/{}", message.channel(), message.ts());
        open(browser, &inbox, "dark", &place).await?;
        write(directory, &format!("{}-details", scene.name), browser.client.screenshot().await?)?;
    }
    Ok(())
}

/// Opens the page, and waits until it shows what there is.
async fn open(browser: &Browser, inbox: &Inbox, theme: &str, place: &str) -> Done {
    // Another address, or only what follows the # would change.
    browser.client.goto("about:blank").await?;
    browser.client.goto(&format!("{}?theme={theme}{place}", inbox.page_url())).await?;
    browser.wait_for("return document.querySelectorAll('#timeline article').length > 0").await;
    if !place.is_empty() {
        browser.wait_for("return !document.getElementById('panel').hidden").await;
    }
    Ok(())
}

/// Makes the channel as high as what it shows.
async fn fit(browser: &Browser) {
    browser
        .run(
            "const t = document.getElementById('timeline'); t.style.overflow = 'visible'; \
              t.style.height = t.scrollHeight + 'px'; t.style.background = 'var(--ground)'",
        )
        .await;
}

fn write(directory: &Path, name: &str, picture: Vec<u8>) -> std::io::Result<()> {
    let file = directory.join(format!("{name}.png"));
    std::fs::write(&file, picture)?;
    println!("{}", file.display());
    Ok(())
}
