//! [`Sample`]: one request, told by example.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::privacy::{MASK, mask_path, query_names};
use super::redact::{is_secret_name, redact};
use super::request_info::{TRACE_PARENT, trace_id};
use super::text::{CappedText, floor_boundary};
use super::{
    Blocked, Detail, Endpoint, Facts, LogLine, Outcome, PathCapture, Polls, QueryCapture, Reason,
    RouteRef, Site, Status,
};

// Caps in bytes. At most 7 samples a key are alive (2 in the tally, 5 in the
// incident), of 256 keys and one `other` for each kind; and one for each
// incident that is over and remembered.
const METHOD: usize = 16;
const PATH: usize = 128;
const QUERY: usize = 64;
const REASON: usize = 240;
const HEADER: usize = 80;
const HEADERS: usize = 192;
const NOTES: usize = 104;
const TEXT: usize = METHOD + PATH + QUERY + REASON + HEADERS + NOTES;

const _: () = assert!(
    (TEXT + size_of::<Sample>())
        * (7 * (super::MAX_KEYS + super::Kind::COUNT) + super::MAX_REMEMBERED)
        <= 2 * 1024 * 1024,
    "samples take more than 2 MiB"
);

/// Between the causes of a reason, or the entries of a list; never part of
/// readable text.
const END: char = '\u{1e}';
/// Between an entry's name and its value.
const IS: char = '\u{1f}';

/// One request, told by example.
///
/// Its text was cut where it was captured, and passed the redactor.
#[derive(Clone, Debug)]
pub struct Sample {
    at: Instant,
    took: Duration,
    outcome: Outcome,
    method: String,
    path: CappedText,
    path_capture: PathCapture,
    query: CappedText,
    query_capture: QueryCapture,
    reason: CappedText,
    headers: CappedText,
    notes: CappedText,
    status: Option<Status>,
    site: Option<Site>,
    /// Boxed, since most have none.
    endpoint: Option<Box<Endpoint>>,
    bytes: Option<u64>,
    polls: Polls,
    blocked: Option<Box<Blocked>>,
    detail: Option<Arc<Detail>>,
    in_flight: usize,
}

impl Sample {
    pub(super) fn empty(at: Instant) -> Self {
        Sample {
            at,
            took: Duration::ZERO,
            outcome: Outcome::Plain,
            method: String::new(),
            path: CappedText::default(),
            path_capture: PathCapture::default(),
            query: CappedText::default(),
            query_capture: QueryCapture::default(),
            reason: CappedText::default(),
            headers: CappedText::default(),
            notes: CappedText::default(),
            status: None,
            site: None,
            endpoint: None,
            bytes: None,
            polls: Polls::default(),
            blocked: None,
            detail: None,
            in_flight: 0,
        }
    }

    /// Takes a copy of `facts`, raw but capped, into the buffers it has.
    pub(super) fn fill(&mut self, facts: &Facts<'_>) {
        self.at = facts.at;
        self.took = facts.took;
        self.outcome = facts.outcome;
        self.status = facts.status;
        self.site = facts.site.cloned();
        self.endpoint = facts
            .endpoint
            .map(|(method, route)| Box::new(Endpoint { method, route: route.to_route() }));
        self.bytes = facts.bytes;
        self.polls = facts.polls.unwrap_or_default();
        self.blocked = facts.blocked.map(Box::new);
        self.detail = facts.detail.clone();
        self.in_flight = facts.in_flight;
        self.method.clear();
        self.path.clear();
        self.query.clear();
        self.path_capture = facts.path;
        self.query_capture = facts.query;
        self.headers.clear();
        if let Some(info) = facts.info {
            let method = info.method().as_str();
            self.method.push_str(method.get(..METHOD).unwrap_or(method));
            if facts.path != PathCapture::TemplateOnly {
                self.path.set(info.path(), PATH);
            }
            if facts.path == PathCapture::Masked && info.is_grpc_route() {
                // The route says it already.
                self.path_capture = PathCapture::Full;
            }
            if facts.query != QueryCapture::Nothing {
                self.query.set(info.query().unwrap_or_default(), QUERY);
            }
            for (name, value) in info.headers() {
                let Ok(mut value) = value.to_str() else { continue };
                if *name == TRACE_PARENT {
                    // The rest of it is of no use to people.
                    let Some(id) = trace_id(value) else { continue };
                    value = id;
                }
                let value = value.get(..floor_boundary(value, HEADER)).unwrap_or_default();
                self.headers.push_entry([name.as_str(), value], [IS, END], HEADERS);
            }
        }
        match facts.reason {
            Reason::Unknown => self.reason.clear(),
            Reason::Text(text) => self.reason.set(text, REASON),
            Reason::Chain(chain) => self.reason.set_display(&Joined(chain), REASON),
        }
        self.notes.clear();
        for (name, value) in facts.notes {
            self.notes.push_entry([name, value], [IS, END], NOTES);
        }
    }

    /// Makes this a copy of `other` in the buffers it has, with secrets taken
    /// out of what was captured raw.
    pub(super) fn copy_scrubbed(&mut self, other: &Sample) {
        self.copy(other);
        if self.path_capture == PathCapture::Masked {
            self.path = mask_path(&self.path);
        }
        if self.query_capture == QueryCapture::Names {
            self.query = CappedText::from(query_names(self.query.as_str()).as_str());
        }
        self.reason.hide_cut_word();
        self.reason = CappedText::from(redact(self.reason.as_str()).as_str());
        self.headers = scrubbed_entries(&self.headers);
        self.notes = scrubbed_entries(&self.notes);
        self.query.hide_cut_word();
        self.detail = self.detail.take().and_then(|detail| detail.scrubbed());
    }

    pub(super) fn copy(&mut self, other: &Sample) {
        self.at = other.at;
        self.took = other.took;
        self.outcome = other.outcome;
        self.method.clone_from(&other.method);
        self.path.copy_from(&other.path);
        self.path_capture = other.path_capture;
        self.query.copy_from(&other.query);
        self.query_capture = other.query_capture;
        self.reason.copy_from(&other.reason);
        self.headers.copy_from(&other.headers);
        self.notes.copy_from(&other.notes);
        self.status = other.status;
        self.site.clone_from(&other.site);
        self.endpoint.clone_from(&other.endpoint);
        self.bytes = other.bytes;
        self.polls = other.polls;
        self.blocked.clone_from(&other.blocked);
        self.detail.clone_from(&other.detail);
        self.in_flight = other.in_flight;
    }

    /// When it ended, or was told.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.at
    }

    /// From the layer's first sight of the request to its outcome.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.took
    }

    /// What happened beyond what the key's kind says.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The method as it was sent, at most 16 characters; empty without a request.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path, as far as [`PathCapture`] lets it be told; else empty.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_str()
    }

    /// The query string, as far as [`QueryCapture`] lets it be told; else empty.
    #[must_use]
    pub fn query(&self) -> &str {
        self.query.as_str()
    }

    /// The reason and its causes, outermost first.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        self.reason.as_str().split(END).map(str::trim).filter(|cause| !cause.is_empty())
    }

    /// A captured header's value.
    #[must_use]
    pub fn header(&self, name: &http::header::HeaderName) -> Option<&str> {
        self.headers().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All captured headers.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        entries(&self.headers)
    }

    /// What the handler noted.
    pub fn notes(&self) -> impl Iterator<Item = (&str, &str)> {
        entries(&self.notes)
    }

    /// How the request was answered, if it was.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// Where it went wrong, if that is known.
    #[must_use]
    pub fn site(&self) -> Option<&Site> {
        self.site.as_ref()
    }

    /// Whether it still ran when this was taken of it.
    pub(crate) fn is_running(&self) -> bool {
        self.outcome == Outcome::Running
    }

    /// Whether it went elsewhere than another one of its key.
    pub(super) fn is_elsewhere(&self, other: &Facts<'_>) -> bool {
        match (self.endpoint(), other.endpoint) {
            (Some(own), Some((method, route))) => {
                own.method != method || RouteRef::from(&own.route) != route
            }
            (own, other) => own.is_some() != other.is_some(),
        }
    }

    /// Where the request went, if its key does not say so.
    pub(crate) fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_deref()
    }

    /// How the request spent its time up to its head; `None` if that was not
    /// measured.
    #[must_use]
    pub fn polls(&self) -> Option<&Polls> {
        Some(&self.polls).filter(|polls| polls.count > 0)
    }

    /// That it kept an async runtime from others, or was kept by one.
    #[must_use]
    pub fn blocked(&self) -> Option<&Blocked> {
        self.blocked.as_deref()
    }

    /// What was logged as an error or a warning while it ran, the last 16 at
    /// most. Only the first and the latest sample of an incident have it.
    pub fn logs(&self) -> impl Iterator<Item = &LogLine> {
        self.detail.iter().flat_map(|detail| detail.logs.iter().map(|line| &**line))
    }

    /// The name of the thread that panicked, if a backtrace was taken.
    #[must_use]
    pub fn thread(&self) -> Option<Arc<str>> {
        self.detail.as_ref()?.trace.as_ref()?.thread().name()
    }

    /// Whether it has logs or a backtrace, for which a message that is edited
    /// has no place for long.
    pub(crate) fn has_more(&self) -> bool {
        self.detail.is_some()
    }

    /// Lets go of what takes most room.
    pub(super) fn forget_detail(&mut self) {
        self.detail = None;
    }

    /// How many log events a message shows that has a thread for the rest.
    pub(crate) const LOGS_AT_ONCE: usize = 3;

    /// How many earlier events [`logs`](Sample::logs) leaves out.
    #[must_use]
    pub fn logs_left_out(&self) -> u32 {
        self.detail.as_ref().map_or(0, |detail| detail.logs_left_out)
    }

    /// The backtrace of its panic, if one was taken: the frames of the service
    /// itself first. The first call looks up the names, which may take a
    /// quarter of a second.
    #[must_use]
    pub fn backtrace(&self) -> Option<&str> {
        let trace = self.detail.as_ref()?.trace.as_deref()?;
        Some(trace.text()).filter(|text| !text.is_empty())
    }

    /// Bytes of the body that had been produced, where that matters.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Requests in flight in this process at that moment, this one included.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }
}

fn entries(list: &CappedText) -> impl Iterator<Item = (&str, &str)> {
    list.as_str().split(END).filter_map(|entry| entry.split_once(IS))
}

/// A list with the secrets in its values taken out.
fn scrubbed_entries(list: &CappedText) -> CappedText {
    let mut out = CappedText::default();
    for (name, value) in entries(list) {
        let value = if is_secret_name(name) { MASK.to_owned() } else { redact(value) };
        // Redacting may make it a little longer.
        out.push_entry([&redact(name), &value], [IS, END], 2 * (HEADERS + NOTES));
    }
    out
}

struct Joined<'a>(&'a [String]);

impl std::fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write as _;
        for (n, cause) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_char(END)?;
            }
            f.write_str(cause)?;
        }
        Ok(())
    }
}
