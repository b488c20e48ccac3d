//! Locks and atomics; under `--cfg shuttle` those of the model checker.

#[cfg(all(test, shuttle))]
pub(super) use shuttle::sync::{Mutex, atomic};
#[cfg(not(all(test, shuttle)))]
pub(super) use std::sync::{Mutex, atomic};
