//! What becomes known beside a request's way: panics, by a hook, and logs, by
//! a layer for `tracing_subscriber`.

#[cfg(feature = "request-logs")]
mod fields;
mod panic_backtrace;
pub(crate) mod panic_hook;
#[cfg(feature = "request-logs")]
mod request_log_layer;

pub use panic_backtrace::PanicBacktrace;
#[cfg(feature = "request-logs")]
pub use request_log_layer::RequestLogLayer;
