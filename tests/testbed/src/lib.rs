//! Real servers for tests, each on a free port of loopback and gone when its handle is dropped.

pub mod browser;
pub mod postgres;
pub mod smtp;
pub mod cloudwatch;
pub mod guardduty;
pub mod moto;

mod loopback;
