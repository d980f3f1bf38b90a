//! Settings of the channels to Amazon's services.

use crate::fault::{ConfigFault, is_loopback};
use crate::span;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How to reach one service of Amazon's in one region. Holds no secret: credentials come from where the AWS SDK looks for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsAccess {
    /// The region of the topics or of the mail, such as `eu-central-1`.
    pub region: String,
    /// The profile of the shared AWS configuration to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// A shared AWS credentials file, instead of the usual places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
    /// The role to assume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The external id that the role's trust policy asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Another endpoint: a VPC endpoint over https, or an emulator on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// How long one message may take altogether; by default 30 s.
    #[serde(default = "thirty_seconds", with = "span")]
    pub timeout: Duration,
}

fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}

impl AwsAccess {
    /// One region, reached as the SDK's own settings say.
    #[must_use]
    pub fn in_region(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            profile: None,
            credentials_file: None,
            role_arn: None,
            external_id: None,
            endpoint_url: None,
            timeout: thirty_seconds(),
        }
    }

    /// Everything that is wrong, each with its field and its remedy; empty when nothing is.
    #[must_use]
    pub fn validate(&self) -> Vec<ConfigFault> {
        let mut faults = Vec::new();
        if self.region.is_empty()
            || !self
                .region
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            faults.push(ConfigFault::new(
                "region",
                format!("`{}` is not a region", crate::one_line(&self.region)),
                "write a region, such as \"eu-central-1\"",
            ));
        }
        if self.profile.as_deref() == Some("") {
            faults.push(ConfigFault::new(
                "profile",
                "is empty",
                "write a profile's name, or remove the line",
            ));
        }
        if self
            .credentials_file
            .as_ref()
            .is_some_and(|path| path.as_os_str().is_empty())
        {
            faults.push(ConfigFault::new(
                "credentials_file",
                "is empty",
                "write the file's path, or remove the line",
            ));
        }
        self.check_role(&mut faults);
        self.check_endpoint(&mut faults);
        if self.timeout.is_zero() || self.timeout > Duration::from_secs(600) {
            faults.push(ConfigFault::new(
                "timeout",
                format!("{} is not a useful wait", span::text(self.timeout)),
                "write a span from 1ms to 10m, or leave it out for 30s",
            ));
        }
        faults
    }

    fn check_role(&self, faults: &mut Vec<ConfigFault>) {
        if let Some(role) = &self.role_arn
            && !(role.starts_with("arn:aws") && role.contains(":iam::") && role.contains(":role/"))
        {
            faults.push(ConfigFault::new(
                "role_arn",
                format!("`{}` is not the ARN of a role", crate::one_line(role)),
                "write it as arn:aws:iam::123456789012:role/NAME",
            ));
        }
        if self.external_id.is_some() && self.role_arn.is_none() {
            faults.push(ConfigFault::new(
                "external_id",
                "has no role to go with",
                "add role_arn, or remove external_id",
            ));
        }
    }

    fn check_endpoint(&self, faults: &mut Vec<ConfigFault>) {
        let Some(written) = &self.endpoint_url else {
            return;
        };
        let url = match url::Url::parse(written) {
            Ok(url) if url.has_host() && matches!(url.scheme(), "http" | "https") => url,
            _ => {
                faults.push(ConfigFault::new(
                    "endpoint_url",
                    "is not an address",
                    "write it as https://HOST, or http://127.0.0.1:PORT for an emulator",
                ));
                return;
            }
        };
        if !url.username().is_empty() || url.password().is_some() {
            faults.push(ConfigFault::new(
                "endpoint_url",
                "holds a name or a password",
                "remove them; credentials come from the environment or the profile",
            ));
        }
        if url.scheme() == "http" && !url.host_str().is_some_and(is_loopback) {
            faults.push(ConfigFault::new(
                "endpoint_url",
                "would send messages in the clear to another machine",
                "write https://; http:// is for 127.0.0.1, ::1 and localhost only",
            ));
        }
    }
}
