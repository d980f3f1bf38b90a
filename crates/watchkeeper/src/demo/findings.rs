//! GuardDuty findings as EventBridge delivers them.

use super::logs::{ACCOUNT, REGION, instant, uuid};
use chrono::{DateTime, Duration, Timelike, Utc};
use serde_json::{Value, json};
use watchkeeper_domain::id::digest;

/// A finding and when it is delivered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) at: DateTime<Utc>,
    pub(super) envelope: Value,
}

/// Puts a finding into EventBridge's envelope.
fn enveloped(at: DateTime<Utc>, finding: &Value) -> Told {
    let id = uuid(&[
        "envelope",
        &at.to_rfc3339(),
        finding["id"].as_str().unwrap_or_default(),
    ]);
    let envelope = json!({
        "version": "0",
        "id": id,
        "detail-type": "GuardDuty Finding",
        "source": "aws.guardduty",
        "account": ACCOUNT,
        "time": at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "region": REGION,
        "resources": [],
        "detail": finding,
    });
    Told { at, envelope }
}

/// Who took what from where, as the exfiltration finding names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exfiltration<'a> {
    pub(super) access_key: &'a str,
    pub(super) user_name: &'a str,
    pub(super) client: &'a str,
    pub(super) bucket: &'a str,
    pub(super) first_seen: DateTime<Utc>,
}

impl Exfiltration<'_> {
    /// The finding as of `at`, having been seen `count` times. A recurrence keeps the id and raises the count.
    pub(super) fn told(&self, at: DateTime<Utc>, count: u32) -> Told {
        let id = digest(&["finding", self.access_key, &self.first_seen.to_rfc3339()])[..32].to_owned();
        let remote = json!({
            "ipAddressV4": self.client,
            "organization": {"asn": "64511", "asnOrg": "Example Transit", "isp": "Example Transit", "org": "Example Transit"},
            "country": {"countryName": "Unknown"},
        });
        let mut finding = bare(&id, "Exfiltration:S3/AnomalousBehavior", 8.0);
        finding["createdAt"] = instant(self.first_seen).into();
        finding["updatedAt"] = instant(at).into();
        finding["title"] = format!(
            "The user {} anomalously invoked S3 GetObject APIs.",
            self.user_name
        )
        .into();
        finding["description"] = format!(
            "The user {} invoked S3 GetObject on the bucket {} in a volume and from an address that are unusual for this user.",
            self.user_name, self.bucket
        )
        .into();
        finding["resource"] = json!({
            "resourceType": "AccessKey",
            "accessKeyDetails": {
                "accessKeyId": self.access_key,
                "principalId": "AIDAPAPERPLANEEXPORT",
                "userType": "IAMUser",
                "userName": self.user_name,
            },
            "s3BucketDetails": [{"arn": format!("arn:aws:s3:::{}", self.bucket), "name": self.bucket, "type": "Destination"}],
        });
        let action = json!({
            "actionType": "AWS_API_CALL",
            "awsApiCallAction": {"api": "GetObject", "serviceName": "s3.amazonaws.com", "callerType": "Remote IP", "remoteIpDetails": remote},
        });
        finding["service"]["action"] = action;
        finding["service"]["eventFirstSeen"] = instant(self.first_seen).into();
        finding["service"]["eventLastSeen"] = instant(at).into();
        finding["service"]["count"] = count.into();
        enveloped(at, &finding)
    }
}

fn bare(id: &str, kind: &str, severity: f64) -> Value {
    json!({
        "schemaVersion": "2.0",
        "accountId": ACCOUNT,
        "region": REGION,
        "partition": "aws",
        "id": id,
        "arn": format!("arn:aws:guardduty:{REGION}:{ACCOUNT}:detector/12abc34d567e8fa901bc2d34e56789f0/finding/{id}"),
        "type": kind,
        "severity": severity,
        "service": {
            "serviceName": "guardduty", "detectorId": "12abc34d567e8fa901bc2d34e56789f0", "archived": false,
            "resourceRole": "TARGET",
        },
    })
}

/// At which minutes of the day, UTC, somebody out on the internet looks at the company's open port.
const PROBED_AT: [u32; 4] = [137, 581, 923, 1268];

/// Findings of an ordinary day after `from`, up to `to`: low ones, that somebody looked at an open port.
pub(super) fn ordinary(from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Told> {
    let mut told = Vec::new();
    let mut midnight = from - Duration::seconds(i64::from(from.num_seconds_from_midnight()));
    while midnight <= to {
        let instants = PROBED_AT.map(|minute| midnight + Duration::minutes(i64::from(minute)));
        told.extend(
            instants
                .into_iter()
                .filter(|at| *at > from && *at <= to)
                .map(probe),
        );
        midnight += Duration::days(1);
    }
    told
}

fn probe(at: DateTime<Utc>) -> Told {
    let id = digest(&["probe", &at.to_rfc3339()])[..32].to_owned();
    let mut finding = bare(&id, "Recon:EC2/PortProbeUnprotectedPort", 2.0);
    finding["createdAt"] = instant(at).into();
    finding["updatedAt"] = instant(at).into();
    finding["title"] = "Unprotected port on EC2 instance i-0a1b2c3d4e5f60718 is being probed.".into();
    finding["description"] =
        "EC2 instance has an unprotected port which is being probed by a known malicious host.".into();
    finding["resource"] = json!({"resourceType": "Instance", "instanceDetails": {"instanceId": "i-0a1b2c3d4e5f60718", "instanceType": "t4g.small"}});
    finding["service"]["action"] = json!({"actionType": "PORT_PROBE", "portProbeAction": {"blocked": false, "portProbeDetails": [
        {"localPortDetails": {"port": 22, "portName": "SSH"}, "remoteIpDetails": {"ipAddressV4": "198.19.44.7"}}]}});
    finding["service"]["count"] = 1.into();
    enveloped(at, &finding)
}
