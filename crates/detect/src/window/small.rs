//! Short byte strings kept in place, so that a group of one event needs no allocation of its own for them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Bytes: up to `N` of them in place, more behind a pointer. `N` is 6 below a multiple of 8, so that nothing is padded.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Small<const N: usize>(Place<N>);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Place<const N: usize> {
    Here(u8, [u8; N]),
    Apart(Box<[u8]>),
}

impl<const N: usize> Small<N> {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        match u8::try_from(bytes.len()) {
            Ok(length) if bytes.len() <= N => {
                let mut here = [0; N];
                here[..bytes.len()].copy_from_slice(bytes);
                Self(Place::Here(length, here))
            }
            _ => Self(Place::Apart(bytes.into())),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Place::Here(length, here) => &here[..usize::from(*length).min(N)],
            Place::Apart(apart) => apart,
        }
    }

    /// Bytes behind a pointer, with what an allocation costs.
    pub(crate) fn bytes_apart(&self) -> usize {
        match &self.0 {
            Place::Here(..) => 0,
            Place::Apart(apart) => apart.len() + 16,
        }
    }
}

impl<const N: usize> Default for Small<N> {
    fn default() -> Self {
        Self(Place::Here(0, [0; N]))
    }
}

impl<const N: usize> fmt::Debug for Small<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(self.as_bytes()).fmt(f)
    }
}

impl<const N: usize> Serialize for Small<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_bytes())
    }
}

impl<'de, const N: usize> Deserialize<'de> for Small<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&[u8]>::deserialize(deserializer).map(Self::new)
    }
}

/// Appends a number, seven bits a byte, lowest first.
pub(crate) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number as u8) | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number from the front; 0 where the bytes end, so that damaged bytes end a reading and never panic.
pub(crate) fn take_number(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let Some((byte, rest)) = bytes.split_first() else {
            return number;
        };
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    number
}

/// Takes so many bytes from the front; fewer where they end.
pub(crate) fn take_bytes<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(count.min(bytes.len()));
    *bytes = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_bytes_need_no_allocation_and_long_ones_keep_their_order() {
        assert_eq!((size_of::<Small<22>>(), size_of::<Small<30>>()), (24, 32));
        let (short, long) = (Small::<22>::new(b"10.1.2.3"), Small::<22>::new(&[7; 23]));
        assert_eq!((short.as_bytes(), short.bytes_apart()), (&b"10.1.2.3"[..], 0));
        assert_eq!((long.as_bytes(), long.bytes_apart()), (&[7; 23][..], 39));
        let bytes = postcard::to_allocvec(&long).unwrap();
        assert_eq!(postcard::from_bytes::<Small<22>>(&bytes).unwrap(), long);
    }

    #[test]
    fn numbers_come_back_and_cut_ones_end_quietly() {
        let mut bytes = Vec::new();
        let numbers = [0, 1, 127, 128, 300, u64::MAX];
        numbers.iter().for_each(|number| put_number(&mut bytes, *number));
        let mut rest = bytes.as_slice();
        assert_eq!(numbers.map(|_| take_number(&mut rest)), numbers);
        assert_eq!((take_number(&mut rest), take_bytes(&mut rest, 3)), (0, &[][..]));
    }
}
