//! [`PanicBacktrace`]: whether panics are told with a backtrace.

/// Whether panics are told with a backtrace.
///
/// Taking one costs the panicking thread microseconds; its names are looked up
/// on the alerting's own thread. The first look-up takes up to a quarter of a
/// second, in which the standard library lets no other thread take or print one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PanicBacktrace {
    /// If `RUST_LIB_BACKTRACE` or else `RUST_BACKTRACE` says so, as
    /// [`std::backtrace`] does.
    #[default]
    FromEnv,
    /// Always.
    Always,
    /// Never.
    Never,
}
