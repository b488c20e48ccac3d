//! [`child`], [`passes`]: a test in a process of its own.

use std::process::Command;

/// One of this binary's own ignored tests, as a process that is still to be
/// started: subscribers, hooks, threads and the end are the process's.
pub(crate) fn child(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", name, "--ignored", "--nocapture", "--test-threads=1"])
        .env("RUST_BACKTRACE", "0");
    command
}

/// Runs it, and says what it said if it did not pass, or was not there.
pub(crate) fn passes(name: &str) {
    let output = child(name).output().unwrap();
    let (said, passed) = (String::from_utf8_lossy(&output.stdout), output.status.success());
    assert!(passed && said.contains("1 passed"), "{}", String::from_utf8_lossy(&output.stderr));
}
