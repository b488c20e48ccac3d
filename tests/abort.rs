//! What becomes of a panic that ends the process: `panic = "abort"`.

#[allow(dead_code, reason = "others use more of it")]
#[path = "common/server.rs"]
mod server;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use server::Server;
use slack_inbox::{Inbox, Message};

/// The example server, built so that a panic ends it. What it needs is the one
/// of all tests; who links the program says what a panic does.
fn build() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let build = |wrapper: Option<&str>| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--all-features", "--example", "server", "--target-dir"]);
        cargo.arg(target).current_dir(root);
        match wrapper {
            Some(wrapper) => cargo.env("RUSTC_WORKSPACE_WRAPPER", root.join(wrapper)),
            None => cargo.env_remove("RUSTC_WORKSPACE_WRAPPER"),
        };
        assert!(cargo.status().unwrap().success());
    };
    build(Some("tests/rustc/abort"));
    let aborting = target.join("tmp/aborting-server");
    std::fs::copy(target.join("debug/examples/server"), &aborting).unwrap();
    // The other tests' server is back in its place.
    build(None);
    aborting
}

#[tokio::test]
#[cfg(unix)]
#[ignore = "builds the example server once more; .ci/run runs it"]
async fn a_panic_that_ends_the_process_is_told_before_it_does() {
    use std::os::unix::process::ExitStatusExt;

    let path = build();
    for (request, expected) in [
        ("/panic", "panic GET /panic · index out of bounds"),
        ("/job", "panic outside any request · an order has a receipt"),
    ] {
        let inbox = Inbox::start().await.unwrap();
        let server = Server::start_at(&path, &[("SLACK_ALERT_WEBHOOK_URL", &*inbox.webhook_url())]);
        let url = format!("http://{}{request}", server.address);
        let _ = Command::new("curl").args(["-s", "-m", "5", &url]).output().unwrap();
        assert_eq!(server.wait().signal(), Some(6), "{request} did not abort");
        let message = inbox.wait_for(|_| true, Duration::from_secs(1)).await;
        let text = message.as_ref().map(Message::text).unwrap_or_default();
        assert!(text.contains(expected), "{request}: {text:?}");
        assert!(text.contains("examples/server.rs:"), "{text}");
        // Whose request it was, where there was one.
        let lines = message.as_ref().map(Message::lines).unwrap_or_default();
        let is_from_curl = lines.iter().any(|line| line.contains("from curl/"));
        assert_eq!(is_from_curl, request == "/panic", "{lines:#?}");
    }
}
