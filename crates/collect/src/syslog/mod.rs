//! The syslog receiver: lines over TCP, TLS and UDP, each in the spool before anything else happens to it.
//!
//! Takes: sockets. Gives: records in a [`crate::spool`], each with the address that sent it. Leaves alone: what lines mean
//! ([`crate::parse`]).
//!
//! Syslog has no answers: what a sender was told is only that its own kernel took the line. So a connection is not read while the spool
//! refuses, and the sender's queue fills instead; what was read is stored before more is read. Datagrams cannot wait: those that find
//! no room are dropped, counted and shown.

mod framing;
mod listen;
mod tls;
mod udp;

pub use framing::{Broken, Framing, Lines};
pub use listen::SyslogListener;
