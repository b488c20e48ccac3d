//! [`HttpSettings`]: how Slack is reached.

use std::fmt;
use std::time::Duration;

#[cfg(feature = "__http")]
use super::http_client::fault_of_certificate;

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
        let fault = self.root_certificates.iter().find_map(|pem| fault_of_certificate(pem));
        fault.map_or(Ok(()), |fault| Err(("root_certificate_pem", fault)))
    }
}

#[cfg(feature = "__http")]
fn is_proxy(url: &str) -> bool {
    reqwest::Proxy::all(url).is_ok()
}

#[cfg(not(feature = "__http"))]
fn is_proxy(_url: &str) -> bool {
    true
}

#[cfg(not(feature = "__http"))]
fn fault_of_certificate(_pem: &[u8]) -> Option<&'static str> {
    None
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
