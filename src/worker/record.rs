//! The local record: what is said of messages in the log.

use std::time::Duration;

use crate::delivery::{DeliveryError, Resolution};
use crate::observation::Key;
use crate::slack::{explained, spelled_out};

/// How a destination fared before and after an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) was_failing: bool,
    pub(super) was_down: bool,
    pub(super) is_open: bool,
}

/// Says how an attempt ended: one line per message, and one when it begins to
/// fail.
pub(super) fn attempt(
    name: &str,
    headline: &str,
    resolution: Resolution,
    fault: Option<&DeliveryError>,
    turn: Turn,
) {
    match (resolution, fault) {
        (Resolution::Delivered, _) => {
            tracing::info!(target: "tower_slack_alert::alert", destination = name, "{headline}");
            if turn.was_down {
                tracing::info!(target: "tower_slack_alert", "{name} takes messages again");
            }
        }
        (Resolution::Refused, Some(fault)) => tracing::warn!(
            target: "tower_slack_alert::alert",
            destination = name,
            "dropped, since Slack refused it ({}): {headline}",
            explained(fault.code())
        ),
        (_, Some(fault)) if turn.is_open && !turn.was_down => tracing::error!(
            target: "tower_slack_alert",
            "Slack takes no messages from {name} ({}); alerts are held, and it is probed every \
             10 minutes",
            explained(fault.code())
        ),
        (_, Some(fault)) if !turn.was_failing => tracing::warn!(
            target: "tower_slack_alert",
            "{name} could not deliver an alert yet ({}); it is held and tried again",
            explained(fault.code())
        ),
        (_, Some(fault)) => tracing::debug!(
            target: "tower_slack_alert", destination = name, code = fault.code(), "not delivered yet"
        ),
        _ => {}
    }
}

/// Says that our own thread did not run for a while.
pub(super) fn gap(gap: Duration) {
    tracing::info!(
        target: "tower_slack_alert",
        "this process did not run for {} s (stopped, frozen or asleep)",
        gap.as_secs()
    );
}

/// Says that something has been undelivered for a while.
pub(super) fn late(name: &str, seconds: u64, last_fault: Option<&str>) {
    let because = last_fault.map(|code| format!(" ({})", explained(code))).unwrap_or_default();
    tracing::warn!(
        target: "tower_slack_alert::alert",
        destination = name,
        "an alert has been undelivered for {seconds} s{because}"
    );
}

/// Says what the end of the process loses.
pub(super) fn lost(name: &str, key: &Key, count: u64, last_fault: Option<&str>) {
    let because = last_fault.map(|code| format!(" ({})", explained(code))).unwrap_or_default();
    tracing::warn!(
        target: "tower_slack_alert::alert",
        destination = name,
        "not told before the end{because}: {count} × {}",
        spelled_out(&key.to_string())
    );
}
