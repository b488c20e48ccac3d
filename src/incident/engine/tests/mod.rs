//! The engine by example, and against a naive model.

mod bench;
mod budgets;
mod details;
mod edges;
mod lifecycle;
mod mentions;
mod model;
mod moved;
mod notices;
mod proof;
mod review;
mod roll_ups;
mod room;
mod shutdown;
mod stories;
mod story;
mod time;
