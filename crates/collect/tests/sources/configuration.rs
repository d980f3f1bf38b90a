//! What may be written in the configuration, and what is said of what may not.

use crate::Bench;
use serde_json::{Value, json};
use watchkeeper_collect::{CollectError, SourceConfig};

fn fields(config: Value) -> Vec<String> {
    let config: SourceConfig = serde_json::from_value(config).unwrap();
    config.validate().into_iter().map(|fault| fault.field).collect()
}

#[test]
fn every_fault_is_said_at_once_with_its_field() {
    let cloudwatch = json!({"kind": "cloudwatch_logs", "name": "Bad Name", "log_groups": ["/a", "/a", "arn:aws:logs:x"],
        "region": "", "external_id": "x", "endpoint_url": "localhost:1", "account": "12", "poll_seconds": 0,
        "calls_per_second": 0, "horizon_minutes": 1, "utc_offset_minutes": 10_000, "tenant": ""});
    assert_eq!(
        fields(cloudwatch),
        [
            "name",
            "utc_offset_minutes",
            "tenant",
            "region",
            "external_id",
            "endpoint_url",
            "account",
            "poll_seconds",
            "calls_per_second",
            "log_groups[1]",
            "log_groups[2]",
            "horizon_minutes"
        ]
    );
    let file = json!({"kind": "file", "name": "f", "paths": ["relative.log", "/var/*/x.log", "/"], "max_line_bytes": 1});
    assert_eq!(
        fields(file),
        ["paths[0]", "paths[1]", "paths[2]", "max_line_bytes"]
    );
    let http = json!({"kind": "http", "name": "h", "secrets_sha256": ["beef"], "max_body_bytes": 1});
    assert_eq!(fields(http), ["secrets_sha256[0]", "max_body_bytes"]);
    assert_eq!(fields(json!({"kind": "http", "name": "h"})), ["secrets_sha256"]);
    assert_eq!(
        fields(
            json!({"kind": "guardduty", "name": "g", "region": "eu-central-1", "role_arn": "me", "format": "sshd"})
        ),
        ["role_arn", "format"]
    );
}

#[test]
fn a_syslog_source_listens_somewhere_and_tls_has_its_files() {
    let syslog = |mut config: Value| {
        config["kind"] = "syslog".into();
        config["name"] = "relay".into();
        fields(config)
    };
    assert_eq!(syslog(json!({})), ["listen_tcp"]);
    assert_eq!(
        syslog(
            json!({"listen_tls": "127.0.0.1:1", "listen_tcp": "127.0.0.1:1", "max_line_bytes": 1, "max_connections": 0,
            "idle_seconds": 1, "max_backlog_bytes": 1})
        ),
        [
            "listen_tls",
            "certificate_file",
            "key_file",
            "max_line_bytes",
            "max_connections",
            "idle_seconds",
            "max_backlog_bytes"
        ]
    );
    assert_eq!(
        syslog(json!({"listen_udp": "[::1]:514", "client_ca_file": "/ca.pem"})),
        ["client_ca_file"]
    );
    let sound = json!({"listen_tls": "0.0.0.0:6514", "certificate_file": "/c.pem", "key_file": "/k.pem", "listen_udp": "0.0.0.0:514"});
    assert_eq!(syslog(sound), Vec::<String>::new());
}

#[test]
fn the_fields_of_flow_logs_are_checked() {
    let flow = |format: &str, fields: &str| json!({"kind": "file", "name": "f", "paths": ["/x"], "format": format, "flow_log_format": fields});
    assert!(
        fields(flow(
            "vpc_flow",
            "${version} ${srcaddr} ${dstaddr} ${pkt-srcaddr}"
        ))
        .is_empty()
    );
    assert_eq!(
        fields(flow("vpc_flow", "${version} ${source}")),
        ["flow_log_format"]
    );
    assert_eq!(fields(flow("vpc_flow", " ")), ["flow_log_format"]);
    assert_eq!(fields(flow("json", "${version}")), ["flow_log_format"]);
}

#[test]
fn a_mistyped_field_is_refused() {
    let config = json!({"kind": "file", "name": "f", "paths": ["/x"], "fromat": "json"});
    let error = serde_json::from_value::<SourceConfig>(config)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("unknown field `fromat`") && error.contains("`format`"),
        "{error}"
    );
}

#[test]
fn a_configuration_is_written_as_it_was_read() {
    let config = json!({"kind": "file", "name": "f", "paths": ["/x"], "format": "json", "log_source": {"product": "filedrop"},
        "log_source_from": {"service": "service"}, "tenant": "acme"});
    let read: SourceConfig = serde_json::from_value(config).unwrap();
    assert_eq!(
        serde_json::from_value::<SourceConfig>(serde_json::to_value(&read).unwrap()).unwrap(),
        read
    );
    assert_eq!((read.name().0.as_str(), read.kind()), ("f", "file"));
}

#[tokio::test]
async fn a_faulty_configuration_is_not_opened() {
    let bench = Bench::new();
    let config = serde_json::from_value(json!({"kind": "file", "name": "f", "paths": []})).unwrap();
    let opened = watchkeeper_collect::open(&config, bench.clock.clone(), bench.path()).await;
    let Err(CollectError::Config(faults)) = opened else {
        panic!("it was opened")
    };
    assert_eq!(faults[0].to_string().lines().count(), 1);
    assert!(faults[0].remedy.contains("/var/log/nginx/access.log"));
}

#[tokio::test]
async fn a_cursor_of_another_kind_is_not_misread() {
    let bench = Bench::new();
    let mut source = bench
        .open(json!({"kind": "file", "name": "f", "paths": ["/nowhere/x"]}))
        .await
        .source;
    let cursor = watchkeeper_collect::Cursor(json!({"segment": 3, "offset": 17}));
    assert!(matches!(
        source.read(&cursor).await,
        Err(CollectError::Cursor { .. })
    ));
}
