//! How people see a message: in Slack, on a phone, in a terminal.

mod date_time;
pub(crate) mod inspection;
pub(crate) mod mentions;
pub(crate) mod reading;
pub(crate) mod terminal;
