//! Guides: where to put the layer, panics, streams and gRPC, shutdown, privacy,
//! tuning, and what to do when no alert arrives.
//!
//! | | |
//! |---|---|
//! | [`layers`] | the onion, and what is seen from each place in it |
//! | [`panics`] | which panics are told, and what becomes of the response |
//! | [`streams`] | bodies, server-sent events, WebSockets and gRPC |
//! | [`shutdown`] | the order in which to stop, and what each kind of end leaves told |
//! | [`privacy`] | what leaves the process, and how to let out less or more |
//! | [`tuning`] | thresholds, storms, mentions, replicas, cost |
//! | [`troubleshooting`] | no alert arrives, or too many |
//!
//! This module has no code: it is there in the documentation only.

pub mod layers;
pub mod panics;
pub mod privacy;
pub mod shutdown;
pub mod streams;
pub mod troubleshooting;
pub mod tuning;
