//! Messages to an SNS topic, and what is needed of SNS to believe messages from one.

mod origin;

pub use origin::{OriginError, SnsOrigin, SnsOverHttps};

use crate::aws::{self, AwsAccess, Refusals};
use crate::channel::{Channel, Receipt, SendError, StageRecorder};
use crate::fault::ConfigFaults;
use crate::message::{IdempotencyKey, Message, TopicMessage};
use async_trait::async_trait;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sns::types::MessageAttributeValue;
use sha2::{Digest, Sha256};

/// The longest text that SNS takes, in bytes of UTF-8.
const LARGEST_TEXT: usize = 256 * 1024;
/// SNS takes subjects of fewer than 100 characters.
const LONGEST_SUBJECT: usize = 99;
/// What SNS refuses is refused for this message.
const REFUSALS: Refusals = Refusals {
    service: "SNS",
    about_us: &[],
    failed: &[],
};

/// Publishes to SNS topics, each in the region that its ARN names.
#[derive(Debug)]
pub struct SnsChannel {
    client: aws_sdk_sns::Client,
}

impl SnsChannel {
    /// A channel with these credentials, or those that the AWS SDK finds (environment, profile, container, instance), and as the role
    /// that the settings name. Nothing is sent yet, and credentials are not asked for before the first message.
    ///
    /// # Errors
    /// All faults of the settings at once.
    pub async fn new(
        config: &AwsAccess,
        credentials: Option<SharedCredentialsProvider>,
    ) -> Result<Self, ConfigFaults> {
        Ok(Self {
            client: aws_sdk_sns::Client::new(&aws::load(config, credentials).await?),
        })
    }
}

#[async_trait]
impl Channel for SnsChannel {
    async fn send(
        &self,
        message: &Message,
        key: &IdempotencyKey,
        stage: &dyn StageRecorder,
    ) -> Result<Receipt, SendError> {
        let Message::Topic(topic) = message else {
            return Err(aws::refused(
                "a mail was handed to the SNS channel; send it through SMTP",
            ));
        };
        if let Some(problem) = fault(topic) {
            return Err(aws::refused(problem));
        }
        let request = self.request(topic, key).map_err(aws::refused)?;
        stage.entering_data().await.map_err(aws::unmarked)?;
        let said = format!(
            "C: Publish to {} ({} bytes of text)",
            topic.topic_arn,
            topic.text.len()
        );
        match request.send().await {
            Ok(answer) => match answer.message_id() {
                Some(id) => {
                    tracing::info!(%key, topic = %topic.topic_arn, message_id = %id, "published");
                    Ok(Receipt {
                        answer: id.to_owned(),
                        transcript: vec![said, format!("S: MessageId {}", crate::one_line(id))],
                        accepted_by: topic.topic_arn.clone(),
                    })
                }
                None => Err(SendError::Ambiguous {
                    reason: "SNS answered without a message id".to_owned(),
                    transcript: vec![said],
                }),
            },
            Err(error) => {
                let error = aws::of(&REFUSALS, &error, said);
                tracing::warn!(%key, topic = %topic.topic_arn, %error, "not published");
                Err(error)
            }
        }
    }
}

impl SnsChannel {
    fn request(
        &self,
        topic: &TopicMessage,
        key: &IdempotencyKey,
    ) -> Result<aws_sdk_sns::operation::publish::builders::PublishFluentBuilder, String> {
        let request = self
            .client
            .publish()
            .topic_arn(&topic.topic_arn)
            .subject(&topic.subject)
            .message(&topic.text);
        // A FIFO topic drops what comes twice within five minutes; the subscribers of a standard topic can do so by the attribute.
        let key = hex::encode(Sha256::digest(&key.0));
        if topic.topic_arn.ends_with(".fifo") {
            return Ok(request
                .message_group_id("watchkeeper")
                .message_deduplication_id(key));
        }
        let attribute = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(key)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(request.message_attributes("idempotency-key", attribute))
    }
}

/// What SNS would refuse, found before asking.
fn fault(topic: &TopicMessage) -> Option<String> {
    let arn: Vec<&str> = topic.topic_arn.splitn(6, ':').collect();
    let is_topic = matches!(arn.as_slice(), ["arn", partition, "sns", region, _, name]
        if partition.starts_with("aws") && !region.is_empty() && !name.is_empty());
    if !is_topic {
        return Some(format!(
            "`{}` is not the ARN of a topic; write it as arn:aws:sns:REGION:ACCOUNT:NAME",
            crate::one_line(&topic.topic_arn)
        ));
    }
    let subject = &topic.subject;
    if subject.is_empty() || subject.len() > LONGEST_SUBJECT {
        return Some(format!(
            "the subject has {} characters; write 1 to {LONGEST_SUBJECT}",
            subject.chars().count()
        ));
    }
    if !subject.bytes().all(|b| (b' '..=b'~').contains(&b)) || subject.starts_with(' ') {
        return Some(
            "the subject is not printable ASCII on one line, beginning with a letter, digit or sign"
                .to_owned(),
        );
    }
    if topic.text.is_empty() || topic.text.len() > LARGEST_TEXT {
        return Some(format!(
            "the text has {} bytes; write 1 to {LARGEST_TEXT}",
            topic.text.len()
        ));
    }
    None
}
