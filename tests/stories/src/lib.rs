//! What whole-product tests are told with: a house that runs in this process with its time and its turns in the test's hands, a
//! company whose customers lose files, the world that writes its logs, and screens at which people sit.
//!
//! Takes: a place for a database. Gives: the real service over real sockets. Leaves alone: what it should do; that is for the
//! stories in `tests/`.

pub mod auditor;
pub mod aws;
pub mod binary;
pub mod company;
pub mod dsn;
pub mod house;
pub mod logs;
pub mod picture;
pub mod place;
pub mod relay;
pub mod screen;
pub mod service;
