//! [`Identity`]: which process speaks.

/// Which process speaks: its service, environment, release and instance.
///
/// `service` and `environment` are part of every incident's fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Identity {
    pub(crate) service: String,
    pub(crate) environment: Option<String>,
    pub(crate) release: Option<String>,
    pub(crate) instance: String,
}

impl Identity {
    /// The service's name; the binary's name unless it was set.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The environment, such as `production`, if it was set.
    #[must_use]
    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    /// The release, if it was set.
    #[must_use]
    pub fn release(&self) -> Option<&str> {
        self.release.as_deref()
    }

    /// The instance: the host's name unless it was set.
    #[must_use]
    pub fn instance(&self) -> &str {
        &self.instance
    }
}
