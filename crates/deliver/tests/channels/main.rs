//! The channels over real sockets.

mod compose;
mod mailbox;
mod settings;
mod smtp_content;
mod smtp_outcomes;
mod sns;
mod support;
