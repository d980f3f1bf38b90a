//! `watchkeeper detectors …` as people call it: what it prints, and how it ends.

use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

fn watchkeeper(arguments: &[&str]) -> Output {
    fed("", arguments)
}

fn fed(input: &str, arguments: &[&str]) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .args(["detectors"])
        .args(arguments)
        .env_remove("WATCHKEEPER_CONFIG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = process.stdin.take().expect("its input is piped");
    stdin.write_all(input.as_bytes()).expect("it reads its input");
    drop(stdin);
    process.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|fault| panic!("{fault}: {}{}", text(&output.stdout), text(&output.stderr)))
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder for the test"))
    }

    fn with(name: &str, content: &str) -> (Self, String) {
        let folder = Self::new();
        let path = folder.write(name, content);
        (folder, path)
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a file in the folder");
        path.display().to_string()
    }
}

const SOUND: &str = "title: Vault opened
id: 6f2d7d9e-3a0f-4c57-9a51-0d0a2e6f9b10
description: Somebody opened the vault.
level: high
date: 2026-01-05
falsepositives: [rehearsals]
tags: [attack.credential-access, attack.t1555]
logsource: {product: app}
detection:
  selection:
    action|contains: [open, unlock]
    place.name: vault
  guard: {user: guard}
  condition: selection and not guard
tests:
  - name: opening fires
    fires: true
    events: [{fields: {action: open, place: {name: vault}, user: eve}}]
";

const OPENED: &str = r#"{"action": "unlocked", "place": {"name": "vault"}, "user": "eve"}"#;

#[test]
fn lint_says_nothing_about_a_sound_rule() {
    let (_folder, path) = Folder::with("sound.yml", SOUND);
    let lint = watchkeeper(&["lint", "--strict", &path]);
    assert_eq!(text(&lint.stdout), "1 file: 0 faults, 0 warnings, 0 remarks\n");
    assert_eq!(code(&lint), Some(0));
}

#[test]
fn lint_names_file_line_and_key_of_a_fault_and_fails() {
    let (_folder, path) = Folder::with("bad.yml", &SOUND.replace("|contains", "|contians"));
    let lint = watchkeeper(&["lint", &path]);
    let told = text(&lint.stdout);
    assert!(
        told.contains(&format!("{path}:11: fault: ")) && told.contains("contians"),
        "{told}"
    );
    assert!(
        told.ends_with("1 file: 1 fault, 0 warnings, 0 remarks\n"),
        "{told}"
    );
    assert_eq!(code(&lint), Some(1));
    let found = json(&watchkeeper(&["lint", "--json", &path]));
    assert_eq!(
        (&found["faults"], &found["remarks"][0]["line"]),
        (&1.into(), &11.into())
    );
}

#[test]
fn lint_fails_for_warnings_only_when_it_is_strict() {
    let unused = SOUND.replace("  condition: selection and not guard", "  condition: selection");
    let (_folder, path) = Folder::with("unused.yml", &unused);
    let lenient = watchkeeper(&["lint", &path]);
    assert!(
        text(&lenient.stdout).contains("warning: `detection.guard`"),
        "{}",
        text(&lenient.stdout)
    );
    assert_eq!(code(&lenient), Some(0));
    assert_eq!(code(&watchkeeper(&["lint", "--strict", &path])), Some(1));
}

#[test]
fn explain_shows_each_line_with_what_the_event_has() {
    let (_folder, path) = Folder::with("vault.yml", SOUND);
    let told = watchkeeper(&["explain", &path, OPENED]);
    let shown = text(&told.stdout);
    assert_eq!(code(&told), Some(0), "{shown}{}", text(&told.stderr));
    for part in [
        "yes Vault opened",
        "yes log source: product=app",
        "yes detection: selection and not guard",
        "yes action|contains: unlock or open",
        "the event has action = unlocked",
        "the event has place.name = vault",
        "yes not",
        "no  user: guard",
        "taken to be the rule's, product=app",
    ] {
        assert!(shown.contains(part), "{part} is missing:\n{shown}");
    }
    assert!(shown.is_ascii(), "a pipe gets words: {shown}");
}

#[test]
fn explain_proposes_the_field_that_was_probably_meant() {
    let (_folder, path) = Folder::with("vault.yml", SOUND);
    let told = watchkeeper(&[
        "explain",
        "Vault opened",
        r#"{"Action": "open", "place": {"name": "vault"}}"#,
        "--rules",
        &path,
    ]);
    let shown = text(&told.stdout);
    assert_eq!(code(&told), Some(1), "{shown}");
    assert!(
        shown.contains("the event has no action; it has Action"),
        "{shown}"
    );
}

#[test]
fn explain_says_when_the_event_is_from_another_log_source() {
    let (_folder, path) = Folder::with("vault.yml", SOUND);
    let told = watchkeeper(&["explain", &path, OPENED, "--logsource", "product=door"]);
    assert_eq!(code(&told), Some(1));
    let shown = text(&told.stdout);
    assert!(
        shown.contains("no  log source: product=app; the event is from another"),
        "{shown}"
    );
    let found = json(&watchkeeper(&[
        "explain",
        &path,
        OPENED,
        "--logsource",
        "product=app",
        "--json",
    ]));
    assert_eq!(
        (&found["holds"], &found["event"]["log_source_assumed"]),
        (&true.into(), &false.into())
    );
    assert_eq!(
        found["explanation"]["judged"]["conditions"][0]["verdict"]["holds"],
        true
    );
}

#[test]
fn explain_takes_a_line_of_a_file_an_event_of_a_document_and_standard_input() {
    let (folder, path) = Folder::with("vault.yml", SOUND);
    let lines = folder.write(
        "events.jsonl",
        &format!("{{\"action\": \"close\"}}\n\n{OPENED}\n"),
    );
    let several = watchkeeper(&["explain", &path, &lines]);
    assert_eq!(code(&several), Some(2));
    assert!(text(&several.stderr).contains("say which with `--line NUMBER`"));
    assert_eq!(
        code(&watchkeeper(&["explain", &path, &lines, "--line", "1"])),
        Some(1)
    );
    assert_eq!(
        code(&watchkeeper(&["explain", &path, &lines, "--line", "3"])),
        Some(0)
    );
    assert_eq!(
        code(&watchkeeper(&["explain", &path, &lines, "--line", "9"])),
        Some(2)
    );
    let document = folder.write("events.json", &format!("[{{\"action\": \"close\"}},\n {OPENED}]"));
    assert_eq!(
        code(&watchkeeper(&["explain", &path, &document, "--line", "2"])),
        Some(0)
    );
    assert_eq!(code(&fed(OPENED, &["explain", &path, "-"])), Some(0));
}

#[test]
fn explain_reads_lines_of_logs_as_the_service_does() {
    let rule = "title: Root tried\nid: root-tried\nlogsource: {product: linux, service: sshd}\ndetection:\n  s: {user: root, event: failed_password}\n  condition: s\n";
    let (_folder, path) = Folder::with("root.yml", rule);
    let line = "Jan  5 09:00:00 host sshd[1]: Failed password for root from 192.0.2.1 port 22 ssh2\n";
    let told = fed(line, &["explain", &path, "-"]);
    assert_eq!(
        code(&told),
        Some(0),
        "{}{}",
        text(&told.stdout),
        text(&told.stderr)
    );
    assert!(text(&told.stdout).contains("the event is from product=linux,service=sshd"));
}

#[test]
fn explain_tells_what_an_event_is_to_a_correlation() {
    let count = "---\ntitle: Vault opened often\nid: often\ncorrelation: {type: event_count, rules: [6f2d7d9e-3a0f-4c57-9a51-0d0a2e6f9b10], group-by: [user], timespan: 5m, condition: {gte: 3}}\n";
    let (_folder, path) = Folder::with("vault.yml", &format!("{SOUND}{count}"));
    let told = watchkeeper(&["explain", &path, OPENED]);
    let shown = text(&told.stdout);
    assert_eq!(code(&told), Some(0), "{shown}");
    assert!(
        shown.contains("Vault opened often") && shown.contains("counts the event, within 5m"),
        "{shown}"
    );
    assert!(shown.contains("yes grouped by user: eve"), "{shown}");
    let nobody = watchkeeper(&["explain", &path, &OPENED.replace("user", "who")]);
    assert!(
        text(&nobody.stdout).contains("no  grouped by user: the event has none"),
        "{}",
        text(&nobody.stdout)
    );
    assert_eq!(code(&nobody), Some(1));
}

#[test]
fn explain_names_the_rules_there_are_and_the_faults_of_one_that_does_not_run() {
    let (folder, path) = Folder::with("vault.yml", SOUND);
    let unknown = watchkeeper(&["explain", "vault", OPENED, "--rules", &path]);
    assert_eq!(code(&unknown), Some(2));
    let told = text(&unknown.stderr);
    assert!(
        told.contains("no rule that runs is called `vault`") && told.contains("Vault opened"),
        "{told}"
    );
    let bad = folder.write("bad.yml", &SOUND.replace("|contains", "|contians"));
    let told = text(&watchkeeper(&["explain", &bad, OPENED]).stderr);
    assert!(
        told.contains("the rule does not run") && told.contains(":11"),
        "{told}"
    );
}

#[test]
fn coverage_counts_techniques_and_writes_a_layer() {
    let (folder, path) = Folder::with("vault.yml", SOUND);
    let layer = folder.0.path().join("layer.json");
    let told = watchkeeper(&["coverage", &path, "--navigator", &layer.display().to_string()]);
    let shown = text(&told.stdout);
    assert_eq!(code(&told), Some(0), "{shown}{}", text(&told.stderr));
    let line = shown
        .lines()
        .find(|line| line.starts_with("Credential Access"))
        .unwrap();
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["Credential", "Access", "1", "1"]
    );
    assert!(shown.contains("T1555      Vault opened"), "{shown}");
    let layer: Value = serde_json::from_str(&std::fs::read_to_string(layer).unwrap()).unwrap();
    assert_eq!(layer["techniques"][0]["techniqueID"], "T1555");
}

#[test]
fn coverage_names_the_fields_that_a_rule_waits_for() {
    let other = "---\ntitle: Door opened\nid: door\nlogsource: {product: door}\ndetection: {s: {a: 1}, condition: s}\n";
    let (folder, path) = Folder::with("vault.yml", &format!("{SOUND}{other}"));
    let events = folder.write(
        "events.jsonl",
        "{\"Action\": \"open\", \"place\": {\"name\": \"hall\"}}\n",
    );
    let arguments = [
        "coverage",
        &path,
        "--events",
        &events,
        "--logsource",
        "product=app",
    ];
    let told = watchkeeper(&arguments);
    let shown = text(&told.stdout);
    assert!(shown.contains("product=app: 1 event with 3 fields"), "{shown}");
    assert!(
        shown.contains(&format!(
            "cannot match  Vault opened ({path}:1): never seen: action (the events have Action)"
        )),
        "{shown}"
    );
    assert!(
        shown.contains("no source of product=door: 1 rule: Door opened"),
        "{shown}"
    );
    let found = json(&watchkeeper(&[&arguments[..], &["--json"]].concat()));
    let rule = &found["sources"]["rules"][0];
    assert_eq!(rule["satisfiable"], "fields_unseen");
    assert_eq!(rule["unseen_fields"], serde_json::json!(["action", "user"]));
    assert_eq!(rule["missing_fields"], serde_json::json!(["action"]));
    assert_eq!(
        found["attack"]["techniques"][0]["rules"][0]["satisfiable"],
        "fields_unseen"
    );
}

#[test]
fn coverage_by_configuration_tells_rules_without_a_source() {
    let folder = Folder::new();
    let default = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .args(["config", "init"])
        .output()
        .unwrap();
    let source = "[[source]]\nkind = \"file\"\nname = \"trail\"\npaths = [\"/var/log/trail.json\"]\nformat = \"cloudtrail\"\n";
    let config = folder.write(
        "watchkeeper.toml",
        &format!("{}\n{source}", text(&default.stdout)),
    );
    let output = watchkeeper(&["coverage", "--config", &config, "--json"]);
    let found = json(&output);
    let of = |service: &str| {
        let rules = found["sources"]["rules"].as_array().unwrap().iter();
        let path = PathBuf::from(service);
        rules
            .filter(|rule| {
                Path::new(rule["path"].as_str().unwrap()).starts_with(Path::new("detectors").join(&path))
            })
            .map(|rule| rule["satisfiable"].as_str().unwrap().to_owned())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert!(of("aws").contains("unknown"), "{:?}", of("aws"));
    assert_eq!(of("waf").into_iter().collect::<Vec<_>>(), ["no_log_source"]);
}

#[test]
fn the_shipped_detectors_have_no_fault_and_are_listed_with_their_kind() {
    let lint = json(&watchkeeper(&["lint", "--json"]));
    assert_eq!(lint["faults"], 0, "{}", lint["remarks"]);
    let list = text(&watchkeeper(&["list"]).stdout);
    assert!(list.lines().any(|line| line.contains("  single  ")), "{list}");
    assert!(
        list.lines().any(|line| line.contains("  event_count  ")),
        "{list}"
    );
}

#[test]
fn list_tells_filters_and_pipelines() {
    let beside = "---\ntitle: Night\nid: night\nlogsource: {product: app}\nfilter: {rules: any, n: {hour: 3}, condition: not n}\n---\npipeline: {name: our app, logsource: {product: app}, fields: {user: who}}\n";
    let (_folder, path) = Folder::with("vault.yml", &format!("{SOUND}{beside}"));
    let list = text(&watchkeeper(&["list", &path]).stdout);
    assert!(list.contains("filters: night, pipelines: our app"), "{list}");
}
