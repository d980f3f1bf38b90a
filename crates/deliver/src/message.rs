//! What a channel carries.

/// One frozen mail to one recipient.
///
/// The bytes were fixed when the decision to send was committed, and every attempt sends exactly these, so that a repeated attempt is
/// recognisable as a duplicate by its Message-ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The author's address, as in the `From` header; for logs and displays, the envelope has its own.
    pub from: String,
    /// The one recipient's address (`RCPT TO`).
    pub to: String,
    /// The return path (`MAIL FROM`): where bounces go. Empty for the null return path `<>`.
    pub envelope_from: String,
    /// The name of this message in reports (`ENVID`, RFC 3461): set where reports are wanted, and asked for where the relay offers that.
    pub envelope_id: Option<String>,
    /// The Message-ID with its angle brackets.
    pub message_id: String,
    /// The RFC 5322 message: lines end in CRLF, and so does the whole.
    pub bytes: Vec<u8>,
    /// Whether it belongs to a drill: it goes only to whom drills may reach.
    pub drill: bool,
}

/// One message to an SNS topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMessage {
    /// The topic's ARN.
    pub topic_arn: String,
    /// The subject that e-mail subscribers see: at least 1 and fewer than 100 characters of printable ASCII, not starting with a space
    /// (SNS API, Publish).
    pub subject: String,
    /// The text, at most 256 KiB in UTF-8 (SNS API, Publish).
    pub text: String,
    /// Whether it belongs to a drill: it goes only to whom drills may reach.
    pub drill: bool,
}

/// What a channel carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// To a person, by mail.
    Mail(Mail),
    /// To whoever subscribes to a topic.
    Topic(TopicMessage),
}

/// Names one delivery: the same for every attempt at it, so that a channel that can tell duplicates apart is able to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(pub String);

impl std::fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
