//! What is set once, before the scenes are played.

use tower_slack_alert::RequestLogLayer;
use tracing_subscriber::prelude::*;

/// Takes down the requests' logs, and keeps the panics that are played out of
/// the terminal.
pub(crate) fn set() {
    tracing_subscriber::registry()
        .with(RequestLogLayer::new().with_filter(RequestLogLayer::filter()))
        .init();
    std::panic::set_hook(Box::new(|panic| {
        if !panic.location().is_some_and(|place| place.file().ends_with("scenes.rs")) {
            eprintln!("{panic}");
        }
    }));
}
