//! Files: growing, renamed, emptied, copied, compressed, unfinished.

use crate::{Bench, Reader, ids, monday, seconds};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use watchkeeper_collect::{Cursor, Remark};

struct Log(PathBuf);

impl Log {
    fn at(bench: &Bench, name: &str) -> Self {
        Self(bench.path().join(name))
    }

    fn append(&self, text: &str) {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.0)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, name: &str) {
        std::fs::rename(&self.0, self.0.with_file_name(name)).unwrap();
    }
}

fn config(bench: &Bench, name: &str) -> Value {
    json!({"kind": "file", "name": "log", "paths": [bench.path().join(name)], "format": "plain", "max_line_bytes": 256})
}

async fn reader(bench: &Bench, name: &str) -> Reader {
    bench.source(config(bench, name)).await
}

fn gzip(path: &Path, text: &[u8]) {
    let mut encoder = flate2::write::GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap();
}

#[tokio::test]
async fn a_missing_file_is_waited_for_and_said_with_each_reading_until_it_is_there() {
    let bench = Bench::new();
    let mut reader = reader(&bench, "a.log").await;
    assert_eq!(
        (reader.messages().await, reader.messages().await),
        (vec![], vec![])
    );
    assert_eq!(
        reader.remarks,
        vec![
            Remark::Waiting {
                path: bench.path().join("a.log")
            };
            2
        ]
    );
    Log::at(&bench, "a.log").append("one\n");
    assert_eq!(reader.messages().await, ["one"]);
    assert_eq!(reader.remarks.len(), 2);
}

#[tokio::test]
async fn an_unfinished_line_is_left_until_it_is_finished() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    let mut reader = reader(&bench, "a.log").await;
    log.append("one\r\ntw");
    assert_eq!(reader.messages().await, ["one"]);
    log.append("o\n\nthr");
    assert_eq!(reader.messages().await, ["two"]);
    log.append("ee\n");
    let events = reader.read().await;
    assert_eq!((events[0].raw.as_str(), ids(&events)), ("three", vec!["0:10"]));
    assert_eq!(events[0].at, monday());
}

#[tokio::test]
async fn a_renamed_file_is_read_to_its_end_and_the_new_one_from_its_beginning() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    let mut reader = reader(&bench, "a.log").await;
    log.append("one\n");
    assert_eq!(reader.messages().await, ["one"]);
    log.append("two\n");
    log.rename("a.log.1");
    // The writer has not noticed yet.
    Log::at(&bench, "a.log.1").append("three\nunfinished");
    log.append("four\n");
    let found: BTreeSet<_> = reader.messages().await.into_iter().collect();
    assert_eq!(found, BTreeSet::from(["two", "three", "four"].map(String::from)));
    bench.clock.advance(seconds(31));
    assert_eq!(reader.messages().await, ["unfinished"]);
    assert_eq!(reader.messages().await, [""; 0]);
    assert_eq!(reader.remarks, []);
}

#[tokio::test]
async fn a_file_renamed_while_nobody_looked_is_found_again() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    let mut reader = reader(&bench, "a.log").await;
    log.append("one\n");
    assert_eq!(reader.messages().await, ["one"]);
    log.append("two\n");
    log.rename("a.log.1");
    log.append("three\n");
    reader.source = bench.open(config(&bench, "a.log")).await.source;
    assert_eq!(reader.messages().await, ["two", "three"]);
}

#[tokio::test]
async fn a_file_compressed_while_nobody_looked_is_read_on_inside() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    let mut reader = reader(&bench, "a.log").await;
    log.append("one\ntwo\n");
    assert_eq!(reader.messages().await, ["one", "two"]);
    log.append("three\n");
    gzip(&bench.path().join("a.log.1.gz"), &std::fs::read(&log.0).unwrap());
    std::fs::remove_file(&log.0).unwrap();
    reader.source = bench.open(config(&bench, "a.log")).await.source;
    assert_eq!(reader.messages().await, ["three"]);
}

#[tokio::test]
async fn copytruncate_loses_nothing_as_long_as_the_copy_can_be_found() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    // The pattern matches the copy too, which must not be read twice.
    let mut reader = reader(&bench, "a.log*").await;
    log.append("one\ntwo\n");
    assert_eq!(reader.messages().await, ["one", "two"]);
    std::fs::copy(&log.0, bench.path().join("a.log.1")).unwrap();
    assert_eq!(
        reader.messages().await,
        [""; 0],
        "the copy was read as if it were new"
    );
    log.append("three\n");
    std::fs::copy(&log.0, bench.path().join("a.log.1")).unwrap();
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(&log.0)
        .unwrap();
    log.append("four\n");
    let found: BTreeSet<_> = reader.messages().await.into_iter().collect();
    assert_eq!(found, BTreeSet::from(["three", "four"].map(String::from)));
    bench.clock.advance(seconds(60));
    assert_eq!(reader.messages().await, [""; 0]);
    log.append("five\n");
    assert_eq!(reader.messages().await, ["five"]);
}

#[tokio::test]
async fn an_emptied_file_begins_anew_under_new_ids() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    let mut reader = reader(&bench, "a.log").await;
    log.append("same\n");
    let before = reader.read().await;
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(&log.0)
        .unwrap();
    assert_eq!(reader.messages().await, [""; 0]);
    log.append("same\nmore than before\n");
    let after = reader.read().await;
    assert_eq!(crate::messages(&after), ["same", "more than before"]);
    assert_ne!(before[0].id, after[0].id);
    assert_eq!(reader.remarks, [], "nothing unread was lost");
}

#[tokio::test]
async fn what_is_lost_for_good_is_said() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    let mut reader = reader(&bench, "a.log").await;
    log.append("one\n");
    reader.read().await;
    log.append("two\n");
    std::fs::remove_file(&log.0).unwrap();
    reader.source = bench.open(config(&bench, "a.log")).await.source;
    assert_eq!(reader.messages().await, [""; 0]);
    assert!(
        matches!(
            &reader.remarks[..],
            [Remark::Waiting { .. }, Remark::LostTail { .. }]
                | [Remark::LostTail { .. }, Remark::Waiting { .. }]
        ),
        "{:?}",
        reader.remarks
    );
    assert_eq!((reader.counts.lost_bytes, reader.counts.gaps), (0, 1));
}

#[tokio::test]
async fn gzip_files_are_read_whole_and_once() {
    let bench = Bench::new();
    let mut reader = reader(&bench, "*.gz").await;
    let text: String = (0..50_000).map(|n| format!("line {n}\n")).collect::<String>() + "last";
    gzip(&bench.path().join("a.gz"), text.as_bytes());
    let found = reader.messages().await;
    assert_eq!(
        (found.len(), found[49_999].as_str(), found[50_000].as_str()),
        (50_001, "line 49999", "last")
    );
    reader.source = bench.open(config(&bench, "*.gz")).await.source;
    assert_eq!(reader.messages().await, [""; 0]);
}

#[tokio::test]
async fn a_gzip_that_is_still_being_written_is_waited_for() {
    let bench = Bench::new();
    let path = bench.path().join("a.gz");
    gzip(
        &path,
        &(0..2_000)
            .map(|n| format!("line {n}\n"))
            .collect::<String>()
            .into_bytes(),
    );
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let mut reader = reader(&bench, "*.gz").await;
    let mut found = reader.messages().await;
    assert_eq!(reader.messages().await, [""; 0]);
    OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(&whole[whole.len() / 2..])
        .unwrap();
    found.extend(reader.messages().await);
    assert_eq!(
        (found.len(), found.iter().collect::<BTreeSet<_>>().len()),
        (2_000, 2_000)
    );
    assert_eq!(reader.remarks, []);
}

#[tokio::test]
async fn a_long_line_is_cut_and_counted_and_the_next_is_whole() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    let mut reader = reader(&bench, "a.log").await;
    log.append(&format!("{}\nshort\n{}", "x".repeat(1_000_000), "y".repeat(700)));
    let mut found = reader.messages().await;
    log.append(&format!("{}\nend\n", "y".repeat(700)));
    found.extend(reader.messages().await);
    assert_eq!(found, [&"x".repeat(256), "short", &"y".repeat(256), "end"]);
    assert_eq!(reader.counts.truncated, 2);
}

#[tokio::test]
async fn a_restart_at_any_place_gives_the_same_ids() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    log.append(&(0..25_000).map(|n| format!("line {n}\n")).collect::<String>());
    let mut cursor = Cursor::start();
    let mut found = Vec::new();
    for _ in 0..20 {
        let mut source = bench.open(config(&bench, "a.log")).await.source;
        let lost = source.read(&cursor).await.unwrap();
        let mut source = bench.open(config(&bench, "a.log")).await.source;
        let batch = source.read(&cursor).await.unwrap();
        assert_eq!(ids(&lost.events), ids(&batch.events));
        found.extend(batch.events);
        cursor = batch.next;
    }
    assert_eq!(found.len(), 25_000);
    assert_eq!(ids(&found).into_iter().collect::<BTreeSet<_>>().len(), 25_000);
}

#[tokio::test]
async fn with_from_beginning_off_only_what_is_added_is_read() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    log.append("old\nhalf");
    let mut config = config(&bench, "*.log");
    config["from_beginning"] = false.into();
    let mut reader = bench.source(config).await;
    assert_eq!(reader.messages().await, [""; 0]);
    log.append(" new\n");
    Log::at(&bench, "b.log").append("whole\n");
    assert_eq!(reader.messages().await, ["half new", "whole"]);
}

const HEADING: &str = "version srcaddr dstaddr dstport action end\n";

fn flow(n: u32) -> String {
    format!("5 203.0.113.{n} 10.0.0.5 22 ACCEPT 1616729349\n")
}

fn sources(events: &[watchkeeper_domain::event::Event]) -> Vec<String> {
    assert!(events.iter().all(|event| event.unparsed.is_none()), "{events:?}");
    events.iter().filter_map(|event| event.text("src_ip")).collect()
}

#[tokio::test]
async fn a_heading_says_which_fields_follow_also_after_a_restart_and_is_no_event() {
    let bench = Bench::new();
    let log = Log::at(&bench, "flow.log");
    let mut config = config(&bench, "flow.log");
    config["format"] = "auto".into();
    log.append(&(HEADING.to_owned() + &flow(1)));
    let mut first = bench.source(config.clone()).await;
    assert_eq!(sources(&first.read().await), ["203.0.113.1"]);
    log.append(&flow(2));
    let mut restarted = bench.source(config.clone()).await;
    restarted.cursor = first.cursor;
    assert_eq!(sources(&restarted.read().await), ["203.0.113.2"]);
    config["from_beginning"] = false.into();
    let mut late = bench.source(config).await;
    assert!(late.read().await.is_empty());
    log.append(&flow(3));
    assert_eq!(sources(&late.read().await), ["203.0.113.3"]);
}

#[tokio::test]
async fn zstd_files_are_read_whole_and_once_frame_by_frame() {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    let bench = Bench::new();
    let mut reader = reader(&bench, "*.zst").await;
    let text = |range: std::ops::Range<usize>| range.map(|n| format!("line {n}\n")).collect::<String>();
    let frame = |range| compress_to_vec(text(range).as_bytes(), CompressionLevel::Fastest);
    let whole = [frame(0..30_000), frame(30_000..50_000)].concat();
    let path = bench.path().join("a.zst");
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let first = reader.messages().await;
    assert!(first.len() < 50_000);
    std::fs::write(&path, &whole).unwrap();
    let found = [first, reader.messages().await].concat();
    assert_eq!(
        found,
        (0..50_000).map(|n| format!("line {n}")).collect::<Vec<_>>()
    );
    reader.source = bench.open(config(&bench, "*.zst")).await.source;
    assert_eq!(reader.messages().await, [""; 0]);
}

#[tokio::test]
async fn entries_of_journald_are_read_from_a_file_that_grows() {
    let bench = Bench::new();
    let mut config = config(&bench, "journal.export");
    config["format"] = "journal".into();
    let mut reader = bench.source(config).await;
    let entry = |n: u32| {
        let mut bytes = format!(
            "__CURSOR=s;i={n}\n__REALTIME_TIMESTAMP=177243839950000{n}\nSYSLOG_IDENTIFIER=app\nMESSAGE\n"
        )
        .into_bytes();
        bytes.extend(5_u64.to_le_bytes());
        bytes.extend(b"a\n\nb!\n\n");
        bytes
    };
    let whole = [entry(1), entry(2)].concat();
    let path = bench.path().join("journal.export");
    let mut events = Vec::new();
    for length in [10, entry(1).len() + 70, whole.len()] {
        std::fs::write(&path, &whole[..length]).unwrap();
        events.extend(reader.read().await);
    }
    assert_eq!(crate::ids(&events), ["s;i=1", "s;i=2"]);
    assert_eq!(events[1].text("message").as_deref(), Some("a\n\nb!"));
    assert_eq!(reader.counts.unparsed, 0);
    std::fs::write(&path, [&whole[..], b"no entry\n"].concat()).unwrap();
    let last = reader.read().await;
    assert!(last[0].unparsed.is_some(), "{last:?}");
}

/// A line, and so many of them that two batches do not hold them.
fn backlog(name: &str) -> String {
    (0..25_000).map(|n| format!("{name} {n}\n")).collect()
}

/// Reads a batch whose commit fails, and thereafter everything.
async fn after_a_failed_commit(reader: &mut Reader) -> Vec<String> {
    let first = reader.source.read(&reader.cursor).await.unwrap();
    assert!(first.more, "one batch does not hold it");
    // What follows is read ahead while the commit is tried; wait until it is there, and throw it away.
    let second = reader.source.read(&first.next).await.unwrap();
    assert!(!second.events.is_empty());
    reader.messages().await
}

#[tokio::test]
async fn what_was_read_ahead_and_thrown_away_is_read_again_also_of_a_file_that_is_gone() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    let mut reader = reader(&bench, "a.log").await;
    log.append("the first line\n");
    assert_eq!(reader.messages().await, ["the first line"]);
    log.append(&backlog("gone"));
    std::fs::remove_file(&log.0).unwrap();
    let gone = reader.source.read(&reader.cursor).await.unwrap();
    assert!(!gone.events.is_empty());
    bench.clock.advance(seconds(60));
    let found = after_a_failed_commit(&mut reader).await;
    assert_eq!(found.len(), 25_000);
    assert_eq!((reader.counts.lost_bytes, &found[24_999][..]), (0, "gone 24999"));
}

#[tokio::test]
async fn a_file_that_is_damaged_behind_what_was_thrown_away_is_read_up_to_the_damage() {
    let bench = Bench::new();
    let path = bench.path().join("a.log.gz");
    gzip(&path, backlog("packed").repeat(3).as_bytes());
    let mut whole = std::fs::read(&path).unwrap();
    // The last bytes are the sum and the length of what is packed.
    let end = whole.len();
    whole[end - 8] ^= 1;
    std::fs::write(&path, whole).unwrap();
    let mut reader = reader(&bench, "a.log.gz").await;
    let (mut seen, mut next) = (Vec::new(), reader.cursor.clone());
    loop {
        let batch = reader.source.read(&next).await.unwrap();
        seen.extend(crate::messages(&batch.events));
        next = batch.next;
        if batch
            .remarks
            .iter()
            .any(|remark| matches!(remark, Remark::Unreadable { .. }))
        {
            break;
        }
    }
    assert!(
        seen.len() > 10_000 && seen[0] == "packed 0",
        "{} lines",
        seen.len()
    );
    assert_eq!(
        reader.messages().await,
        seen,
        "from where the commit before stands"
    );
}

#[tokio::test]
async fn the_end_of_what_was_read_ahead_is_not_told_as_the_end_of_the_file() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    let mut reader = reader(&bench, "a.log").await;
    log.append(&backlog("line"));
    let mut batch = reader.source.read(&reader.cursor).await.unwrap();
    let mut lines = batch.events.len();
    while lines < 25_000 {
        assert!(batch.more);
        batch = reader.source.read(&batch.next).await.unwrap();
        lines += batch.events.len();
    }
    log.append("written meanwhile\n");
    assert!(
        batch.more,
        "it was read ahead: whether more was written since is not known"
    );
    let last = reader.source.read(&batch.next).await.unwrap();
    assert_eq!(
        (last.events[0].raw.as_str(), last.more),
        ("written meanwhile", false)
    );
}

#[tokio::test]
async fn a_file_that_was_rotated_away_is_let_go_though_another_has_its_name() {
    let bench = Bench::new();
    let log = Log::at(&bench, "a.log");
    let mut reader = reader(&bench, "a.log").await;
    for turn in 0..5 {
        log.append(&format!("turn {turn}\n"));
        assert_eq!(reader.messages().await, [format!("turn {turn}")]);
        log.rename(&format!("rotated-{turn}"));
        reader.read().await;
        bench.clock.advance(seconds(60));
    }
    log.append("the last\n");
    assert_eq!(reader.messages().await, ["the last"]);
    let known = serde_json::to_value(&reader.cursor).unwrap().to_string();
    assert_eq!(known.matches("\"inode\"").count(), 1, "{known}");
}
