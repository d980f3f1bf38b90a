//! Where reports about our mail come in: LMTP or SMTP, for return paths of ours and for nobody else.

use async_trait::async_trait;
use std::net::SocketAddr;
use std::sync::Arc;
use watchkeeper_deliver::{MailSink, Mailbox, ReceivedMail};
use watchkeeper_respond::Desk;

/// Hands what comes to the desk. A client is told that a report was taken only when it was committed.
struct Reports(Desk);

#[async_trait]
impl MailSink for Reports {
    async fn received(&self, mail: ReceivedMail) -> Result<(), String> {
        for recipient in &mail.envelope_to {
            // Taken twice is counted once, so a client that must send all again does no harm.
            let taken = self.0.take_report(recipient, &mail.raw).await;
            let taken = taken.map_err(|fault| fault.to_string())?;
            tracing::info!(taken = taken.name(), "a bounce report came in");
        }
        Ok(())
    }

    async fn takes(&self, recipient: &str) -> bool {
        match self.0.takes_report_to(recipient).await {
            Ok(ours) => ours,
            Err(fault) => {
                // It is refused for now by the sink itself, which answers `451` when the desk cannot be asked.
                tracing::error!(%fault, "whether a return path is ours could not be counted");
                true
            }
        }
    }
}

/// Listens for reports until what is returned is dropped.
///
/// # Errors
/// In words, when the address cannot be listened on.
pub async fn listen(desk: &Desk, address: SocketAddr) -> Result<Mailbox, String> {
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "bounce reports are taken from other machines, in the clear; let only your mail server reach this port");
    }
    let sink = Arc::new(Reports(desk.clone()));
    Mailbox::start_for_known_recipients(address, sink)
        .await
        .map_err(|fault| format!("mail.bounces.listen: cannot listen on {address}: {fault}"))
}
