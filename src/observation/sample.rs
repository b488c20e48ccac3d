//! [`Sample`] and [`Samples`]: a few requests told by example.

use std::time::{Duration, Instant};

use super::privacy::{mask_path, query_names};
use super::redact::redact;
use super::text::CappedText;
use super::{Facts, Outcome, PathCapture, QueryCapture, Reason, Site, Status};

// Caps in bytes. Together at most 760 a sample; at most 8 samples a key are
// alive (3 in the tally, 5 in the incident) over 263 keys: 1.6 MB.
const PATH: usize = 160;
const QUERY: usize = 80;
const REASON: usize = 320;
const HEADER: usize = 80;
const HEADERS: usize = 200;

/// Between the causes of a reason; never part of readable text.
const CAUSE_END: char = '\u{1e}';

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
    headers: Vec<(http::header::HeaderName, CappedText)>,
    notes: Vec<(String, String)>,
    status: Option<Status>,
    site: Option<Site>,
    bytes: Option<u64>,
    in_flight: usize,
}

impl Sample {
    fn empty(at: Instant) -> Self {
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
            headers: Vec::new(),
            notes: Vec::new(),
            status: None,
            site: None,
            bytes: None,
            in_flight: 0,
        }
    }

    /// Takes a copy of `facts`, raw but capped, into the buffers it has.
    fn fill(&mut self, facts: &Facts<'_>) {
        self.at = facts.at;
        self.took = facts.took;
        self.outcome = facts.outcome;
        self.status = facts.status;
        self.site = facts.site.cloned();
        self.bytes = facts.bytes;
        self.in_flight = facts.in_flight;
        self.method.clear();
        self.path.clear();
        self.query.clear();
        self.path_capture = facts.path;
        self.query_capture = facts.query;
        let mut headers = 0;
        if let Some(info) = facts.info {
            self.method
                .push_str(info.method().as_str().get(..16).unwrap_or(info.method().as_str()));
            if facts.path != PathCapture::TemplateOnly {
                self.path.set(info.path(), PATH);
            }
            if facts.query != QueryCapture::Nothing {
                self.query.set(info.query().unwrap_or_default(), QUERY);
            }
            let mut room = HEADERS;
            for (name, value) in info.headers() {
                let Ok(value) = value.to_str() else { continue };
                if headers == self.headers.len() {
                    self.headers.push((name.clone(), CappedText::default()));
                }
                if let Some((place, text)) = self.headers.get_mut(headers) {
                    if place != name {
                        *place = name.clone();
                    }
                    text.set(value, HEADER.min(room));
                    room -= text.as_str().len();
                    headers += 1;
                }
            }
        }
        self.headers.truncate(headers);
        match facts.reason {
            Reason::Unknown => self.reason.clear(),
            Reason::Text(text) => self.reason.set(text, REASON),
            Reason::Chain(chain) => self.reason.set_display(&Joined(chain), REASON),
        }
        if !(self.notes.is_empty() && facts.notes.is_empty()) {
            self.notes = facts.notes.to_vec();
        }
    }

    /// Makes this a copy of `other` in the buffers it has, with secrets taken
    /// out of what was captured raw.
    fn copy_scrubbed(&mut self, other: &Sample) {
        self.copy(other);
        if self.path_capture == PathCapture::Masked {
            self.path = mask_path(&self.path);
        }
        if self.query_capture == QueryCapture::Names {
            self.query = CappedText::from(query_names(self.query.as_str()).as_str());
        }
        for text in
            [&mut self.reason].into_iter().chain(self.headers.iter_mut().map(|(_, text)| text))
        {
            let redacted = redact(text.as_str());
            if redacted != text.as_str() {
                *text = CappedText::from(redacted.as_str());
            }
        }
        for (name, value) in &mut self.notes {
            *value = redact(&format!("{name}={value}"))
                .strip_prefix(&format!("{name}="))
                .map_or_else(|| super::privacy::MASK.to_owned(), str::to_owned);
        }
    }

    fn copy(&mut self, other: &Sample) {
        self.at = other.at;
        self.took = other.took;
        self.outcome = other.outcome;
        self.method.clone_from(&other.method);
        self.path.copy_from(&other.path);
        self.path_capture = other.path_capture;
        self.query.copy_from(&other.query);
        self.query_capture = other.query_capture;
        self.reason.copy_from(&other.reason);
        self.headers.clone_from(&other.headers);
        self.notes.clone_from(&other.notes);
        self.status = other.status;
        self.site.clone_from(&other.site);
        self.bytes = other.bytes;
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
        self.reason.as_str().split(CAUSE_END).map(str::trim).filter(|cause| !cause.is_empty())
    }

    /// Whether the reason was longer than what is kept.
    #[must_use]
    pub fn reason_is_cut(&self) -> bool {
        self.reason.is_cut()
    }

    /// A captured header's value.
    #[must_use]
    pub fn header(&self, name: &http::header::HeaderName) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All captured headers.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What the handler noted.
    pub fn notes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.notes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
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

struct Joined<'a>(&'a [String]);

impl std::fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write as _;
        for (n, cause) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_char(CAUSE_END)?;
            }
            f.write_str(cause)?;
        }
        Ok(())
    }
}

/// A place for one sample that keeps its buffers while it is empty.
#[derive(Clone, Debug, Default)]
struct Place {
    sample: Option<Box<Sample>>,
    taken: bool,
}

impl Place {
    fn get(&self) -> Option<&Sample> {
        self.sample.as_deref().filter(|_| self.taken)
    }

    fn room(&mut self, at: Instant) -> &mut Sample {
        self.taken = true;
        self.sample.get_or_insert_with(|| Box::new(Sample::empty(at)))
    }

    fn copy(&mut self, other: &Sample) {
        self.room(other.at).copy(other);
    }
}

/// What a window of the tally keeps of one key: the first ever, and the last,
/// the slowest and a random one since it was drained.
#[derive(Debug, Default)]
pub(crate) struct Window {
    first: Place,
    first_given: bool,
    last: Place,
    slowest: Place,
    random: Place,
    seen: u64,
}

impl Window {
    /// Takes one observation.
    pub(crate) fn take(&mut self, facts: &Facts<'_>) {
        if !self.first_given && self.first.get().is_none() {
            self.first.room(facts.at).fill(facts);
            self.seen = 1;
            return;
        }
        self.seen += 1;
        self.last.room(facts.at).fill(facts);
        if self.slowest.get().is_none_or(|slowest| slowest.took < facts.took) {
            self.slowest.room(facts.at).fill(facts);
        }
        if fastrand::u64(0..self.seen) == 0 {
            self.random.room(facts.at).fill(facts);
        }
    }

    /// Gives out what was taken since the last time, scrubbed.
    pub(crate) fn drain(&mut self) -> Samples {
        let scrubbed = |place: &mut Place| {
            let sample = place.get().map(|raw| {
                let mut sample = Sample::empty(raw.at);
                sample.copy_scrubbed(raw);
                Box::new(sample)
            });
            place.taken = false;
            Place { taken: sample.is_some(), sample }
        };
        let first = scrubbed(&mut self.first);
        self.first_given |= first.taken;
        let mut samples = Samples {
            last: scrubbed(&mut self.last),
            slowest: scrubbed(&mut self.slowest),
            random: [scrubbed(&mut self.random), Place::default()],
            first,
        };
        // A window's first may be its last and its slowest as well.
        if let Some(first) = samples.first.get().cloned() {
            if samples.last.get().is_none() {
                samples.last.copy(&first);
            }
            if samples.slowest.get().is_none_or(|slowest| slowest.took < first.took) {
                samples.slowest.copy(&first);
            }
        }
        self.seen = 0;
        samples
    }
}

/// A few requests of one key: the first, the last, the slowest, two at random.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    first: Place,
    last: Place,
    slowest: Place,
    random: [Place; 2],
}

impl Samples {
    /// The first one.
    #[must_use]
    pub fn first(&self) -> Option<&Sample> {
        self.first.get()
    }

    /// The latest one that could be kept.
    #[must_use]
    pub fn last(&self) -> Option<&Sample> {
        self.last.get()
    }

    /// The slowest one that could be kept.
    #[must_use]
    pub fn slowest(&self) -> Option<&Sample> {
        self.slowest.get()
    }

    /// Up to two picked at random.
    pub fn random(&self) -> impl Iterator<Item = &Sample> {
        self.random.iter().filter_map(Place::get)
    }

    /// Takes in a later window; `pick` is random and decides which of the two
    /// random samples gives way, if any.
    pub(crate) fn merge(&mut self, later: &Samples, pick: u64) {
        if let (None, Some(first)) = (self.first.get(), later.first.get().or(later.last.get())) {
            self.first.copy(first);
        }
        if let Some(last) = later.last.get() {
            self.last.copy(last);
        }
        if let Some(slowest) = later.slowest.get() {
            if self.slowest.get().is_none_or(|known| known.took <= slowest.took) {
                self.slowest.copy(slowest);
            }
        }
        if let Some(random) = later.random().next() {
            let empty = self.random.iter().position(|place| place.get().is_none());
            let at = empty.or_else(|| usize::try_from(pick % 4).ok().filter(|at| *at < 2));
            if let Some(place) = at.and_then(|at| self.random.get_mut(at)) {
                place.copy(random);
            }
        }
    }
}
