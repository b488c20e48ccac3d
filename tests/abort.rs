//! What becomes of a panic that ends the process: `panic = "abort"`.

#[allow(dead_code, reason = "others use more of it")]
#[path = "common/server.rs"]
mod server;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use server::Server;
use slack_inbox::{Inbox, Message};

/// The example server, built so that a panic ends it.
fn build() -> std::path::PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abort");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", "abort", "--example", "server"])
        .args(["--features", "request-logs", "--target-dir"])
        .arg(&target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .unwrap();
    assert!(built.success());
    target.join("abort/examples/server")
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
    }
}
