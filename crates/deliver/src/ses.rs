//! Mail through the API of Amazon SES, as another way beside SMTP.

mod config;
mod suppression;

pub use config::SesConfig;
pub use suppression::{Suppressed, SuppressionError};

use crate::aws::{self, Refusals};
use crate::channel::{Channel, Receipt, SendError, StageRecorder};
use crate::fault::ConfigFaults;
use crate::message::{IdempotencyKey, Mail, Message};
use crate::smtp::wire_fault;
use async_trait::async_trait;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sesv2::error::BuildError;
use aws_sdk_sesv2::operation::send_email::builders::SendEmailFluentBuilder;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, MessageTag, RawMessage};
use sha2::{Digest as _, Sha256};
use watchkeeper_domain::delivery::ses::DELIVERY_TAG;

/// What SES answers with a 4xx although nothing is wrong with the message: the account, its identities, its credentials, its settings.
/// Were these taken for refusals, one wrong setting would use up every contact of every customer (SES API v2, SendEmail, and the
/// errors that all of Amazon's services share).
const REFUSALS: Refusals = Refusals {
    service: "SES",
    about_us: &[
        "AccountSuspendedException",
        "SendingPausedException",
        "MailFromDomainNotVerifiedException",
        "LimitExceededException",
        "NotFoundException",
        "AccessDeniedException",
        "AccessDenied",
        "NotAuthorized",
        "OptInRequired",
        "IncompleteSignature",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
    ],
    failed: &[
        "InternalServiceErrorException",
        "InternalFailure",
        "InternalServerError",
    ],
};

/// Sends mail through SES, the frozen bytes as they are.
///
/// SES writes a Message-ID and a Date of its own over ours, which a DKIM signature of ours does not outlive: let SES sign (Easy DKIM). What
/// it reports later names our message all the same, by a tag and by the header as we wrote it.
#[derive(Debug)]
pub struct SesChannel {
    client: aws_sdk_sesv2::Client,
    configuration_set: Option<String>,
    place: String,
}

impl SesChannel {
    /// A channel with these credentials, or those that the AWS SDK finds (environment, profile, container, instance), and as the role
    /// that the settings name. Nothing is sent yet, and credentials are not asked for before the first message.
    ///
    /// # Errors
    /// All faults of the settings at once.
    pub async fn new(
        config: &SesConfig,
        credentials: Option<SharedCredentialsProvider>,
    ) -> Result<Self, ConfigFaults> {
        let faults = config.validate();
        if !faults.is_empty() {
            return Err(ConfigFaults(faults));
        }
        Ok(Self {
            client: aws_sdk_sesv2::Client::new(&aws::load(&config.access, credentials).await?),
            configuration_set: config.configuration_set.clone(),
            place: format!("SES in {}", config.access.region),
        })
    }

    fn request(&self, mail: &Mail, key: &IdempotencyKey) -> Result<SendEmailFluentBuilder, BuildError> {
        let raw = RawMessage::builder()
            .data(Blob::new(mail.bytes.clone()))
            .build()?;
        let mut request = self
            .client
            .send_email()
            .destination(Destination::builder().to_addresses(&mail.to).build())
            .content(EmailContent::builder().raw(raw).build())
            .set_configuration_set_name(self.configuration_set.clone());
        if is_tag_value(&key.0) {
            let tag = MessageTag::builder().name(DELIVERY_TAG).value(&key.0).build()?;
            request = request.email_tags(tag);
        }
        Ok(request)
    }
}

/// What SES takes as the value of a tag (SES API v2, MessageTag).
fn is_tag_value(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@');
    !text.is_empty() && text.len() <= 256 && text.bytes().all(plain)
}

#[async_trait]
impl Channel for SesChannel {
    async fn send(
        &self,
        message: &Message,
        key: &IdempotencyKey,
        stage: &dyn StageRecorder,
    ) -> Result<Receipt, SendError> {
        let Message::Mail(mail) = message else {
            return Err(aws::refused(
                "a message for a topic was handed to the SES channel; send it through SNS",
            ));
        };
        if let Some(problem) = wire_fault(&mail.bytes) {
            return Err(aws::refused(format!(
                "the message cannot be sent as it is: {problem}"
            )));
        }
        let request = self
            .request(mail, key)
            .map_err(|fault| aws::refused(fault.to_string()))?;
        stage.entering_data().await.map_err(aws::unmarked)?;
        let said = format!(
            "C: SendEmail to {} ({} bytes of content, SHA-256 {})",
            mail.to,
            mail.bytes.len(),
            hex::encode(Sha256::digest(&mail.bytes))
        );
        match request.send().await {
            Ok(answer) => match answer.message_id() {
                Some(id) => {
                    let id = crate::one_line(id);
                    tracing::info!(%key, message_id = %mail.message_id, answer = %id, "mail accepted");
                    Ok(Receipt {
                        transcript: vec![said, format!("S: MessageId {id}")],
                        answer: id,
                        accepted_by: self.place.clone(),
                    })
                }
                None => Err(SendError::Ambiguous {
                    reason: "SES answered without a message id".to_owned(),
                    transcript: vec![said],
                }),
            },
            Err(error) => {
                let error = aws::of(&REFUSALS, &error, said);
                tracing::warn!(%key, message_id = %mail.message_id, %error, "mail not accepted");
                Err(error)
            }
        }
    }
}
