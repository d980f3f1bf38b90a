//! What is expected of a source, by what its kind is like and what its configuration says.

use super::{Fault, SourceConfig};
use crate::parse::Format;
use watchkeeper_domain::source_cost::Polled;
use watchkeeper_domain::source_health::{Expected, Silence, SourceAlerts};
use watchkeeper_domain::span::Span;

/// How long after they happened events may be judged, where nothing else is known.
const BEHIND_AFTER: Span = Span::minutes(30);
/// CloudTrail writes objects after 15 minutes, flow logs after 10, access logs of buckets after an hour and more.
const OBJECTS_BEHIND_AFTER: Span = Span::hours(2);
/// Findings are polled every five minutes.
const FINDINGS_BEHIND_AFTER: Span = Span::hours(1);

impl SourceConfig {
    /// Of which troubles people are told, as it is written.
    #[must_use]
    pub fn alerts(&self) -> &SourceAlerts {
        match self {
            Self::CloudwatchLogs(c) => &c.alerts,
            Self::Guardduty(c) => &c.alerts,
            Self::S3(c) => &c.alerts,
            Self::Kinesis(c) => &c.alerts,
            Self::File(c) => &c.alerts,
            Self::Http(c) => &c.alerts,
            Self::Syslog(c) => &c.alerts,
            Self::Sns(c) => &c.alerts,
        }
    }

    /// What is expected of it.
    #[must_use]
    pub fn expected(&self) -> Expected {
        Expected::of(self.alerts(), self.silence(), self.behind_after())
    }

    /// Which calls it makes to read; none where what it tells is pushed or lies on this machine.
    #[must_use]
    pub fn polled(&self) -> Option<Polled> {
        match self {
            Self::CloudwatchLogs(c) => {
                let regions = c.accounts.iter().map(|account| account.regions.len().max(1));
                let places = u32::try_from(regions.sum::<usize>()).unwrap_or(u32::MAX);
                Some(Polled::LogGroups {
                    places: places.max(1),
                })
            }
            Self::Kinesis(_) => Some(Polled::Shards),
            Self::Guardduty(c) => Some(Polled::Findings {
                queue: c.queue_url.is_some(),
            }),
            Self::S3(_) => Some(Polled::Objects),
            Self::File(_) | Self::Http(_) | Self::Syslog(_) | Self::Sns(_) => None,
        }
    }

    fn silence(&self) -> Silence {
        // Findings and alarms are exceptions: none for weeks is good news.
        if self.interpretation().format == Format::Guardduty {
            return Silence::Any;
        }
        match self {
            Self::Guardduty(_) | Self::Sns(_) => Silence::Any,
            Self::Http(_) | Self::Syslog(_) => Silence::HabitOnceUsed,
            Self::CloudwatchLogs(_) | Self::S3(_) | Self::Kinesis(_) | Self::File(_) => Silence::Habit,
        }
    }

    fn behind_after(&self) -> Span {
        match self {
            // Until its horizon has passed, an event is not late.
            Self::CloudwatchLogs(c) => BEHIND_AFTER.max(Span::minutes(c.horizon_minutes.saturating_add(5))),
            Self::S3(_) => OBJECTS_BEHIND_AFTER,
            Self::Guardduty(_) => FINDINGS_BEHIND_AFTER,
            Self::Kinesis(_) | Self::File(_) | Self::Http(_) | Self::Syslog(_) | Self::Sns(_) => BEHIND_AFTER,
        }
    }
}

/// What is wrong with what is written.
pub(super) fn check(alerts: &SourceAlerts, faults: &mut Vec<Fault>) {
    let spans = [
        ("quiet_after", alerts.quiet_after, Span::minutes(2)),
        ("failing_after", Some(alerts.failing_after), Span::minutes(1)),
        ("behind_after", alerts.behind_after, Span::minutes(1)),
        ("again_after", Some(alerts.again_after), Span::hours(1)),
    ];
    for (field, span, least) in spans {
        if let Some(span) = span.filter(|span| *span < least) {
            faults.push(Fault::new(
                format!("alerts.{field}"),
                format!("{span} is too short: sources are looked at once a minute"),
                format!("write {least} or more, or leave it out for the default"),
            ));
        }
    }
    if !(alerts.unparsed_share > 0.0 && alerts.unparsed_share <= 1.0) {
        faults.push(Fault::new(
            "alerts.unparsed_share",
            format!("{} is no share", alerts.unparsed_share),
            "write a number above 0 and up to 1, such as 0.1; `off = [\"unreadable\"]` tells nobody",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source(kind: &serde_json::Value) -> SourceConfig {
        let mut config = json!({"name": "a", "region": "eu-central-1"});
        if let (Some(config), Some(kind)) = (config.as_object_mut(), kind.as_object()) {
            if ["http", "file"].contains(&kind["kind"].as_str().unwrap_or_default()) {
                config.remove("region");
            }
            config.extend(kind.clone());
        }
        serde_json::from_value(config).expect("a source")
    }

    #[test]
    fn a_kind_says_what_is_expected_where_the_configuration_does_not() {
        let cases = [
            (json!({"kind": "file", "paths": ["/a"]}), Silence::Habit, 30),
            (
                json!({"kind": "file", "paths": ["/a"], "format": "guardduty"}),
                Silence::Any,
                30,
            ),
            (json!({"kind": "http"}), Silence::HabitOnceUsed, 30),
            (json!({"kind": "guardduty"}), Silence::Any, 60),
            (
                json!({"kind": "s3", "queue_url": "https://q"}),
                Silence::Habit,
                120,
            ),
            (json!({"kind": "cloudwatch_logs"}), Silence::Habit, 30),
            (
                json!({"kind": "cloudwatch_logs", "horizon_minutes": 90}),
                Silence::Habit,
                95,
            ),
            (
                json!({"kind": "http", "alerts": {"quiet_after": "2h", "behind_after": "5m"}}),
                Silence::AtMost(Span::hours(2)),
                5,
            ),
        ];
        for (config, silence, behind) in cases {
            let expected = source(&config).expected();
            assert_eq!(
                (expected.silence, expected.behind_after),
                (silence, Span::minutes(behind)),
                "{config}"
            );
        }
    }

    #[test]
    fn what_cannot_work_is_said_field_by_field() {
        let alerts = json!({"quiet_after": "1m", "failing_after": "0s", "behind_after": "1s", "again_after": "1m", "unparsed_share": 0});
        let faults = source(&json!({"kind": "file", "paths": ["/a"], "alerts": alerts})).validate();
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        let expected = [
            "quiet_after",
            "failing_after",
            "behind_after",
            "again_after",
            "unparsed_share",
        ];
        assert_eq!(
            fields,
            expected.map(|field| format!("alerts.{field}")),
            "{faults:#?}"
        );
        let unknown = json!({"kind": "http", "name": "a", "alerts": {"off": ["noisy"]}});
        assert!(serde_json::from_value::<SourceConfig>(unknown).is_err());
    }
}
