//! What stands around the house, and what happens there: logs are written, passwords are tried, files are taken.

use super::*;
use watchkeeper_domain::source_health::SourceAlerts;

pub(crate) const GROUP: &str = "/filedrop/production";

pub(crate) fn cloudwatch(endpoint: &str, credentials: &Path) -> SourceConfig {
    SourceConfig::CloudwatchLogs(CloudwatchLogsConfig {
        name: "filedrop-logs".to_owned(),
        log_groups: vec![GROUP.to_owned()],
        log_group_prefixes: Vec::new(),
        log_group_tags: BTreeMap::new(),
        exclude_log_groups: Vec::new(),
        accounts: Vec::new(),
        subscription: None,
        kinesis_endpoint_url: None,
        backfill: None,
        region: REGION.to_owned(),
        profile: None,
        credentials_file: Some(credentials.to_owned()),
        role_arn: None,
        external_id: None,
        endpoint_url: Some(endpoint.to_owned()),
        sts_endpoint_url: None,
        account: Some("123456789012".to_owned()),
        filter_pattern: None,
        poll_seconds: 5,
        calls_per_second: 50.0,
        lookback_minutes: 60,
        horizon_minutes: 25,
        format: Format::Json,
        log_source: LogSource::default(),
        log_source_from: named_in_the_record(),
        timestamp_field: None,
        utc_offset_minutes: 0,
        flow_log_format: None,
        tenant: None,
        alerts: SourceAlerts::default(),
    })
}

pub(crate) fn guardduty(endpoint: &str, credentials: &Path) -> SourceConfig {
    SourceConfig::Guardduty(GuarddutyConfig {
        name: "guardduty".to_owned(),
        queue_url: None,
        sqs_endpoint_url: None,
        region: REGION.to_owned(),
        profile: None,
        credentials_file: Some(credentials.to_owned()),
        role_arn: None,
        external_id: None,
        endpoint_url: Some(endpoint.to_owned()),
        sts_endpoint_url: None,
        account: Some("111122223333".to_owned()),
        poll_seconds: 60,
        calls_per_second: 50.0,
        lookback_minutes: 60,
        format: Format::Guardduty,
        log_source: LogSource::default(),
        log_source_from: RecordLogSource::default(),
        timestamp_field: None,
        utc_offset_minutes: 0,
        flow_log_format: None,
        tenant: None,
        alerts: SourceAlerts::default(),
    })
}

/// Everything that stands around the house.
pub(crate) struct Surroundings {
    _moto: Moto,
    pub(crate) aws: Aws,
    pub(crate) guardduty: GuardDuty,
    pub(crate) queue: String,
    pub(crate) house: House,
}

pub(crate) async fn surroundings(place: Place) -> Option<Surroundings> {
    let moto = match tokio::task::spawn_blocking(Moto::start).await.expect("no panic") {
        Ok(moto) => moto,
        Err(missing) => {
            let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!ci, "{missing}");
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "\n*** THE STORY WAS NOT TOLD: {missing} ***\n");
            return None;
        }
    };
    let aws = Aws::at(&moto.endpoint_url);
    aws.create_group(GROUP).await;
    let (topic, queue) = aws.topic_with_queue("oncall").await;
    let guard = GuardDuty::start().await;
    let credentials = place.folder().join("credentials");
    std::fs::write(
        &credentials,
        "[default]\naws_access_key_id = testing\naws_secret_access_key = testing\n",
    )
    .expect("written");
    let sns = Sns {
        access: AwsAccess {
            credentials_file: Some(credentials.clone()),
            endpoint_url: Some(moto.endpoint_url.clone()),
            ..AwsAccess::in_region(REGION)
        },
        topics: BTreeMap::from([(TOPIC.to_owned(), topic)]),
    };
    let sources = vec![
        cloudwatch(&moto.endpoint_url, &credentials),
        guardduty(&guard.endpoint_url, &credentials),
    ];
    let house = House::open(
        place,
        Setup {
            sources,
            sns: Some(sns),
            ..Setup::default()
        },
    )
    .await;
    Some(Surroundings {
        _moto: moto,
        aws,
        guardduty: guard,
        queue,
        house,
    })
}

pub(crate) async fn a_quiet_morning(world: &mut Surroundings) {
    let now = world.house.now();
    world
        .aws
        .put(GROUP, &logs::ordinary(now - Duration::minutes(5)))
        .await;
    world.house.settle().await;
    assert!(
        world.house.incidents().await.is_empty(),
        "an ordinary morning wakes nobody"
    );
    assert_eq!(world.house.relay.mails().len(), 0);
}

pub(crate) async fn passwords_are_tried(world: &mut Surroundings) {
    world.house.pass(Duration::minutes(2));
    let now = world.house.now();
    world
        .aws
        .put(GROUP, &logs::stuffing(now - Duration::seconds(90)))
        .await;
    world.house.watch().await;
    let incident = world.house.incident().await;
    assert_eq!(incident.severity, Severity::Sev2);
    assert_eq!(world.house.relay.mails().len(), 0, "the page waits in the outbox");
    world.house.deliver().await;
    let mails = world.house.relay.mails_to(TOMAS.email);
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].subject.starts_with("[SEV2] INC-0001 new incident"),
        "{}",
        mails[0].subject
    );
    assert_eq!(world.house.relay.mails().len(), 1, "nobody else is woken");
    let messages = world.aws.take_all(&world.queue).await;
    assert_eq!(messages.len(), 1, "{messages:#?}");
    assert!(
        told(&messages[0], "Subject").starts_with("[SEV2] INC-0001 new incident"),
        "{messages:#?}"
    );
    assert!(
        told(&messages[0], "Message").contains(&incident.summary),
        "{messages:#?}"
    );
}

pub(crate) fn told<'v>(message: &'v Value, field: &str) -> &'v str {
    message[field].as_str().unwrap_or_default()
}

pub(crate) async fn files_are_taken(world: &mut Surroundings) {
    world.house.pass(Duration::minutes(2));
    let now = world.house.now();
    world
        .aws
        .put(GROUP, &logs::theft(now - Duration::seconds(80)))
        .await;
    world.guardduty.put_finding(
        "f-exfiltration",
        "Exfiltration:S3/AnomalousBehavior",
        8.0,
        now - Duration::seconds(5),
        THIEF,
    );
    world.house.settle().await;
    let incident = world.house.incident().await;
    assert_eq!(
        incident.severity,
        Severity::Sev1,
        "the theft joins and makes it worse"
    );
    let mut tx = world.house.desk().store().read().await.expect("a transaction");
    let alerts = tx.alerts_of(&incident.id).await.expect("alerts");
    let titles: Vec<&str> = alerts.iter().map(|alert| alert.title.as_str()).collect();
    for title in [
        "Credential stuffing from one address",
        "One API key reads files of several tenants",
        "GuardDuty reports exfiltration",
    ] {
        assert!(titles.contains(&title), "{titles:?}");
    }
    let messages = world.aws.take_all(&world.queue).await;
    assert!(
        messages
            .iter()
            .any(|message| told(message, "Subject").contains("worse")),
        "{messages:#?}"
    );
}
