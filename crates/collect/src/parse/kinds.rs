//! Which log sources a source can give, as its configuration tells: what reads its lines says the same, line by line.

use super::{Format, Interpretation, log_source};
use watchkeeper_domain::event::LogSource;

/// What the events of a format say of themselves; the log source of a neighbour's lines in a syslog file has the program's name.
struct Kind {
    log_source: LogSource,
    any_service: bool,
}

impl Format {
    /// Whether log records of OpenTelemetry are read as such.
    pub(crate) fn reads_otlp(self) -> bool {
        matches!(self, Self::Auto | Self::Otlp)
    }

    fn kinds(self) -> Vec<Kind> {
        let one = |log_source| {
            vec![Kind {
                log_source,
                any_service: false,
            }]
        };
        let web = |service: &str| {
            one(LogSource {
                category: Some("webserver".into()),
                ..log_source("aws", service)
            })
        };
        match self {
            Self::Alb => web("elb"),
            Self::Cloudfront => web("cloudfront"),
            Self::S3Access => web("s3"),
            Self::Combined => one(LogSource {
                category: Some("webserver".into()),
                ..LogSource::default()
            }),
            Self::Cloudtrail => one(log_source("aws", "cloudtrail")),
            Self::Guardduty => one(log_source("aws", "guardduty")),
            Self::VpcFlow => one(log_source("aws", "vpcflow")),
            Self::Waf => one(log_source("aws", "waf")),
            Self::Ftp => one(log_source("linux", "ftp")),
            Self::Sshd => vec![Kind {
                log_source: log_source("linux", "sshd"),
                any_service: true,
            }],
            // What their messages say is read further.
            Self::Journal => Self::Syslog.kinds(),
            Self::Otlp => [Self::Json, Self::Syslog]
                .into_iter()
                .flat_map(Self::kinds)
                .collect(),
            Self::Syslog => {
                let inner = [Self::Sshd, Self::Ftp, Self::Combined, Self::Cloudtrail, Self::Waf];
                inner.into_iter().flat_map(Self::kinds).collect()
            }
            Self::Json | Self::Plain => one(LogSource::default()),
            Self::Auto => {
                let all = [
                    Self::Combined,
                    Self::Cloudtrail,
                    Self::Guardduty,
                    Self::VpcFlow,
                    Self::Waf,
                    Self::Alb,
                    Self::Cloudfront,
                    Self::S3Access,
                    Self::Sshd,
                    Self::Ftp,
                    Self::Syslog,
                    Self::Json,
                ];
                all.into_iter().flat_map(Self::kinds).collect()
            }
        }
    }
}

impl Interpretation {
    /// Whether events of a source that is read so can come from the log source that a rule asks for.
    #[must_use]
    pub fn can_give(&self, asked: &LogSource) -> bool {
        let (said, from) = (&self.log_source, &self.log_source_from);
        self.format.kinds().iter().any(|kind| {
            let found = &kind.log_source;
            let part = |asked: &Option<String>, found: &Option<String>, said: &Option<String>, any: bool| {
                asked.is_none() || any || asked == said.as_ref().map_or(found, |_| said)
            };
            let any_service = from.service.is_some() || kind.any_service && said.service.is_none();
            part(
                &asked.category,
                &found.category,
                &said.category,
                from.category.is_some(),
            ) && part(
                &asked.product,
                &found.product,
                &said.product,
                from.product.is_some(),
            ) && part(&asked.service, &found.service, &said.service, any_service)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Context, RecordLogSource, parse};
    use super::*;

    const LINES: [(Format, &str); 8] = [
        (
            Format::Combined,
            r#"192.0.2.1 - - [05/Jan/2026:09:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl""#,
        ),
        (
            Format::Cloudtrail,
            r#"{"eventVersion":"1.08","eventTime":"2026-01-05T09:00:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1","userIdentity":{}}"#,
        ),
        (
            Format::Guardduty,
            r#"{"id":"f1","accountId":"111122223333","region":"eu-central-1","type":"Exfiltration:S3/AnomalousBehavior","severity":8,"updatedAt":"2026-02-03T04:05:06.789Z","resource":{},"service":{"count":3}}"#,
        ),
        (
            Format::VpcFlow,
            "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
        ),
        (
            Format::Sshd,
            "Jan  5 09:00:00 host sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2",
        ),
        (Format::Sshd, "Jan  5 09:00:00 host sudo: root : command"),
        (
            Format::Syslog,
            "<86>1 2026-01-05T09:00:00Z host sudo 7 - - root : command",
        ),
        (Format::Json, r#"{"message":"x"}"#),
    ];

    #[test]
    fn every_parser_gives_what_its_format_promises() {
        let context = Context::collected(chrono::DateTime::from_timestamp(1_767_603_600, 0).unwrap());
        for (format, line) in LINES {
            for format in [format, Format::Auto] {
                let how = Interpretation {
                    format,
                    ..Interpretation::default()
                };
                let found = parse(&how, line, context).remove(0);
                assert_eq!(found.unparsed, None, "{line}");
                assert!(
                    how.can_give(&found.log_source),
                    "{format:?} {:?}",
                    found.log_source
                );
            }
        }
    }

    #[test]
    fn what_the_configuration_says_wins_and_what_the_record_says_may_be_anything() {
        let mut how = Interpretation {
            format: Format::Json,
            ..Interpretation::default()
        };
        let app = log_source("app", "sign-in");
        assert!(how.can_give(&LogSource::default()) && !how.can_give(&app));
        how.log_source.product = Some("app".into());
        assert!(!how.can_give(&app));
        how.log_source_from = RecordLogSource {
            service: Some("part".into()),
            ..RecordLogSource::default()
        };
        assert!(how.can_give(&app) && !how.can_give(&log_source("aws", "sign-in")));
    }
}
