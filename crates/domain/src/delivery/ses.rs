//! What Amazon SES reports about a message (Developer Guide, "Contents of event data that Amazon SES publishes"), as a [`Report`].
//!
//! Events of a configuration set and notifications of an identity are written alike; the first say `eventType`, the second
//! `notificationType`.

use super::report::{Action, LONGEST_FIELD, Report, StatusCode};
use crate::id::DeliveryId;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The tag with which a message is sent, so that events name it.
pub const DELIVERY_TAG: &str = "watchkeeper-delivery";

/// The message is no event that can be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no event of SES: {0}")]
pub struct NoEvent(String);

/// An event about one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SesEvent {
    /// Which message of ours: by its tag, or by the Message-ID that we gave it. None where it is none of ours.
    pub delivery: Option<DeliveryId>,
    /// What it says; none for what changes nothing, such as that SES took it.
    pub report: Option<Report>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(alias = "notificationType")]
    event_type: String,
    mail: Mail,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
    delivery: Option<Delivered>,
    delivery_delay: Option<Delay>,
    reject: Option<Reject>,
}

#[derive(Deserialize)]
struct Mail {
    #[serde(default)]
    tags: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    headers: Vec<Header>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    #[serde(default)]
    bounce_type: String,
    #[serde(default)]
    bounce_sub_type: String,
    #[serde(default)]
    bounced_recipients: Vec<Recipient>,
    #[serde(rename = "reportingMTA")]
    reporting_mta: Option<String>,
    remote_mta_ip: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    status: Option<String>,
    diagnostic_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    complaint_feedback_type: Option<String>,
    complaint_sub_type: Option<String>,
    user_agent: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivered {
    smtp_response: Option<String>,
    #[serde(rename = "reportingMTA")]
    reporting_mta: Option<String>,
    remote_mta_ip: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delay {
    #[serde(default)]
    delay_type: String,
    #[serde(default)]
    delayed_recipients: Vec<Recipient>,
    #[serde(rename = "reportingMTA")]
    reporting_mta: Option<String>,
}

#[derive(Deserialize)]
struct Reject {
    #[serde(default)]
    reason: String,
}

impl SesEvent {
    /// Reads the text of a notification.
    ///
    /// # Errors
    /// [`NoEvent`] where it is none, or lacks what its kind has.
    pub fn read(text: &str) -> Result<Self, NoEvent> {
        let event: Event = serde_json::from_str(text).map_err(|fault| NoEvent(fault.to_string()))?;
        Ok(Self {
            delivery: event.mail.delivery(),
            report: event.report()?,
        })
    }
}

impl Mail {
    fn delivery(&self) -> Option<DeliveryId> {
        let tagged = self.tags.get(DELIVERY_TAG).and_then(|values| values.first());
        let tagged = tagged.and_then(|value| value.parse().ok());
        let header = || {
            // As we wrote it: what SES made of it stands elsewhere.
            let ours = self
                .headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case("message-id"))?;
            let (local, _) = ours.value.trim().strip_prefix('<')?.split_once('@')?;
            local.parse().ok()
        };
        tagged.or_else(header)
    }
}

impl Event {
    fn report(self) -> Result<Option<Report>, NoEvent> {
        let lacks = |what: &str| NoEvent(format!("it has no `{what}`"));
        let report = match self.event_type.as_str() {
            "Bounce" => self.bounce.ok_or_else(|| lacks("bounce"))?.report(),
            "Complaint" => self.complaint.ok_or_else(|| lacks("complaint"))?.report(),
            "Delivery" => self.delivery.ok_or_else(|| lacks("delivery"))?.report(),
            "DeliveryDelay" => self
                .delivery_delay
                .ok_or_else(|| lacks("deliveryDelay"))?
                .report(),
            "Reject" => self.reject.ok_or_else(|| lacks("reject"))?.report(),
            _ => return Ok(None),
        };
        Ok(Some(report))
    }
}

/// One bounded line.
fn line(text: &str) -> Option<String> {
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST_FIELD)
        .collect();
    let plain = plain.trim();
    (!plain.is_empty()).then(|| plain.to_owned())
}

/// As in `dns; mta.example.com`, of which the name counts.
fn server(text: Option<String>) -> Option<String> {
    let text = text?;
    line(text.split_once(';').map_or(text.as_str(), |(_, name)| name))
}

fn status(recipient: &Recipient, otherwise: StatusCode) -> StatusCode {
    let read = recipient.status.as_deref().and_then(StatusCode::read);
    read.unwrap_or(otherwise)
}

const fn code(class: u8, subject: u16, detail: u16) -> StatusCode {
    StatusCode {
        class,
        subject,
        detail,
    }
}

impl Bounce {
    /// A transient bounce is a failure as well: SES reports it once it tries no more. What it still tries is a delay.
    fn report(self) -> Report {
        let recipient = self.bounced_recipients.into_iter().next().unwrap_or_default();
        let otherwise = match self.bounce_type.as_str() {
            "Transient" => code(4, 0, 0),
            _ => code(5, 0, 0),
        };
        let kind = format!("{} bounce, {}", self.bounce_type, self.bounce_sub_type);
        Report {
            action: Action::Failed,
            status: status(&recipient, otherwise),
            remote_mta: server(self.remote_mta_ip),
            diagnostic: recipient
                .diagnostic_code
                .as_deref()
                .and_then(line)
                .or_else(|| line(&kind)),
            reporting_mta: server(self.reporting_mta),
        }
    }
}

impl Complaint {
    fn report(self) -> Report {
        let words = [
            self.complaint_feedback_type.as_deref(),
            self.complaint_sub_type.as_deref(),
            self.user_agent.as_deref(),
        ];
        let words: Vec<&str> = words.into_iter().flatten().collect();
        Report {
            action: Action::Complained,
            status: Action::Complained.usual_status(),
            remote_mta: None,
            diagnostic: line(&words.join(", ")),
            reporting_mta: None,
        }
    }
}

impl Delivered {
    /// Their server has it, and reports no more than that.
    fn report(self) -> Report {
        Report {
            action: Action::Relayed,
            status: Action::Relayed.usual_status(),
            remote_mta: server(self.remote_mta_ip),
            diagnostic: self.smtp_response.as_deref().and_then(line),
            reporting_mta: server(self.reporting_mta),
        }
    }
}

impl Delay {
    fn report(self) -> Report {
        let recipient = self.delayed_recipients.into_iter().next().unwrap_or_default();
        Report {
            action: Action::Delayed,
            status: status(&recipient, code(4, 0, 0)),
            remote_mta: None,
            diagnostic: recipient
                .diagnostic_code
                .as_deref()
                .and_then(line)
                .or_else(|| line(&self.delay_type)),
            reporting_mta: server(self.reporting_mta),
        }
    }
}

impl Reject {
    /// SES found something in it that it does not send: whoever sent it must look, as where a server refuses by policy.
    fn report(self) -> Report {
        Report {
            action: Action::Failed,
            status: code(5, 7, 0),
            remote_mta: None,
            diagnostic: line(&self.reason),
            reporting_mta: Some("Amazon SES".to_owned()),
        }
    }
}
