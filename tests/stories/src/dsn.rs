//! Reports as mail servers write them (RFC 3464), and a mail server that hands them in.

use watchkeeper_deliver::{Channel as _, IdempotencyKey, Mail, Message, SendError, SmtpChannel, SmtpConfig};

/// A report about one recipient.
#[must_use]
pub fn report(action: &str, status: &str, recipient: &str, said: &str) -> String {
    let lines = [
        "From: MAILER-DAEMON@mx.example (Mail Delivery System)",
        "To: <returned@example>",
        "Subject: Delivery status",
        "Date: Mon, 1 Jun 2026 12:00:00 +0000",
        "Message-ID: <report@mx.example>",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status;",
        "\tboundary=\"B/mx\"",
        "",
        "--B/mx",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        "This is the mail system at host mx.example.",
        "",
        "--B/mx",
        "Content-Description: Delivery report",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; relay.example",
        "X-Queue-ID: 4XyZ",
        "",
        &format!("Final-Recipient: rfc822; {recipient}"),
        &format!("Original-Recipient: rfc822;{recipient}"),
        &format!("Action: {action}"),
        &format!("Status: {status}"),
        "Remote-MTA: dns; mx.example",
        &format!("Diagnostic-Code: smtp; {said}"),
        "",
        "--B/mx",
        "Content-Type: text/rfc822-headers",
        "",
        "Subject: what was sent",
        "",
        "--B/mx--",
        "",
    ];
    lines.join("\r\n")
}

/// Hands a message in for `address` over SMTP at this port of loopback; gives the answer.
///
/// # Errors
/// As the other side answers.
///
/// # Panics
/// When the settings cannot be used.
pub async fn hand_in(port: u16, address: &str, raw: &str) -> Result<String, SendError> {
    let mail = Message::Mail(Mail {
        from: String::new(),
        to: address.to_owned(),
        envelope_from: String::new(),
        envelope_id: None,
        message_id: "<report@mx.example>".to_owned(),
        bytes: raw.as_bytes().to_vec(),
        drill: false,
    });
    let channel = SmtpChannel::new(SmtpConfig::loopback(port)).expect("loopback needs no more");
    let taken = channel
        .send(&mail, &IdempotencyKey(address.to_owned()), &())
        .await?;
    Ok(taken.answer)
}
