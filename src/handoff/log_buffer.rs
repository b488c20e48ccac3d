//! [`LogBuffer`]: the last events that a request logged.

use std::collections::VecDeque;
use std::sync::Arc;

use tracing::Level;

use crate::observation::LogLine;

/// So many events of so many bytes in all are kept.
const MAX_EVENTS: usize = 16;
const MAX_BYTES: usize = 8 * 1024;

/// The last events that a request logged.
#[derive(Debug, Default)]
pub(super) struct LogBuffer {
    lines: VecDeque<Arc<LogLine>>,
    bytes: usize,
    left_out: u32,
    /// Errors that no alert of the request has shown, by their places.
    errors: Vec<(Arc<LogLine>, u64)>,
}

impl LogBuffer {
    pub(super) fn push(&mut self, line: Arc<LogLine>) {
        if line.level() == Level::ERROR {
            self.count(&line);
        }
        self.bytes += line.size();
        self.lines.push_back(line);
        while self.lines.len() > MAX_EVENTS || (self.bytes > MAX_BYTES && self.lines.len() > 1) {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.size();
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    pub(super) fn lines(&self) -> Vec<Arc<LogLine>> {
        self.lines.iter().map(Arc::clone).collect()
    }

    fn count(&mut self, line: &Arc<LogLine>) {
        let is_same =
            |known: &Arc<LogLine>| (known.target(), known.site()) == (line.target(), line.site());
        if let Some((_, count)) = self.errors.iter_mut().find(|(known, _)| is_same(known)) {
            *count += 1;
        } else if self.errors.len() < MAX_EVENTS {
            self.errors.push((Arc::clone(line), 1));
        } else if let Some((_, count)) = self.errors.last_mut() {
            // Counted, if not by its own place.
            *count += 1;
        }
    }

    /// The errors so far are shown by an alert.
    pub(super) fn shown(&mut self) {
        self.errors = Vec::new();
    }

    /// One error of each place that was not shown, and how many there were.
    pub(super) fn take_errors(&mut self) -> Vec<(Arc<LogLine>, u64)> {
        std::mem::take(&mut self.errors)
    }

    /// How many earlier ones were not kept.
    pub(super) fn left_out(&self) -> u32 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: String) -> Arc<LogLine> {
        Arc::new(LogLine { level: Level::WARN, target: "shop".into(), site: None, text })
    }

    #[test]
    fn keeps_the_last_ones_within_its_caps() {
        let mut buffer = LogBuffer::default();
        (0..40).for_each(|n| buffer.push(line(n.to_string())));
        let texts: Vec<_> = buffer.lines().iter().map(|line| line.text().to_owned()).collect();
        assert_eq!(texts, (24..40).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(buffer.left_out(), 24);

        (0..16).for_each(|_| buffer.push(line("x".repeat(1_000))));
        assert!(buffer.bytes <= MAX_BYTES && buffer.lines().len() < 8);
        buffer.push(line("y".repeat(20_000)));
        assert_eq!(buffer.lines().len(), 1);
    }

    #[test]
    fn no_error_is_lost_among_warnings() {
        let mut buffer = LogBuffer::default();
        let error = |target: &str| {
            let (level, target) = (Level::ERROR, target.to_owned());
            Arc::new(LogLine { level, target, site: None, text: String::new() })
        };
        (0..100).for_each(|_| buffer.push(error("a")));
        (0..40).for_each(|n| buffer.push(line(n.to_string())));
        (0..20).for_each(|n| buffer.push(error(&n.to_string())));
        let counts: Vec<u64> = buffer.take_errors().iter().map(|(_, count)| *count).collect();
        assert_eq!((counts.len(), counts.iter().sum::<u64>()), (16, 120));
        buffer.push(error("a"));
        buffer.shown();
        assert!(buffer.take_errors().is_empty());
    }
}
