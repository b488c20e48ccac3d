//! [`Verdict`], [`PanicPolicy`], [`Measure`], [`Probes`]: small choices of the
//! configuration.

/// What `failure_when` says of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Verdict {
    /// Judge it by its status, as if there were no closure.
    #[default]
    Default,
    /// It is a failure, whatever its status.
    Failure,
    /// It is none, whatever its status.
    Success,
}

/// What happens after a panic in `call` or in the response future is caught
/// and recorded. Body panics are always re-raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum PanicPolicy {
    /// Answer 500 with an empty body. The default.
    #[default]
    Respond,
    /// Go on unwinding, for a `CatchPanicLayer` further out.
    Resume,
}

/// When a response counts as slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Measure {
    /// By the time to its head. The default.
    #[default]
    Head,
    /// By the time to the end of its body. Server-sent events, gRPC and
    /// upgrades are judged by their head all the same.
    EndOfBody,
}

/// Whether requests of health probes are told: `User-Agent` beginning
/// `kube-probe/`, `ELB-HealthChecker/` or `GoogleHC/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Probes {
    /// Only when they panic; else they count as suppressed. The default.
    #[default]
    Suppress,
    /// As any other request.
    Tell,
}
