//! [`Detail`]: what is told of a request beyond its sample: logs, a backtrace.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{LogLine, Trace};

/// What a backtrace takes, about.
const TRACE_SIZE: usize = 8 * 1024;

/// What is told of a request beyond its sample: what was logged while it ran,
/// and a panic's backtrace. Best effort: all of them together have a
/// [`DetailRoom`], and what finds no room is left out.
#[derive(Debug)]
pub(crate) struct Detail {
    pub(crate) logs: Vec<Arc<LogLine>>,
    /// How many earlier ones were not kept.
    pub(crate) logs_left_out: u32,
    pub(crate) trace: Option<Arc<Trace>>,
    taken: Taken,
}

/// The room for the details of all requests that wait to be told.
#[derive(Clone, Debug)]
pub(crate) struct DetailRoom(Arc<AtomicUsize>);

impl Default for DetailRoom {
    /// 1 MiB.
    fn default() -> Self {
        DetailRoom(Arc::new(AtomicUsize::new(1024 * 1024)))
    }
}

/// A part of the room, given back when it is dropped.
#[derive(Debug)]
struct Taken {
    room: DetailRoom,
    size: usize,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.0.fetch_add(self.size, Ordering::Relaxed);
    }
}

impl DetailRoom {
    fn take(&self, size: usize) -> Option<Taken> {
        let left = |left: usize| left.checked_sub(size);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).ok()?;
        Some(Taken { room: self.clone(), size })
    }

    /// Details, if there is something to tell and room for it.
    pub(crate) fn detail(
        &self,
        logs: Vec<Arc<LogLine>>,
        logs_left_out: u32,
        trace: Option<Arc<Trace>>,
    ) -> Option<Arc<Detail>> {
        if logs.is_empty() && trace.is_none() {
            return None;
        }
        let size: usize = logs.iter().map(|line| line.size()).sum();
        let taken = self.take(size + if trace.is_some() { TRACE_SIZE } else { 0 })?;
        Some(Arc::new(Detail { logs, logs_left_out, trace, taken }))
    }
}

impl Detail {
    /// The same, with secrets taken out of what was captured raw.
    pub(crate) fn scrubbed(&self) -> Option<Arc<Detail>> {
        let logs = self.logs.iter().map(|line| Arc::new(line.scrubbed())).collect();
        self.taken.room.detail(logs, self.logs_left_out, self.trace.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back_and_what_finds_none_is_left_out() {
        let room = DetailRoom::default();
        let line = || {
            Arc::new(LogLine {
                level: tracing::Level::ERROR,
                target: "shop".into(),
                site: None,
                text: "password=hunter2 ".repeat(1_000),
            })
        };
        assert!(room.detail(Vec::new(), 0, None).is_none());
        let mut kept = Vec::new();
        while let Some(detail) = room.detail(vec![line()], 0, None) {
            kept.push(detail);
        }
        assert!((50..64).contains(&kept.len()), "{}", kept.len());
        kept.clear();
        let detail = room.detail(vec![line()], 3, None).unwrap();
        let scrubbed = detail.scrubbed().unwrap();
        assert!(!scrubbed.logs[0].text().contains("hunter2"));
        assert_eq!(scrubbed.logs_left_out, 3);
    }
}
