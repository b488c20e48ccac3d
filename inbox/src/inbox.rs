//! [`Inbox`]: a local Slack, started from code.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::fault::{Fault, Playing};
use crate::message::{Message, Request};
use crate::server::router;
use crate::store::Store;
use crate::wire::{Cut, WireListener};

/// A local Slack. It runs on a thread of its own, and stops when it is
/// dropped.
pub struct Inbox {
    store: Arc<Store>,
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

/// How an [`Inbox`] is started.
#[derive(Clone, Debug)]
#[must_use]
pub struct InboxBuilder {
    address: SocketAddr,
    print: bool,
}

impl InboxBuilder {
    /// The port on loopback. Default: any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Whether each message is printed as a person would read it. Default: no.
    pub fn print(mut self, print: bool) -> Self {
        self.print = print;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the port is taken, or the thread can't start.
    pub fn start(self) -> io::Result<Inbox> {
        let listener = std::net::TcpListener::bind(self.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let store = Arc::new(Store::new(self.print));
        let (stop, stopped) = oneshot::channel::<()>();
        let app = router(Arc::clone(&store)).into_make_service_with_connect_info::<Cut>();
        std::thread::Builder::new().name("slack-inbox".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                let serve = axum::serve(WireListener(listener), app);
                tokio::select! {
                    _ = serve => {}
                    // Also when the inbox is dropped. Requests that hang are cut.
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        })?;
        Ok(Inbox { store, address, _stop: stop })
    }
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
        InboxBuilder { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), print: false }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An incoming webhook's URL.
    #[must_use]
    pub fn webhook_url(&self) -> String {
        format!("http://{}/services/T0LOCAL/B0LOCAL/local", self.address)
    }

    /// The base of the Web API.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// The messages so far, oldest first, at most the last 1,000.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.store.messages()
    }

    /// The requests so far, with what became of them.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.store.requests()
    }

    /// Forgets all messages and requests.
    pub fn clear(&self) {
        self.store.clear();
    }

    /// Waits for a message, new or already there.
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
        let deadline = Instant::now() + limit;
        loop {
            if let Some(found) = self.messages().into_iter().find(&wanted) {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let changed = tokio::time::timeout(left, changes.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                let came = self.messages().iter().map(Message::text).collect();
                return Err(Missing { limit, came });
            }
        }
    }

    /// Plays a fault for every request, until it is [healed](Inbox::heal).
    pub fn fault(&self, fault: Fault) {
        self.store.play(Some(Playing { fault, left: None }));
    }

    /// Plays a fault for the next so many requests.
    pub fn fault_times(&self, fault: Fault, requests: u32) {
        self.store.play((requests > 0).then_some(Playing { fault, left: Some(requests) }));
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

/// The awaited message did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    limit: Duration,
    came: Vec<String>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the message did not come within {:?}; what came: {:?}", self.limit, self.came)
    }
}

impl std::error::Error for Missing {}
