//! [`Page`]: which part of a long answer.

use serde_json::{Map, Value, json};

use super::arguments::text;
use super::span::timestamp;
use crate::refusal::Refusal;
use crate::store::Message;

/// Which part of a long answer.
pub(crate) struct Page {
    /// The timestamp that the part begins with.
    from: Option<(u64, u64)>,
    limit: usize,
}

/// In which order messages are answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    NewestFirst,
    OldestFirst,
}

impl Page {
    pub(crate) fn of(
        arguments: &Map<String, Value>,
        default: usize,
        most: usize,
    ) -> Result<Self, Refusal> {
        let limit = match text(arguments, "limit").as_str() {
            "" => default,
            given => given.parse().map_err(|_| Refusal::of("invalid_arguments"))?,
        };
        let from = match text(arguments, "cursor").as_str() {
            "" => None,
            cursor => {
                let ts = cursor.strip_prefix("next_ts:").and_then(timestamp);
                Some(ts.ok_or(Refusal::of("invalid_cursor"))?)
            }
        };
        Ok(Page { from, limit: limit.clamp(1, most) })
    }

    /// The part, and what an answer says of the rest.
    pub(crate) fn cut<'a, 'm>(
        &self,
        all: &'a [&'m Message],
        order: Order,
    ) -> (&'a [&'m Message], Option<Value>) {
        let is_before = |message: &&&Message| match (self.from, timestamp(&message.ts)) {
            (Some(from), Some(at)) if order == Order::NewestFirst => at > from,
            (Some(from), Some(at)) => at < from,
            _ => false,
        };
        let start = all.iter().take_while(is_before).count();
        let rest = all.get(start..).unwrap_or_default();
        let (part, more) = rest.split_at(self.limit.min(rest.len()));
        let next =
            more.first().map(|next| json!({ "next_cursor": format!("next_ts:{}", next.ts) }));
        (part, next)
    }
}
