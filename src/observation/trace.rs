//! [`Trace`]: a panic's backtrace, made readable when it is told.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ThreadName;
use super::floor_boundary;
use super::redact::redact;
use super::site::{is_foreign, portable};

/// How much of it is told, in bytes.
const MAX_TEXT: usize = 3_000;
/// A frame's name and place are cut after so many bytes.
const MAX_FRAME: usize = 240;
/// So many frames of others are told.
const MAX_OTHERS: usize = 10;

/// A panic's backtrace. Taking it costs microseconds; its names are looked up
/// by whoever first reads it, which costs up to a quarter of a second: our
/// thread, never a request's.
#[derive(Debug)]
pub(crate) struct Trace {
    raw: Backtrace,
    thread: ThreadName,
    text: OnceLock<String>,
}

impl Trace {
    /// A backtrace of this thread, if it holds anything.
    pub(crate) fn of(raw: Backtrace) -> Option<Self> {
        let is_captured = raw.status() == BacktraceStatus::Captured;
        is_captured.then(|| Trace { raw, thread: ThreadName::here(), text: OnceLock::new() })
    }

    /// Whether names are being looked up somewhere: who took a backtrace now
    /// would wait for that, in the standard library.
    pub(crate) fn is_being_read() -> bool {
        READING.load(Ordering::Relaxed) > 0
    }

    /// The thread it was taken on.
    pub(crate) fn thread(&self) -> ThreadName {
        self.thread
    }

    /// The frames of the service itself first, then the others, as many as fit.
    pub(crate) fn text(&self) -> &str {
        self.text.get_or_init(|| {
            let _reading = Reading::begin();
            readable(&self.raw.to_string())
        })
    }
}

/// How many backtraces are being looked up.
static READING: AtomicUsize = AtomicUsize::new(0);

struct Reading;

impl Reading {
    fn begin() -> Self {
        READING.fetch_add(1, Ordering::Relaxed);
        Reading
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        READING.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Frame<'a> {
    name: &'a str,
    place: Option<&'a str>,
}

impl Frame<'_> {
    /// Whether it is the service's own code, going by its file, else by its
    /// name.
    fn is_own(&self) -> bool {
        match self.place {
            Some(place) => !is_foreign(place),
            None => !FOREIGN.contains(&self.root()),
        }
    }

    /// The crate it is of.
    fn root(&self) -> &str {
        let name = self.name.trim_start_matches(['<', '&', '[', '(', '*']);
        let name = name.strip_prefix("dyn ").unwrap_or(name);
        name.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
    }

    fn said(&self) -> String {
        let name = without_generics(self.name);
        let name = name.get(..floor_boundary(&name, MAX_FRAME)).unwrap_or_default();
        match self.place.map(portable) {
            Some(place) => format!("{name}   {place}"),
            None => name.to_owned(),
        }
    }
}

/// Crates whose frames are nobody's own, where files are not known.
const FOREIGN: [&str; 22] = [
    "std",
    "core",
    "alloc",
    "test",
    "tokio",
    "tokio_util",
    "hyper",
    "hyper_util",
    "axum",
    "axum_core",
    "tower",
    "tower_http",
    "tower_service",
    "tower_layer",
    "tonic",
    "futures",
    "futures_util",
    "futures_core",
    "tracing",
    "tower_slack_alert",
    "__rustc",
    "backtrace",
];

/// What a panic does before the place where it happened.
const MACHINERY: [&str; 5] = [
    "rust_begin_unwind",
    "std::panicking::",
    "core::panicking::",
    "core::option::",
    "core::result::",
];

fn readable(raw: &str) -> String {
    let frames = frames(raw);
    let is_machinery = |frame: &Frame<'_>| {
        let name = frame.name.trim_start_matches("__rustc::");
        MACHINERY.iter().any(|prefix| name.starts_with(prefix))
    };
    // The last part of the machinery is the nearest to where it happened.
    let begin_unwind = frames.iter().position(|frame| frame.name.ends_with("rust_begin_unwind"));
    let mut at = begin_unwind.unwrap_or(0);
    while frames.get(at).is_some_and(is_machinery) {
        at += 1;
    }
    let mine = frames.get(at..).unwrap_or_default();
    // Below our own poll is whoever serves.
    let below = mine.iter().position(|frame| {
        frame.name.contains("tower_slack_alert::service::")
            || frame.name.contains("__rust_begin_short_backtrace")
    });
    let mine = mine.get(..below.unwrap_or(mine.len())).unwrap_or_default();
    let named = mine.iter().filter(|frame| !frame.name.starts_with("__rust_"));
    let (own, others): (Vec<_>, Vec<_>) = named.partition(|frame| frame.is_own());
    let mut out = String::new();
    let (all, most) = (own.len() + others.len(), own.len() + MAX_OTHERS);
    for (n, frame) in own.into_iter().chain(others).enumerate() {
        let said = redact(&frame.said());
        if n >= most || out.len() + said.len() + 40 > MAX_TEXT {
            out.push_str(&format!("… {} more frames", all - n));
            break;
        }
        out.push_str(&said);
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

/// The frames as the standard library prints them: a number and a name, and on
/// a line of its own `at` and the place.
fn frames(raw: &str) -> Vec<Frame<'_>> {
    let mut frames: Vec<Frame<'_>> = Vec::new();
    for line in raw.lines() {
        let line = line.trim();
        if let Some(place) = line.strip_prefix("at ") {
            if let Some(last) = frames.last_mut() {
                last.place = Some(place);
            }
        } else if let Some((number, name)) = line.split_once(": ") {
            if number.bytes().all(|byte| byte.is_ascii_digit()) {
                frames.push(Frame { name, place: None });
            }
        }
    }
    frames
}

/// A name without the types that its generic parameters stand for, which can be
/// longer than all the rest.
fn without_generics(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let (mut depth, mut before) = (0_usize, ' ');
    for c in name.chars() {
        let opens = c == '<'
            && (depth > 0 || before.is_alphanumeric() || matches!(before, '_' | '}' | ':'));
        let closes = c == '>' && depth > 0 && before != '-';
        depth += usize::from(opens);
        if depth == 0 {
            out.push(c);
        }
        depth -= usize::from(closes);
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_are_told_without_their_generics() {
        let short = |name| without_generics(name);
        assert_eq!(short("poll<Box<dyn Fn() -> u8>, T>"), "poll");
        assert_eq!(short("<axum::H<F> as core::Future>::poll"), "<axum::H as core::Future>::poll");
        assert_eq!(short("{async_block#0}<fn(A) -> B>"), "{async_block#0}");
        assert_eq!(short("shop::total::{{closure}}"), "shop::total::{{closure}}");
        assert_eq!(short("a<b"), "a");
    }

    use super::*;

    const RAW: &str = "\
   0: std::backtrace::Backtrace::create
             at /rustc/59807616e/library/std/src/backtrace.rs:331:13
   1: tower_slack_alert::capture::panic_hook::take
             at ./src/capture/panic_hook.rs:40:9
   2: __rustc::rust_begin_unwind
             at /rustc/59807616e/library/std/src/panicking.rs:697:5
   3: core::panicking::panic_fmt
             at /rustc/59807616e/library/core/src/panicking.rs:75:14
   4: core::option::expect_failed
   5: <alloc::vec::Vec<T,A> as core::ops::index::Index<I>>::index
             at /rustc/59807616e/library/alloc/src/vec/mod.rs:3000:9
   6: shop::cart::total
             at ./src/cart.rs:88:17
   7: shop::cart::show::{{closure}}
             at ./src/cart.rs:40:5
   8: <axum::handler::Future as core::future::Future>::poll
             at /home/a/.cargo/registry/src/index-19/axum-0.8.9/src/handler.rs:9:1
   9: tower_slack_alert::service::watched::Watched::run
  10: tokio::runtime::task::poll
";

    #[test]
    fn own_frames_come_first_and_the_machinery_is_left_out() {
        assert_eq!(
            readable(RAW),
            "shop::cart::total   src/cart.rs:88:17\n\
             shop::cart::show::{{closure}}   src/cart.rs:40:5\n\
             <alloc::vec::Vec as core::ops::index::Index>::index   \
             library/alloc/src/vec/mod.rs:3000:9\n\
             <axum::handler::Future as core::future::Future>::poll   axum-0.8.9/src/handler.rs:9:1"
        );
    }

    #[test]
    fn without_places_names_tell_whose_frames_they_are() {
        let raw = "0: rust_begin_unwind\n1: <axum::A as tower::S>::call\n2: shop::total\n";
        assert_eq!(readable(raw), "shop::total\n<axum::A as tower::S>::call");
        assert_eq!(readable(""), "");
    }

    #[test]
    fn it_is_cut_to_fit() {
        let mut raw = String::from("0: rust_begin_unwind\n");
        for n in 1..500 {
            raw.push_str(&format!("{n}: shop::some_long_name_of_a_function::number_{n}\n"));
        }
        let text = readable(&raw);
        assert!(text.len() <= MAX_TEXT, "{}", text.len());
        assert!(text.ends_with("more frames"), "{text}");
    }

    #[test]
    fn a_real_one_shows_this_test() {
        let trace = Trace::of(Backtrace::force_capture()).unwrap();
        assert!(trace.text().contains("a_real_one_shows_this_test"), "{}", trace.text());
        assert!(Trace::of(Backtrace::disabled()).is_none());
    }
}
