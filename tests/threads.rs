//! One thread a layer, none a clone, none left behind. In a process of its own,
//! so that nobody else's threads are counted.

mod common;

use std::time::{Duration, Instant};

use common::{SOON, Watch};
use tower::Layer;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map(Iterator::count).unwrap_or(0)
}

fn wait_for(count: usize) {
    let begun = Instant::now();
    while threads() != count {
        assert!(begun.elapsed() < SOON, "{} threads instead of {count}", threads());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_layer_has_one_thread_and_takes_it_along() {
    let before = threads();
    for _ in 0..20 {
        // The user's transport is asked for its capabilities on a second one.
        let watch = Watch::new();
        wait_for(before + 2);
        let clones: Vec<_> = (0..1000).map(|_| watch.layer.clone().layer(())).collect();
        assert_eq!(threads(), before + 2);
        drop((watch, clones));
        wait_for(before);
    }
}
