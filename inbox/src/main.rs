//! `slack-inbox`: a local Slack in a terminal.

use std::process::ExitCode;

use slack_inbox::Inbox;

const HELP: &str = r#"slack-inbox: a local Slack for development and tests

Usage: slack-inbox [--port PORT] [--quiet]

  --port PORT   where to listen on 127.0.0.1 (default 3001)
  --quiet       do not print messages
  --help        this text

Example:
  slack-inbox --port 3001
  SLACK_ALERT_WEBHOOK_URL=http://127.0.0.1:3001/services/T0/B0/x your-service
  curl localhost:3001/messages
  curl localhost:3001/faults -d '{"fault": "rate_limited", "retry_after": "5", "requests": 3}'
  curl localhost:3001/                     what else it can do
"#;

fn main() -> ExitCode {
    let (mut port, mut print) = (3001, true);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--help" | "-h" => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            "--quiet" => print = false,
            "--port" => match arguments.next().and_then(|port| port.parse().ok()) {
                Some(number) => port = number,
                None => {
                    eprintln!("slack-inbox: --port takes a number from 0 to 65535");
                    return ExitCode::FAILURE;
                }
            },
            other => {
                eprintln!("slack-inbox: unknown argument {other}; see --help");
                return ExitCode::FAILURE;
            }
        }
    }
    let inbox = match Inbox::builder().port(port).print(print).start() {
        Ok(inbox) => inbox,
        Err(error) => {
            eprintln!("slack-inbox: can't listen on 127.0.0.1:{port}: {error}; try another --port");
            return ExitCode::FAILURE;
        }
    };
    println!("slack-inbox listens on http://{}; Ctrl-C stops it. To send here:\n", inbox.address());
    println!("  SLACK_ALERT_WEBHOOK_URL={}\n", inbox.webhook_url());
    println!("  SLACK_ALERT_BOT_TOKEN=xoxb-local SLACK_ALERT_CHANNEL=alerts \\");
    println!("  SLACK_ALERT_API_URL={}\n", inbox.api_url());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(tokio::signal::ctrl_c())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("slack-inbox: {error}");
            ExitCode::FAILURE
        }
    }
}
