//! Our own threads: what drives the engine and the outbox, and the handle by
//! which users reach them.

mod attempt;
mod channel;
mod control;
mod driver;
mod flush_guard;
mod gauges;
mod handle;
mod heartbeat;
mod record;
mod reports;
mod setup;
mod silences;
mod start;
mod test_messages;
mod user_thread;

pub use flush_guard::FlushGuard;
pub use handle::AlertHandle;
pub use reports::{CheckReport, FlushReport, ShutdownReport};

pub(crate) use control::Control;
pub(crate) use gauges::Gauge;
pub(crate) use setup::{ChannelSetup, DestinationSetup, Setup};
pub(crate) use start::start;
