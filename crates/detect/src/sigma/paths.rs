//! The field paths that a set of rules asks for, as a tree of keys: an event is walked once, and what no rule asks for is passed over.
//!
//! A dot in a path can be a step into a nested object or a part of a key. Every way to cut a path is in the tree, ranked: a key that
//! contains the dots wins over nested ones, as in `Event::field`.

use super::view::{FieldId, Fields};

/// A path with more steps than this is looked for as one key and as fully nested only: the ways to cut it double with each dot.
const MOST_STEPS: usize = 8;

/// A node of the tree, by number.
pub(crate) type NodeId = usize;

/// The node that stands for the event itself.
pub(crate) const ROOT: NodeId = 0;

/// All paths of a route.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    nodes: Vec<Node>,
}

/// What a key leads to.
#[derive(Debug, Default)]
struct Node {
    /// The field whose values stand here, and how much less this place counts than another of the same field.
    field: Option<(FieldId, u8)>,
    children: Vec<Child>,
    /// Open addressing over `children`: their place plus one, or 0 where nothing is. At most a quarter full.
    table: Box<[u16]>,
    /// How far a hash is shifted to be a place in `table`.
    shift: u32,
}

/// A key of a node, and where it leads.
#[derive(Debug)]
struct Child {
    sign: Sign,
    key: Box<[u8]>,
    node: NodeId,
}

/// What tells keys apart at a glance: the length, and the first and last eight bytes, which are all of most field names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sign {
    length: usize,
    first: u64,
    last: u64,
}

impl Paths {
    /// The tree of these fields.
    pub(crate) fn new(asked: impl Iterator<Item = FieldId>, fields: &Fields) -> Self {
        let mut paths = Self {
            nodes: vec![Node::default()],
        };
        for field in asked {
            let name = fields.name(field);
            let steps: Vec<&str> = name.split('.').collect();
            let mut rank = 0;
            if steps.len() > MOST_STEPS {
                let whole = paths.child_or_new(ROOT, name);
                paths.nodes[whole].field = Some((field, 0));
                let nested = steps
                    .iter()
                    .fold(ROOT, |node, step| paths.child_or_new(node, step));
                paths.nodes[nested].field = Some((field, 1));
            } else {
                paths.add(ROOT, &steps, field, &mut rank);
            }
        }
        paths.nodes.iter_mut().for_each(Node::build_table);
        paths
    }

    /// Adds every way to cut `steps` below `node`, the one that is a single key first.
    fn add(&mut self, node: NodeId, steps: &[&str], field: FieldId, rank: &mut u8) {
        let whole = self.child_or_new(node, &steps.join("."));
        self.nodes[whole].field = Some((field, *rank));
        *rank = rank.saturating_add(1);
        for cut in 1..steps.len() {
            let head = self.child_or_new(node, &steps[..cut].join("."));
            self.add(head, &steps[cut..], field, rank);
        }
    }

    fn child_or_new(&mut self, node: NodeId, key: &str) -> NodeId {
        let mut children = self.nodes[node].children.iter();
        let known = children.find(|child| *child.key == *key.as_bytes());
        if let Some(child) = known {
            return child.node;
        }
        let child = self.nodes.len();
        self.nodes.push(Node::default());
        self.nodes[node].children.push(Child {
            sign: Sign::of(key.as_bytes()),
            key: key.as_bytes().into(),
            node: child,
        });
        child
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The field whose values stand at `node`, with its rank.
    #[inline]
    pub(crate) fn field(&self, node: NodeId) -> Option<(FieldId, u8)> {
        self.nodes[node].field
    }

    /// Where the key at `text[start..end]` leads.
    #[inline]
    pub(crate) fn child_at(&self, node: NodeId, text: &[u8], start: usize, end: usize) -> Option<NodeId> {
        self.nodes[node].find(Sign::at(text, start, end), &text[start..end])
    }

    /// Where `key` leads.
    pub(crate) fn child(&self, node: NodeId, key: &[u8]) -> Option<NodeId> {
        self.nodes[node].find(Sign::of(key), key)
    }
}

impl Node {
    fn build_table(&mut self) {
        // Places are kept in 16 bits; an object of more keys than that is not asked for by any set of rules.
        let count = self.children.len().min(usize::from(u16::MAX) - 1);
        if count == 0 {
            return;
        }
        let size = (count * 4).next_power_of_two();
        self.shift = 64 - size.trailing_zeros();
        let mut table = vec![0; size];
        for (index, child) in self.children.iter().enumerate().take(count) {
            let mut place = (child.sign.hash() >> self.shift) as usize;
            while table[place] != 0 {
                place = (place + 1) & (size - 1);
            }
            table[place] = u16::try_from(index + 1).unwrap_or(u16::MAX);
        }
        self.table = table.into();
    }

    #[inline]
    fn find(&self, sign: Sign, key: &[u8]) -> Option<NodeId> {
        if self.table.is_empty() {
            return None;
        }
        let mut place = (sign.hash() >> self.shift) as usize;
        loop {
            let index = usize::from(self.table[place]);
            let child = self.children.get(index.wrapping_sub(1))?;
            // The first and last eight bytes are all of a key of up to sixteen.
            if child.sign == sign && (key.len() <= 16 || *child.key == *key) {
                return Some(child.node);
            }
            place = (place + 1) & (self.table.len() - 1);
        }
    }
}

impl Sign {
    /// Of the key at `text[start..end]`; takes the same few steps for every length.
    #[inline]
    fn at(text: &[u8], start: usize, end: usize) -> Self {
        let length = end - start;
        let Some(first) = word(text, start) else {
            return Self::of(&text[start..end]);
        };
        let (first, last) = match length {
            0..8 => (first & ((1 << (length * 8)) - 1), 0),
            8 => (first, 0),
            _ => (first, word(text, end - 8).unwrap_or_default()),
        };
        Self { length, first, last }
    }

    fn of(key: &[u8]) -> Self {
        let mut first = [0; 8];
        let beginning = key.len().min(8);
        first[..beginning].copy_from_slice(&key[..beginning]);
        let last = if key.len() > 8 {
            word(key, key.len() - 8).unwrap_or_default()
        } else {
            0
        };
        Self {
            length: key.len(),
            first: u64::from_le_bytes(first),
            last,
        }
    }

    #[inline]
    fn hash(self) -> u64 {
        // Fibonacci hashing: 2^64 divided by the golden ratio spreads what differs in any bit over the high bits.
        (self.first ^ self.last.rotate_left(29) ^ self.length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

#[inline]
fn word(text: &[u8], at: usize) -> Option<u64> {
    let bytes = text.get(at..at + 8)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_of_a_path_leads_to_its_field_and_the_single_key_comes_first() {
        let mut fields = Fields::default();
        let (deep, flat) = (fields.id("a.b.c"), fields.id("eventName"));
        let paths = Paths::new([deep, flat].into_iter(), &fields);
        let walk = |keys: &[&str]| {
            keys.iter()
                .try_fold(ROOT, |node, key| paths.child(node, key.as_bytes()))
                .and_then(|node| paths.field(node))
        };
        assert_eq!(walk(&["a.b.c"]), Some((deep, 0)));
        assert_eq!(walk(&["a", "b.c"]), Some((deep, 1)));
        assert_eq!(walk(&["a", "b", "c"]), Some((deep, 2)));
        assert_eq!(walk(&["a.b", "c"]), Some((deep, 3)));
        assert_eq!((walk(&["a"]), walk(&["x"])), (None, None));
        assert_eq!(walk(&["eventName"]), Some((flat, 0)));
    }

    #[test]
    fn a_key_is_known_wherever_it_stands() {
        for key in [
            "",
            "a",
            "eventName",
            "abcdefgh",
            "abcdefghi",
            "a much longer key than sixteen bytes",
        ] {
            let text = format!("xx{key}");
            assert_eq!(Sign::at(text.as_bytes(), 2, text.len()), Sign::of(key.as_bytes()));
            let text = format!("xx{key}\": and so on");
            assert_eq!(
                Sign::at(text.as_bytes(), 2, 2 + key.len()),
                Sign::of(key.as_bytes())
            );
        }
    }
}
