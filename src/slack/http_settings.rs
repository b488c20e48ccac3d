//! [`HttpSettings`]: how Slack is reached.

use std::fmt;
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
