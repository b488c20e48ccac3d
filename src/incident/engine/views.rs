//! What is told, at the moment it is told.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::observation::{Counts, Endpoint, Key, Kind, Samples, Time};

use super::super::incident::Incident;
use super::super::telling::{Shown, Telling, Told};
use super::cadence::{What, decade};
use super::{
    Broadcast, Carried, DestinationIndex, Engine, IncidentId, IncidentView, Manner, Moment,
    Placement, Subject, ViewRow,
};

/// A share of fewer requests says little.
const ENOUGH: u64 = 20;

impl Engine {
    /// What a message about `subject` says now, what it carries, and where it
    /// goes; `None` when there is nothing to say any more.
    pub(crate) fn view(
        &self,
        now: Time,
        destination: DestinationIndex,
        subject: Subject,
    ) -> Option<(IncidentView, Carried, Placement)> {
        let now = self.engine_time(now);
        let place = self.destinations.get(destination)?;
        if place.stands_by && self.manner(destination, subject) != Manner::Edit {
            return None;
        }
        let (mut view, mut carried, placement) = match subject {
            Subject::Farewell => self.farewell(now, destination)?,
            Subject::Holding => self.view_of_holding(now, destination)?,
            Subject::Outage => self.view_of_outage(now, destination)?,
            Subject::SilenceOver(id) => self.view_of_silence(now, destination, id)?,
            Subject::Incident(id) => self.view_of_telling(now, destination, id)?,
            Subject::Details(id) => self.view_of_details(now, destination, id)?,
        };
        view.has_thread = place.can_reply && !self.policy.each;
        // Not in a thread, where nobody may look.
        if !matches!(subject, Subject::Details(_)) {
            view.gap = place.gap;
            carried.gap = place.gap.is_some();
        }
        Some((view, carried, placement))
    }

    fn view_of_telling(
        &self,
        now: Time,
        destination: DestinationIndex,
        id: IncidentId,
    ) -> Option<(IncidentView, Carried, Placement)> {
        let place = self.destinations.get(destination)?;
        let incident = self.incidents.get(&id).filter(|incident| self.is_told(incident))?;
        let telling = incident.tellings.get(destination)?;
        let manner = self.manner(destination, Subject::Incident(id));
        let due = self.visible_due(now.mono, incident, destination);
        let due = due.filter(|due| due.at <= now.mono).map(|due| due.what);
        let (moment, what) = if self.stopping && telling.is_known {
            if !place.can_edit {
                // The farewell tells it.
                return None;
            }
            let ended = if incident.is_over() { Moment::Ended } else { Moment::Stopped };
            (ended, None)
        } else if manner == Manner::Edit {
            (self.moment_of_edit(now, incident, destination, telling)?, None)
        } else {
            let what = due?;
            (moment_of(what, incident), Some(what))
        };
        let mut view = self.view_of_incident(now, incident, moment);
        let counted = self.counted(incident);
        view.fresh = counted.iter().map(|one| one.held(destination)).sum();
        let mentions = match manner {
            Manner::Edit => Vec::new(),
            _ => self.mentions_due(now.mono, incident, destination),
        };
        let is_visible = what.is_some() || !telling.is_known;
        let mut told = self.told_by(incident, telling, moment, is_visible);
        told.mention_rules.extend(mentions.iter().map(|(rule, _)| *rule));
        for (_, mention) in mentions {
            if !view.mentions.contains(&mention) {
                view.mentions.push(mention);
            }
        }
        let in_detail = matches!(what, Some(What::First | What::Each));
        let carried = Carried {
            // "Part of" tells no count.
            totals: match moment {
                Moment::Joined => Vec::new(),
                _ => self.totals_of(incident),
            },
            round: incident.round.number,
            shown: Shown { version: incident.version, is_end: incident.is_over() },
            manner,
            is_reminder: what == Some(What::Reminder),
            in_detail: in_detail && !matches!(incident.key, Key::RollUp { .. }),
            told,
            mentions: view.mentions.clone(),
            ..Carried::default()
        };
        let placement = match (manner, &telling.message) {
            (Manner::Edit, Some(message)) => Placement::Edit(message.clone()),
            (Manner::Reply, Some(message)) => Placement::Reply {
                parent: message.clone(),
                broadcast: self.policy.broadcast != Broadcast::Never,
            },
            _ => Placement::New,
        };
        Some((view, carried, placement))
    }

    /// What an edit says; `None` if it would say nothing new.
    fn moment_of_edit(
        &self,
        now: Time,
        incident: &Incident,
        destination: DestinationIndex,
        telling: &Telling,
    ) -> Option<Moment> {
        if !telling.is_known {
            return (self.held_of(incident, destination) > 0).then_some(Moment::First);
        }
        if incident.host.is_some() {
            return (!telling.told.joined).then_some(Moment::Joined);
        }
        let at = self.edit_due(now.mono, incident, destination);
        let is_due =
            at.is_some_and(|at| at <= now.mono) || incident.version != telling.shown.version;
        let moment = if incident.is_over() { Moment::Ended } else { Moment::Progress };
        is_due.then_some(moment)
    }

    /// What will have been said once a message is sent.
    fn told_by(
        &self,
        incident: &Incident,
        telling: &Telling,
        moment: Moment,
        visible: bool,
    ) -> Told {
        let mut told = telling.told.clone();
        if visible {
            let severity = self.worst_of(incident).severity();
            told.severity = Some(told.severity.map_or(severity, |known| known.max(severity)));
            told.decade = decade(self.round_total(incident));
            told.round = incident.round.number;
        }
        told.hanging = self.hanging_of(incident).count;
        if incident.is_over() {
            told.end = true;
            told.visible_end |= visible;
        }
        told.joined = moment == Moment::Joined;
        told.last_word |= self.stopping;
        told
    }

    /// The totals of an incident and of what it tells.
    pub(super) fn totals_of(&self, incident: &Incident) -> Vec<(IncidentId, u64)> {
        self.family(incident).iter().map(|one| (one.id, one.counts.total)).collect()
    }

    pub(super) fn view_of_incident(
        &self,
        now: Time,
        incident: &Incident,
        moment: Moment,
    ) -> IncidentView {
        let mut view = self.view_of(now, moment, incident.key.clone());
        let counted = self.counted(incident);
        view.id = Some(incident.id);
        view.is_new = incident.is_new;
        view.counts = self.counts_of(incident);
        view.moved_in = counted.iter().map(|one| one.moved_in).sum();
        view.moved_out = counted.iter().map(|one| one.moved_out).sum();
        view.silenced = counted.iter().map(|one| one.silenced).sum();
        view.since = incident.round.began.wall;
        view.last_seen = self.last_seen(incident).wall;
        view.lasted = self.lasted(incident);
        view.round = incident.round.number;
        view.round_total = self.round_total(incident);
        let hanging = self.hanging_of(incident);
        view.oldest_began = hanging.began.filter(|_| hanging.count > 0);
        let age = |began| now.mono.saturating_duration_since(self.engine_instant(began));
        view.hanging = view.oldest_began.map(|began| (hanging.count, age(began)));
        if view.hanging.is_some() {
            view.kind = Kind::Hung;
        }
        view.share = self.share(incident);
        view.ending = self.ending(incident);
        view.joined = self.guests(incident).iter().map(|guest| self.row(guest, now)).collect();
        view.host = incident.host.and_then(|host| {
            let host = self.incidents.get(&self.root(host))?;
            view.routes = self.routes_if_several(host, now);
            Some(self.row(host, now))
        });
        if let Key::RollUp { .. } = incident.key {
            view.routes = self.routes_if_several(incident, now);
            view.common = self.common_reason(incident);
            let mut listed = counted.clone();
            listed.retain(|one| self.round_total(one) > 0);
            let hangs = |one: &Incident| one.hanging.count > 0;
            let is_unproven = |one: &Incident| one.is_over() && self.answered_since(one) == 0;
            listed.sort_by_key(|one| {
                let total = one.counts.total;
                Reverse((hangs(one), self.is_active(one, now), is_unproven(one), total))
            });
            self.list(&mut view, &listed, now);
            // One of them by example, the busiest.
            let busiest = listed.iter().max_by_key(|one| self.round_total(one));
            if let Some(busiest) = busiest.or(counted.iter().max_by_key(|one| one.counts.total)) {
                view.samples = busiest.samples.clone();
            }
        } else {
            view.samples = incident.samples.clone();
        }
        if view.hanging.is_none() {
            view.samples.settle_running();
        }
        view
    }

    /// A line about one of several; a route of a roll-up counts since that
    /// came back.
    pub(super) fn row(&self, incident: &Incident, now: Time) -> ViewRow {
        let total = match incident.host {
            Some(_) => self.round_total(incident),
            None => self.counts_of(incident).total,
        };
        let hanging = self.hanging_of(incident).count;
        ViewRow {
            key: incident.key.clone(),
            kind: if hanging > 0 { Kind::Hung } else { incident.key.kind() },
            total,
            hanging,
            is_proven: self.answered_since(incident) > 0,
            is_active: self.is_active(incident, now),
        }
    }

    fn routes_if_several(&self, incident: &Incident, now: Time) -> Option<(usize, usize)> {
        matches!(incident.key, Key::RollUp { .. }).then(|| self.routes_of(incident, now))
    }

    /// How many of the requests on its endpoints are its own, since it came
    /// back or began.
    fn share(&self, incident: &Incident) -> Option<(u64, u64)> {
        let counted = self.counted(incident);
        let (mut own, mut all) = (0, 0);
        let mut seen: Vec<(Endpoint, u64)> = Vec::new();
        for one in &counted {
            let endpoint = one.proof()?;
            let nearby = &one.nearby;
            own += nearby.own;
            // Up to its last observation: what comes later is its end's.
            let fine = nearby.fine - nearby.fine_since;
            match seen.iter_mut().find(|(known, _)| *known == endpoint) {
                Some((_, known)) => *known = (*known).max(fine),
                None => seen.push((endpoint, fine)),
            }
            if counted.len() == 1 {
                all += nearby.others - nearby.others_since;
            }
        }
        all += own + seen.iter().map(|(_, fine)| fine).sum::<u64>();
        (all >= ENOUGH).then_some((own, all))
    }

    pub(super) fn view_of(&self, now: Time, moment: Moment, key: Key) -> IncidentView {
        IncidentView {
            id: None,
            moment,
            kind: key.kind(),
            key,
            counts: Counts::default(),
            since: now.wall,
            last_seen: now.wall,
            round: 0,
            round_total: 0,
            share: None,
            hanging: None,
            oldest_began: None,
            ending: None,
            lasted: std::time::Duration::ZERO,
            joined: Vec::new(),
            routes: None,
            common: None,
            host: None,
            silenced: 0,
            silence: None,
            mentions: Vec::new(),
            gap: None,
            names_instance: self.policy.replicas > 1,
            fresh: 0,
            moved_in: 0,
            moved_out: 0,
            samples: Samples::default(),
            identity: Arc::clone(&self.identity),
            now,
            started: self.started,
            uptime: now.mono.saturating_duration_since(self.started),
            rows: Vec::new(),
            more: 0,
            more_total: 0,
            outage: None,
            maybe_repeat: false,
            has_thread: false,
            is_new: false,
            oldest: Vec::new(),
            gauges: Vec::new(),
            block: None,
            stopped: self.stopping,
        }
    }

    /// A view that tells nothing but that it arrives.
    pub(crate) fn test_view(&self, now: Time) -> IncidentView {
        let now = self.engine_time(now);
        self.view_of(now, Moment::Test, Key::Other { kind: Kind::Logged })
    }
}

fn moment_of(what: What, incident: &Incident) -> Moment {
    match what {
        What::First | What::Anew if incident.is_over() => Moment::Ended,
        What::First | What::Each => Moment::First,
        What::Again => Moment::Again,
        What::Reminder => Moment::Reminder,
        What::End => Moment::Ended,
        What::Worse => Moment::Worse,
        What::Grown => Moment::Grown,
        What::Anew | What::Mention | What::Settled | What::Digest => Moment::Progress,
    }
}
