//! Settings of the SES channel.

use crate::aws::AwsAccess;
use crate::fault::ConfigFault;
use serde::{Deserialize, Serialize};
use watchkeeper_domain::sns::TopicArn;

/// How mail is sent through SES, and where SES says what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SesConfig {
    /// The configuration set, which publishes events about our mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration_set: Option<String>,
    /// ARNs of the topics that these events come over; of no other is one believed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// Region, profile, role.
    pub access: AwsAccess,
}

impl SesConfig {
    /// Everything that is wrong, each with its field and its remedy; empty when nothing is.
    #[must_use]
    pub fn validate(&self) -> Vec<ConfigFault> {
        let mut faults = self.access.validate();
        // SES API v2, CreateConfigurationSet.
        let is_name = |name: &str| {
            (1..=64).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        if let Some(set) = self.configuration_set.as_deref().filter(|set| !is_name(set)) {
            faults.push(ConfigFault::new(
                "configuration_set",
                format!("`{}` is not the name of one", crate::one_line(set)),
                "write its name: letters, digits, hyphens and underscores, at most 64",
            ));
        }
        for topic in &self.topics {
            if let Err(problem) = topic.parse::<TopicArn>() {
                faults.push(ConfigFault::new(
                    "topics",
                    problem.to_string(),
                    "write it as arn:aws:sns:REGION:ACCOUNT:NAME",
                ));
            }
        }
        faults
    }
}
