//! The example server in a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The example server in a process of its own, stopped when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    output: BufReader<std::process::ChildStdout>,
}

impl Server {
    pub(crate) fn start(environment: &[(&str, &str)]) -> Self {
        Server::start_at(&Server::built(), environment)
    }

    /// Where the tests' own build puts it.
    fn built() -> PathBuf {
        // A whole `cargo test` builds the examples first; `--test` alone does not.
        let mut path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        path.pop();
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        path.join(profile).join("examples").join("server")
    }

    pub(crate) fn start_at(path: &Path, environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(path)
            .env_clear()
            .env("PORT", "0")
            .env("RUST_LOG", "off")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; build the examples", path.display()));
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let line = line_of(&mut output);
        let address = line.trim().strip_prefix("listening on http://").expect("an address");
        Server { child, address: address.parse().unwrap(), output }
    }

    /// Its next line.
    pub(crate) fn next_line(&mut self) -> String {
        line_of(&mut self.output)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// Asks it to stop, and returns what it says at the end.
    pub(crate) fn stop(self) -> String {
        self.signal("-TERM");
        self.said()
    }

    /// What it says until it ends well.
    pub(crate) fn said(mut self) -> String {
        let mut said = String::new();
        self.output.read_to_string(&mut said).unwrap();
        assert!(self.child.wait().unwrap().success());
        said
    }
}

fn line_of(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// One request on a connection of its own; what came back, as far as it came.
pub(crate) fn curl(address: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
