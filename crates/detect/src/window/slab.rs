//! Values at places that do not change, in blocks that are never moved.

/// Values by place.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    blocks: Vec<Vec<Slot<T>>>,
    /// The place that was freed last.
    free: Option<u32>,
    length: usize,
    /// Blocks of a flood that is over, to be given back one by one.
    retired: Vec<Vec<Slot<T>>>,
}

#[derive(Debug)]
enum Slot<T> {
    Used(T),
    /// The place that was freed before this one.
    Free(Option<u32>),
}

const BLOCK: usize = 256;

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            free: None,
            length: 0,
            retired: Vec::new(),
        }
    }
}

fn split(place: u32) -> (usize, usize) {
    (place as usize / BLOCK, place as usize % BLOCK)
}

impl<T> Slab<T> {
    pub(crate) fn get(&self, place: u32) -> Option<&T> {
        let (block, index) = split(place);
        match self.blocks.get(block)?.get(index)? {
            Slot::Used(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        let (block, index) = split(place);
        match self.blocks.get_mut(block)?.get_mut(index)? {
            Slot::Used(value) => Some(value),
            Slot::Free(_) => None,
        }
    }

    /// Puts a value somewhere and tells where.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        self.length += 1;
        self.retired.pop();
        if let Some(place) = self.free {
            let (block, index) = split(place);
            let slot = &mut self.blocks[block][index];
            if let Slot::Free(before) = slot {
                self.free = *before;
            }
            *slot = Slot::Used(value);
            return place;
        }
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            // The first block of a rule that few groups meet stays small.
            let room = if self.blocks.is_empty() { 0 } else { BLOCK };
            self.blocks.push(Vec::with_capacity(room));
        }
        let block = self.blocks.len() - 1;
        self.blocks[block].push(Slot::Used(value));
        u32::try_from(block * BLOCK + self.blocks[block].len() - 1).unwrap_or(u32::MAX)
    }

    pub(crate) fn remove(&mut self, place: u32) -> Option<T> {
        let (block, index) = split(place);
        let slot = self.blocks.get_mut(block)?.get_mut(index)?;
        if matches!(slot, Slot::Free(_)) {
            return None;
        }
        let Slot::Used(value) = std::mem::replace(slot, Slot::Free(self.free)) else {
            return None;
        };
        self.free = Some(place);
        self.length -= 1;
        if self.length == 0 {
            self.free = None;
            self.retired.append(&mut self.blocks);
        }
        self.retired.pop();
        Some(value)
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Every place that is used.
    pub(crate) fn places(&self) -> impl Iterator<Item = u32> {
        let slots = self.blocks.iter().flatten().enumerate();
        slots
            .filter(|(_, slot)| matches!(slot, Slot::Used(_)))
            .map(|(place, _)| place as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_used_again_and_values_stay_where_they_are() {
        let mut slab = Slab::default();
        let places: Vec<_> = (0..1_000).map(|n| slab.insert(n)).collect();
        assert_eq!((slab.remove(places[3]), slab.remove(places[3])), (Some(3), None));
        assert_eq!((slab.insert(7), slab.len()), (places[3], 1_000));
        assert_eq!(
            (slab.get(places[3]), slab.get(places[999])),
            (Some(&7), Some(&999))
        );
        assert_eq!(slab.places().count(), 1_000);
    }
}
