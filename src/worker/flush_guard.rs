//! [`FlushGuard`]: shuts the alerting down when it is dropped.

use std::time::Duration;

use super::AlertHandle;

/// Shuts the alerting down when it is dropped. Bind it to a name: `let _ = …`
/// drops it at once.
#[must_use = "it shuts the alerting down as soon as it is dropped"]
#[derive(Debug)]
pub struct FlushGuard {
    handle: AlertHandle,
    limit: Duration,
}

impl FlushGuard {
    pub(super) fn new(handle: AlertHandle, limit: Duration) -> Self {
        FlushGuard { handle, limit }
    }
}

impl Drop for FlushGuard {
    fn drop(&mut self) {
        let report = self.handle.shutdown_blocking(self.limit);
        if !report.completed() {
            tracing::warn!(target: "tower_slack_alert", "shut down: {report}");
        }
    }
}
