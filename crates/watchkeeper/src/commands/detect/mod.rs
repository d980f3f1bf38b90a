//! `watchkeeper detect`: the engine over files. Threads match blocks of events side by side; what correlations count is counted in
//! the order of the files, so that the same files give the same detections whatever the number of threads.

mod count;
pub(super) mod input;
mod judge;
mod turns;

use super::detectors::{Rules, level_named, log_source_named};
use crate::cli::{DetectOptions, DetectOutput};
use anstyle::{AnsiColor, Style};
use count::Counting;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use input::Files;
use judge::{Judge, Outcome};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use watchkeeper_detect::{DetectorSet, Limits};
use watchkeeper_domain::clock::{Clock, SystemClock};
use watchkeeper_domain::detection::Level;

/// Faults that are told; the others are counted.
const FAULTS_TOLD: usize = 10;

/// Blocks for each thread: one at work, one that waits to be told, one that is told.
const BLOCKS_PER_THREAD: usize = 3;

const WARN: Style = AnsiColor::Yellow.on_default();

/// What came of all files.
#[derive(Debug, Default)]
struct Totals {
    events: u64,
    detections: u64,
    unreadable: u64,
    worst: Option<Level>,
    faults_told: usize,
}

/// Judges files.
pub(super) fn detect(options: &DetectOptions) -> Result<ExitCode, String> {
    let fail_on = options.fail_on.as_deref().map(level_named).transpose()?;
    let log_source = options.logsource.as_deref().map(log_source_named).transpose()?;
    let clock = SystemClock;
    let began = clock.now();
    let set = load(options)?;
    let loaded = clock.now();
    let mut asked: Vec<&str> = options.time_field.as_deref().into_iter().collect();
    asked.extend(watchkeeper_collect::parse::time::USUAL_FIELDS);
    let matcher = set.matcher(log_source.as_ref(), &asked);
    let rules = json!({
        "loaded": set.detectors().len(),
        "quarantined": quarantined(&set),
    });
    let mut writer = Writer {
        totals: Totals::default(),
        counting: matcher
            .counts()
            .then(|| Counting::new(set, log_source.as_ref(), options, clock.now())),
        tells: options.output == DetectOutput::Jsonl,
        out: std::io::stdout(),
    };
    let files = Files::new(&options.files);
    let bar = progress(&options.files);
    let threads = options
        .threads
        .or_else(|| std::thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    let scanning = clock.now();
    let watched = watch(&bar, &files.read);
    let judges = (0..threads).map(|_| Judge {
        matcher: matcher.thread(),
        counts: matcher.counts(),
        tells: writer.tells,
    });
    let judges = judges.collect();
    let judged = turns::judge_all(files, judges, &mut writer);
    drop(watched);
    bar.finish_and_clear();
    judged?;
    writer.finish()?;
    let Writer { totals, counting, .. } = writer;
    let seconds = (clock.now() - scanning).as_seconds_f64();
    let summary = json!({
        "rules": rules,
        "events": totals.events,
        "detections": totals.detections,
        "unreadable": totals.unreadable,
        "dropped": counting.as_ref().map(Counting::dropped),
        "undecided": counting.as_ref().map_or(0, |counting| counting.undecided),
        "seconds": seconds,
        "load_seconds": (loaded - began).as_seconds_f64(),
        "events_per_second": if seconds > 0.0 { (totals.events as f64 / seconds).round() } else { 0.0 },
        "threads": threads,
        "peak_memory_bytes": peak_memory_bytes(),
    });
    if let Some(path) = &options.summary {
        write_summary(path, &summary)?;
    }
    tell_people(&totals, &summary);
    let failed = fail_on.is_some_and(|level| totals.worst >= Some(level));
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn load(options: &DetectOptions) -> Result<DetectorSet, String> {
    let rules = Rules::at(&options.rules, options.config.as_deref())?;
    let limits = Limits {
        lateness: chrono::Duration::seconds(i64::from(options.lateness)),
        groups_per_rule: options.groups,
        records_per_rule: options.groups.saturating_mul(2),
        // What is told are lines and values: the text of events is in the files.
        evidence_bytes: 0,
        // Its place in the files is an event's id.
        remembered_ids: 0,
        ..rules.limits
    };
    let entities = rules.config.map(|config| config.detection.entities);
    let set = DetectorSet::load(rules.files, entities.unwrap_or_default(), limits);
    for fault in set.quarantined().iter().take(FAULTS_TOLD) {
        anstream::eprintln!("{WARN}quarantined{WARN:#}  {fault}");
    }
    let more = set.quarantined().len().saturating_sub(FAULTS_TOLD);
    if more > 0 {
        anstream::eprintln!(
            "{WARN}quarantined{WARN:#}  and {more} more faults: `watchkeeper detectors lint` lists all"
        );
    }
    Ok(set)
}

/// How many rules do not run; a rule can have several faults.
fn quarantined(set: &DetectorSet) -> usize {
    let rules: std::collections::BTreeSet<_> = set
        .quarantined()
        .iter()
        .map(|fault| (&fault.path, fault.rule.as_ref().ok_or(fault.line)))
        .collect();
    rules.len()
}

/// Takes outcomes in the order of the files: counts, writes, sums up.
struct Writer {
    totals: Totals,
    counting: Option<Counting>,
    tells: bool,
    out: std::io::Stdout,
}

impl Writer {
    fn write(&mut self, outcome: &mut Outcome) -> Result<(), String> {
        let totals = &mut self.totals;
        totals.events += outcome.events;
        totals.detections += outcome.detections;
        totals.worst = totals.worst.max(outcome.worst);
        totals.unreadable += outcome.unreadable;
        for fault in outcome
            .faults
            .iter()
            .take(FAULTS_TOLD.saturating_sub(totals.faults_told))
        {
            anstream::eprintln!("{WARN}not read{WARN:#}  {fault}");
        }
        totals.faults_told += outcome.faults.len();
        if let Some(counting) = &mut self.counting {
            counting.take(outcome, self.tells);
        }
        self.put(&outcome.lines)
    }

    /// Time stands still at the last event: windows that ended before it are judged, others are not.
    fn finish(&mut self) -> Result<(), String> {
        let mut lines = Vec::new();
        if let Some(counting) = &mut self.counting {
            counting.finish(&mut lines, self.tells);
            self.totals.detections += counting.detections;
            self.totals.worst = self.totals.worst.max(counting.worst);
        }
        self.put(&lines)?;
        self.out
            .flush()
            .map_err(|fault| format!("standard output: {fault}"))
    }

    fn put(&mut self, lines: &[u8]) -> Result<(), String> {
        match self.out.write_all(lines) {
            // Whoever reads has seen enough, as `head` does.
            Err(fault) if fault.kind() == std::io::ErrorKind::BrokenPipe => {
                self.tells = false;
                Ok(())
            }
            other => other.map_err(|fault| format!("standard output: {fault}")),
        }
    }
}

fn progress(files: &[PathBuf]) -> ProgressBar {
    let sizes = files
        .iter()
        .map(|file| std::fs::metadata(file).map(|found| found.len()));
    let total = sizes.sum::<std::io::Result<u64>>().ok();
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
    let shape = match total {
        Some(_) => "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
        None => "{spinner} {bytes} {bytes_per_sec}",
    };
    if let Ok(style) = ProgressStyle::with_template(shape) {
        bar.set_style(style);
    }
    bar
}

/// Shows how far reading has come, until it is dropped.
fn watch(bar: &ProgressBar, read: &Arc<AtomicU64>) -> Option<mpsc::Sender<()>> {
    if bar.is_hidden() {
        return None;
    }
    let (stop, stopped) = mpsc::channel();
    let (bar, read) = (bar.clone(), Arc::clone(read));
    std::thread::spawn(move || {
        while stopped.recv_timeout(Duration::from_millis(100)) == Err(mpsc::RecvTimeoutError::Timeout) {
            bar.set_position(read.load(Ordering::Relaxed));
        }
    });
    Some(stop)
}

fn write_summary(path: &Path, summary: &serde_json::Value) -> Result<(), String> {
    let text = format!("{summary}\n");
    if path.as_os_str() == "-" {
        super::say(text.trim_end());
        return Ok(());
    }
    std::fs::write(path, text).map_err(|fault| format!("{}: {fault}", path.display()))
}

fn tell_people(totals: &Totals, summary: &serde_json::Value) {
    if !std::io::stderr().is_terminal() && totals.unreadable == 0 {
        return;
    }
    let unread = match totals.unreadable {
        0 => String::new(),
        count => format!(", {WARN}{count} could not be read{WARN:#}"),
    };
    let undecided = match summary["undecided"].as_u64() {
        None | Some(0) => String::new(),
        Some(count) => format!(", {count} groups wait for the end of a window"),
    };
    anstream::eprintln!(
        "{} rules, {} events{unread}, {} detections{undecided}, {} s, {} events/s",
        summary["rules"]["loaded"],
        totals.events,
        totals.detections,
        summary["seconds"],
        summary["events_per_second"]
    );
}

/// The most memory the process has held, where the system tells.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
