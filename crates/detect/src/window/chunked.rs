//! A list by time that is cut into chunks: an entry that comes late moves some hundred others, whatever the length.

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;

/// Something that stands at an instant.
pub(crate) trait Timed {
    fn at(&self) -> i64;
}

/// Entries by time; those of one instant in the order they came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chunked<T> {
    /// The first chunk: the only one of most lists.
    head: VecDeque<T>,
    rest: VecDeque<Chunk<T>>,
    length: usize,
}

/// A later chunk.
#[derive(Debug, Clone, PartialEq)]
struct Chunk<T> {
    /// It begins no earlier, and what stands before it no later. It stands here so that looking for a chunk looks into none.
    from: i64,
    entries: VecDeque<T>,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self {
            head: VecDeque::new(),
            rest: VecDeque::new(),
            length: 0,
        }
    }
}

impl<T: Timed> Chunked<T> {
    /// How many entries a chunk has at most: those of a page of memory.
    const CHUNK: usize = 4_096 / size_of::<T>();

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn chunks(&self) -> usize {
        1 + self.rest.len()
    }

    fn chunk(&self, index: usize) -> &VecDeque<T> {
        if index == 0 {
            &self.head
        } else {
            &self.rest[index - 1].entries
        }
    }

    fn chunk_mut(&mut self, index: usize) -> &mut VecDeque<T> {
        if index == 0 {
            &mut self.head
        } else {
            &mut self.rest[index - 1].entries
        }
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.head.front()
    }

    pub(crate) fn back(&self) -> Option<&T> {
        self.chunk(self.rest.len()).back()
    }

    pub(crate) fn back_mut(&mut self) -> Option<&mut T> {
        self.chunk_mut(self.rest.len()).back_mut()
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let entry = self.head.pop_front()?;
        self.length -= 1;
        self.drop_empty(0);
        Some(entry)
    }

    /// Puts an entry behind all that stand no later; tells how many those are.
    pub(crate) fn insert(&mut self, entry: T) -> usize {
        self.length += 1;
        if self.length <= 2 {
            // A flood makes millions of lists of one entry, and lists grow by four at least.
            self.head.reserve_exact(1);
        }
        let at = entry.at();
        if self.back().is_none_or(|last| last.at() <= at) {
            if self.chunk(self.rest.len()).len() >= Self::CHUNK {
                self.rest.push_back(Chunk {
                    from: at,
                    entries: VecDeque::with_capacity(Self::CHUNK),
                });
            }
            let last = self.rest.len();
            self.chunk_mut(last).push_back(entry);
            return self.length - 1;
        }
        let index = self.chunk_at(at);
        let chunk = self.chunk_mut(index);
        let position = chunk.partition_point(|known| known.at() <= at);
        chunk.insert(position, entry);
        if chunk.len() > Self::CHUNK {
            let entries = chunk.split_off(Self::CHUNK / 2);
            let from = entries[0].at();
            self.rest.insert(index, Chunk { from, entries });
        }
        self.before_chunk(index) + position
    }

    /// The last chunk that begins no later than `at`.
    fn chunk_at(&self, at: i64) -> usize {
        self.rest.partition_point(|chunk| chunk.from <= at)
    }

    fn before_chunk(&self, index: usize) -> usize {
        (0..index).map(|index| self.chunk(index).len()).sum()
    }

    /// How many entries stand no later than `at`.
    pub(crate) fn count_until(&self, at: i64) -> usize {
        let index = self.chunk_at(at);
        self.before_chunk(index) + self.chunk(index).partition_point(|entry| entry.at() <= at)
    }

    /// How many entries stand later than `at`; fast where they are few.
    pub(crate) fn count_after(&self, at: i64) -> usize {
        let index = self.chunk_at(at);
        let chunk = self.chunk(index);
        let after: usize = (index + 1..self.chunks())
            .map(|index| self.chunk(index).len())
            .sum();
        after + chunk.len() - chunk.partition_point(|entry| entry.at() <= at)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.head
            .iter()
            .chain(self.rest.iter().flat_map(|chunk| &chunk.entries))
    }

    /// Entries from the one at `position` on.
    pub(crate) fn iter_from(&self, position: usize) -> impl Iterator<Item = &T> {
        let (mut index, mut offset) = (0, position);
        while index + 1 < self.chunks() && offset >= self.chunk(index).len() {
            offset -= self.chunk(index).len();
            index += 1;
        }
        let offset = offset.min(self.chunk(index).len());
        let later = (index + 1..self.chunks()).flat_map(|index| self.chunk(index).iter());
        self.chunk(index).range(offset..).chain(later)
    }

    /// The entry at a position, counted from the end: 1 is the last.
    pub(crate) fn last_but(&self, position: usize) -> Option<&T> {
        let mut left = position.checked_sub(1)?;
        for index in (0..self.chunks()).rev() {
            let chunk = self.chunk(index);
            if left < chunk.len() {
                return chunk.get(chunk.len() - 1 - left);
            }
            left -= chunk.len();
        }
        None
    }

    /// Takes out the first entry at exactly `at` that is the one, looking at some dozen only.
    pub(crate) fn take_at(&mut self, at: i64, mut is_it: impl FnMut(&T) -> bool) -> Option<T> {
        const LOOKED_AT: usize = 64;
        let index = self.chunk_at(at.saturating_sub(1));
        for index in index..self.chunks().min(index + 2) {
            let chunk = self.chunk(index);
            let start = chunk.partition_point(|entry| entry.at() < at);
            let mut found = chunk
                .range(start..)
                .take(LOOKED_AT)
                .take_while(|entry| entry.at() == at);
            if let Some(position) = found.position(&mut is_it) {
                let taken = self.chunk_mut(index).remove(start + position);
                self.length -= usize::from(taken.is_some());
                self.drop_empty(index);
                return taken;
            }
        }
        None
    }

    fn drop_empty(&mut self, index: usize) {
        if !self.chunk(index).is_empty() {
            return;
        }
        if index == 0 {
            self.head = self
                .rest
                .pop_front()
                .map_or_else(VecDeque::new, |chunk| chunk.entries);
        } else {
            self.rest.remove(index - 1);
        }
    }

    /// Takes out the entries from `from` to `to`, both included.
    pub(crate) fn extract(&mut self, from: i64, to: i64) -> VecDeque<T> {
        let mut taken = VecDeque::new();
        let mut index = self.chunk_at(from.saturating_sub(1));
        while index < self.chunks() {
            let chunk = self.chunk_mut(index);
            let start = chunk.partition_point(|entry| entry.at() < from);
            let end = chunk.partition_point(|entry| entry.at() <= to);
            let last = end < chunk.len();
            if start == 0 && end == chunk.len() {
                let whole = std::mem::take(chunk);
                if taken.is_empty() {
                    taken = whole
                } else {
                    taken.extend(whole)
                }
            } else if start < end {
                taken.extend(chunk.drain(start..end));
            }
            if self.chunk(index).is_empty() && self.chunks() > 1 {
                self.drop_empty(index);
            } else {
                index += 1;
            }
            if last {
                break;
            }
        }
        self.length -= taken.len();
        taken
    }
}

impl<T> Chunked<T> {
    /// All entries by time.
    pub(crate) fn into_entries(self) -> impl Iterator<Item = T> {
        let rest = self.rest.into_iter().flat_map(|chunk| chunk.entries);
        self.head.into_iter().chain(rest)
    }
}

impl<T: Serialize> Serialize for Chunked<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut entries = serializer.serialize_seq(Some(self.length))?;
        for entry in self
            .head
            .iter()
            .chain(self.rest.iter().flat_map(|chunk| &chunk.entries))
        {
            entries.serialize_element(entry)?;
        }
        entries.end()
    }
}

impl<'de, T: Timed + Deserialize<'de>> Deserialize<'de> for Chunked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Timed + Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Chunked<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("entries by time")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Chunked<T>, A::Error> {
                let mut chunked = Chunked::default();
                while let Some(entry) = entries.next_element()? {
                    chunked.insert(entry);
                }
                Ok(chunked)
            }
        }
        deserializer.deserialize_seq(Entries(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Timed for (i64, usize) {
        fn at(&self) -> i64 {
            self.0
        }
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_list(times in prop::collection::vec(0..500i64, 0..1_500), from in 0..500i64, length in 0..300i64) {
            let mut chunked = Chunked::default();
            let mut plain: Vec<(i64, usize)> = Vec::new();
            for entry in times.iter().enumerate().map(|(index, at)| (*at, index)) {
                let position = plain.partition_point(|known| known.0 <= entry.0);
                plain.insert(position, entry);
                prop_assert_eq!(chunked.insert(entry), position);
            }
            prop_assert!(chunked.iter().eq(&plain));
            let middle = plain.len() / 2;
            prop_assert!(chunked.iter_from(middle).eq(&plain[middle..]));
            prop_assert_eq!(chunked.last_but(middle + 1).copied(), plain.iter().rev().nth(middle).copied());
            let until = plain.partition_point(|entry| entry.0 <= from);
            prop_assert_eq!((chunked.count_until(from), chunked.count_after(from)), (until, plain.len() - until));
            let taken = chunked.extract(from, from + length);
            let (inside, outside): (Vec<_>, Vec<_>) = plain.into_iter().partition(|e| (from..=from + length).contains(&e.0));
            prop_assert_eq!(Vec::from(taken), inside);
            prop_assert!(chunked.iter().eq(&outside));
            prop_assert_eq!(chunked.len(), outside.len());
            if let Some((at, index)) = outside.first() {
                prop_assert_eq!(chunked.take_at(*at, |entry| entry.1 == *index), outside.first().copied());
                prop_assert!(chunked.iter().eq(&outside[1..]));
            }
            while chunked.pop_front().is_some() {}
            prop_assert!(chunked.is_empty() && chunked.back().is_none());
        }
    }
}
