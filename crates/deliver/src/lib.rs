//! Channels: each carries one message to one recipient and brings back a receipt.
//!
//! The outbox (in the floors above) freezes a message, claims it with a lease and hands it to a [`Channel`]. The channel answers with
//! one of four outcomes, and the difference between them is what keeps mail from being lost or silently doubled:
//!
//! | outcome | means | the outbox |
//! |---|---|---|
//! | [`Receipt`] | the relay or topic took the message | records the answer as proof |
//! | [`SendError::Retry`] | the message was certainly not taken, and may be later | sends again |
//! | [`SendError::Refused`] | the message was certainly not taken, and never will be | goes to the next contact |
//! | [`SendError::Ambiguous`] | the content was handed over and no clear answer came | sends again, the same bytes, marked as a possible duplicate |
//!
//! A [`DrillGuard`] stands before each of them: what belongs to a drill goes nowhere else.
//!
//! [`compose()`] makes the frozen bytes of a mail, [`DkimSigner`] signs them; [`SmtpChannel`], [`SesChannel`] and [`SnsChannel`]
//! carry; [`SnsOrigin`] is asked what messages of SNS need to be believed; [`mailbox`] is the small SMTP server in which demo and
//! drill receive their own mail and an installation its bounce reports, which [`bounce`] reads. [`Dns`] and [`probe_relay`] look for
//! the pre-flight whether all that would work, and send nothing.

mod aws;
pub mod bounce;
mod channel;
pub mod compose;
mod dkim;
mod dns;
mod drill;
mod fault;
pub mod mailbox;
mod message;
mod probe;
mod secret;
mod ses;
mod smtp;
mod sns;
mod span;

pub use aws::AwsAccess;
pub use bounce::{NotAReport, read_report};
pub use channel::{Channel, Receipt, SendError, StageError, StageRecorder};
pub use compose::{ComposeError, DraftFault, FrozenMail, MailDraft, Party, compose, one_line};
pub use dkim::{DkimConfig, DkimError, DkimSigner};
pub use dns::Dns;
pub use drill::DrillGuard;
pub use fault::{ConfigFault, ConfigFaults};
pub use mailbox::{MailSink, Mailbox, ReceivedMail, parse_received};
pub use message::{IdempotencyKey, Mail, Message, TopicMessage};
pub use probe::{probe_listener, probe_relay};
pub use ses::{SesChannel, SesConfig, Suppressed, SuppressionError};
pub use smtp::{SmtpChannel, SmtpConfig, SmtpLimits, Tls};
pub use sns::{OriginError, SnsChannel, SnsOrigin, SnsOverHttps};
