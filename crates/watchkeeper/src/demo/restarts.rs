//! What the generator promises about its files: the same lines however it is stopped and begun again.

use super::Generator;
use super::company::customers;
use super::logs::LogFile;
use super::sources::logs_in;
use chrono::{DateTime, Duration, Utc};
use std::collections::BTreeMap;
use std::path::Path;

const SEED: u64 = 20_260_105;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn begun(dir: &Path, now: DateTime<Utc>) -> Generator {
    Generator::with(dir, SEED, customers(), now).unwrap()
}

/// Everything in the directory's logs.
fn written_in(dir: &Path) -> BTreeMap<&'static str, String> {
    let read = |log: LogFile| {
        (
            log.file_name(),
            std::fs::read_to_string(logs_in(dir).join(log.file_name())).unwrap_or_default(),
        )
    };
    LogFile::ALL.into_iter().map(read).collect()
}

/// The logs of the first `minutes`, written in turns of `step` seconds, by a generator that is begun anew for every turn.
fn written_with(step: i64, minutes: i64) -> BTreeMap<&'static str, String> {
    let dir = tempfile::tempdir().unwrap();
    let start = at("2026-03-04T12:00:00Z");
    for offset in (0..=minutes * 60).step_by(usize::try_from(step).unwrap()) {
        let now = start + Duration::seconds(offset);
        begun(dir.path(), now).turn(now).unwrap();
    }
    written_in(dir.path())
}

#[test]
fn the_same_seed_gives_the_same_lines_however_often_it_is_restarted() {
    let [often, seldom] = [written_with(5, 4), written_with(60, 4)];
    assert_eq!(often, seldom);
    assert!(often["edge-access.log"].lines().count() > 500);
}

#[test]
fn a_turn_that_was_killed_in_the_middle_of_a_line_is_finished_without_doubling_anything() {
    let dir = tempfile::tempdir().unwrap();
    let start = at("2026-03-04T12:00:00Z");
    let mut generator = begun(dir.path(), start);
    generator.turn(start + Duration::seconds(60)).unwrap();
    let note = logs_in(dir.path()).join("generator.json");
    let before: serde_json::Value = serde_json::from_slice(&std::fs::read(&note).unwrap()).unwrap();
    let lengths: BTreeMap<&str, usize> = written_in(dir.path())
        .into_iter()
        .map(|(name, text)| (name, text.len()))
        .collect();
    generator.turn(start + Duration::seconds(90)).unwrap();
    let whole = written_in(dir.path());

    let mut begun = before;
    begun["turn"] = serde_json::json!({"to": "2026-03-04T12:01:30Z", "lengths": lengths});
    for cut in [0, 1, 700, usize::MAX] {
        std::fs::write(&note, begun.to_string()).unwrap();
        let path = logs_in(dir.path()).join("edge-access.log");
        let (text, before) = (&whole["edge-access.log"], lengths["edge-access.log"]);
        std::fs::write(&path, &text[..before.saturating_add(cut).min(text.len())]).unwrap();
        let mut again = Generator::with(dir.path(), 1, customers(), start + Duration::hours(1)).unwrap();
        assert_eq!(written_in(dir.path()), whole, "cut after {cut} bytes");
        assert_eq!(again.turn(start + Duration::seconds(90)).unwrap().lines, 0);
    }
}

#[test]
fn findings_are_taken_once_and_after_a_restart_until_they_were_posted() {
    let dir = tempfile::tempdir().unwrap();
    let start = at("2026-03-04T12:00:00Z");
    let mut generator = begun(dir.path(), start);
    generator.turn(start + Duration::seconds(419)).unwrap();
    assert_eq!(generator.take_findings(), Vec::<serde_json::Value>::new());
    generator.turn(start + Duration::seconds(600)).unwrap();
    let due = generator.take_findings();
    let counts: Vec<_> = due
        .iter()
        .map(|finding| finding["detail"]["service"]["count"].clone())
        .collect();
    assert_eq!(counts, [1, 2]);
    assert_eq!(due[0]["detail"]["id"], due[1]["detail"]["id"]);
    assert!(generator.take_findings().is_empty());
    let mut restarted = begun(dir.path(), start);
    assert_eq!(restarted.take_findings(), due);
    restarted.findings_posted().unwrap();
    assert!(begun(dir.path(), start).take_findings().is_empty());
}

#[test]
fn long_logs_are_renamed_and_two_old_ones_kept() {
    let dir = tempfile::tempdir().unwrap();
    let start = at("2026-03-04T12:00:00Z");
    let mut generator = begun(dir.path(), start);
    let path = logs_in(dir.path()).join("edge-access.log");
    for turn in 1..=4 {
        std::fs::File::create(&path)
            .unwrap()
            .set_len((20 << 20) + turn)
            .unwrap();
        generator
            .turn(start + Duration::seconds(i64::try_from(turn).unwrap() * 30))
            .unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() < 1 << 20);
    }
    let kept: Vec<u64> = ["edge-access.log.1", "edge-access.log.2"]
        .iter()
        .map(|name| std::fs::metadata(logs_in(dir.path()).join(name)).unwrap().len() - (20 << 20))
        .collect();
    assert_eq!(kept, [4, 3]);
    assert!(!logs_in(dir.path()).join("edge-access.log.3").exists());
}

#[test]
fn a_clock_that_was_set_back_writes_nothing_until_it_has_caught_up() {
    let dir = tempfile::tempdir().unwrap();
    let start = at("2026-03-04T12:00:00Z");
    let mut generator = begun(dir.path(), start);
    generator.turn(start + Duration::seconds(60)).unwrap();
    assert_eq!(generator.turn(start - Duration::hours(6)).unwrap().lines, 0);
    assert!(generator.turn(start + Duration::seconds(61)).unwrap().lines > 0);
}
