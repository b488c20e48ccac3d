//! `slack-inbox`: a local Slack in a terminal and a browser.

mod options;

use std::io::Write;
use std::process::ExitCode;

use options::{HELP, Options, Serve};
use slack_inbox::Inbox;

fn main() -> ExitCode {
    let done = match Options::parse(std::env::args().skip(1)) {
        Ok(Options::Help) => {
            print!("{HELP}");
            Ok(())
        }
        Ok(Options::Version) => {
            println!("slack-inbox {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Ok(Options::Serve(wanted)) => serve(&wanted),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("slack-inbox: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn serve(wanted: &Serve) -> Result<(), String> {
    let Serve { port, listen, page, print } = *wanted;
    let inbox = Inbox::builder().port(port).listen(listen).page(page).print(print);
    let inbox = inbox.start().map_err(|error| {
        format!("can't listen on {listen}, port {port}: {error}; try another --port")
    })?;
    let (page, hook, api) = match page {
        true => (format!("open {}", inbox.page_url()), inbox.webhook_url(), inbox.api_url()),
        false => (format!("at {}", inbox.address()), inbox.webhook_url(), inbox.api_url()),
    };
    // Whoever started it may read no more of it than the first line.
    let _ = writeln!(
        std::io::stdout(),
        "slack-inbox: {page}   (Ctrl-C stops it)\n\nTo send here, a webhook:\n\n  \
         SLACK_ALERT_WEBHOOK_URL={hook}\n\nor a bot, which edits its messages:\n\n  \
         SLACK_ALERT_BOT_TOKEN=xoxb-local SLACK_ALERT_CHANNEL=alerts \\\n  \
         SLACK_ALERT_API_URL={api}\n"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(tokio::signal::ctrl_c()).map_err(|error| error.to_string())
}
