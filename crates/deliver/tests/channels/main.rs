//! The channels over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod bounce;
mod compose;
mod dkim;
mod drill;
mod mailbox;
mod ses;
mod settings;
mod smtp_content;
mod smtp_outcomes;
mod smtp_tls;
mod sns;
mod sns_messages;
mod support;
