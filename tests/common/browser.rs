//! A real browser: headless Chromium, driven by ChromeDriver.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder};
use serde_json::{Map, Value, json};

/// Chromium's own work that a test does not want.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    // A mouse, which a headless browser does not have by itself.
    "--blink-settings=availableHoverTypes=2,primaryHoverType=2,availablePointerTypes=4,primaryPointerType=4",
];
const MISSING: &str = "these tests need Chromium and its driver: install Debian's packages \
                       chromium and chromium-driver, or put chromedriver and chromium on the PATH";

/// A browser with a profile of its own, which ends when it is dropped.
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
    profile: std::path::PathBuf,
}

impl Browser {
    /// Starts one with a window of this size.
    pub(crate) async fn start(width: u32, height: u32) -> Result<Self, String> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{MISSING} (chromedriver: {error})"))?;
        let said = BufReader::new(driver.stdout.take().ok_or("chromedriver has no output")?);
        let port = port(said).ok_or("chromedriver said no port");
        let profile = std::env::temp_dir().join(format!("slack-inbox-page-{}", driver.id()));
        let client = match port {
            Ok(port) => connect(port, &profile, width, height).await,
            Err(problem) => Err(problem.to_owned()),
        };
        match client {
            Ok(client) => Ok(Browser { client, driver, profile }),
            Err(problem) => {
                let _ = driver.kill();
                Err(format!("{problem}; {MISSING}"))
            }
        }
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|problem| {
            panic!("{problem}: {script}");
        })
    }

    /// Waits until a script returns something true, and returns it.
    pub(crate) async fn wait_for(&self, script: &str) -> Value {
        let begun = Instant::now();
        loop {
            let found = self.run(script).await;
            if !matches!(found, Value::Null | Value::Bool(false)) {
                return found;
            }
            if begun.elapsed() > Duration::from_secs(30) {
                let page = self.run("return document.body.innerText").await;
                panic!("never true: {script}\nthe page says:\n{}", page.as_str().unwrap_or("?"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends it in order.
    pub(crate) async fn close(self) {
        let _ = self.client.clone().close().await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        // A test that failed has not closed it, and its driver can't any more.
        let profile = format!("user-data-dir={}", self.profile.display());
        let _ = Command::new("pkill").args(["-KILL", "-f", "--", &profile]).status();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

fn port(said: impl BufRead) -> Option<u16> {
    let mut lines = said.lines().map_while(Result::ok);
    lines.find_map(|line| {
        line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse().ok()
    })
}

async fn connect(
    port: u16,
    profile: &std::path::Path,
    width: u32,
    height: u32,
) -> Result<Client, String> {
    let mut arguments: Vec<String> = ARGUMENTS.iter().map(ToString::to_string).collect();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    arguments.push(format!("--window-size={width},{height}"));
    let mut capabilities = Map::new();
    capabilities.insert("goog:chromeOptions".to_owned(), json!({ "args": arguments }));
    ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
        .capabilities(capabilities)
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .map_err(|problem| problem.to_string())
}
