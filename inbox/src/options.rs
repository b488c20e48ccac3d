//! [`Options`]: what the binary is asked for.

use std::net::{IpAddr, Ipv4Addr};

/// What `--help` prints.
pub(crate) const HELP: &str = r#"slack-inbox: a local Slack for development and tests

Usage: slack-inbox [--port PORT] [--listen ADDRESS] [--no-page] [--print]

  --port PORT        where to listen (default 3001; 0: any free one)
  --listen ADDRESS   on which address (default 127.0.0.1). On another one than
                     loopback whoever reaches it can read and post
  --no-page          no page at /, only the API
  --print            print each message as a person would read it
  --version          which one this is
  --help             this text

Examples:
  slack-inbox --port 3001                  then open http://127.0.0.1:3001/
  slack-inbox --print --no-page            in a terminal only

  SLACK_ALERT_WEBHOOK_URL=http://127.0.0.1:3001/services/T0LOCAL/B0LOCAL/local your-service
  curl localhost:3001/services/T0LOCAL/B0LOCAL/local \
    -H 'Content-Type: application/json' -d '{"text": "hello"}'
  curl localhost:3001/messages
  curl localhost:3001/faults -d '{"fault": "rate_limited", "retry_after": "5", "requests": 3}'
  curl localhost:3001/faults -X DELETE
  curl localhost:3001/                     what else it can do
"#;

/// What the binary is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Options {
    Help,
    Version,
    Serve(Serve),
}

/// How to serve.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Serve {
    pub(crate) port: u16,
    pub(crate) listen: IpAddr,
    pub(crate) page: bool,
    pub(crate) print: bool,
}

impl Options {
    /// Reads a command line, without its first word.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut serve =
            Serve { port: 3001, listen: Ipv4Addr::LOCALHOST.into(), page: true, print: false };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (name, given) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let takes_value = matches!(name, "--port" | "--listen");
            if given.is_some() && !takes_value {
                return Err(format!("unknown argument {argument}; see --help"));
            }
            let mut value = || given.clone().or_else(|| arguments.next());
            match name {
                "--help" | "-h" => return Ok(Options::Help),
                "--version" | "-V" => return Ok(Options::Version),
                "--no-page" => serve.page = false,
                "--print" => serve.print = true,
                "--port" => {
                    let port = value().and_then(|port| port.parse().ok());
                    serve.port = port.ok_or("--port takes a number from 0 to 65535")?;
                }
                "--listen" => {
                    let address = value().and_then(|address| address.parse().ok());
                    serve.listen = address
                        .ok_or("--listen takes an IP address, such as 127.0.0.1 or 0.0.0.0")?;
                }
                _ => return Err(format!("unknown argument {argument}; see --help")),
            }
        }
        Ok(Options::Serve(serve))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(ToOwned::to_owned))
    }

    #[test]
    fn a_command_line() {
        let listen = IpAddr::from(Ipv4Addr::LOCALHOST);
        let plain = Serve { port: 3001, listen, page: true, print: false };
        assert_eq!(parse(""), Ok(Options::Serve(plain)));
        let all = Serve { port: 9, listen: "::".parse().unwrap(), page: false, print: true };
        assert_eq!(parse("--port 9 --listen=:: --no-page --print"), Ok(Options::Serve(all)));
        assert_eq!(parse("--port 9 -h"), Ok(Options::Help));
        for (wrong, said) in [
            ("--port", "--port takes a number from 0 to 65535"),
            ("--port=70000", "--port takes a number from 0 to 65535"),
            ("--listen here", "--listen takes an IP address, such as 127.0.0.1 or 0.0.0.0"),
            ("--print=yes", "unknown argument --print=yes; see --help"),
            ("--quiet", "unknown argument --quiet; see --help"),
        ] {
            assert_eq!(parse(wrong), Err(said.to_owned()));
        }
    }
}
