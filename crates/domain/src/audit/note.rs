//! Signed notes and checkpoints, in the forms that transparency logs share, so that tools of others can verify ours:
//! C2SP signed-note, tlog-checkpoint, tlog-cosignature and tlog-proof.

use super::tree::{self, Hash};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// What begins a signature's line: an em dash and a space.
const SIGNED: &str = "\u{2014} ";

/// The first line of a proof.
const PROOF: &str = "c2sp.org/tlog-proof@v1";

/// Ed25519 over the note's text.
const OF_LOG: u8 = 1;

/// Ed25519 over the time and the note's text: a witness's.
const OF_WITNESS: u8 = 4;

/// Notes longer than this are not read.
pub const LONGEST: usize = 64 * 1024;

/// The header by which every mail that goes out carries the newest checkpoint.
pub const HEADER: &str = "X-Watchkeeper-Checkpoint";

/// A note as the value of [`HEADER`]: base64, in pieces that a header's lines can break between.
#[must_use]
pub fn in_header(note: &str) -> String {
    let encoded = BASE64.encode(note);
    let pieces: Vec<&str> = (0..encoded.len())
        .step_by(64)
        .map(|at| &encoded[at..encoded.len().min(at + 64)])
        .collect();
    pieces.join(" ")
}

/// The note that somebody kept: as it is, or in the header of a mail.
///
/// # Errors
/// When it is neither.
pub fn kept_in(text: &str) -> Result<Note, NoteError> {
    let text = text.replace("\r\n", "\n");
    let head = text.split("\n\n").next().unwrap_or_default();
    // Lines that begin with white space go on from the one before.
    let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
    let header = unfolded.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(HEADER).then_some(value)
    });
    let Some(value) = header else {
        return Note::read(&text);
    };
    let packed: String = value.split_whitespace().collect();
    let note = BASE64
        .decode(packed)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    Note::read(&note.ok_or_else(|| malformed(HEADER, "its value is no base64 of a text"))?)
}

/// Why a note, key or proof is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is not written as it must be.
    #[error("{what}: {why}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong with it, and what is expected.
        why: String,
    },
    /// No signature is by the key.
    #[error("it has no signature by {0}")]
    Unsigned(String),
    /// A signature claims to be by the key and is not.
    #[error("its signature by {0} is forged, or its text was changed after it was signed")]
    Forged(String),
}

fn malformed(what: &'static str, why: impl Into<String>) -> NoteError {
    NoteError::Malformed {
        what,
        why: why.into(),
    }
}

/// The text with the line breaks that were signed; other control characters stand in no note.
fn plain(what: &'static str, text: &str) -> Result<String, NoteError> {
    let text = text.replace("\r\n", "\n");
    match text.chars().find(|c| c.is_ascii_control() && *c != '\n') {
        None => Ok(text),
        Some(found) => Err(malformed(
            what,
            format!(
                "it has the control character {:#04x}; only line breaks may stand in it",
                u32::from(found)
            ),
        )),
    }
}

/// What a log says of itself: how many records it has, and the hash of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many records.
    pub size: u64,
    /// The root of the Merkle tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(self.root))
    }

    /// Reads the text that was signed. Lines that follow the third are extensions, and mean nothing here.
    ///
    /// # Errors
    /// Says which line is not as it must be.
    pub fn read(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.lines();
        let mut line = |which: &str| {
            let found = lines.next().filter(|line| !line.is_empty());
            found.ok_or_else(|| malformed("checkpoint", format!("its {which} is missing")))
        };
        let (origin, size, root) = (
            line("first line, the log's name,")?,
            line("second line, the number of records,")?,
            line("third line, the root in base64,")?,
        );
        Ok(Self {
            origin: origin.to_owned(),
            size: whole_number(size)
                .ok_or_else(|| malformed("checkpoint", format!("`{size}` is no number of records")))?,
            root: hash(root)
                .ok_or_else(|| malformed("checkpoint", format!("`{root}` is no SHA-256 in base64")))?,
        })
    }
}

/// A number as the formats write it: decimal, without a sign or leading zeros.
fn whole_number(text: &str) -> Option<u64> {
    text.parse()
        .ok()
        .filter(|number: &u64| number.to_string() == text)
}

fn hash(text: &str) -> Option<Hash> {
    BASE64.decode(text).ok()?.try_into().ok()
}

/// Whose signatures are believed: a name and an Ed25519 key, written `name+hash+base64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    /// Whose it is.
    pub name: String,
    kind: u8,
    key: [u8; 32],
}

impl VerifierKey {
    /// Reads a key as C2SP signed-note writes it.
    ///
    /// # Errors
    /// Says what is not as it must be.
    pub fn read(text: &str) -> Result<Self, NoteError> {
        let expected = "write it as `name+1a2b3c4d+base64`, as `watchkeeper audit key` prints it";
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed("key", format!("it has no three parts; {expected}")));
        };
        let bytes = BASE64.decode(key).map_err(|fault| {
            malformed(
                "key",
                format!("its third part is no base64 ({fault}); {expected}"),
            )
        })?;
        let read = match bytes.split_first() {
            Some((kind @ (&OF_LOG | &OF_WITNESS), key)) => key.try_into().ok().map(|key| (*kind, key)),
            _ => None,
        };
        let Some((kind, key)) = read.filter(|_| is_name(name)) else {
            return Err(malformed("key", format!("it is no Ed25519 key; {expected}")));
        };
        let read = Self {
            name: name.to_owned(),
            kind,
            key,
        };
        if hex::encode(read.id()) != id {
            return Err(malformed(
                "key",
                format!(
                    "its second part should be {}; the key or the name was changed",
                    hex::encode(read.id())
                ),
            ));
        }
        Ok(read)
    }

    /// Tells keys of one name apart.
    fn id(&self) -> [u8; 4] {
        let mut hash = Sha256::new();
        hash.update(self.name.as_bytes());
        hash.update([b'\n', self.kind]);
        hash.update(self.key);
        let hash = hash.finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    fn believes(&self, text: &str, signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.key);
        if self.kind == OF_LOG {
            return key.verify(text.as_bytes(), signature).is_ok();
        }
        let Some((time, signature)) = signature.split_first_chunk::<8>() else {
            return false;
        };
        let signed = format!("cosignature/v1\ntime {}\n{text}", u64::from_be_bytes(*time));
        key.verify(signed.as_bytes(), signature).is_ok()
    }
}

impl std::fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes: Vec<u8> = [&[self.kind], &self.key[..]].concat();
        write!(
            f,
            "{}+{}+{}",
            self.name,
            hex::encode(self.id()),
            BASE64.encode(bytes)
        )
    }
}

/// Names of keys have no white space and no plus.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains('+') && !name.chars().any(char::is_whitespace)
}

/// What signs the checkpoints of one log.
pub struct Signer {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.verifier)
    }
}

impl Signer {
    /// The signer of the log `origin`, from 32 secret bytes that only it has.
    ///
    /// # Errors
    /// When the origin cannot be a name: empty, or with white space or a plus.
    pub fn new(origin: &str, secret: &[u8; 32]) -> Result<Self, NoteError> {
        if !is_name(origin) {
            return Err(malformed(
                "name of the log",
                format!(
                    "`{origin}` is empty, or has white space or a plus; write it like `example.com/watchkeeper`"
                ),
            ));
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(secret)
            .map_err(|fault| malformed("signing key", fault.to_string()))?;
        let key: [u8; 32] = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| malformed("signing key", "its public half has another length than 32 bytes"))?;
        let verifier = VerifierKey {
            name: origin.to_owned(),
            kind: OF_LOG,
            key,
        };
        Ok(Self { pair, verifier })
    }

    /// What others verify its signatures with.
    #[must_use]
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// The signed note of a tree of this log.
    #[must_use]
    pub fn sign(&self, size: u64, root: Hash) -> String {
        let checkpoint = Checkpoint {
            origin: self.verifier.name.clone(),
            size,
            root,
        };
        let text = checkpoint.text();
        let signature = [&self.verifier.id(), self.pair.sign(text.as_bytes()).as_ref()].concat();
        format!(
            "{text}\n{SIGNED}{} {}\n",
            self.verifier.name,
            BASE64.encode(signature)
        )
    }
}

/// A text with signatures below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What is signed, with its last line break.
    pub text: String,
    signatures: Vec<(String, Vec<u8>)>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// Says what is not as it must be.
    pub fn read(note: &str) -> Result<Self, NoteError> {
        if note.len() > LONGEST {
            return Err(malformed(
                "signed note",
                format!("it is longer than {LONGEST} bytes"),
            ));
        }
        let note = plain("signed note", note)?;
        let Some((text, lines)) = note.rsplit_once("\n\n") else {
            return Err(malformed(
                "signed note",
                "no empty line stands between its text and its signatures",
            ));
        };
        let signature = |line: &str| {
            let (name, signature) = line.strip_prefix(SIGNED)?.split_once(' ')?;
            let bytes = BASE64.decode(signature).ok().filter(|bytes| bytes.len() > 4)?;
            is_name(name).then(|| (name.to_owned(), bytes))
        };
        let mut signatures = Vec::new();
        for line in lines.lines().filter(|line| !line.is_empty()) {
            let read = signature(line);
            signatures.push(read.ok_or_else(|| {
                malformed(
                    "signed note",
                    format!("`{line}` is no line like `\u{2014} name base64`"),
                )
            })?);
        }
        if signatures.is_empty() {
            return Err(malformed("signed note", "no signature stands below its text"));
        }
        Ok(Self {
            text: format!("{text}\n"),
            signatures,
        })
    }

    /// The checkpoint that the note is, signed by this key.
    ///
    /// # Errors
    /// See [`NoteError`].
    pub fn checkpoint(&self, key: &VerifierKey) -> Result<Checkpoint, NoteError> {
        self.must_be_signed(key)?;
        let checkpoint = Checkpoint::read(&self.text)?;
        if key.kind == OF_LOG && checkpoint.origin != key.name {
            return Err(malformed(
                "checkpoint",
                format!(
                    "it is of the log {}, and the key of {}",
                    checkpoint.origin, key.name
                ),
            ));
        }
        Ok(checkpoint)
    }

    /// Checks that the key's owner signed the note.
    ///
    /// # Errors
    /// [`NoteError::Unsigned`] and [`NoteError::Forged`].
    pub fn must_be_signed(&self, key: &VerifierKey) -> Result<(), NoteError> {
        let mut by_key = self
            .signatures
            .iter()
            .filter(|(name, signature)| *name == key.name && signature[..4] == key.id())
            .peekable();
        if by_key.peek().is_none() {
            return Err(NoteError::Unsigned(key.name.clone()));
        }
        if by_key.all(|(_, signature)| key.believes(&self.text, &signature[4..])) {
            Ok(())
        } else {
            Err(NoteError::Forged(key.name.clone()))
        }
    }
}

/// Proof that one record is in the log, with the record: whoever has the log's key verifies it without the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The record, as the line of JSON that the log exports.
    pub record: String,
    /// Its leaf's number, from 0: one less than the record's.
    pub index: u64,
    /// The hashes beside its way to the root, from its neighbour up.
    pub path: Vec<Hash>,
    /// The signed checkpoint of a log that has it.
    pub note: String,
}

impl InclusionProof {
    /// As C2SP tlog-proof writes it, the record as its extra data.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{PROOF}\nextra {}\nindex {}\n",
            BASE64.encode(&self.record),
            self.index
        );
        for hash in &self.path {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{}", BASE64.encode(hash));
        }
        text.push('\n');
        text.push_str(&self.note);
        text
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// Says which line is not as it must be.
    pub fn read(text: &str) -> Result<Self, NoteError> {
        if text.len() > LONGEST * 4 {
            return Err(malformed(
                "proof",
                format!("it is longer than {} bytes", LONGEST * 4),
            ));
        }
        let text = plain("proof", text)?;
        let (head, note) = text
            .split_once("\n\n")
            .ok_or_else(|| malformed("proof", "no empty line stands before its checkpoint"))?;
        let mut lines = head.lines();
        if lines.next() != Some(PROOF) {
            return Err(malformed("proof", format!("its first line is not `{PROOF}`")));
        }
        let record = lines
            .next()
            .and_then(|line| line.strip_prefix("extra "))
            .and_then(|extra| BASE64.decode(extra).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| {
                malformed(
                    "proof",
                    "its second line is not `extra`, a space and the record in base64",
                )
            })?;
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(whole_number)
            .ok_or_else(|| malformed("proof", "its third line is not `index`, a space and a number"))?;
        let path: Result<Vec<Hash>, NoteError> = lines
            .map(|line| {
                hash(line).ok_or_else(|| malformed("proof", format!("`{line}` is no SHA-256 in base64")))
            })
            .collect();
        Ok(Self {
            record,
            index,
            path: path?,
            note: note.to_owned(),
        })
    }

    /// The record that is proved to be in the log of this key, and the checkpoint that it is proved by.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn verify(&self, key: &VerifierKey) -> Result<(super::Record, Checkpoint), NoteError> {
        let checkpoint = Note::read(&self.note)?.checkpoint(key)?;
        let record: super::Record = serde_json::from_str(&self.record)
            .map_err(|fault| malformed("record in the proof", fault.to_string()))?;
        if record.digest() != record.hash {
            return Err(malformed(
                "record in the proof",
                format!(
                    "its content gives the hash {}, not {}; it was changed",
                    record.digest(),
                    record.hash
                ),
            ));
        }
        let leaf = record
            .leaf()
            .ok_or_else(|| malformed("record in the proof", "its hash is no SHA-256"))?;
        let numbered = u64::try_from(record.seq).ok() == self.index.checked_add(1);
        if !numbered || !tree::includes(&checkpoint.root, checkpoint.size, self.index, &leaf, &self.path) {
            return Err(malformed(
                "proof",
                format!(
                    "record {} is not in the log that the checkpoint stands for",
                    record.seq
                ),
            ));
        }
        Ok((record, checkpoint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of C2SP signed-note: a key and a note that others made.
    #[test]
    fn a_note_that_others_signed_is_verified() {
        let key =
            VerifierKey::read("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        let note = "If you think cryptography is the answer to your problem,\n\
            then you don't know what your problem is.\n\n\
            \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let read = Note::read(note).unwrap();
        assert_eq!(read.must_be_signed(&key), Ok(()));
        let changed = Note::read(&note.replace("the answer", "an answer")).unwrap();
        assert_eq!(
            changed.must_be_signed(&key),
            Err(NoteError::Forged("PeterNeumann".into()))
        );
        assert_eq!(
            key.to_string(),
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        );
    }

    #[test]
    fn a_checkpoint_is_believed_only_as_its_log_signed_it() {
        let signer = Signer::new("example.com/log", &[7; 32]).unwrap();
        let note = signer.sign(42, [9; 32]);
        let checkpoint = Note::read(&note).unwrap().checkpoint(signer.verifier()).unwrap();
        assert_eq!((checkpoint.size, checkpoint.root), (42, [9; 32]));
        let larger = Note::read(&note.replace("\n42\n", "\n43\n")).unwrap();
        assert_eq!(
            larger.checkpoint(signer.verifier()),
            Err(NoteError::Forged("example.com/log".into()))
        );
        let other = Signer::new("example.com/log", &[8; 32]).unwrap();
        assert_eq!(
            Note::read(&note).unwrap().checkpoint(other.verifier()),
            Err(NoteError::Unsigned("example.com/log".into()))
        );
        assert!(Signer::new("with space", &[7; 32]).is_err());
        let key = signer.verifier().to_string();
        assert_eq!(VerifierKey::read(&key).as_ref(), Ok(signer.verifier()));
        assert!(VerifierKey::read(&key.replace("example.com", "example.org")).is_err());
    }

    #[test]
    fn a_checkpoint_is_found_in_a_mail_that_was_kept_and_in_a_file_of_its_own() {
        let signer = Signer::new("example.com/log", &[7; 32]).unwrap();
        let note = signer.sign(42, [9; 32]);
        let folded = in_header(&note).replace(' ', "\r\n ");
        let mail = format!(
            "From: a@example.com\r\nx-watchkeeper-checkpoint: {folded}\r\nTo: b@example.com\r\n\r\nText\r\n\r\n\u{2014} text\r\n"
        );
        for kept in [note.clone(), note.replace('\n', "\r\n"), mail] {
            assert_eq!(kept_in(&kept), Note::read(&note), "{kept}");
        }
        assert!(kept_in("Subject: nothing\n\nText\n").is_err());
        assert!(kept_in("X-Watchkeeper-Checkpoint: !!\n\nText\n").is_err());
    }

    #[test]
    fn what_is_no_note_is_refused_and_says_why() {
        for (text, why) in [
            ("", "no empty line"),
            ("a\r\r\n\n", "control character 0x0d"),
            ("a\n\n\n", "no signature stands below"),
            ("a\n\nb\n", "is no line like"),
            ("a\n\n\u{2014} name !\n", "is no line like"),
        ] {
            let fault = Note::read(text).unwrap_err().to_string();
            assert!(fault.contains(why), "{text:?}: {fault}");
        }
        for text in ["", "a\n", "a\n1\n", "a\n01\nAAAA\n", "a\n1\nAAAA\n"] {
            assert!(Checkpoint::read(text).is_err(), "{text:?}");
        }
        assert!(Note::read(&"x".repeat(LONGEST + 1)).is_err());
    }
}
