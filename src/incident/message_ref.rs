//! [`MessageRef`]: a message that was posted and can be edited.

/// A message that was posted: the channel and the timestamp that Slack
/// returned. Opaque to everything but the transport that made it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageRef {
    channel: String,
    ts: String,
}

impl MessageRef {
    /// A message in `channel` with this timestamp, both as the API returned
    /// them. The timestamp is a key and not a number.
    #[must_use]
    pub fn new(channel: impl Into<String>, ts: impl Into<String>) -> Self {
        MessageRef { channel: channel.into(), ts: ts.into() }
    }

    /// The channel's id.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The message's timestamp.
    #[must_use]
    pub fn ts(&self) -> &str {
        &self.ts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_channel_and_a_time() {
        let message = MessageRef::new("C1", "1.2");
        assert_eq!((message.channel(), message.ts()), ("C1", "1.2"));
    }
}
