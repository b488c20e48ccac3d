//! [`Fault`]: how Slack can fail, to be played on request.

/// How Slack can fail, to be played on request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// 429, with this `Retry-After` header, whatever it says.
    RateLimited(Option<String>),
    /// This status with this body.
    Answer(u16, String),
    /// One of Slack's error strings, as a webhook or the Web API would say it.
    Error(String),
    /// Takes the request and never answers.
    Hang,
    /// Takes the request and resets the connection.
    Reset,
    /// Answers one byte at a time, for ever.
    Drip,
}

/// For how long a fault is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Playing {
    pub(crate) fault: Fault,
    /// Requests left; for ever otherwise.
    pub(crate) left: Option<u32>,
}
