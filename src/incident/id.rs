//! [`IncidentId`]: which incident, in any process and release.

use std::fmt;

/// Which incident: its key's fingerprint and which time round it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IncidentId {
    // First, so that ids sort by age.
    epoch: u64,
    fingerprint: [u8; 16],
}

impl IncidentId {
    pub(crate) fn new(fingerprint: [u8; 16], epoch: u64) -> Self {
        IncidentId { fingerprint, epoch }
    }

    /// The key's fingerprint: the same in every process and release.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 16] {
        self.fingerprint
    }

    /// Counts the incidents of this process.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.fingerprint {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "-{}", self.epoch)
    }
}

impl fmt::Debug for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IncidentId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_as_hex_and_number() {
        let id = IncidentId::new([0xa7; 16], 12);
        assert_eq!((id.fingerprint(), id.epoch()), ([0xa7; 16], 12));
        assert_eq!(id.to_string(), format!("{}-12", "a7".repeat(16)));
        assert_eq!(format!("{id:?}"), format!("IncidentId({id})"));
        assert!(IncidentId::new([0; 16], 13) > id);
    }
}
