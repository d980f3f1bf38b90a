//! The Merkle tree over the log (RFC 6962, section 2.1): one hash stands for all records up to some number, and a few hashes prove
//! that a record is among them, or that a longer log begins with a shorter one.
//!
//! What is proved is a plan of ranges of leaves; whoever keeps the tree gives the hash of each. So nothing here reads anything.

use sha2::{Digest, Sha256};
use std::ops::Range;

/// SHA-256.
pub type Hash = [u8; 32];

/// The hash of a leaf whose data are the bytes of a record's hash.
#[must_use]
pub fn leaf(record: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update([0]);
    hash.update(record);
    hash.finalize().into()
}

/// The hash of a node over its two children.
#[must_use]
pub fn parent(left: &Hash, right: &Hash) -> Hash {
    let mut hash = Sha256::new();
    hash.update([1]);
    hash.update(left);
    hash.update(right);
    hash.finalize().into()
}

/// A node over 2^`level` leaves, the first of which is leaf `index` · 2^`level`, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Node {
    /// 0 is a leaf.
    pub level: u32,
    /// Its place among the nodes of its level, from 0.
    pub index: u64,
}

impl Node {
    /// The leaves below it.
    #[must_use]
    pub fn leaves(self) -> Range<u64> {
        self.index << self.level..(self.index + 1) << self.level
    }
}

/// The right edge of a tree that grows: the roots of the perfect trees that it is made of, the largest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    peaks: Vec<Hash>,
}

impl Edge {
    /// The edge of a tree of `size` leaves whose [`peaks`] have these hashes.
    #[must_use]
    pub fn of(size: u64, peaks: Vec<Hash>) -> Self {
        Self { size, peaks }
    }

    /// How many leaves the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf; gives the nodes that it completes, from the leaf up.
    pub fn push(&mut self, leaf: Hash) -> Vec<(Node, Hash)> {
        let mut node = Node {
            level: 0,
            index: self.size,
        };
        let mut hash = leaf;
        let mut completed = vec![(node, hash)];
        while node.index % 2 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = parent(&left, &hash);
            node = Node {
                level: node.level + 1,
                index: node.index / 2,
            };
            completed.push((node, hash));
        }
        self.peaks.push(hash);
        self.size += 1;
        completed
    }

    /// The hash that stands for all leaves; of no leaves, the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        over(&self.peaks).unwrap_or_else(|| Sha256::digest([]).into())
    }
}

/// The hash over perfect trees that stand side by side, the largest first; `None` over none.
#[must_use]
pub fn over(peaks: &[Hash]) -> Option<Hash> {
    let (last, before) = peaks.split_last()?;
    Some(before.iter().rfold(*last, |right, left| parent(left, &right)))
}

/// The perfect trees side by side that cover these leaves, the largest first. `leaves` begins where a tree of the size of its
/// largest one can stand, as the ranges of this module's paths do.
#[must_use]
pub fn peaks(leaves: Range<u64>) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut start = leaves.start;
    while start < leaves.end {
        let level = (leaves.end - start).ilog2();
        nodes.push(Node {
            level,
            index: start >> level,
        });
        start += 1 << level;
    }
    nodes
}

/// The ranges of leaves whose hashes prove that leaf `index` is in a tree of `size` leaves, from the leaf's neighbour up (RFC 6962,
/// section 2.1.1). Empty where there is no such leaf.
#[must_use]
pub fn inclusion(index: u64, size: u64) -> Vec<Range<u64>> {
    if index >= size {
        return Vec::new();
    }
    let mut path = Vec::new();
    let mut within = 0..size;
    while within.end - within.start > 1 {
        let middle = middle(&within);
        if index < middle {
            path.push(middle..within.end);
            within = within.start..middle;
        } else {
            path.push(within.start..middle);
            within = middle..within.end;
        }
    }
    path.reverse();
    path
}

/// The ranges of leaves whose hashes prove that a tree of `size` leaves begins with the one of `old` leaves (RFC 6962, section 2.1.2).
/// Empty where both are the same, or the old one is empty or larger.
#[must_use]
pub fn consistency(old: u64, size: u64) -> Vec<Range<u64>> {
    if old == 0 || old >= size {
        return Vec::new();
    }
    let mut path = Vec::new();
    let mut within = 0..size;
    let mut known = true;
    while old != within.end {
        let middle = middle(&within);
        if old <= middle {
            path.push(middle..within.end);
            within = within.start..middle;
        } else {
            path.push(within.start..middle);
            within = middle..within.end;
            known = false;
        }
    }
    if !known {
        path.push(within);
    }
    path.reverse();
    path
}

/// Where RFC 6962 divides a tree: after the largest power of two of leaves that is smaller than their number, which is above 1.
fn middle(leaves: &Range<u64>) -> u64 {
    leaves.start + (1 << (leaves.end - leaves.start - 1).ilog2())
}

/// Whether `proof` shows that the leaf with this hash and number is in the tree of `size` leaves with this root (RFC 9162, section
/// 2.1.3.2).
#[must_use]
pub fn includes(root: &Hash, size: u64, index: u64, leaf: &Hash, proof: &[Hash]) -> bool {
    let path = inclusion(index, size);
    if index >= size || path.len() != proof.len() {
        return false;
    }
    let found = path.iter().zip(proof).fold(*leaf, |hash, (range, other)| {
        if range.start > index {
            parent(&hash, other)
        } else {
            parent(other, &hash)
        }
    });
    found == *root
}

/// Whether `proof` shows that the tree of `size` leaves begins with the one of `old` leaves (RFC 9162, section 2.1.4.2).
#[must_use]
pub fn extends(root: &Hash, size: u64, old_root: &Hash, old: u64, proof: &[Hash]) -> bool {
    if old == size {
        return proof.is_empty() && root == old_root;
    }
    if old == 0 {
        return proof.is_empty();
    }
    let path = consistency(old, size);
    if path.is_empty() || path.len() != proof.len() {
        return false;
    }
    let mut nodes = path.iter().zip(proof);
    // Where the old tree is itself a node of the new one, its root is the first node.
    let (mut old_hash, mut hash, mut start) = if old.is_power_of_two() {
        (*old_root, *old_root, 0)
    } else {
        match nodes.next() {
            Some((range, first)) => (*first, *first, range.start),
            None => return false,
        }
    };
    for (range, other) in nodes {
        if range.start < start {
            old_hash = parent(other, &old_hash);
            hash = parent(other, &hash);
            start = range.start;
        } else {
            hash = parent(&hash, other);
        }
    }
    old_hash == *old_root && hash == *root
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count)
            .map(|n| leaf(&Sha256::digest(n.to_be_bytes()).into()))
            .collect()
    }

    /// The definition, word for word.
    fn plainly(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            many => {
                let mut half = 1;
                while half * 2 < many.len() {
                    half *= 2;
                }
                parent(&plainly(&many[..half]), &plainly(&many[half..]))
            }
        }
    }

    fn of_range(all: &[Hash], range: &Range<u64>) -> Hash {
        plainly(&all[range.start as usize..range.end as usize])
    }

    #[test]
    fn the_tree_of_eight_leaves_of_the_reference_vectors_has_their_root() {
        // Certificate Transparency's own vectors: the leaves' data are these bytes, not the hash of a record.
        let data: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let mut edge = Edge::default();
        for data in data {
            let mut hash = Sha256::new();
            hash.update([0]);
            hash.update(data);
            edge.push(hash.finalize().into());
        }
        assert_eq!(
            hex::encode(edge.root()),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
    }

    proptest! {
        #[test]
        fn a_tree_that_grew_leaf_by_leaf_has_the_root_of_the_definition(count in 0_u64..200) {
            let all = leaves(count);
            let mut edge = Edge::default();
            for (index, leaf) in all.iter().enumerate() {
                for (node, hash) in edge.push(*leaf) {
                    prop_assert_eq!(hash, of_range(&all, &node.leaves()));
                    prop_assert_eq!(node.leaves().end, index as u64 + 1);
                }
            }
            prop_assert_eq!(edge.root(), plainly(&all));
            let hashes: Vec<Hash> = peaks(0..count).into_iter().map(|node| of_range(&all, &node.leaves())).collect();
            prop_assert_eq!(Edge::of(count, hashes), edge);
        }

        #[test]
        fn every_leaf_is_proved_and_no_other_is(size in 1_u64..150, index in any::<prop::sample::Index>(), other in any::<u64>()) {
            let all = leaves(size);
            let index = index.index(size as usize) as u64;
            let root = plainly(&all);
            let ranges = inclusion(index, size);
            let proof: Vec<Hash> = ranges.iter().map(|range| of_range(&all, range)).collect();
            for (range, hash) in ranges.iter().zip(&proof) {
                let nodes: Vec<Hash> = peaks(range.clone()).into_iter().map(|node| of_range(&all, &node.leaves())).collect();
                prop_assert_eq!(over(&nodes), Some(*hash));
            }
            let leaf = all[index as usize];
            prop_assert!(includes(&root, size, index, &leaf, &proof));
            let wrong = other % (size + 3);
            prop_assume!(wrong != index);
            prop_assert!(!includes(&root, size, wrong, &leaf, &proof));
            prop_assert!(!includes(&leaf, size, index, &root, &proof) || size == 1);
            prop_assert!(!includes(&root, size, index, &super::leaf(&leaf), &proof));
        }

        #[test]
        fn a_longer_log_is_proved_to_begin_with_the_shorter_one_and_with_no_other(
            size in 1_u64..150, old in any::<prop::sample::Index>(), broken in any::<prop::sample::Index>(),
        ) {
            let all = leaves(size);
            let old = old.index(size as usize + 1) as u64;
            let (root, old_root) = (plainly(&all), plainly(&all[..old as usize]));
            let proof: Vec<Hash> = consistency(old, size).iter().map(|range| of_range(&all, range)).collect();
            prop_assert!(extends(&root, size, &old_root, old, &proof));
            if old > 0 {
                let mut forged = all[..old as usize].to_vec();
                forged[broken.index(old as usize)] = root;
                prop_assert!(!extends(&root, size, &plainly(&forged), old, &proof) || size == 1);
            }
            if !proof.is_empty() {
                let mut changed = proof.clone();
                changed[broken.index(proof.len())][0] ^= 1;
                prop_assert!(!extends(&root, size, &old_root, old, &changed));
            }
        }
    }
}
