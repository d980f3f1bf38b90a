//! What the company's services write: one file for each, and one line for each thing that happened.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use watchkeeper_collect::parse::Format;
use watchkeeper_domain::event::LogSource;
use watchkeeper_domain::id::digest;

/// The company's AWS account; one of the numbers that AWS uses in its documentation.
pub(super) const ACCOUNT: &str = "111122223333";

/// Where the company runs.
pub(super) const REGION: &str = "eu-central-1";

/// One log of the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum LogFile {
    /// nginx in front of everything.
    Access,
    /// Calls of the product's API.
    Api,
    /// Sign-ins to the product and to the company's own tools.
    Auth,
    /// The SFTP and FTPS gateway.
    Transfer,
    /// Changes of network rules.
    Network,
    /// The bastion host.
    Sshd,
    /// The cloud account.
    Cloudtrail,
}

impl LogFile {
    pub(super) const ALL: [Self; 7] = [
        Self::Access,
        Self::Api,
        Self::Auth,
        Self::Transfer,
        Self::Network,
        Self::Sshd,
        Self::Cloudtrail,
    ];

    pub(super) fn source_name(self) -> &'static str {
        match self {
            Self::Access => "edge-access",
            Self::Api => "filedrop-api",
            Self::Auth => "filedrop-auth",
            Self::Transfer => "filedrop-transfer",
            Self::Network => "filedrop-network",
            Self::Sshd => "sshd",
            Self::Cloudtrail => "cloudtrail",
        }
    }

    pub(super) fn file_name(self) -> &'static str {
        match self {
            Self::Access => "edge-access.log",
            Self::Api => "filedrop-api.jsonl",
            Self::Auth => "filedrop-auth.jsonl",
            Self::Transfer => "filedrop-transfer.jsonl",
            Self::Network => "filedrop-network.jsonl",
            Self::Sshd => "sshd.log",
            Self::Cloudtrail => "cloudtrail.jsonl",
        }
    }

    pub(super) fn format(self) -> Format {
        match self {
            Self::Access => Format::Combined,
            Self::Sshd => Format::Sshd,
            Self::Cloudtrail => Format::Cloudtrail,
            Self::Api | Self::Auth | Self::Transfer | Self::Network => Format::Json,
        }
    }

    /// The `service` of the product that writes it; none for logs that are not the product's own.
    fn service(self) -> Option<&'static str> {
        match self {
            Self::Api => Some("api"),
            Self::Auth => Some("auth"),
            Self::Transfer => Some("transfer"),
            Self::Network => Some("network"),
            Self::Access | Self::Sshd | Self::Cloudtrail => None,
        }
    }

    /// What the configuration says about the log, where its format does not.
    pub(super) fn log_source(self) -> LogSource {
        self.service()
            .map_or_else(LogSource::default, |service| LogSource {
                category: None,
                product: Some("filedrop".to_owned()),
                service: Some(service.to_owned()),
            })
    }
}

/// One line, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) file: LogFile,
    pub(super) at: DateTime<Utc>,
    pub(super) text: String,
}

/// A request as nginx logs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) client: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) agent: &'a str,
}

impl Request<'_> {
    pub(super) fn line(&self, at: DateTime<Utc>) -> Line {
        let Request {
            client,
            method,
            path,
            status,
            bytes,
            agent,
        } = self;
        let time = at.format("%d/%b/%Y:%H:%M:%S +0000");
        Line {
            file: LogFile::Access,
            at,
            text: format!(
                "{client} - - [{time}] \"{method} {path} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\""
            ),
        }
    }
}

/// A record of one of the product's own logs: time, product and service, and `fields` behind them.
pub(super) fn record(file: LogFile, at: DateTime<Utc>, fields: Value) -> Line {
    let mut whole = json!({"ts": instant(at), "product": "filedrop", "service": file.service()});
    if let (Some(whole), Value::Object(fields)) = (whole.as_object_mut(), fields) {
        whole.extend(fields);
    }
    Line {
        file,
        at,
        text: whole.to_string(),
    }
}

/// A line of the bastion's sshd, with the time as rsyslog's file format writes it.
pub(super) fn sshd(at: DateTime<Utc>, pid: u32, message: &str) -> Line {
    Line {
        file: LogFile::Sshd,
        at,
        text: format!(
            "{} bastion-1 sshd[{pid}]: {message}",
            at.to_rfc3339_opts(SecondsFormat::Micros, false)
        ),
    }
}

/// A call of AWS's API.
#[derive(Debug, Clone)]
pub(super) struct AwsCall<'a> {
    pub(super) identity: Value,
    pub(super) service: &'a str,
    pub(super) name: &'a str,
    pub(super) client: &'a str,
    pub(super) agent: &'a str,
    pub(super) read_only: bool,
    pub(super) request: Value,
    pub(super) response: Value,
    /// Error code and message of a call that was refused.
    pub(super) refused: Option<(&'a str, &'a str)>,
}

impl AwsCall<'_> {
    /// The record as CloudTrail writes it; `nonce` tells calls of the same instant apart.
    pub(super) fn line(self, at: DateTime<Utc>, nonce: u64) -> Line {
        let id = uuid(&["cloudtrail", &at.to_rfc3339(), self.name, &nonce.to_string()]);
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": self.identity,
            "eventTime": at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "eventSource": format!("{}.amazonaws.com", self.service),
            "eventName": self.name,
            "awsRegion": REGION,
            "sourceIPAddress": self.client,
            "userAgent": self.agent,
            "requestParameters": self.request,
            "responseElements": self.response,
            "requestID": uuid(&["request", &id]),
            "eventID": id,
            "readOnly": self.read_only,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": ACCOUNT,
            "eventCategory": "Management",
        });
        if let Some((code, message)) = self.refused {
            record["errorCode"] = code.into();
            record["errorMessage"] = message.into();
        }
        Line {
            file: LogFile::Cloudtrail,
            at,
            text: record.to_string(),
        }
    }
}

/// The identity of a role that a service or a pipeline has assumed.
pub(super) fn assumed_role(role: &str, session: &str) -> Value {
    let principal = format!("AROA{}", &digest(&["role", role]).to_uppercase()[..16]);
    json!({
        "type": "AssumedRole",
        "principalId": format!("{principal}:{session}"),
        "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"),
        "accountId": ACCOUNT,
        "accessKeyId": format!("ASIA{}", &digest(&["session", role, session]).to_uppercase()[..16]),
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role", "principalId": principal, "arn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
                "accountId": ACCOUNT, "userName": role,
            },
            "attributes": {"mfaAuthenticated": "false"},
        },
    })
}

/// Hex digits in the groups of a UUID, always the same for the same parts.
pub(super) fn uuid(parts: &[&str]) -> String {
    let hex = digest(parts);
    format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..15],
        &hex[15..18],
        &hex[18..30]
    )
}

/// An instant to the millisecond, as the product logs it.
pub(super) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
