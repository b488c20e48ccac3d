//! What the layer costs a request, beside the layers that people already use.
//!
//! `cargo bench -p peers` prints it all; `benches/RESULTS.md` holds the last run.

mod beside;
mod case;
mod figures;
mod floor;
mod handler;
mod plain;
mod request;
pub mod sink;

pub use beside::Beside;
pub use case::{Case, ROUTES, Visit};
pub use figures::spread;
pub use handler::{Answer, Pace};
pub use request::{ask, template};
