//! Whole-process figures of `watchkeeper detect`: what an engineer sees on the command line, beside what parsing alone would take
//! in the same run, since machines are noisy and ratios are not.
//!
//! Needs the public test data (`WATCHKEEPER_TEST_DATA`); run it by `make bench`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and stops where it cannot measure"
)]

mod rules;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use watchkeeper_domain::clock::{Clock, SystemClock};

/// Copies of the real events in the file that is judged: some seconds of work.
const COPIES: i32 = 120;

/// How often one thread, two threads and two processes are run one after the other.
const ROUNDS: usize = 9;

fn main() {
    let Some(data) = std::env::var_os("WATCHKEEPER_TEST_DATA").map(PathBuf::from) else {
        println!("SKIPPED: set WATCHKEEPER_TEST_DATA to the folder of public test data to measure");
        return;
    };
    let work = tempfile::tempdir().unwrap();
    let bench = Bench {
        events: trail(&data, work.path()),
        rules: work.path().join("rules"),
        own: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../detectors"),
        work: work.path().to_owned(),
        data,
    };
    let bound = bench.parsing();
    bench.matching(bound);
    bench.loading();
    bench.counting();
    bench.memory();
}

/// CloudTrail as one file of lines. Each copy of the events begins when the one before has ended: time goes forward, as it does in a log.
fn trail(data: &Path, work: &Path) -> PathBuf {
    let packed = std::fs::File::open(data.join("cloudtrail/invictus.jsonl.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap();
    let lines: Vec<(&str, DateTime<Utc>, &str)> = text.lines().map(around_time).collect();
    let times = || lines.iter().map(|(_, at, _)| *at);
    let lasts = times().max().unwrap() - times().min().unwrap() + TimeDelta::minutes(1);
    let path = work.join("trail.jsonl");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    for copy in 0..COPIES {
        for (before, at, after) in &lines {
            let at = (*at + lasts * copy).to_rfc3339_opts(SecondsFormat::Secs, true);
            writeln!(file, "{before}{at}{after}").unwrap();
        }
    }
    file.into_inner().unwrap();
    path
}

/// An event's time, and what stands around it.
fn around_time(line: &str) -> (&str, DateTime<Utc>, &str) {
    const KEY: &str = "\"eventTime\":\"";
    let begins = line.find(KEY).unwrap() + KEY.len();
    let ends = begins + line[begins..].find('"').unwrap();
    (
        &line[..begins],
        line[begins..ends].parse().unwrap(),
        &line[ends..],
    )
}

struct Bench {
    data: PathBuf,
    events: PathBuf,
    rules: PathBuf,
    own: PathBuf,
    work: PathBuf,
}

impl Bench {
    /// Events that are parsed in a second and do nothing else: the bound of every engine that reads all of an event.
    fn parsing(&self) -> f64 {
        let text = std::fs::read_to_string(&self.events).unwrap();
        let lines = text.lines().count();
        println!("\n{lines} CloudTrail events of {} bytes\n", text.len() / lines);
        println!(
            "{:<44}{:>14}{:>12}",
            "parsing alone, one core", "events/s", "ns/event"
        );
        let sonic = rate(lines, || {
            for line in text.lines() {
                std::hint::black_box(sonic_rs::from_str::<sonic_rs::Value>(line).unwrap());
            }
        });
        row("sonic_rs::Value (the bound)", sonic, None);
        let serde = rate(lines, || {
            for line in text.lines() {
                std::hint::black_box(serde_json::from_str::<Value>(line).unwrap());
            }
        });
        row("serde_json::Value", serde, None);
        sonic
    }

    fn matching(&self, bound: f64) {
        println!(
            "\n{:<44}{:>14}{:>12}{:>12}{:>12}",
            "watchkeeper detect", "events/s", "ns/event", "of bound", "detections"
        );
        let aws = "product=aws,service=cloudtrail";
        for (count, threads) in [(57, 1), (790, 1), (790, 2), (3_141, 1)] {
            rules::generate(&self.data, &self.rules, count);
            for log_source in [Some(aws), None] {
                let summary = self.run(&self.rules, threads, log_source, &self.events);
                let name = format!(
                    "{} rules, {}{threads} thread{}",
                    summary["rules"]["loaded"],
                    if log_source.is_some() { "routed, " } else { "" },
                    if threads == 1 { "" } else { "s" }
                );
                row(
                    &name,
                    speed(&summary),
                    Some((bound, summary["detections"].as_u64().unwrap())),
                );
                if threads == 2 && log_source.is_some() {
                    self.two_cores(log_source);
                }
            }
        }
        let summary = self.run(&self.own, 1, Some(aws), &self.events);
        let name = format!(
            "{} shipped rules, routed, with windows",
            summary["rules"]["loaded"]
        );
        row(
            &name,
            speed(&summary),
            Some((bound, summary["detections"].as_u64().unwrap())),
        );
    }

    fn loading(&self) {
        rules::generate(&self.data, &self.rules, 3_800);
        let empty = self.work.join("one.jsonl");
        std::fs::write(&empty, "{}\n").unwrap();
        let summary = self.run(&self.rules, 1, None, &empty);
        println!(
            "\nloading {} rules: {:.3} s, {:.0} MB in all",
            summary["rules"]["loaded"],
            summary["load_seconds"].as_f64().unwrap(),
            summary["peak_memory_bytes"].as_f64().unwrap() / 1e6
        );
    }

    /// What counting adds to an event: the same events by the same rule, counted and not counted.
    fn counting(&self) {
        let events = self.work.join("values.jsonl");
        let mut file = std::io::BufWriter::new(std::fs::File::create(&events).unwrap());
        for n in 0..1_000_000_u64 {
            let at = 1_767_603_600_000 + n / 10;
            let value = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 5_000;
            writeln!(
                file,
                "{{\"time\":{at},\"a\":1,\"g\":\"g{}\",\"v\":\"value-{value}\"}}",
                n % 4
            )
            .unwrap();
        }
        drop(file);
        let base =
            "title: Base\nname: base\nlogsource: {product: app}\ndetection:\n  s: {a: 1}\n  condition: s\n";
        let folder = self.work.join("counting");
        std::fs::create_dir_all(&folder).unwrap();
        println!(
            "\n{:<44}{:>14}{:>12}",
            "a million events, counted", "events/s", "ns/event"
        );
        let mut plain = f64::NAN;
        for (name, condition) in [
            ("matched only", None),
            ("event_count", Some("type: event_count\n  condition: {gte: 9999}")),
            (
                "value_count, 5,000 distinct values",
                Some("type: value_count\n  condition: {field: v, gte: 9999}"),
            ),
        ] {
            let correlation = condition.map_or(String::new(), |condition| {
                format!("---\ntitle: Count\nid: count\ncorrelation:\n  rules: [base]\n  group-by: [g]\n  timespan: 10m\n  {condition}\n")
            });
            std::fs::write(folder.join("rule.yml"), format!("{base}{correlation}")).unwrap();
            let summary = self.run(&folder, 1, None, &events);
            let per_event = 1e9 / speed(&summary);
            row(name, 1e9 / per_event, None);
            if condition.is_none() {
                plain = per_event;
            } else {
                println!(
                    "{:<44}{:>14}{:>12.0}",
                    "    of it counting",
                    "",
                    per_event - plain
                );
            }
        }
    }

    fn memory(&self) {
        let events = self.work.join("keys.jsonl");
        let mut file = std::io::BufWriter::new(std::fs::File::create(&events).unwrap());
        for n in 0..1_000_000_u32 {
            let at = 1_767_603_600_000 + u64::from(n) / 100;
            let [a, b, c, d] = (n + 0x0a00_0000).to_be_bytes();
            writeln!(file, "{{\"time\":{at},\"a\":1,\"src_ip\":\"{a}.{b}.{c}.{d}\"}}").unwrap();
        }
        drop(file);
        let folder = self.work.join("keys");
        std::fs::create_dir_all(&folder).unwrap();
        let rule = "title: Base\nname: base\nlogsource: {product: app}\ndetection:\n  s: {a: 1}\n  condition: s\n---\ntitle: Count\nid: count\n\
            correlation:\n  type: event_count\n  rules: [base]\n  group-by: [src_ip]\n  timespan: 10m\n  condition: {gte: 5}\n";
        std::fs::write(folder.join("rule.yml"), rule).unwrap();
        let one = self.work.join("one.jsonl");
        let before = self.run(&folder, 1, None, &one)["peak_memory_bytes"]
            .as_f64()
            .unwrap();
        let summary = self.run(&folder, 1, None, &events);
        println!(
            "\na million live keys: {:.0} MB more than none, {} events/s, dropped {}",
            (summary["peak_memory_bytes"].as_f64().unwrap() - before) / 1e6,
            summary["events_per_second"],
            summary["dropped"]["by_rule"]
        );
    }

    /// Prints how much faster two threads are than one, and beside it two processes on a core each, together: what threads could do that
    /// have nothing in common. One after the other, again and again, and of each the median, for the machine's own speed changes.
    fn two_cores(&self, log_source: Option<&str>) {
        let run = |name: &str, threads| {
            let summary = self.work.join(name);
            speed(&self.run_to(&summary, &self.rules, threads, log_source, &self.events))
        };
        let (mut threads, mut processes) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let one = run("summary.json", 1);
            threads.push(run("summary.json", 2) / one);
            let both = std::thread::scope(|scope| {
                let other = scope.spawn(|| run("other.json", 1));
                run("summary.json", 1) + other.join().unwrap()
            });
            processes.push(both / one);
        }
        for (name, mut ratios) in [
            ("    two threads beside one", threads),
            ("    two processes beside one (the bound)", processes),
        ] {
            ratios.sort_by(f64::total_cmp);
            println!("{name:<44}{:>13.2}x", ratios[ratios.len() / 2]);
        }
    }

    /// The fastest of three runs: others use the machine, too.
    fn run(&self, rules: &Path, threads: usize, log_source: Option<&str>, events: &Path) -> Value {
        let runs = (0..3).map(|_| self.run_once(rules, threads, log_source, events));
        runs.max_by(|a, b| speed(a).total_cmp(&speed(b))).unwrap()
    }

    fn run_once(&self, rules: &Path, threads: usize, log_source: Option<&str>, events: &Path) -> Value {
        self.run_to(
            &self.work.join("summary.json"),
            rules,
            threads,
            log_source,
            events,
        )
    }

    fn run_to(
        &self,
        summary: &Path,
        rules: &Path,
        threads: usize,
        log_source: Option<&str>,
        events: &Path,
    ) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchkeeper"));
        command.args(["detect", "--output", "none", "--groups", "2000000", "--threads"]);
        command
            .arg(threads.to_string())
            .arg("--summary")
            .arg(summary)
            .arg("--rules")
            .arg(rules);
        if let Some(log_source) = log_source {
            command.arg("--logsource").arg(log_source);
        }
        let done = command.arg("--").arg(events).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_str(&std::fs::read_to_string(summary).unwrap()).unwrap()
    }
}

/// What a run told, in events a second.
fn speed(summary: &Value) -> f64 {
    summary["events_per_second"].as_f64().unwrap()
}

/// How often a second `work` does one of its `count` parts; the best of three.
fn rate(count: usize, mut work: impl FnMut()) -> f64 {
    let seconds = (0..3).map(|_| {
        let began = SystemClock.now();
        work();
        (SystemClock.now() - began).as_seconds_f64()
    });
    count as f64 / seconds.fold(f64::INFINITY, f64::min)
}

fn row(name: &str, events: f64, beside: Option<(f64, u64)>) {
    let rest = beside.map_or(String::new(), |(bound, detections)| {
        format!("{:>11.0}%{detections:>12}", events / bound * 100.0)
    });
    println!("{name:<44}{events:>14.0}{:>12.0}{rest}", 1e9 / events);
}
