//! [`ConfigError`]: everything that is wrong with a configuration.

use std::fmt;

/// Everything that is wrong with a configuration, each fault with its setting
/// or variable. It holds no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    faults: Vec<ConfigFault>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault {
    setting: String,
    problem: String,
}

impl ConfigError {
    pub(super) fn of(faults: Vec<ConfigFault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(ConfigError { faults }) }
    }

    /// The faults, in the order of the settings.
    #[must_use]
    pub fn faults(&self) -> &[ConfigFault] {
        &self.faults
    }
}

impl ConfigFault {
    pub(super) fn new(setting: impl Into<String>, problem: impl Into<String>) -> Self {
        ConfigFault { setting: setting.into(), problem: problem.into() }
    }

    /// The setting's name, as in code or in the environment.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// What is wrong with it, and what to do.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the Slack alert configuration is not valid: ")?;
        for (n, fault) in self.faults.iter().enumerate() {
            if n > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{} {}", fault.setting, fault.problem)?;
        }
        Ok(())
    }
}

impl fmt::Debug for ConfigError {
    /// Reads as `Display` does, since `main` shows its error by `Debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}
