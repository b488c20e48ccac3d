//! How Slack can fail, and for how long it does.

mod order;
mod play;
mod playing;

pub(crate) use play::play;
pub(crate) use playing::Playing;

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
    /// The webhook or the token is revoked: `invalid_token` or `token_revoked`.
    Revoked,
    /// The channel is archived: `channel_is_archived` or `is_archived`.
    Archived,
    /// Takes the request and never answers.
    Hang,
    /// Takes the request and resets the connection.
    Reset,
    /// Answers one byte at a time, for ever.
    Drip,
}

impl Fault {
    /// What it is called, in `POST /faults` and in [`Request::outcome`].
    ///
    /// [`Request::outcome`]: crate::Request::outcome
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Fault::RateLimited(_) => "rate_limited",
            Fault::Answer(..) => "status",
            Fault::Error(_) => "error",
            Fault::Revoked => "revoked",
            Fault::Archived => "archived",
            Fault::Hang => "hang",
            Fault::Reset => "reset",
            Fault::Drip => "drip",
        }
    }

    /// What is written down of a request that met it.
    pub(crate) fn outcome(&self) -> String {
        match self {
            Fault::Answer(status, _) => format!("fault: status {status}"),
            Fault::Error(error) => format!("fault: {error}"),
            other => format!("fault: {}", other.name()),
        }
    }
}
