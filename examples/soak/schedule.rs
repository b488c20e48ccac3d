//! Which faults Slack plays, and when.

use std::time::Duration;

use slack_inbox::Fault;

/// One fault, for a while, after a pause.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    pub(crate) after: Duration,
    pub(crate) fault: Fault,
    pub(crate) lasting: Duration,
}

/// A schedule from this seed that ends within so many seconds.
pub(crate) fn schedule(seed: u64, seconds: u64) -> Vec<Played> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut left = Duration::from_secs(seconds);
    let mut all = Vec::new();
    loop {
        let after = Duration::from_millis(random.u64(1_000..5_000));
        let lasting = Duration::from_millis(random.u64(500..4_000));
        let fault = match random.u8(0..7) {
            0 => Fault::RateLimited(Some(random.u8(1..4).to_string())),
            1 => Fault::RateLimited(None),
            2 => Fault::Answer(500, "<html>".to_owned()),
            3 => Fault::Answer(503, String::new()),
            4 => Fault::Hang,
            5 => Fault::Reset,
            _ => Fault::Drip,
        };
        let Some(rest) = left.checked_sub(after + lasting) else { return all };
        left = rest;
        all.push(Played { after, fault, lasting });
    }
}
