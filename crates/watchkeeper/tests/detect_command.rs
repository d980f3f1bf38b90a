//! `watchkeeper detect` as people call it: what it reads, what it tells, and how it ends.

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const RULES: &str = "title: Vault opened
id: opened
level: medium
logsource: {product: app}
detection:
  s: {action: open, path|startswith: vault/}
  condition: s
---
title: Failed sign-in
name: failed
logsource: {product: app}
detection:
  s: {action: sign_in, result: failure}
  condition: s
---
title: Brute force
id: brute
level: high
correlation:
  type: event_count
  rules: [failed]
  group-by: [src_ip]
  timespan: 10m
  condition: {gte: 3}
";

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().expect("a folder"));
        place.write("rules.yml", RULES.as_bytes());
        place
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a file in the folder");
        path
    }

    fn detect(&self, arguments: &[&str], input: &str) -> Output {
        let mut process = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
            .args(["detect", "--rules", "rules.yml"])
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = process.stdin.take().expect("its input is piped");
        // Whoever refuses its arguments does not read.
        let _refused = stdin.write_all(input.as_bytes());
        drop(stdin);
        process.wait_with_output().expect("it ends")
    }

    /// What fired: the rule and the line of the event.
    fn fired(&self, arguments: &[&str], input: &str) -> Vec<(String, u64)> {
        let output = self.detect(arguments, input);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let lines = text(&output.stdout);
        let told = lines.lines().map(|line| {
            let told: Value = serde_json::from_str(line).expect("a line of JSON");
            let rule = told["rule"]["id"].as_str().expect("an id").to_owned();
            (rule, told["event"]["line"].as_u64().expect("a line"))
        });
        told.collect()
    }

    fn summary(&self) -> Value {
        let text = std::fs::read_to_string(self.0.path().join("summary.json")).expect("it was written");
        serde_json::from_str(&text).expect("JSON")
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn opened(path: &str) -> String {
    format!(r#"{{"time":"2026-01-05T09:00:00Z","action":"open","path":"{path}"}}"#)
}

fn failure(time: &str, ip: &str) -> String {
    format!(r#"{{"time":"2026-01-05T{time}Z","action":"sign_in","result":"failure","src_ip":"{ip}"}}"#)
}

#[test]
fn lines_lists_records_and_compressed_files_give_the_same_detections() {
    let place = Place::new();
    let (vault, other) = (opened("vault/1"), opened("lobby"));
    let lines = format!("{other}\n\n{vault}\n");
    place.write("lines.jsonl", lines.as_bytes());
    assert_eq!(place.fired(&["lines.jsonl"], ""), [("opened".to_owned(), 3)]);
    assert_eq!(place.fired(&["-"], &lines), [("opened".to_owned(), 3)]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(lines.as_bytes()).expect("memory");
    place.write("lines.jsonl.gz", &packed.finish().expect("memory"));
    assert_eq!(place.fired(&["lines.jsonl.gz"], ""), [("opened".to_owned(), 3)]);
    // Two frames, as `cat a.zst b.zst` leaves them.
    let frame = |text: &str| {
        ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest)
    };
    place.write(
        "lines.jsonl.zst",
        &[frame(&format!("{other}\n")), frame(&format!("\n{vault}\n"))].concat(),
    );
    assert_eq!(place.fired(&["lines.jsonl.zst"], ""), [("opened".to_owned(), 3)]);
    place.write("list.json", format!("[{other},\n {vault}]").as_bytes());
    assert_eq!(place.fired(&["list.json"], ""), [("opened".to_owned(), 2)]);
    place.write(
        "trail.json",
        format!("{{\"Records\":[{other},{vault}]}}").as_bytes(),
    );
    let output = place.detect(&["trail.json"], "");
    let told: Value = serde_json::from_str(&text(&output.stdout)).expect("one line");
    assert_eq!(
        (&told["event"]["line"], &told["event"]["record"]),
        (&1.into(), &2.into())
    );
    assert_eq!(told["fields"]["path"], "vault/1");
    assert_eq!(told["rule"]["level"], "medium");
}

#[test]
fn the_summary_counts_what_was_read_what_fired_and_what_could_not_be_read() {
    let place = Place::new();
    let lines = format!("{}\nno JSON\n{}\n", opened("vault/1"), opened("vault/2"));
    let output = place.detect(&["--output", "none", "--summary", "summary.json", "-"], &lines);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "");
    assert!(
        text(&output.stderr).contains("-:2: this is not JSON"),
        "{}",
        text(&output.stderr)
    );
    let summary = place.summary();
    assert_eq!(
        summary["rules"],
        serde_json::json!({"loaded": 3, "quarantined": 0})
    );
    assert_eq!(
        (&summary["events"], &summary["detections"], &summary["unreadable"]),
        (&3.into(), &2.into(), &1.into())
    );
    assert!(summary["peak_memory_bytes"].as_u64() > Some(1_000_000));
}

#[test]
fn a_pipeline_fails_on_the_level_it_names_and_on_nothing_below() {
    let place = Place::new();
    let vault = opened("vault/1");
    let code = |level: &str| place.detect(&["--fail-on", level, "-"], &vault).status.code();
    assert_eq!((code("medium"), code("high")), (Some(1), Some(0)));
    assert_eq!(place.detect(&["none.jsonl"], "").status.code(), Some(2));
    let nothing = place.detect(&["--output", "none"], "");
    assert_eq!(nothing.status.code(), Some(2));
    assert!(
        text(&nothing.stderr).contains("name files of events"),
        "{}",
        text(&nothing.stderr)
    );
    assert_eq!(
        place.detect(&["--fail-on", "awful", "-"], "").status.code(),
        Some(2)
    );
}

#[test]
fn what_happens_within_a_timespan_counts_in_whatever_order_files_and_threads_bring_it() {
    let place = Place::new();
    let failures = ["09:00:00", "09:01:00", "09:02:00"].map(|time| failure(time, "192.0.2.1"));
    let others: Vec<String> = (0..60)
        .map(|minute| failure(&format!("10:{minute:02}:00"), &format!("198.51.100.{minute}")))
        .collect();
    let mixed = [&failures[2], &others[0], &failures[0], &failures[1]]
        .map(String::as_str)
        .join("\n");
    for threads in ["1", "2"] {
        let fired = place.fired(&["--threads", threads, "-"], &mixed);
        assert_eq!(fired.len(), 1, "{fired:?}");
    }
    // Regions write a file each: the second begins long before the first has ended.
    place.write("a.jsonl", others.join("\n").as_bytes());
    place.write("b.jsonl", failures.join("\n").as_bytes());
    place.write("c.jsonl", others.join("\n").replace("198.51", "203.0").as_bytes());
    let arguments = [
        "--lateness",
        "60",
        "--summary",
        "summary.json",
        "a.jsonl",
        "b.jsonl",
        "c.jsonl",
    ];
    assert_eq!(place.fired(&arguments, ""), [("brute".to_owned(), 3)]);
    assert_eq!(place.summary()["dropped"]["late"], serde_json::json!({}));
    // Within a file, what is beyond the lateness is not counted, and said.
    let late = [&others[59], &failures[0], &failures[1], &failures[2]]
        .map(String::as_str)
        .join("\n");
    assert_eq!(
        place.fired(&["--lateness", "60", "--summary", "summary.json", "-"], &late),
        []
    );
    assert_eq!(
        place.summary()["dropped"]["late"],
        serde_json::json!({"files": 3})
    );
}

#[test]
fn a_mark_before_the_text_is_no_part_of_it() {
    let place = Place::new();
    for (name, text) in [
        (
            "lines.jsonl",
            format!("{}\n{}\n", opened("elsewhere"), opened("vault/1")),
        ),
        (
            "list.json",
            format!("[{}, {}]", opened("elsewhere"), opened("vault/1")),
        ),
    ] {
        let mut marked = b"\xef\xbb\xbf".to_vec();
        marked.extend(text.as_bytes());
        place.write(name, &marked);
        assert_eq!(place.fired(&[name], ""), [("opened".to_owned(), 2)], "{name}");
    }
}

#[test]
fn the_placeholders_and_quotas_of_a_configuration_hold() {
    let place = Place::new();
    place.write(
        "more.yml",
        b"title: Ours\nid: ours\nlogsource: {product: app}\ndetection:\n  s: {'user|expand': '%admins%'}\n  condition: s\n",
    );
    let default = Command::new(env!("CARGO_BIN_EXE_watchkeeper"))
        .args(["config", "init"])
        .output()
        .expect("the binary starts");
    let config = text(&default.stdout)
        .replace("# admins = [\"root\",", "admins = [\"mara\",")
        .replace("highest_count = 100000", "highest_count = 2");
    place.write("watchkeeper.toml", config.as_bytes());
    let event = r#"{"time": 1767603600000, "user": "mara"}"#;
    let rules = ["--rules", "more.yml", "-"];
    assert_eq!(place.fired(&rules, event), [], "nobody says who they are");
    let configured = ["--rules", "more.yml", "--config", "watchkeeper.toml", "-"];
    assert_eq!(place.fired(&configured, event), [("ours".to_owned(), 1)]);
    let told = place.detect(&configured, event);
    let told = text(&told.stderr);
    assert!(
        told.contains("condition"),
        "three are more than the configuration allows: {told}"
    );
}

#[test]
fn a_terminal_shows_how_far_it_has_come_and_a_pipe_gets_no_such_thing() {
    let place = Place::new();
    place.write(
        "opened.jsonl",
        format!("{}\n", opened("vault/1")).repeat(1_000).as_bytes(),
    );
    let made = Command::new("mkfifo").arg(place.0.path().join("more")).status();
    assert!(made.expect("mkfifo runs").success());
    let detect = format!(
        "{} detect --rules rules.yml --output none opened.jsonl more",
        env!("CARGO_BIN_EXE_watchkeeper")
    );
    // `script` gives a terminal to what it runs, and copies what appears there to its own output.
    let mut terminal = Command::new("script")
        .args([
            "--quiet",
            "--flush",
            "--return",
            "--command",
            &detect,
            "/dev/null",
        ])
        .env("TERM", "xterm")
        .current_dir(place.0.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script runs");
    // It waits for what comes in, and so the bar is seen however fast the rest was.
    let more = std::fs::OpenOptions::new()
        .write(true)
        .open(place.0.path().join("more"));
    let more = more.expect("somebody reads");
    let mut shown = Vec::new();
    let mut screen = terminal.stdout.take().expect("its output is piped");
    while !text(&shown).contains("KiB/s") {
        let mut bytes = [0; 1_024];
        let read = screen.read(&mut bytes).expect("the screen is read");
        assert_ne!(read, 0, "it ended without a bar: {}", text(&shown));
        shown.extend_from_slice(&bytes[..read]);
    }
    drop(more);
    screen
        .read_to_end(&mut shown)
        .expect("the screen is read to its end");
    assert!(terminal.wait().expect("it ends").success(), "{}", text(&shown));
    assert!(text(&shown).contains("left"), "{}", text(&shown));

    let piped = place.detect(&["--output", "none", "opened.jsonl"], "");
    assert!(piped.status.success());
    assert!(!text(&piped.stderr).contains("KiB/s"), "{}", text(&piped.stderr));
}

#[test]
fn a_file_of_rules_that_cannot_be_read_is_told_and_the_others_run() {
    let place = Place::new();
    let rules = place.0.path().join("rules");
    std::fs::create_dir(&rules).expect("a folder");
    let upper = "title: Upper\nlogsource: {product: app}\ndetection: {s: {action: open}, condition: s}\n";
    std::fs::write(rules.join("UPPER.YML"), upper).expect("a file");
    std::fs::write(rules.join("latin.yml"), b"title: caf\xe9\n").expect("a file");
    std::os::unix::fs::symlink("nowhere.yml", rules.join("broken.yml")).expect("a link");
    std::os::unix::fs::symlink(".", rules.join("itself")).expect("a link");
    let output = place.detect(
        &["--rules", "rules", "--summary", "summary.json", "-"],
        &opened("vault/1"),
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = text(&output.stderr);
    assert!(told.contains("latin.yml:1: this is not UTF-8"), "{told}");
    assert!(told.contains("broken.yml: the file cannot be read"), "{told}");
    let summary = place.summary();
    assert_eq!(
        summary["detections"], 2,
        "each file counts once, whatever links lead to it"
    );
    assert_eq!(summary["rules"]["loaded"], 4, "{told}");
    assert_eq!(summary["rules"]["quarantined"], 2, "{told}");
}

#[test]
fn what_the_files_do_not_reach_the_end_of_is_judged_where_it_is_a_figure_and_else_counted() {
    let place = Place::new();
    let rules = "title: Request\nname: request\nlogsource: {product: app}\ndetection: {s: {action: get}, condition: s}\n---\n\
        title: Slow\nid: slow\ncorrelation: {type: value_avg, rules: [request], timespan: 1h, condition: {field: ms, gt: 5}}\n---\n\
        title: Few\nid: few\ncorrelation: {type: event_count, rules: [request], timespan: 1h, condition: {lt: 5}}\n";
    place.write("rules.yml", rules.as_bytes());
    let events: String = [10, 20]
        .iter()
        .map(|ms| format!("{{\"time\":\"2026-01-05T09:00:{ms}Z\",\"action\":\"get\",\"ms\":{ms}}}\n"))
        .collect();
    assert_eq!(
        place.fired(&["--summary", "summary.json", "-"], &events),
        [("slow".to_owned(), 2)]
    );
    assert_eq!(place.summary()["undecided"], 1);
}

#[test]
fn what_counts_detections_is_told_at_the_line_of_the_event_that_completed_it() {
    let place = Place::new();
    let rules = "title: Request\nname: request\nlogsource: {product: app}\ndetection: {s: {action: get}, condition: s}\n---\n\
        title: Often\nid: often\nname: often\ncorrelation: {type: event_count, rules: [request], group-by: [user], timespan: 1h, condition: {gte: 2}}\n---\n\
        title: By two\nid: by-two\ncorrelation: {type: value_count, rules: [often], timespan: 1h, condition: {field: user, gte: 2}}\n";
    place.write("rules.yml", rules.as_bytes());
    let events: String = ["ada", "ada", "bo", "cy", "bo", "dee"]
        .iter()
        .enumerate()
        .map(|(second, user)| {
            format!("{{\"time\":\"2026-01-05T09:00:{second:02}Z\",\"action\":\"get\",\"user\":\"{user}\"}}\n")
        })
        .collect();
    assert_eq!(place.fired(&["-"], &events), [("by-two".to_owned(), 5)]);
}
