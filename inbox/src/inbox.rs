//! [`Inbox`]: a local Slack, started from code.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::builder::InboxBuilder;
use crate::fault::{Fault, Playing};
use crate::missing::Missing;
use crate::slack::LOCAL_HOOK;
use crate::store::{Message, Request, Store};

/// A local Slack. It runs on a thread of its own, and stops when it is
/// dropped.
pub struct Inbox {
    store: Arc<Store>,
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Inbox {
    /// Starts one on a free port of loopback.
    ///
    /// # Errors
    ///
    /// When there is no port or no thread to be had.
    pub async fn start() -> io::Result<Inbox> {
        Inbox::builder().start()
    }

    /// Sets more before the start.
    pub fn builder() -> InboxBuilder {
        InboxBuilder::new()
    }

    pub(crate) fn new(store: Arc<Store>, address: SocketAddr, stop: oneshot::Sender<()>) -> Self {
        Inbox { store, address, _stop: stop }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The page, to open in a browser.
    #[must_use]
    pub fn page_url(&self) -> String {
        format!("{}/", self.base())
    }

    /// An incoming webhook's URL. Others do too: `/services/T…/B…/…`, each `B…`
    /// with a channel of its own.
    #[must_use]
    pub fn webhook_url(&self) -> String {
        format!("{}/services/{LOCAL_HOOK}", self.base())
    }

    /// The base of the Web API.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("{}/api", self.base())
    }

    /// For this machine, also where it listens on every address.
    fn base(&self) -> String {
        let mut address = self.address;
        match address {
            SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
                address.set_ip(Ipv6Addr::LOCALHOST.into());
            }
            _ => {}
        }
        format!("http://{address}")
    }

    /// The messages so far, oldest first, at most the last 1,000.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.store.messages()
    }

    /// The requests so far, with what became of them, at most the last 100,000.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.store.requests()
    }

    /// Forgets all messages and requests.
    pub fn clear(&self) {
        self.store.clear();
    }

    /// Waits for a message, new or already there; in a tokio runtime that has
    /// its time enabled.
    ///
    /// # Errors
    ///
    /// When none came in time; it says what came instead.
    pub async fn wait_for(
        &self,
        wanted: impl Fn(&Message) -> bool,
        limit: Duration,
    ) -> Result<Message, Missing> {
        let mut changes = self.store.changes();
        // None if it is too far away to be reached.
        let deadline = Instant::now().checked_add(limit);
        loop {
            if let Some(found) = self.messages().into_iter().find(&wanted) {
                return Ok(found);
            }
            let left = deadline
                .map_or(limit, |deadline| deadline.saturating_duration_since(Instant::now()));
            let changed = tokio::time::timeout(left, changes.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                let came = self.messages().iter().map(Message::text).collect();
                return Err(Missing::new(limit, came));
            }
        }
    }

    /// Plays a fault for every request to Slack, until it is
    /// [healed](Inbox::heal).
    pub fn fault(&self, fault: Fault) {
        self.store.play(Some(Playing::on(fault)));
    }

    /// Plays a fault for the next so many requests; 0: is well again.
    pub fn fault_times(&self, fault: Fault, requests: u32) {
        let playing = Playing::on(fault).requests(Some(requests));
        self.store.play((requests > 0).then_some(playing));
    }

    /// Plays a fault for so long.
    pub fn fault_for(&self, fault: Fault, span: Duration) {
        self.store.play(Some(Playing::on(fault).span(Some(span))));
    }

    /// Is well again.
    pub fn heal(&self) {
        self.store.play(None);
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("address", &self.address).finish_non_exhaustive()
    }
}
