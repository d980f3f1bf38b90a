#![no_main]
//! Notes, proofs and keys from anybody: reading them never panics, what is believed was signed, and what was read is written the same.

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use watchkeeper_domain::actor::Actor;
use watchkeeper_domain::audit::note::{InclusionProof, Note, Signer, VerifierKey, in_header, kept_in};
use watchkeeper_domain::audit::{GENESIS, NewRecord, Record, tree};

/// A log of five records, its signed checkpoint, and the proof of the fourth.
struct Log {
    signer: Signer,
    note: String,
    proof: InclusionProof,
}

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let mut records: Vec<Record> = Vec::new();
    for seq in 1..=5 {
        let before = records.last().map_or(GENESIS, |record| &record.hash).to_owned();
        let new = NewRecord {
            actor: Actor::Operator,
            action: "incident.opened",
            subject: format!("inc_{seq}"),
            detail: serde_json::json!({"n": seq}),
        };
        records.push(Record::follow(seq, &before, &new, chrono::DateTime::UNIX_EPOCH));
    }
    let leaves: Vec<tree::Hash> = records.iter().filter_map(Record::leaf).collect();
    let over = |range: std::ops::Range<u64>| {
        let mut edge = tree::Edge::default();
        for leaf in &leaves[range.start as usize..range.end as usize] {
            edge.push(*leaf);
        }
        edge.root()
    };
    let signer = Signer::new("example.com/audit", &[7; 32]).expect("a signer");
    let note = signer.sign(5, over(0..5));
    let proof = InclusionProof {
        record: serde_json::to_string(&records[3]).expect("JSON"),
        index: 3,
        path: tree::inclusion(3, 5).into_iter().map(over).collect(),
        note: note.clone(),
    };
    proof.verify(signer.verifier()).expect("it holds");
    Log { signer, note, proof }
});

/// Puts the bytes into a text that is right, in the place of some of its own.
fn spoiled(text: &str, data: &[u8]) -> Option<String> {
    let (head, put) = data.split_first_chunk::<3>()?;
    let at = usize::from(u16::from_le_bytes([head[0], head[1]])) % text.len();
    let mut bytes = text.as_bytes().to_vec();
    let end = (at + usize::from(head[2] % 32)).min(bytes.len());
    bytes.splice(at..end, put.iter().copied());
    String::from_utf8(bytes).ok()
}

fuzz_target!(|data: &[u8]| {
    let log = &*LOG;
    let key = log.signer.verifier();
    let plain = std::str::from_utf8(data).ok().map(str::to_owned);
    let texts = [
        plain,
        spoiled(&log.note, data),
        spoiled(&log.proof.text(), data),
        spoiled(&format!("X-Watchkeeper-Checkpoint: {}\r\n\r\nText\r\n", in_header(&log.note)), data),
        spoiled(&key.to_string(), data),
    ];
    for text in texts.into_iter().flatten() {
        let signed = Note::read(&log.note).expect("a note").text;
        for note in [Note::read(&text), kept_in(&text)].into_iter().flatten() {
            if note.checkpoint(key).is_ok() {
                assert_eq!(note.text, signed, "a text that nobody signed is believed");
            }
        }
        if let Ok(proof) = InclusionProof::read(&text) {
            assert_eq!(InclusionProof::read(&proof.text()).as_ref(), Ok(&proof));
            if let Ok((record, _)) = proof.verify(key) {
                assert_eq!(record.seq, 4, "a record that is not in the log is believed");
                assert_eq!(record.hash, record.digest());
            }
        }
        if let Ok(read) = VerifierKey::read(&text) {
            assert_eq!(VerifierKey::read(&read.to_string()), Ok(read));
        }
    }
});
