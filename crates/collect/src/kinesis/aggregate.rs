//! Records that the Kinesis Producer Library has put together.
//!
//! Source: "KPL Aggregated Record Format": four bytes of magic, a message of Protocol Buffers, the MD5 of that message. What is not
//! exactly so is one ordinary record.

use md5::{Digest, Md5};

const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
const DIGEST: usize = 16;
/// Fields of `AggregatedRecord` and `Record`.
const RECORDS: u64 = 3;
const DATA: u64 = 3;

/// The records in a record's data: those put together, or the data itself.
#[must_use]
pub fn records(data: &[u8]) -> Vec<&[u8]> {
    aggregated(data).unwrap_or_else(|| vec![data])
}

fn aggregated(data: &[u8]) -> Option<Vec<&[u8]>> {
    let rest = data.strip_prefix(&MAGIC)?;
    let (message, digest) = rest.split_at_checked(rest.len().checked_sub(DIGEST)?)?;
    if Md5::digest(message).as_slice() != digest {
        return None;
    }
    let mut found = Vec::new();
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        if let (RECORDS, Some(record)) = field {
            let mut inner = Fields(record);
            let mut data: &[u8] = &[];
            while let Some(field) = inner.next()? {
                if let (DATA, Some(bytes)) = field {
                    data = bytes;
                }
            }
            found.push(data);
        }
    }
    Some(found)
}

/// The fields of a message, each with its number, and its bytes where it has a length.
struct Fields<'m>(&'m [u8]);

type Field<'m> = (u64, Option<&'m [u8]>);

impl<'m> Fields<'m> {
    /// `None` when it is no message; `Some(None)` at its end.
    #[expect(
        clippy::option_option,
        reason = "no message, the end, and a field are three things"
    )]
    fn next(&mut self) -> Option<Option<Field<'m>>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let key = self.varint()?;
        let bytes = match key & 7 {
            0 => {
                self.varint()?;
                None
            }
            1 => {
                self.take(8)?;
                None
            }
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Some(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                None
            }
            _ => return None,
        };
        Some(Some((key >> 3, bytes)))
    }

    fn take(&mut self, length: usize) -> Option<&'m [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        let mut length = bytes.len();
        while length > 0x7f {
            out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).unwrap());
        out.extend_from_slice(bytes);
        out
    }

    fn put_together(records: &[&[u8]]) -> Vec<u8> {
        let mut message = field(1, b"partition");
        for data in records {
            let record = [vec![8, 0], field(3, data)].concat();
            message.extend(field(3, &record));
        }
        let digest = Md5::digest(&message);
        [&MAGIC, message.as_slice(), digest.as_slice()].concat()
    }

    #[test]
    fn what_was_put_together_is_taken_apart() {
        let long = vec![b'x'; 300];
        let data = put_together(&[b"one", b"", &long]);
        assert_eq!(records(&data), [b"one".as_slice(), b"", &long]);
        assert_eq!(records(b"plain"), [b"plain"]);
    }

    #[test]
    fn what_only_begins_so_is_one_record() {
        let mut data = put_together(&[b"one"]);
        let last = data.len() - 1;
        data[last] ^= 1;
        assert_eq!(records(&data), [data.as_slice()]);
        assert_eq!(records(&MAGIC), [MAGIC.as_slice()]);
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let digest = Md5::digest(&message);
            let data = [&MAGIC, message.as_slice(), digest.as_slice()].concat();
            prop_assert!(records(&data).len() <= data.len());
        }
    }
}
