//! A list that only grows at its end and is never moved: a vector of a million entries would be copied while one event waits.

/// Entries in the order they were pushed.
#[derive(Debug, Clone)]
pub(crate) struct Pile<T> {
    full: Vec<Vec<T>>,
    last: Vec<T>,
}

const HEAP: usize = 1_024;

impl<T> Default for Pile<T> {
    fn default() -> Self {
        Self {
            full: Vec::new(),
            last: Vec::new(),
        }
    }
}

impl<T> Pile<T> {
    pub(crate) fn push(&mut self, entry: T) {
        if self.last.len() == HEAP {
            self.full.push(std::mem::take(&mut self.last));
        }
        self.last.push(entry);
    }

    /// Takes the entry that was pushed last.
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.last.is_empty() {
            self.last = self.full.pop()?;
        }
        self.last.pop()
    }

    pub(crate) fn len(&self) -> usize {
        self.full.len() * HEAP + self.last.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.full.is_empty() && self.last.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.full.iter().flatten().chain(&self.last)
    }
}

impl<T> IntoIterator for Pile<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::iter::Flatten<std::vec::IntoIter<Vec<T>>>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.full.into_iter().flatten().chain(self.last)
    }
}
