//! The bytes behind pages: who shows the same ones names the same ones.

use std::collections::{BTreeMap, BTreeSet};

/// The name of one page's bytes. Two pages with the same name are aliases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(u64);

/// All bytes that were ever stored, shared or copied; the others are zeros.
#[derive(Clone, Debug)]
pub(super) struct Store {
    size: usize,
    next: u64,
    bytes: BTreeMap<Name, Vec<u8>>,
}

impl Store {
    /// Nothing but zeros, for pages of so many bytes.
    pub(super) const fn new(page: u64) -> Self {
        Self { size: page as usize, next: 0, bytes: BTreeMap::new() }
    }

    /// The name of a page of zeros that nobody shows yet.
    pub(super) const fn fresh(&mut self) -> Name {
        self.next += 1;
        Name(self.next)
    }

    /// Whether these bytes are worth a look: somebody stored, shared or copied them.
    pub(super) fn is_watched(&self, name: Name) -> bool {
        self.bytes.contains_key(&name)
    }

    /// From now on these bytes are worth a look.
    pub(super) fn watch(&mut self, name: Name) -> &mut [u8] {
        let size = self.size;
        self.bytes.entry(name).or_insert_with(|| vec![0; size])
    }

    /// Appends some bytes of a page to `to`.
    pub(super) fn load(&self, name: Name, offset: usize, count: usize, to: &mut Vec<u8>) {
        match self.bytes.get(&name) {
            Some(bytes) => to.extend_from_slice(&bytes[offset..offset + count]),
            None => to.resize(to.len() + count, 0),
        }
    }

    /// Replaces some bytes of a page.
    pub(super) fn store(&mut self, name: Name, offset: usize, from: &[u8]) {
        self.watch(name)[offset..offset + from.len()].copy_from_slice(from);
    }

    /// Forgets the bytes that nobody shows any more.
    pub(super) fn sweep(&mut self, shown: &BTreeSet<Name>) {
        self.bytes.retain(|name, _| shown.contains(name));
    }
}
