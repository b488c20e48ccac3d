//! Bodies, server-sent events, WebSockets and gRPC.
//!
//! A response has a head and a body, and either can go wrong. What is slow is
//! judged by the head, unless [`Measure::EndOfBody`] says otherwise; a request
//! hangs only while it has no head. So a stream that is open for hours is not
//! told.
//!
//! | response | slow is judged by | hung | what else is told |
//! |---|---|---|---|
//! | a body | its head, or its end with [`Measure::EndOfBody`] | without a head | an error or a panic in the body, with the bytes that were out; with [`body_cancelled`], that its client went away |
//! | `text/event-stream` | its head | without a head | an error or a panic in the body |
//! | an upgrade (WebSocket, `CONNECT`) | its head | without a head | nothing after the upgrade |
//! | HEAD, 204, 304 | its head | without a head | nothing: there is no body |
//! | gRPC (`application/grpc`) | its head | without a head | its status, in the head or in the trailers |
//! | gRPC-Web | its head, or its end | without a head | its HTTP status: the other one travels inside the body |
//!
//! The body that this crate puts around yours passes on every frame, trailers,
//! errors, `size_hint` and `is_end_stream` as they are.
//!
//! # Downloads
//!
//! ```
//! use std::time::Duration;
//! use tower_slack_alert::{AlertConfig, Destination, Measure};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = AlertConfig::builder(Destination::log())
//!     // Exports are slow by their end, and may take their time.
//!     .measure(Measure::EndOfBody)
//!     .route("/exports/{id}", |route| route.slow_after(Duration::from_secs(300)))
//!     // Clients that stop a download are counted in `Stats`; this tells them.
//!     .body_cancelled(true)
//!     .build()?;
//! # drop(config);
//! # Ok(())
//! # }
//! ```
//!
//! # gRPC
//!
//! A gRPC response is HTTP 200 whatever happened. These statuses are the
//! service's own failures: Unknown (2), DeadlineExceeded (4), Internal (13),
//! Unavailable (14), DataLoss (15). The others are the caller's, as 4xx are. The
//! path, `/package.Service/Method`, is the route. With [tonic]:
//!
//! ```
//! use std::time::Duration;
//! use tonic::transport::Server;
//! use tower_slack_alert::{AlertConfig, Destination, SlackAlertLayer};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let alerts = SlackAlertLayer::new(AlertConfig::builder(Destination::log()).build()?);
//! let (_reporter, health) = tonic_health::server::health_reporter();
//! let server = Server::builder().layer(alerts.clone()).add_service(health);
//! // server.serve(address).await?;
//! # drop(server);
//! alerts.handle().shutdown(Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```
//!
//! `tests/grpc.rs` in the repository asks such a server. A call that ends
//! without a status (its client went away) is not counted as having gone well.
//! A status that `failure_when` has judged at the head is not judged again in
//! the trailers.
//!
//! [`Measure::EndOfBody`]: crate::Measure::EndOfBody
//! [`body_cancelled`]: crate::AlertConfigBuilder::body_cancelled
//! [tonic]: https://docs.rs/tonic
