//! The record cannot be quietly changed: whatever is changed is found, and the first record that does not fit is named.

use crate::samples::{friday, minutes, person};
use proptest::prelude::*;
use watchkeeper_domain::audit::{GENESIS, NewRecord, Record, Verifier};

fn log(length: i64) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for seq in 1..=length {
        let before = records.last().map_or(GENESIS, |record| &record.hash).to_owned();
        let new = NewRecord {
            actor: person("ana"),
            action: "incident.acknowledged",
            subject: format!("inc_{seq}"),
            detail: serde_json::json!({"n": seq, "why": "seen"}),
        };
        records.push(Record::follow(seq, &before, &new, friday() + minutes(seq)));
    }
    records
}

fn first_misfit(records: &[Record]) -> Option<i64> {
    let mut verifier = Verifier::default();
    records
        .iter()
        .find_map(|record| verifier.check(record).err())
        .map(|misfit| misfit.seq)
}

#[test]
fn whoever_mends_the_hash_of_a_changed_record_breaks_the_next_one() {
    let mut records = log(6);
    records[2].action = "incident.closed".to_owned();
    records[2].hash = records[2].digest();
    assert_eq!(first_misfit(&records), Some(4));
}

#[test]
fn whoever_rewrites_the_whole_tail_is_found_by_the_head_that_was_kept_elsewhere() {
    let head = log(6)[5].hash.clone();
    let mut records = log(6);
    records[2].action = "incident.closed".to_owned();
    for index in 2..6 {
        records[index].prev_hash = records[index - 1].hash.clone();
        records[index].hash = records[index].digest();
    }
    let mut verifier = Verifier::default();
    for record in &records {
        verifier
            .check(record)
            .expect("the rewritten chain fits in itself");
    }
    assert!(verifier.finish(6, &head).is_err());
}

#[test]
fn an_empty_log_ends_at_its_beginning() {
    let verified = Verifier::default().finish(0, GENESIS).expect("fits");
    assert_eq!((verified.records, verified.checkpoints), (0, 0));
}

#[test]
fn a_record_survives_being_written_down_and_read_back() {
    for record in log(3) {
        let text = serde_json::to_string(&record).expect("serialisable");
        let back: Record = serde_json::from_str(&text).expect("readable");
        assert_eq!(back.digest(), record.hash);
    }
}

proptest! {
    #[test]
    fn one_character_changed_anywhere_is_found_at_its_record(
        which in 0_usize..8, field in 0_usize..5, place in any::<usize>(), put in "[a-z0-9]",
    ) {
        let mut records = log(8);
        let record = &mut records[which];
        let text = match field {
            0 => &mut record.actor,
            1 => &mut record.action,
            2 => &mut record.subject,
            3 => &mut record.detail,
            _ => &mut record.hash,
        };
        let place = place % text.len();
        prop_assume!(text[place..=place] != put);
        text.replace_range(place..=place, &put);
        let seq = record.seq;
        prop_assert_eq!(first_misfit(&records), Some(seq));
    }

    #[test]
    fn a_removed_record_is_found_where_it_is_missing(which in 0_usize..7) {
        let mut records = log(8);
        records.remove(which);
        let following = i64::try_from(which).expect("small") + 2;
        prop_assert_eq!(first_misfit(&records), Some(following));
    }

    #[test]
    fn an_instant_moved_by_a_microsecond_is_found(which in 0_usize..8) {
        let mut records = log(8);
        records[which].at += chrono::Duration::microseconds(1);
        prop_assert_eq!(first_misfit(&records), Some(i64::try_from(which).expect("small") + 1));
    }
}
