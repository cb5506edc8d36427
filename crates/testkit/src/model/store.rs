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
    bytes: BTreeMap<Name, Bytes>,
}

/// The bytes of one page.
#[derive(Clone, Debug)]
struct Bytes {
    /// What they are as far as is known.
    known: Vec<u8>,
    /// What they can be as well, because they were once free to be dropped.
    perhaps: Vec<Vec<u8>>,
    fading: Fading,
}

/// Whether bytes are free to be dropped: to read as zeros from some moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fading {
    No,
    Yes,
}

impl Bytes {
    const fn of(known: Vec<u8>) -> Self {
        Self { known, perhaps: Vec::new(), fading: Fading::No }
    }

    /// Everything that they can be.
    fn candidates(&self) -> impl Iterator<Item = &Vec<u8>> {
        [&self.known].into_iter().chain(&self.perhaps)
    }

    /// Some of them were seen: what they cannot be is ruled out.
    fn learn(&mut self, offset: usize, seen: &[u8]) {
        let fits = |bytes: &&Vec<u8>| bytes[offset..].starts_with(seen);
        let mut fitting: Vec<Vec<u8>> = self.candidates().filter(fits).cloned().collect();
        if fitting.is_empty() {
            return;
        }
        self.known = fitting.remove(0);
        if self.fading == Fading::No {
            self.perhaps = fitting;
        }
    }

    fn fade(&mut self) {
        self.fading = Fading::Yes;
        self.perhaps.push(vec![0; self.known.len()]);
    }
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
    pub(super) fn watch(&mut self, name: Name) {
        let size = self.size;
        self.bytes.entry(name).or_insert_with(|| Bytes::of(vec![0; size]));
    }

    /// Appends some bytes of a page to `to`.
    pub(super) fn load(&self, name: Name, offset: usize, count: usize, to: &mut Vec<u8>) {
        match self.bytes.get(&name) {
            Some(bytes) => to.extend_from_slice(&bytes.known[offset..offset + count]),
            None => to.resize(to.len() + count, 0),
        }
    }

    /// Replaces some bytes of a page, which are not free to be dropped any more.
    pub(super) fn store(&mut self, name: Name, offset: usize, from: &[u8]) {
        self.watch(name);
        let Some(bytes) = self.bytes.get_mut(&name) else { return };
        bytes.fading = Fading::No;
        for candidate in [&mut bytes.known].into_iter().chain(&mut bytes.perhaps) {
            candidate[offset..offset + from.len()].copy_from_slice(from);
        }
    }

    /// Some bytes of a page were seen.
    pub(super) fn learn(&mut self, name: Name, offset: usize, seen: &[u8]) {
        if let Some(bytes) = self.bytes.get_mut(&name) {
            bytes.learn(offset, seen);
        }
    }

    /// The bytes of a page are free to be dropped.
    pub(super) fn fade(&mut self, name: Name) {
        if let Some(bytes) = self.bytes.get_mut(&name) {
            bytes.fade();
        }
    }

    pub(super) fn is_fading(&self, name: Name) -> bool {
        self.bytes.get(&name).is_some_and(|bytes| bytes.fading == Fading::Yes)
    }

    /// The bytes of a page are not free to be dropped any more. If they were not, they are
    /// what they were.
    pub(super) fn keep(&mut self, name: Name, intact: bool) {
        let Some(bytes) = self.bytes.get_mut(&name).filter(|bytes| bytes.fading == Fading::Yes) else {
            return;
        };
        bytes.fading = Fading::No;
        if intact {
            bytes.perhaps.pop();
        }
    }

    /// Forgets the bytes that nobody shows any more.
    pub(super) fn sweep(&mut self, shown: &BTreeSet<Name>) {
        self.bytes.retain(|name, _| shown.contains(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(store: &Store, name: Name) -> Vec<u8> {
        let mut bytes = Vec::new();
        store.load(name, 0, 4, &mut bytes);
        bytes
    }

    #[test]
    fn bytes_that_fade_are_the_old_ones_or_zeros_and_a_look_decides() {
        for dropped in [false, true] {
            let mut store = Store::new(4);
            let name = store.fresh();
            store.store(name, 0, &[1, 2, 3, 4]);
            store.fade(name);
            let now = if dropped { [0; 4] } else { [1, 2, 3, 4] };
            store.learn(name, 1, &now[1..3]);
            assert_eq!(seen(&store, name), now);
            // Not dropped yet, it still can be.
            store.store(name, 3, &[9]);
            store.learn(name, 0, &[0]);
            assert_eq!(seen(&store, name), [0, 0, 0, 9]);
            store.learn(name, 0, &[1]);
            assert_eq!(seen(&store, name), [0, 0, 0, 9], "zeros do not come back");
        }
    }

    #[test]
    fn what_is_kept_intact_is_what_it_was() {
        for intact in [true, false] {
            let mut store = Store::new(4);
            let name = store.fresh();
            store.store(name, 0, &[5; 4]);
            store.fade(name);
            store.keep(name, intact);
            store.learn(name, 0, &[0; 4]);
            assert_eq!(seen(&store, name), if intact { [5; 4] } else { [0; 4] });
        }
    }
}
