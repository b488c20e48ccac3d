//! What the layer costs a request, beside the layers that people already use.
//!
//! `cargo bench -p peers` prints it all; `benches/RESULTS.md` holds the last run.

mod case;
mod floor;
mod handler;
mod request;
pub mod sink;

pub use case::{Case, ROUTES, Visit};
pub use handler::{Answer, Pace};
pub use request::{ask, template};
