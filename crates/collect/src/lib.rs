//! Sources that can be read again from a cursor.
//!
//! Takes: a [`SourceConfig`], a clock and a directory for what must survive. Gives: batches of [`watchkeeper_domain::event::Event`],
//! each with the [`Cursor`] from which to read on. Leaves alone: what events mean (detection) and where cursors are kept (the store
//! commits them together with the alerts that the events gave).
//!
//! - [`cloudwatch`], [`guardduty`] and [`file`] read something that keeps its own past.
//! - [`kinesis`] reads the shards of a stream, parents first.
//! - [`s3`] reads objects that a queue tells of; a message is deleted only after what it told is committed.
//! - [`receive`] takes pushes, and answers only once they lie in a [`spool`] on disk, which is then a source like the others.
//! - [`syslog`] takes lines over TCP, TLS and UDP into such a spool.
//! - [`parse`] turns lines and documents into fields in Sigma's names; what it cannot read is kept and marked.

pub mod cloudwatch;
pub mod config;
pub mod file;
pub mod guardduty;
pub mod journal;
pub mod kinesis;
pub mod otlp;
pub mod parse;
pub mod prove;
pub mod push;
pub mod receive;
pub mod s3;
pub mod source;
pub mod spool;
pub mod syslog;

mod ahead;
mod aws;
mod once;
mod queue;
mod rate;
mod seen;
mod tally;
pub mod zstd;

pub use config::{Fault, Opened, SourceConfig, open, spool_dir};
pub use receive::Receiver;
pub use source::{Batch, BatchCounts, CollectError, Cursor, Remark, Source};
