//! [`Seen`]: which keys there have been since this process started.

use std::collections::HashSet;

/// More than so many are not remembered, and then nothing is called new.
const MAX_SEEN: usize = 2_048;

/// Which keys there have been since this process started.
#[derive(Debug, Default)]
pub(super) struct Seen {
    fingerprints: HashSet<[u8; 16]>,
    is_full: bool,
}

impl Seen {
    /// Takes down a key. Whether it is the first of it, for sure.
    pub(super) fn is_first(&mut self, fingerprint: [u8; 16]) -> bool {
        if self.is_full {
            return false;
        }
        let is_first = self.fingerprints.insert(fingerprint);
        if self.fingerprints.len() >= MAX_SEEN {
            self.is_full = true;
            self.fingerprints = HashSet::new();
        }
        is_first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_called_new_that_may_not_be() {
        let mut seen = Seen::default();
        let of = |n: u32| {
            let mut fingerprint = [0; 16];
            fingerprint[..4].copy_from_slice(&n.to_le_bytes());
            fingerprint
        };
        assert!(seen.is_first(of(1)));
        assert!(!seen.is_first(of(1)));
        (2..4_000).for_each(|n| {
            seen.is_first(of(n));
        });
        assert!(!seen.is_first(of(9_999)));
    }
}
