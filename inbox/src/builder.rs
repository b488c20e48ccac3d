//! [`InboxBuilder`]: how an inbox is started.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::http::{Access, router};
use crate::inbox::Inbox;
use crate::store::Store;
use crate::view::terminal::Terminal;
use crate::wire::{Cut, WireListener};

/// How an [`Inbox`] is started.
#[derive(Clone, Debug)]
#[must_use]
pub struct InboxBuilder {
    address: SocketAddr,
    page: bool,
    print: bool,
}

impl InboxBuilder {
    pub(crate) fn new() -> Self {
        InboxBuilder {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            page: true,
            print: false,
        }
    }

    /// The port. Default: any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// The address to listen on. Default: 127.0.0.1. On another one than
    /// loopback everybody who reaches it can read and post; the start warns of
    /// that on standard error.
    pub fn listen(mut self, address: IpAddr) -> Self {
        self.address.set_ip(address);
        self
    }

    /// Whether the page is served at `/`. Default: yes.
    pub fn page(mut self, page: bool) -> Self {
        self.page = page;
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
        let is_loopback = address.ip().is_loopback();
        if !is_loopback {
            eprintln!(
                "WARNING: slack-inbox listens on {address}, which other machines can reach. \
                 Whoever does can read, post and forget messages: it asks for no password."
            );
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let terminal = if self.print { Some(Terminal::new()?) } else { None };
        let store = Arc::new(Store::new(terminal));
        let (stop, stopped) = oneshot::channel::<()>();
        let access = Access { page: self.page, is_loopback };
        let app = router(Arc::clone(&store), access).into_make_service_with_connect_info::<Cut>();
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
        Ok(Inbox::new(store, address, stop))
    }
}
