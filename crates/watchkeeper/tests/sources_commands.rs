//! `watchkeeper sources …` as people call it.

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use watchkeeper::config::{Config, DEFAULT};
use watchkeeper_collect::receive::PushHeaders;
use watchkeeper_domain::clock::SystemClock;

const SOURCES: &str = r#"
[[source]]
kind = "file"
name = "mixed"
paths = ["FOLDER/mixed.log"]

[[source]]
kind = "http"
name = "events"
secrets_sha256 = ["d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7"]
format = "json"

[[source]]
kind = "syslog"
name = "relay"
listen_tcp = "127.0.0.1:6601"
listen_udp = "127.0.0.1:6514"
"#;

fn configured(folder: &Path) -> Config {
    let path = folder.display().to_string();
    let text = DEFAULT.replace("\"./data\"", &format!("\"{path}/data\"")) + &SOURCES.replace("FOLDER", &path);
    std::fs::write(folder.join("watchkeeper.toml"), text).expect("written");
    Config::load(&folder.join("watchkeeper.toml")).expect("sound")
}

fn sources(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .arg("sources")
        .args(arguments)
        .arg("--config")
        .arg(folder.join("watchkeeper.toml"))
        .output()
        .expect("the binary runs")
}

fn told(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|fault| panic!("{fault}: {output:?}"))
}

#[test]
fn the_list_says_where_each_source_takes_its_events_from() {
    let folder = tempfile::tempdir().expect("a folder");
    configured(folder.path());
    let listed = told(&sources(folder.path(), &["list", "--json"]));
    let relay = &listed["sources"][2];
    assert_eq!(
        relay,
        &json!({"name": "relay", "kind": "syslog", "format": "auto", "from": "tcp 127.0.0.1:6601, udp 127.0.0.1:6514 (lossy)"})
    );
    let said = String::from_utf8(sources(folder.path(), &["list"]).stdout).expect("text");
    assert!(said.contains("mixed.log") && said.lines().count() == 3, "{said}");
}

#[test]
fn lines_of_a_file_stand_beside_their_fields_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    configured(folder.path());
    let lines = "<38>Mar  2 07:00:00 gate su: no\n{\"tenant\":\"acme\"}\nwhatever\n";
    std::fs::write(folder.path().join("mixed.log"), lines).expect("written");
    let sampled = told(&sources(folder.path(), &["sample", "mixed", "--json"]));
    assert_eq!(sampled["formats"], json!({"syslog": 1, "json": 1, "plain": 1}));
    let first = &sampled["events"][0];
    assert_eq!(
        (&first["format"], &first["fields"]["program"], &first["raw"]),
        (
            &json!("syslog"),
            &json!("su"),
            &json!("<38>Mar  2 07:00:00 gate su: no")
        )
    );
    let reason = first["because"].as_str().expect("words");
    assert!(reason.contains("priority"), "{reason}");
    let one = told(&sources(
        folder.path(),
        &["sample", "mixed", "--count", "1", "--json"],
    ));
    assert_eq!(one["events"].as_array().map(Vec::len), Some(1));
    let said = sources(folder.path(), &["sample", "mixed"]);
    let text = String::from_utf8(said.stdout).expect("text");
    assert!(
        said.status.success() && text.contains("tenant = \"acme\""),
        "{text}"
    );
    let unknown = sources(folder.path(), &["sample", "none"]);
    let reason = String::from_utf8(unknown.stderr).expect("text");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(reason.contains("there are mixed, events, relay"), "{reason}");
}

#[test]
fn the_newest_of_what_was_pushed_is_shown_while_the_spool_is_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configured(folder.path());
    let nothing = sources(folder.path(), &["sample", "events"]);
    assert_eq!(nothing.status.code(), Some(2));
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let opened = runtime.block_on(async {
        let clock = Arc::new(SystemClock);
        let opened = watchkeeper_collect::open(&config.sources[1], clock, &config.server.data_dir).await;
        let opened = opened.expect("a source");
        let receiver = opened.receiver.as_ref().expect("a receiver");
        for n in 0..30 {
            let body = format!("{{\"n\":{n}}}\n{{\"n\":\"{n}b\"}}\n");
            receiver
                .accept_lines(body.into(), PushHeaders::default())
                .await
                .expect("accepted");
        }
        opened
    });
    let sampled = told(&sources(
        folder.path(),
        &["sample", "events", "--count", "3", "--json"],
    ));
    let numbers: Vec<&Value> = sampled["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| &event["fields"]["n"])
        .collect();
    assert_eq!(numbers, [&json!("28b"), &json!(29), &json!("29b")]);
    assert_eq!(sampled["events"][0]["because"], "the configuration says so");
    drop(opened);
}
