//! Real servers for tests, each on a free port of loopback and gone when its handle is dropped.

pub mod browser;
pub mod cloudwatch;
pub mod disk;
pub mod dkim;
pub mod dns;
pub mod guardduty;
pub mod kinesis;
pub mod moto;
pub mod objects;
pub mod postfix;
pub mod postgres;
pub mod slow;
pub mod smtp;
pub mod sns;

mod loopback;
mod python;
