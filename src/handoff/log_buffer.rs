//! [`LogBuffer`]: the last events that a request logged.

use std::collections::VecDeque;
use std::sync::Arc;

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
}

impl LogBuffer {
    pub(super) fn push(&mut self, line: LogLine) {
        self.bytes += line.size();
        self.lines.push_back(Arc::new(line));
        while self.lines.len() > MAX_EVENTS || (self.bytes > MAX_BYTES && self.lines.len() > 1) {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.size();
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    pub(super) fn lines(&self) -> Vec<Arc<LogLine>> {
        self.lines.iter().map(Arc::clone).collect()
    }

    /// How many earlier ones were not kept.
    pub(super) fn left_out(&self) -> u32 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: String) -> LogLine {
        LogLine { level: tracing::Level::WARN, target: "shop".into(), site: None, text }
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
}
