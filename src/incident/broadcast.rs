//! [`Broadcast`]: which replies in a thread the whole channel sees.

/// Which replies in a thread the whole channel sees, where messages can be
/// edited and replied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Broadcast {
    /// None: what escalates is told in the thread only.
    Never,
    /// What escalates: a worse kind joined, the count passed the next power of
    /// ten, it came back, a reminder, somebody is to be mentioned, the end of
    /// what was told more than once, lasted long or mentioned somebody.
    #[default]
    Escalations,
    /// The end of every incident as well.
    Always,
}
