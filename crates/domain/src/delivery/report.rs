//! What a mail server reports about a message that our relay had taken (RFC 3464), and what follows from it.

use super::{Delivery, DeliveryState, RemoteAcceptance, Submission};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest text that is kept of one field of a report.
pub const LONGEST_FIELD: usize = 1000;

/// What was done with the message (RFC 3464, 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It could not be delivered, and nobody tries any more.
    Failed,
    /// It could not be delivered so far, and somebody goes on trying.
    Delayed,
    /// It lies in the recipient's mailbox.
    Delivered,
    /// It was handed to a server that sends no reports.
    Relayed,
    /// It was delivered, and went on to several others.
    Expanded,
    /// Whoever got it called it unwanted. No mail server's report says so; it is what SES passes on.
    Complained,
}

impl Action {
    /// As reports write it, in any case.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let all = [
            Self::Failed,
            Self::Delayed,
            Self::Delivered,
            Self::Relayed,
            Self::Expanded,
        ];
        all.into_iter()
            .find(|action| action.name().eq_ignore_ascii_case(text.trim()))
    }

    /// As reports write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
            Self::Expanded => "expanded",
            Self::Complained => "complained",
        }
    }

    /// What a status says where the report has none of its own.
    #[must_use]
    pub fn usual_status(self) -> StatusCode {
        let class = match self {
            Self::Failed => 5,
            Self::Delayed => 4,
            Self::Delivered | Self::Relayed | Self::Expanded | Self::Complained => 2,
        };
        StatusCode {
            class,
            subject: 0,
            detail: 0,
        }
    }
}

/// An enhanced status code such as 5.1.1 (RFC 3463).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StatusCode {
    /// 2 success, 4 not now, 5 never.
    pub class: u8,
    /// What it is about: 1 address, 2 mailbox, 3 system, 4 network, 5 protocol, 6 content, 7 security or policy.
    pub subject: u16,
    /// What exactly.
    pub detail: u16,
}

impl StatusCode {
    /// The code that `text` begins with; what follows it after a space is a remark.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let word = text
            .trim_start()
            .split(|c: char| !(c.is_ascii_digit() || c == '.'))
            .next()?;
        let mut parts = word.split('.');
        let mut part = |digits: std::ops::RangeInclusive<usize>| {
            parts
                .next()
                .filter(|part| digits.contains(&part.len()))
                .and_then(|part| part.parse::<u16>().ok())
        };
        let (class, subject, detail) = (part(1..=1)?, part(1..=3)?, part(1..=3)?);
        let class = u8::try_from(class)
            .ok()
            .filter(|class| matches!(class, 2 | 4 | 5))?;
        parts.next().is_none().then_some(Self {
            class,
            subject,
            detail,
        })
    }

    /// Whether it says for good that the address takes no mail (RFC 3463, 3.2 and 3.3): there is none, it moved, its mailbox is closed.
    /// A mailbox that is full can be emptied.
    #[must_use]
    pub fn is_of_address(self) -> bool {
        self.class == 5 && (self.subject == 1 || (self.subject == 2 && self.detail != 2))
    }

    /// Security or policy: what is refused is how or by whom the message was sent, rather than the address.
    #[must_use]
    pub fn is_policy(self) -> bool {
        self.class == 5 && self.subject == 7
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl TryFrom<String> for StatusCode {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::read(&text)
            .filter(|code| code.to_string() == text)
            .ok_or_else(|| format!("`{text}` is not a status code such as 5.1.1"))
    }
}

impl From<StatusCode> for String {
    fn from(code: StatusCode) -> Self {
        code.to_string()
    }
}

/// What a report says about the one recipient of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What was done with the message.
    pub action: Action,
    /// Why, as a code.
    pub status: StatusCode,
    /// The recipient's server, where it is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_mta: Option<String>,
    /// That server's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostic: Option<String>,
    /// Who wrote the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reporting_mta: Option<String>,
}

impl Report {
    /// In a line: `failed, 5.1.1, mx.example.com: 550 no such user`.
    #[must_use]
    pub fn line(&self) -> String {
        let by = self
            .remote_mta
            .as_deref()
            .map_or(String::new(), |mta| format!(", {mta}"));
        let words = self
            .diagnostic
            .as_deref()
            .map_or(String::new(), |words| format!(": {words}"));
        format!("{}, {}{by}{words}", self.action.name(), self.status)
    }
}

/// What a report changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The message did not arrive: the address bounced. The next contact is tried.
    Bounced,
    /// A server of the recipient's took it.
    RemoteAccepted,
    /// Somebody goes on trying; it is noted.
    Delayed,
    /// The recipient called it unwanted; it is noted.
    Complained,
    /// It says what is known already, or what can no longer be.
    Nothing,
}

impl Effect {
    /// As records write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::RemoteAccepted => "remote_accepted",
            Self::Delayed => "delayed",
            Self::Complained => "complained",
            Self::Nothing => "nothing",
        }
    }
}

/// The message is on its way at this moment: the report has to wait for how that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message is being sent at this moment; hand the report in again in some minutes")]
pub struct UnderWay;

impl Delivery {
    /// The delivery after a report.
    ///
    /// A failure counts whatever the class of its code: with 4.4.7 a server has given up, and the customer has nothing. It counts also
    /// while we still try, since our relay may have taken an attempt whose answer was lost. What came after a failure changes nothing:
    /// the next contact is being told already. A delay changes nothing either; it is worth a line of the record while nothing
    /// better or worse is known. Where nobody knew how an attempt had ended, a report of success says it: the message is not sent again.
    /// A complaint changes nothing: who complains has the message.
    ///
    /// # Errors
    /// [`UnderWay`] while an attempt is running, which owns the delivery.
    pub fn reported(mut self, report: &Report, at: DateTime<Utc>) -> Result<(Self, Effect), UnderWay> {
        let submitted = match &self.state {
            DeliveryState::Claimed { .. } => return Err(UnderWay),
            DeliveryState::Bounced { .. } | DeliveryState::Refused { .. } => {
                return Ok((self, Effect::Nothing));
            }
            DeliveryState::Queued { .. } => None,
            DeliveryState::Accepted { at, answer, by } => Some(Submission {
                at: *at,
                answer: answer.clone(),
                by: by.clone(),
            }),
        };
        match report.action {
            Action::Failed => {
                self.version += 1;
                self.state = DeliveryState::Bounced {
                    at,
                    answer: report.line(),
                    status: report.status,
                    submitted,
                };
                Ok((self, Effect::Bounced))
            }
            Action::Complained => Ok((self, Effect::Complained)),
            Action::Delayed if self.remote_accepted.is_none() => Ok((self, Effect::Delayed)),
            Action::Delivered | Action::Relayed | Action::Expanded
                if self.remote_accepted.is_none() && (submitted.is_some() || self.possible_duplicate) =>
            {
                self.version += 1;
                if submitted.is_none() {
                    self.state = DeliveryState::Accepted {
                        at,
                        answer: report.line(),
                        by: report
                            .reporting_mta
                            .clone()
                            .unwrap_or_else(|| "our relay, as a report says".to_owned()),
                    };
                }
                self.remote_accepted = Some(RemoteAcceptance {
                    at,
                    by: report.remote_mta.clone().or_else(|| report.reporting_mta.clone()),
                    action: report.action,
                });
                Ok((self, Effect::RemoteAccepted))
            }
            _ => Ok((self, Effect::Nothing)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_are_read_with_their_remarks_and_nothing_else_is() {
        let code = |text: &str| StatusCode::read(text).map(|code| code.to_string());
        assert_eq!(code("5.1.1").as_deref(), Some("5.1.1"));
        assert_eq!(code(" 4.4.7 (expired)").as_deref(), Some("4.4.7"));
        assert_eq!(code("2.1.005").as_deref(), Some("2.1.5"));
        for wrong in [
            "", "5.1", "5.1.1.1", "3.1.1", "5.1111.1", "55.1.1", "5..1", "fine",
        ] {
            assert_eq!(code(wrong), None, "{wrong}");
        }
        assert!(StatusCode::read("5.7.26").is_some_and(StatusCode::is_policy));
        assert!(!StatusCode::read("4.7.1").is_some_and(StatusCode::is_policy));
    }
}
