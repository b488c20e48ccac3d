//! [`Outcome`]: the part of an observation that its kind does not tell.

/// What happened beyond what a kind says, so that a message can say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Outcome {
    /// What the kind says.
    #[default]
    Plain,
    /// A cancelled or failed body: the response had begun.
    DuringBody,
    /// Slow at the end of the body, not at the head.
    SlowBody,
    /// It still ran when this was taken of it.
    Running,
    /// It had been told while it ran, and then nobody waited for it any more.
    GivenUp,
    /// A response that only `failure_when` calls a failure.
    Judged,
}
