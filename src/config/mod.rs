//! Settings: the builder, the environment, and what is checked of them.

mod alert_config;
mod builder;
mod destination;
mod disabled;
mod env;
mod error;
mod reasons;
mod route_config;
mod validate;

pub use alert_config::AlertConfig;
pub use builder::AlertConfigBuilder;
pub use destination::Destination;
pub use error::{ConfigError, ConfigFault};
pub use route_config::RouteConfig;

pub(crate) use disabled::Disabled;
