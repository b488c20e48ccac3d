//! [`Prehashed`]: for maps whose keys are hashes.

use std::hash::{BuildHasherDefault, Hasher};

/// For maps whose keys are hashes.
pub(super) type Prehashed = BuildHasherDefault<KeyHash>;

/// Passes on a hash that was made already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyHash(u64);

impl Hasher for KeyHash {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[inline]
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
