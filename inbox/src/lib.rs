//! A local Slack for development and tests.
//!
//! It takes what an app sends to an incoming webhook or to the Web API,
//! answers as Slack does, refuses what Slack would refuse in Slack's words,
//! plays faults, and shows what arrived.
//!
//! ```
//! use std::time::Duration;
//! use slack_inbox::Inbox;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let inbox = Inbox::start().await?;
//! // Point your code at inbox.webhook_url(), or at inbox.api_url() with a token xoxb-….
//! # let address = inbox.address();
//! # tokio::task::spawn_blocking(move || {
//! #     use std::io::{Read, Write};
//! #     let mut stream = std::net::TcpStream::connect(address).unwrap();
//! #     write!(stream, "POST /services/T0/B0/x HTTP/1.1\r\nhost: x\r\ncontent-length: 17\r\n\
//! #         connection: close\r\n\r\n{{\"text\": \"hello\"}}").unwrap();
//! #     stream.read_to_string(&mut String::new()).unwrap();
//! # }).await?;
//! let hello = inbox.wait_for(|message| message.text() == "hello", Duration::from_secs(5)).await?;
//! assert_eq!(hello.edits(), 0);
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]

mod builder;
mod channel;
mod fault;
mod http;
mod inbox;
mod missing;
mod refusal;
mod slack;
mod store;
mod via;
mod view;
mod wire;

pub use builder::InboxBuilder;
pub use fault::Fault;
pub use inbox::Inbox;
pub use missing::Missing;
pub use store::{Message, Request, busiest};
pub use via::Via;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
