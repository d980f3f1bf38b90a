//! Real servers for tests, each on a free port of loopback and gone when its handle is dropped.

pub mod smtp;
