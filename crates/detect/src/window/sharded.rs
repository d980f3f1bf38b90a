//! A hash table that grows in small steps: one table of a million entries would be rehashed while one event waits.

use hashbrown::HashTable;

/// Entries by a 64-bit hash that the caller knows. A small table is one table; beyond [`SMALL`] entries it is many.
#[derive(Debug, Clone)]
pub(crate) struct Sharded<T> {
    shards: Vec<HashTable<T>>,
    /// How many shards a large table has; a power of two.
    many: usize,
    length: usize,
}

/// Entries of one shard, about: the most that are moved at once.
const SMALL: usize = 1_024;

const MOST_SHARDS: usize = 1 << 13;

impl<T> Sharded<T> {
    /// An empty table that will hold about so many entries at most.
    pub(crate) fn within(most: usize) -> Self {
        Self {
            shards: vec![HashTable::new()],
            many: (most / SMALL).clamp(1, MOST_SHARDS).next_power_of_two(),
            length: 0,
        }
    }

    fn place(&self, hash: u64) -> usize {
        // The table inside uses the lowest and the highest bits.
        (hash >> 32) as usize & (self.shards.len() - 1)
    }

    pub(crate) fn find(&self, hash: u64, same: impl FnMut(&T) -> bool) -> Option<&T> {
        self.shards[self.place(hash)].find(hash, same)
    }

    pub(crate) fn find_mut(&mut self, hash: u64, same: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let place = self.place(hash);
        self.shards[place].find_mut(hash, same)
    }

    /// Adds an entry unless it is there; false if it is. `hasher` tells the hash of any entry.
    pub(crate) fn insert_new(&mut self, hash: u64, entry: T, hasher: impl Fn(&T) -> u64) -> bool
    where
        T: PartialEq,
    {
        self.grow(&hasher);
        let place = self.place(hash);
        let found = self.shards[place].entry(hash, |known| *known == entry, hasher);
        let new = matches!(found, hashbrown::hash_table::Entry::Vacant(_));
        found.or_insert(entry);
        self.length += usize::from(new);
        new
    }

    /// Adds an entry that is not there; `hasher` tells the hash of any entry.
    pub(crate) fn insert(&mut self, hash: u64, entry: T, hasher: impl Fn(&T) -> u64) {
        self.grow(&hasher);
        let place = self.place(hash);
        self.shards[place].insert_unique(hash, entry, hasher);
        self.length += 1;
    }

    fn grow(&mut self, hasher: impl Fn(&T) -> u64) {
        if self.length == SMALL && self.many > 1 && self.shards.len() == 1 {
            let small = std::mem::take(&mut self.shards[0]);
            self.shards.resize_with(self.many, HashTable::new);
            for moved in small {
                let hash = hasher(&moved);
                let place = self.place(hash);
                self.shards[place].insert_unique(hash, moved, &hasher);
            }
        }
    }

    pub(crate) fn remove(&mut self, hash: u64, same: impl FnMut(&T) -> bool) -> Option<T> {
        let place = self.place(hash);
        let (entry, _) = self.shards[place].find_entry(hash, same).ok()?.remove();
        self.length -= 1;
        Some(entry)
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: &u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn entries_are_found_before_and_after_the_table_became_many() {
        let mut table = Sharded::within(100_000);
        for number in 0..50_000 {
            if number % 2 == 0 {
                table.insert(hash(&number), number, hash);
            } else {
                assert!(
                    table.insert_new(hash(&number), number, hash)
                        && !table.insert_new(hash(&number), number, hash)
                );
            }
        }
        assert_eq!(table.len(), 50_000);
        assert!((0..50_000).all(|number| table.find(hash(&number), |known| *known == number).is_some()));
        assert_eq!(table.remove(hash(&7), |known| *known == 7), Some(7));
        assert_eq!(
            (table.find(hash(&7), |known| *known == 7), table.len()),
            (None, 49_999)
        );
        let largest = table.shards.iter().map(HashTable::len).max();
        assert!(
            largest < Some(2 * SMALL),
            "{largest:?} entries would be moved at once"
        );
    }
}
