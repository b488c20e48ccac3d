//! [`Via`]: how a message came.

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Via {
    /// Through an incoming webhook.
    Webhook,
    /// Through the Web API.
    Api,
}
