//! Keeps the number of incidents bounded.

use std::time::Duration;

use crate::observation::{Key, Kind, MAX_KEYS, MAX_REMEMBERED, Time, later};

use super::super::incident::{Incident, Phase};
use super::{Engine, IncidentId};

/// As many keys as the tally tells apart.
const MAX_OPEN: usize = MAX_KEYS;
/// With those that are over and remembered, or not told to everybody yet.
pub(super) const MAX_INCIDENTS: usize = MAX_OPEN + Kind::COUNT + MAX_REMEMBERED;
/// From here on, those that have been quiet leave early.
pub(super) const CROWDED: usize = MAX_OPEN - 16;
/// What counts as quiet then.
pub(super) const QUIET: Duration = Duration::from_secs(60);

impl Engine {
    /// The key itself, or `other` of its kind where there is no room for it.
    pub(super) fn bounded(&mut self, key: Key) -> Key {
        if self.live.contains_key(&key) {
            return key;
        }
        self.let_some_go();
        let has_room = self.incidents.len() < MAX_INCIDENTS;
        if has_room { key } else { Key::Other { kind: key.kind() } }
    }

    /// Makes room for others: the quiet ones end early, those that are over are
    /// forgotten, and what nobody could be told of is told under one key.
    pub(super) fn make_room(&mut self, now: Time) {
        let is_open = |incident: &&Incident| incident.phase == Phase::Open;
        let open = self.incidents.values().filter(is_open).count();
        if open > CROWDED {
            let mut quiet: Vec<(Time, IncidentId)> = self
                .incidents
                .values()
                .filter(|one| one.phase == Phase::Open && one.host.is_none() && one.key != Key::Cut)
                .filter(|one| self.hanging_of(one).count == 0)
                .map(|one| (self.last_seen(one), one.id))
                .filter(|(seen, _)| later(seen.mono, QUIET) <= now.mono)
                .collect();
            quiet.sort_by_key(|(seen, _)| seen.mono);
            for (_, id) in quiet.into_iter().take(open - CROWDED) {
                self.close(now, id);
            }
        }
        self.let_some_go();
    }

    /// Until there is room for another one, or all go on.
    fn let_some_go(&mut self) {
        while self.incidents.len() >= MAX_INCIDENTS && self.let_one_go() {}
    }

    /// Lets go of the one that has been over for longest.
    fn let_one_go(&mut self) -> bool {
        let over = self.incidents.values().filter(|one| one.is_over() && one.host.is_none());
        let age = |one: &&Incident| match one.phase {
            Phase::Closed { at } => (true, Some(at)),
            _ => (false, None),
        };
        let (settled, rest): (Vec<_>, Vec<_>) = over.partition(|one| self.is_settled(one));
        if let Some(id) = settled.into_iter().min_by_key(age).map(|one| one.id) {
            self.retire(id);
            return true;
        }
        let is_other = |one: &&Incident| matches!(one.key, Key::Other { .. });
        let rest = rest.into_iter().filter(|one| !is_other(one)).min_by_key(age);
        let Some(id) = rest.map(|one| one.id) else { return false };
        self.retire(id);
        let Some(incident) = self.incidents.get(&id) else { return true };
        let kind = incident.key.kind();
        let family: Vec<IncidentId> = self.family(incident).iter().map(|one| one.id).collect();
        let key = Key::Other { kind };
        let is_kept = |one: &&Incident| one.phase == Phase::Over && one.key == key;
        let kept = self.incidents.values().find(is_kept).map(|one| one.id);
        let kept = kept.unwrap_or_else(|| {
            // The first one takes that part, and its own name is lost.
            if let Some(one) = self.incidents.get_mut(&id) {
                one.key = key.clone();
                one.members.clear();
            }
            id
        });
        let mut gone = false;
        for id in family.into_iter().filter(|id| *id != kept).collect::<Vec<_>>() {
            self.merge_into(id, kept);
            gone = true;
        }
        gone || kept == id
    }
}
