//! Why a line is read as it is, for people.

use super::{Format, Interpretation, guess};

/// How a line is read, and why so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// How.
    pub format: Format,
    /// Why, as the end of "since …".
    pub because: &'static str,
}

impl Interpretation {
    /// How a line is read. Without a configured format each line is judged by itself, so that it gives the same event wherever reading
    /// begins, and a file may hold lines of many kinds.
    #[must_use]
    pub fn choose(&self, line: &str) -> Choice {
        if self.format != Format::Auto {
            return Choice {
                format: self.format,
                because: "the configuration says so",
            };
        }
        let format = guess(line);
        let because = match format {
            Format::Cloudtrail => {
                "it is JSON with CloudTrail's `eventVersion` and `eventSource`, or a list of such records"
            }
            Format::Guardduty => "it is JSON with the fields of a GuardDuty finding",
            Format::Waf => "it is JSON with AWS WAF's `webaclId` and `httpRequest`",
            Format::Otlp => "it is JSON that begins with `resourceLogs`, as OpenTelemetry writes logs",
            Format::Journal => "it is JSON with journald's `__REALTIME_TIMESTAMP`",
            Format::Json => "it begins with `{`",
            Format::Combined => {
                "it has the form of an access log: client, identity, user, [time], \"request\", status"
            }
            Format::Sshd => "it is a syslog line of sshd",
            Format::VpcFlow => "it has as many fields as a VPC flow log record, of the right kinds",
            Format::Alb => "it has the form of a load balancer's access log",
            Format::Cloudfront => "it has the form of a standard log of CloudFront",
            Format::S3Access => "it has the form of a server access log of S3",
            Format::Ftp => "it has the form of an FTP server's log",
            Format::Syslog => {
                "it begins with a priority such as `<38>`, or with a time, a host and a program"
            }
            Format::Plain | Format::Auto => {
                "it has no form that is known: it is judged as text, in the field `message`"
            }
        };
        Choice { format, because }
    }
}
