//! The spool: what was acknowledged is there after any crash, once.

use crate::{Bench, Reader, ids, messages, monday};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use watchkeeper_collect::parse::{Format, Interpretation};
use watchkeeper_collect::push::Record;
use watchkeeper_collect::spool::{Appended, Spool, SpoolError, SpoolLimits, SpoolSource};
use watchkeeper_collect::{BatchCounts, Cursor, Remark};
use watchkeeper_domain::event::SourceName;

const SMALL: SpoolLimits = SpoolLimits {
    segment_bytes: 2_000,
    backlog_bytes: 1 << 20,
    keys: 1_000,
    queue: 256,
};

fn reader(spool: &Spool) -> Reader {
    let how = Interpretation {
        format: Format::Plain,
        ..Interpretation::default()
    };
    Reader {
        source: Box::new(SpoolSource::new(SourceName("push".into()), how, spool.clone())),
        cursor: Cursor::start(),
        counts: BatchCounts::default(),
        remarks: Vec::new(),
    }
}

async fn append(spool: &Spool, line: &str, key: Option<&str>) -> Result<Appended, SpoolError> {
    spool
        .append(vec![Record::text(line)], key.map(str::to_owned), monday())
        .await
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    found.retain(|path| path.extension().is_some_and(|e| e == "seg"));
    found.sort();
    found
}

/// The directory as it would be after a crash at this instant: a copy of what is on disk.
fn crash(dir: &Path, into: &Path) {
    std::fs::create_dir_all(into).unwrap();
    for path in segments(dir) {
        std::fs::copy(&path, into.join(path.file_name().unwrap())).unwrap();
    }
}

#[tokio::test]
async fn what_was_read_ahead_is_used_only_by_whoever_goes_on_from_there() {
    let bench = Bench::new();
    let spool = Spool::open(&bench.path().join("spool"), SpoolLimits::default()).unwrap();
    for request in 0..20 {
        let records = (0..1_000)
            .map(|n| Record::text(format!("{request} {n}")))
            .collect();
        spool.append(records, None, monday()).await.unwrap();
    }
    let mut reader = reader(&spool);
    let first = reader.source.read(&Cursor::start()).await.unwrap();
    assert!(first.more && first.events.len() < 20_000);
    let second = reader.source.read(&first.next).await.unwrap();
    // The checkpoint failed: both are read again, and then the rest.
    let again = reader.source.read(&Cursor::start()).await.unwrap();
    assert_eq!((&again.events, &again.next), (&first.events, &first.next));
    let again = reader.source.read(&first.next).await.unwrap();
    assert_eq!((&again.events, &again.next), (&second.events, &second.next));
    reader.source.committed(&second.next).await.unwrap();
    reader.cursor = second.next;
    let rest = reader.read().await;
    let all = [first.events, second.events, rest].concat();
    let expected: Vec<String> = (0..20_000)
        .map(|n| format!("{} {}", n / 1_000, n % 1_000))
        .collect();
    assert_eq!(messages(&all), expected);
    assert_eq!(
        ids(&all).iter().collect::<std::collections::BTreeSet<_>>().len(),
        20_000
    );
}

#[tokio::test]
async fn what_was_acknowledged_is_read_in_order_over_many_segments() {
    let bench = Bench::new();
    let dir = bench.path().join("spool");
    let spool = Spool::open(&dir, SMALL).unwrap();
    for n in 0..200 {
        assert_eq!(
            append(&spool, &format!("line {n}"), None).await,
            Ok(Appended::Stored)
        );
    }
    assert!(segments(&dir).len() > 5);
    let mut reader = reader(&spool);
    let events = reader.read().await;
    assert_eq!(
        messages(&events),
        (0..200).map(|n| format!("line {n}")).collect::<Vec<_>>()
    );
    assert_eq!(events[0].collected_at, monday());
    assert_eq!(
        segments(&dir).len(),
        1,
        "segments that were committed are deleted"
    );
    assert_eq!(spool.backlog_bytes(), 0);
    append(&spool, "later", None).await.unwrap();
    assert_eq!(reader.messages().await, ["later"]);
}

#[tokio::test]
async fn reading_again_from_a_cursor_gives_the_same_ids() {
    let bench = Bench::new();
    let spool = Spool::open(&bench.path().join("spool"), SMALL).unwrap();
    for n in 0..50 {
        append(
            &spool,
            &format!("line {n}"),
            (n % 2 == 0).then_some(&format!("key {n}")).map(String::as_str),
        )
        .await
        .unwrap();
    }
    let mut source = reader(&spool).source;
    let first = source.read(&Cursor::start()).await.unwrap();
    let again = source.read(&Cursor::start()).await.unwrap();
    assert_eq!(
        (ids(&first.events), &first.next),
        (ids(&again.events), &again.next)
    );
    assert_eq!(source.read(&first.next).await.unwrap().next, first.next);
}

#[tokio::test]
async fn a_crash_at_any_byte_keeps_what_was_acknowledged_and_cuts_the_rest() {
    let bench = Bench::new();
    let dir = bench.path().join("spool");
    let spool = Spool::open(&dir, SMALL).unwrap();
    append(&spool, "one", Some("k1")).await.unwrap();
    let acknowledged = std::fs::metadata(&segments(&dir)[0]).unwrap().len();
    append(&spool, "two", Some("k2")).await.unwrap();
    let whole = std::fs::metadata(&segments(&dir)[0]).unwrap().len();
    for length in acknowledged..=whole {
        let after = bench.path().join(format!("crash-{length}"));
        crash(&dir, &after);
        OpenOptions::new()
            .write(true)
            .open(&segments(&after)[0])
            .unwrap()
            .set_len(length)
            .unwrap();
        let reopened = Spool::open(&after, SMALL).unwrap();
        let mut reader = reader(&reopened);
        let expected: &[&str] = if length == whole {
            &["one", "two"]
        } else {
            &["one"]
        };
        assert_eq!(reader.messages().await, expected);
        let torn = length != whole && length != acknowledged;
        let cut = reader
            .remarks
            .iter()
            .filter(|r| matches!(r, Remark::TornTail { bytes, .. } if *bytes == length - acknowledged));
        assert_eq!(cut.count(), usize::from(torn), "{length}");
        // The retry of the request that was never acknowledged is stored; that of the acknowledged one is recognised.
        assert_eq!(append(&reopened, "one", Some("k1")).await, Ok(Appended::Already));
        let second = if length == whole {
            Appended::Already
        } else {
            Appended::Stored
        };
        assert_eq!(append(&reopened, "two", Some("k2")).await, Ok(second));
        assert_eq!(reader.messages().await.len(), usize::from(length != whole));
    }
}

#[tokio::test]
async fn a_key_is_recognised_after_its_segment_is_gone_and_the_process_too() {
    let bench = Bench::new();
    let dir = bench.path().join("spool");
    let spool = Spool::open(&dir, SMALL).unwrap();
    append(&spool, "first", Some("precious")).await.unwrap();
    let mut reading = reader(&spool);
    for n in 0..100 {
        append(&spool, &format!("line {n}"), None).await.unwrap();
    }
    reading.read().await;
    assert_eq!(segments(&dir).len(), 1);
    let after = bench.path().join("crashed");
    crash(&dir, &after);
    let reopened = Spool::open(&after, SMALL).unwrap();
    assert_eq!(
        append(&reopened, "first", Some("precious")).await,
        Ok(Appended::Already)
    );
}

#[tokio::test]
async fn a_damaged_piece_is_passed_over_and_counted_and_the_rest_is_read() {
    let bench = Bench::new();
    let dir = bench.path().join("spool");
    let spool = Spool::open(&dir, SpoolLimits::default()).unwrap();
    for n in 0..3 {
        append(&spool, &format!("line {n}"), None).await.unwrap();
    }
    drop(spool);
    let path = &segments(&dir)[0];
    let mut bytes = std::fs::read(path).unwrap();
    let hit = bytes.windows(6).position(|w| w == b"line 1").unwrap();
    bytes[hit] ^= 1;
    File::create(path).unwrap().write_all(&bytes).unwrap();
    let reopened = Spool::open(&dir, SpoolLimits::default()).unwrap();
    let mut reader = reader(&reopened);
    assert_eq!(reader.messages().await, ["line 0", "line 2"]);
    assert!(
        matches!(&reader.remarks[..], [Remark::Damaged { bytes, .. }] if *bytes == reader.counts.lost_bytes && *bytes > 0)
    );
}

#[tokio::test]
async fn a_full_disk_is_said_and_storing_resumes_afterwards() {
    let bench = Bench::new();
    let dir = bench.path().join("spool");
    let spool = Spool::open(
        &dir,
        SpoolLimits {
            segment_bytes: 1,
            ..SMALL
        },
    )
    .unwrap();
    append(&spool, "one", None).await.unwrap();
    // A directory where the next segment belongs makes the system refuse it, whoever runs the test.
    let next = dir.join(format!("{:020}.seg", 2));
    std::fs::create_dir(&next).unwrap();
    let refused = append(&spool, "two", Some("k2")).await;
    assert!(matches!(refused, Err(SpoolError::Disk { .. })), "{refused:?}");
    std::fs::remove_dir(&next).unwrap();
    assert_eq!(append(&spool, "two", Some("k2")).await, Ok(Appended::Stored));
    assert_eq!(reader(&spool).messages().await, ["one", "two"]);
}

#[tokio::test]
async fn too_much_that_waits_refuses_until_it_is_read() {
    let bench = Bench::new();
    let limits = SpoolLimits {
        backlog_bytes: 3_000,
        ..SMALL
    };
    let spool = Spool::open(&bench.path().join("spool"), limits).unwrap();
    let mut stored = 0;
    let refused = loop {
        match append(&spool, &"x".repeat(100), None).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, SpoolError::Backlog { waiting, limit: 3_000 } if waiting >= 3_000));
    let mut reader = reader(&spool);
    assert_eq!(reader.messages().await.len(), stored);
    assert_eq!(append(&spool, "again", None).await, Ok(Appended::Stored));
}

#[tokio::test]
async fn many_at_once_share_the_disk_and_none_is_lost() {
    let bench = Bench::new();
    let spool = Spool::open(&bench.path().join("spool"), SpoolLimits::default()).unwrap();
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let spool = spool.clone();
            // Each key comes twice at once.
            tokio::spawn(async move {
                append(&spool, &format!("line {}", n / 2), Some(&format!("k{}", n / 2))).await
            })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        stored += usize::from(task.await.unwrap() == Ok(Appended::Stored));
    }
    assert_eq!(stored, 100);
    assert_eq!(reader(&spool).messages().await.len(), 100);
}

#[tokio::test]
async fn a_second_process_is_kept_out() {
    let bench = Bench::new();
    let dir = bench.path().join("spool");
    let spool = Spool::open(&dir, SMALL).unwrap();
    let error = Spool::open(&dir, SMALL).unwrap_err().to_string();
    assert!(error.contains("another process uses this spool"), "{error}");
    drop(spool);
    assert!(Spool::open(&dir, SMALL).is_ok());
}

#[tokio::test]
async fn a_spool_emptied_by_hand_is_read_from_its_new_beginning() {
    let bench = Bench::new();
    let dir = bench.path().join("spool");
    let spool = Spool::open(&dir, SMALL).unwrap();
    for n in 0..100 {
        append(&spool, &format!("line {n}"), None).await.unwrap();
    }
    let mut first = reader(&spool);
    first.read().await;
    let cursor = first.cursor.clone();
    drop((first, spool));
    std::fs::remove_dir_all(&dir).unwrap();
    let fresh = Spool::open(&dir, SMALL).unwrap();
    append(&fresh, "new", None).await.unwrap();
    let mut second = reader(&fresh);
    second.cursor = cursor;
    assert_eq!(second.messages().await, ["new"]);
    assert!(matches!(second.remarks[..], [Remark::LostTail { .. }]));
    assert_eq!(second.counts.gaps, 1);
}
