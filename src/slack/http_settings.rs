//! [`HttpSettings`]: how Slack is reached.

use std::fmt;
#[cfg(feature = "__http")]
use std::panic::catch_unwind;
use std::time::Duration;

/// How Slack is reached. Proxies from the environment are honoured.
#[derive(Clone)]
pub(crate) struct HttpSettings {
    pub(crate) total_timeout: Duration,
    pub(crate) proxy: Option<String>,
    pub(crate) root_certificates: Vec<Vec<u8>>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        HttpSettings {
            total_timeout: Duration::from_secs(10),
            proxy: None,
            root_certificates: Vec::new(),
        }
    }
}

impl HttpSettings {
    /// Checks what the client would be built from: the setting and what is
    /// wrong with it.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let is_url = |url: &String| {
            url.parse::<http::Uri>().is_ok_and(|uri| uri.scheme().is_some() && uri.host().is_some())
        };
        if self.proxy.as_ref().is_some_and(|proxy| !is_url(proxy) || !is_proxy(proxy)) {
            return Err(("proxy", "is not a URL such as http://proxy:3128"));
        }
        if self.root_certificates.iter().any(|pem| !is_certificate(pem)) {
            return Err(("root_certificate_pem", "is not a PEM certificate"));
        }
        Ok(())
    }
}

#[cfg(feature = "__http")]
fn is_proxy(url: &str) -> bool {
    reqwest::Proxy::all(url).is_ok()
}

#[cfg(feature = "__http")]
fn is_certificate(pem: &[u8]) -> bool {
    // A TLS library that panics is a fault of its own, said when it starts.
    catch_unwind(|| super::http_client::certificates(pem).is_some()).unwrap_or(true)
}

#[cfg(not(feature = "__http"))]
fn is_proxy(_url: &str) -> bool {
    true
}

#[cfg(not(feature = "__http"))]
fn is_certificate(_pem: &[u8]) -> bool {
    true
}

impl fmt::Debug for HttpSettings {
    /// A proxy's URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSettings")
            .field("total_timeout", &self.total_timeout)
            .field("proxy", &self.proxy.is_some())
            .field("root_certificates", &self.root_certificates.len())
            .finish()
    }
}
