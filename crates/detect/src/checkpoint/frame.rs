//! Lists inside a piece, framed by hand: merging moves groups by the thousand and looks into none of them.

use crate::window::{Rank, put_number, take_bytes, take_number};

/// Appends bytes behind their length.
pub(super) fn put_bytes(list: &mut Vec<u8>, bytes: &[u8]) {
    put_number(list, bytes.len() as u64);
    list.extend_from_slice(bytes);
}

fn take_framed<'p>(list: &mut &'p [u8]) -> &'p [u8] {
    let length = take_number(list) as usize;
    take_bytes(list, length)
}

/// One group: its key, where it stands among those that may have to go, and its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupFrame<'p> {
    pub(super) key: &'p [u8],
    pub(super) rank: Rank,
    pub(super) content: &'p [u8],
}

impl GroupFrame<'_> {
    pub(super) fn put(&self, list: &mut Vec<u8>) {
        put_bytes(list, self.key);
        list.push(self.rank.level);
        put_number(list, u64::from(self.rank.touched));
        put_bytes(list, self.content);
    }

    pub(super) fn size(&self) -> usize {
        self.key.len() + self.content.len() + 12
    }
}

/// The groups of a list.
pub(super) fn groups(list: &[u8]) -> impl Iterator<Item = GroupFrame<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        (!rest.is_empty()).then(|| GroupFrame {
            key: take_framed(&mut rest),
            rank: Rank {
                level: take_bytes(&mut rest, 1).first().copied().unwrap_or(0),
                touched: take_number(&mut rest) as u32,
            },
            content: take_framed(&mut rest),
        })
    })
}

/// The keys of a list.
pub(super) fn keys(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    std::iter::from_fn(move || (!rest.is_empty()).then(|| take_framed(&mut rest)))
}

/// Appends the hash of an id and when it counted.
pub(super) fn put_id(list: &mut Vec<u8>, at: i64, id: u64) {
    put_number(list, ((at << 1) ^ (at >> 63)) as u64);
    list.extend_from_slice(&id.to_le_bytes());
}

/// The ids of a list, each with when it counted.
pub(super) fn ids(list: &[u8]) -> impl Iterator<Item = (i64, u64)> {
    let mut rest = list;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let zigzag = take_number(&mut rest);
        let id = take_bytes(&mut rest, 8)
            .try_into()
            .map(u64::from_le_bytes)
            .unwrap_or(0);
        Some(((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64), id))
    })
}
