//! [`Silences`]: the silences in force, as everybody may read them.

use std::sync::Mutex;
use std::time::Duration;

use crate::incident::{Matcher, Silence};
use crate::observation::lock::relock;

/// The silences in force. Who asks for one sees it at once; our thread takes it
/// and says from then on what it holds.
#[derive(Debug, Default)]
pub(crate) struct Silences(Mutex<Board>);

#[derive(Debug, Default)]
struct Board {
    last_id: u64,
    listed: Vec<Silence>,
    /// Not taken by our thread yet.
    asked: Vec<(u64, Silence)>,
}

impl Silences {
    /// Somebody asks for a silence; returns its number.
    pub(super) fn ask(&self, matcher: &Matcher, lasting: Duration) -> u64 {
        let mut board = relock(&self.0);
        board.last_id += 1;
        let id = board.last_id;
        let silence = Silence { matcher: matcher.clone(), remaining: lasting, held: 0 };
        board.asked.push((id, silence));
        id
    }

    /// Our thread has taken a silence, and will list it.
    pub(super) fn taken(&self, id: u64) {
        let mut board = relock(&self.0);
        let (taken, rest) =
            std::mem::take(&mut board.asked).into_iter().partition(|(asked, _)| *asked == id);
        board.asked = rest;
        let taken: Vec<(u64, Silence)> = taken;
        board.listed.extend(taken.into_iter().map(|(_, silence)| silence));
    }

    /// Nobody will take it.
    pub(super) fn withdraw(&self, id: u64) {
        relock(&self.0).asked.retain(|(asked, _)| *asked != id);
    }

    /// Our thread ends, and with it every silence.
    pub(super) fn clear(&self) {
        let mut board = relock(&self.0);
        board.listed.clear();
        board.asked.clear();
    }

    /// What our thread knows.
    pub(super) fn list(&self, silences: Vec<Silence>) {
        relock(&self.0).listed = silences;
    }

    pub(super) fn listed(&self) -> Vec<Silence> {
        let board = relock(&self.0);
        let asked = board.asked.iter().map(|(_, silence)| silence.clone());
        board.listed.iter().cloned().chain(asked).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_seen_from_when_it_is_asked_for() {
        let silences = Silences::default();
        let matcher = Matcher::all().route("/a");
        let id = silences.ask(&matcher, Duration::from_secs(60));
        // Our thread lists what it knows, which is not this one yet.
        silences.list(Vec::new());
        assert_eq!(silences.listed().len(), 1);
        silences.taken(id);
        assert_eq!(silences.listed().len(), 1);
        silences.list(Vec::new());
        assert_eq!(silences.listed(), []);
    }
}
