//! What the tests of the channels share.
use async_trait::async_trait;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use watchkeeper_deliver::{
    IdempotencyKey, Mail, Message, SmtpChannel, SmtpConfig, SmtpLimits, StageError, StageRecorder,
};

/// Waits that no healthy server on loopback needs, even on a busy machine.
pub(crate) fn limits() -> SmtpLimits {
    let ample = Duration::from_secs(30);
    SmtpLimits {
        connect: ample,
        greeting: ample,
        command: ample,
        data: ample,
        content: ample,
        final_dot: ample,
    }
}

pub(crate) fn channel(port: u16, limits: SmtpLimits) -> SmtpChannel {
    let mut config = SmtpConfig::loopback(port);
    config.limits = limits;
    SmtpChannel::new(config).unwrap()
}

pub(crate) fn mail(bytes: &[u8]) -> Message {
    Message::Mail(Mail {
        from: "watch@example.com".to_owned(),
        to: "ada@example.org".to_owned(),
        envelope_from: "bounces+1@example.com".to_owned(),
        envelope_id: None,
        message_id: "<1@example.com>".to_owned(),
        bytes: bytes.to_vec(),
        drill: false,
    })
}

pub(crate) fn key() -> IdempotencyKey {
    IdempotencyKey("delivery-1".to_owned())
}

/// Counts how often the content was about to be sent.
#[derive(Debug, Default)]
pub(crate) struct Counting(AtomicUsize);

impl Counting {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl StageRecorder for Counting {
    async fn entering_data(&self) -> Result<(), StageError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}
