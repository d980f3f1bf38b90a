//! What people do ([`operations`]) and what happens by itself ([`workers`]).
//!
//! Both have one shape: load what is known, let `domain` decide, and commit what changes, in one transaction: the row, its timeline,
//! the audit record and whatever must go out. Nothing here knows SQL, HTTP or a wire protocol.

pub mod crash;
pub mod desk;
pub mod house;
pub mod library;
pub mod link;
pub mod operations;
mod outbox;
pub mod pack;
pub mod register;
pub mod report;
pub mod return_path;
pub mod seal;
mod settle;
pub mod source_status;
mod table;
mod telling;
mod together;
mod words;
pub mod workers;

pub use desk::{Desk, RespondError};
pub use house::{ContactPlan, House, HouseSource, PreflightPlan};
pub use library::Library;
