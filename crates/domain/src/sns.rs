//! Messages that Amazon SNS posts over HTTPS: what they are, and whether SNS has signed them.
//!
//! Takes the bytes of a request, the certificate that signs, and the present instant; gives the message, once it is believed. It reads
//! nothing: whoever calls fetches the certificate, from the one address that [`Envelope::certificate`] names. It stands here, below
//! everybody who takes such messages, since to verify one asks for no more than what is given.
//!
//! Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, Utc};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// The largest request that is read, in bytes: SNS takes 256 KiB of text, of which JSON may write each byte with six.
pub const LARGEST: usize = 2 * 1024 * 1024;

/// How old a message may be. SNS tries for at most an hour, whatever the delivery policy says (Developer Guide, "Message delivery
/// retries"); what comes later was kept by somebody else.
const OLDEST: Duration = Duration::hours(2);

/// How far the clock of SNS may go before ours.
const AHEAD: Duration = Duration::minutes(15);

/// Why a message is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnsFault {
    /// It is no message of SNS.
    #[error("this is no message of SNS: {0}")]
    Malformed(String),
    /// Its topic is none of those that are configured.
    #[error("messages of the topic {0} are not taken here")]
    Stranger(String),
    /// Its certificate would come from somewhere else than SNS in the topic's region.
    #[error("the certificate is not one of SNS in the region of the topic")]
    CertificateAddress,
    /// What came as its certificate cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Certificate(String),
    /// The signature does not hold.
    #[error("the signature is not that of SNS over this message")]
    Signature,
    /// It is older, or newer, than SNS would send it.
    #[error("the message is of {0}, which is too far from now")]
    Stale(DateTime<Utc>),
}

/// The name of a topic: `arn:aws:sns:REGION:ACCOUNT:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicArn {
    text: String,
    region: String,
    china: bool,
}

/// Not the ARN of a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the ARN of a topic")]
pub struct NoTopic(String);

impl FromStr for TopicArn {
    type Err = NoTopic;

    fn from_str(text: &str) -> Result<Self, NoTopic> {
        let wrong = || NoTopic(text.chars().filter(|c| !c.is_control()).take(300).collect());
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "sns", region, account, name] = parts.as_slice() else {
            return Err(wrong());
        };
        let is_region = (1..=32).contains(&region.len())
            && region
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        // SNS API, CreateTopic.
        let is_name = (1..=256).contains(&name.len())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        if !(matches!(*partition, "aws" | "aws-cn" | "aws-us-gov") && is_region && is_account && is_name) {
            return Err(wrong());
        }
        Ok(Self {
            text: text.to_owned(),
            region: (*region).to_owned(),
            china: *partition == "aws-cn",
        })
    }
}

impl fmt::Display for TopicArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TopicArn {
    /// Where SNS answers in the topic's region: `https://sns.REGION.amazonaws.com`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        let suffix = if self.china { ".cn" } else { "" };
        format!("https://sns.{}.amazonaws.com{suffix}", self.region)
    }
}

/// The address of a certificate of SNS, and of nothing else: one file of one host that the topic's region gives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateAddress(String);

impl CertificateAddress {
    fn read(text: &str, topic: &TopicArn) -> Result<Self, SnsFault> {
        let file = text
            .strip_prefix(&topic.endpoint())
            .and_then(|rest| rest.strip_prefix('/'))
            .and_then(|file| file.strip_suffix(".pem"));
        let plain = |file: &str| {
            (1..=128).contains(&file.len()) && file.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if file.is_some_and(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SnsFault::CertificateAddress)
        }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The address that confirms a subscription, made of the topic and the token; what the message itself gives as address is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation(String);

impl Confirmation {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a believed message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnsMessage {
    /// Somebody subscribed this service to the topic; confirm it there.
    Confirm(Confirmation),
    /// A message was published: its text.
    Notification(String),
    /// The subscription has ended.
    Unsubscribed,
}

/// The fields as SNS writes them.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields {
    #[serde(rename = "Type")]
    kind: String,
    message_id: String,
    topic_arn: String,
    subject: Option<String>,
    message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    certificate: String,
    #[serde(rename = "SubscribeURL")]
    subscribe: Option<String>,
    token: Option<String>,
}

/// A message as it came, not yet believed.
#[derive(Debug, Clone)]
pub struct Envelope {
    fields: Fields,
    topic: TopicArn,
    certificate: CertificateAddress,
    at: DateTime<Utc>,
    signature: Vec<u8>,
    algorithm: &'static RsaParameters,
}

fn malformed(what: impl Into<String>) -> SnsFault {
    SnsFault::Malformed(what.into())
}

impl Envelope {
    /// Reads a request's body.
    ///
    /// # Errors
    /// [`SnsFault::Malformed`] or [`SnsFault::CertificateAddress`].
    pub fn read(body: &[u8]) -> Result<Self, SnsFault> {
        if body.len() > LARGEST {
            return Err(malformed("it is too long"));
        }
        let fields: Fields = serde_json::from_slice(body).map_err(|fault| malformed(fault.to_string()))?;
        let topic: TopicArn = fields
            .topic_arn
            .parse()
            .map_err(|fault: NoTopic| malformed(fault.to_string()))?;
        let certificate = CertificateAddress::read(&fields.certificate, &topic)?;
        let at = DateTime::parse_from_rfc3339(&fields.timestamp)
            .map_err(|_| malformed("Timestamp is no instant"))?
            .to_utc();
        let signature = STANDARD
            .decode(&fields.signature)
            .map_err(|_| malformed("Signature is not Base64"))?;
        let algorithm = match fields.signature_version.as_str() {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err(malformed("SignatureVersion is neither 1 nor 2")),
        };
        Ok(Self {
            fields,
            topic,
            certificate,
            at,
            signature,
            algorithm,
        })
    }

    /// The topic that it says it is of.
    #[must_use]
    pub fn topic(&self) -> &TopicArn {
        &self.topic
    }

    /// Where the certificate that it names is.
    #[must_use]
    pub fn certificate(&self) -> &CertificateAddress {
        &self.certificate
    }

    /// What SNS calls the message; the same whenever it is sent again.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.fields.message_id
    }

    /// Whether it is signed with SHA-256 (`SignatureVersion` 2) and not with SHA-1.
    #[must_use]
    pub fn is_signed_with_sha256(&self) -> bool {
        self.fields.signature_version == "2"
    }

    /// What the signature is over: some fields, each with its name on a line before it.
    fn signed_text(&self) -> Result<String, SnsFault> {
        let fields = &self.fields;
        let mut lines = vec![
            ("Message", fields.message.as_str()),
            ("MessageId", &fields.message_id),
        ];
        let missing = |name| malformed(format!("{name} is missing"));
        match fields.kind.as_str() {
            "Notification" => {
                lines.extend(fields.subject.as_deref().map(|subject| ("Subject", subject)));
                lines.push(("Timestamp", &fields.timestamp));
            }
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                let url = fields
                    .subscribe
                    .as_deref()
                    .ok_or_else(|| missing("SubscribeURL"))?;
                let token = fields.token.as_deref().ok_or_else(|| missing("Token"))?;
                lines.extend([
                    ("SubscribeURL", url),
                    ("Timestamp", &fields.timestamp),
                    ("Token", token),
                ]);
            }
            _ => return Err(malformed("its Type is unknown")),
        }
        lines.extend([("TopicArn", fields.topic_arn.as_str()), ("Type", &fields.kind)]);
        Ok(lines
            .into_iter()
            .map(|(name, value)| format!("{name}\n{value}\n"))
            .collect())
    }

    /// The message, where it is of one of `topics`, was signed with the certificate (PEM) that lies at its address, and is of now.
    ///
    /// # Errors
    /// Every [`SnsFault`].
    pub fn believed(
        self,
        topics: &[TopicArn],
        pem: &[u8],
        now: DateTime<Utc>,
    ) -> Result<SnsMessage, SnsFault> {
        if !topics.contains(&self.topic) {
            return Err(SnsFault::Stranger(self.topic.to_string()));
        }
        let text = self.signed_text()?;
        let key = key_in(pem, now)?;
        UnparsedPublicKey::new(self.algorithm, key)
            .verify(text.as_bytes(), &self.signature)
            .map_err(|_| SnsFault::Signature)?;
        if now - self.at > OLDEST || self.at - now > AHEAD {
            return Err(SnsFault::Stale(self.at));
        }
        match (self.fields.kind.as_str(), self.fields.token) {
            ("SubscriptionConfirmation", Some(token)) => {
                confirmation(&self.topic, &token).map(SnsMessage::Confirm)
            }
            ("UnsubscribeConfirmation", _) => Ok(SnsMessage::Unsubscribed),
            _ => Ok(SnsMessage::Notification(self.fields.message)),
        }
    }
}

fn confirmation(topic: &TopicArn, token: &str) -> Result<Confirmation, SnsFault> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if !(1..=2048).contains(&token.len()) || !token.bytes().all(plain) {
        return Err(malformed("Token has characters that no token has"));
    }
    Ok(Confirmation(format!(
        "{}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}",
        topic.endpoint()
    )))
}

/// The RSA key in a certificate that is valid now. Whose it is, the address says, which leads to SNS over TLS and to nobody else.
fn key_in(pem: &[u8], now: DateTime<Utc>) -> Result<Vec<u8>, SnsFault> {
    let wrong = |what: &str| SnsFault::Certificate(what.to_owned());
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).map_err(|_| wrong("it is not PEM"))?;
    let certificate = pem
        .parse_x509()
        .map_err(|_| wrong("it is no X.509 certificate"))?;
    let validity = certificate.validity();
    let now = now.timestamp();
    if now < validity.not_before.timestamp() || now > validity.not_after.timestamp() {
        return Err(wrong("it is not valid now"));
    }
    Ok(certificate.public_key().subject_public_key.data.to_vec())
}
