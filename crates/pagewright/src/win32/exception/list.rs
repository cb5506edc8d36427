//! The lists of vectored handlers: read in signal handlers, changed from anywhere.
//!
//! A place has a key, which is its turn and, made into a number that looks like an address, the
//! handle of whoever is in it. Keys are never used twice:
//!
//! ```text
//!   added as the first    … -3 -2 -1 | 1 2 3 …    added as the last
//!   who reads asks for the lowest key above the one that was asked last
//! ```
//!
//! So places are taken and left in any order, nothing is ever freed, and nobody waits: not who
//! reads, not who changes, whatever a signal has interrupted.

use std::ptr;
use std::sync::atomic::{AtomicI64, AtomicPtr, AtomicUsize, Ordering};

/// Whether a handler is asked before those that are there, or after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    First,
    Last,
}

/// What stands for a handler that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(i64);

impl Key {
    /// Before all others.
    pub(super) const BEFORE_ALL: Self = Self(TAKEN);
    const SPREAD: u32 = 4;

    /// The number that programs hold. Wild numbers are unlikely to be one.
    pub(super) fn handle(self) -> usize {
        (&raw const LAST).addr().wrapping_add((self.0 << Self::SPREAD) as usize)
    }

    /// The key behind a number, if it can be one.
    pub(super) fn of(handle: usize) -> Option<Self> {
        let spread = handle.wrapping_sub((&raw const LAST).addr()) as i64;
        let key = spread >> Self::SPREAD;
        (key << Self::SPREAD == spread && key != FREE && key != TAKEN).then_some(Self(key))
    }
}

/// The key of a place that nobody is in.
const FREE: i64 = 0;
/// And of one that is being changed.
const TAKEN: i64 = i64::MIN;

/// The last key that was given to a handler which is asked first, or last.
static FIRST: AtomicI64 = AtomicI64::new(0);
static LAST: AtomicI64 = AtomicI64::new(0);

#[derive(Debug)]
struct Place {
    key: AtomicI64,
    /// Valid while `key` is one.
    function: AtomicUsize,
}

impl Place {
    const fn new() -> Self {
        Self { key: AtomicI64::new(FREE), function: AtomicUsize::new(0) }
    }

    /// Who is in it.
    fn look(&self) -> Option<(Key, usize)> {
        let key = self.key.load(Ordering::Acquire);
        let function = self.function.load(Ordering::Acquire);
        let is_one = key != FREE && key != TAKEN && self.key.load(Ordering::Acquire) == key;
        is_one.then_some((Key(key), function))
    }

    fn take(&self, key: Key, function: usize) -> bool {
        if !self.change(FREE, TAKEN) {
            return false;
        }
        self.function.store(function, Ordering::Release);
        self.key.store(key.0, Ordering::Release);
        true
    }

    fn leave(&self, key: Key) -> bool {
        let left = self.change(key.0, TAKEN);
        if left {
            self.key.store(FREE, Ordering::Release);
        }
        left
    }

    fn change(&self, from: i64, to: i64) -> bool {
        self.key.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

/// How many places there are at first, and how many more each time.
const PLACES: usize = 16;

/// Handlers in their order.
#[derive(Debug)]
pub(super) struct List {
    places: [Place; PLACES],
    more: AtomicPtr<Self>,
}

impl List {
    pub(super) const fn new() -> Self {
        Self { places: [const { Place::new() }; PLACES], more: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Adds a function. Takes memory if there are many of them already.
    pub(super) fn add(&self, function: usize, turn: Turn) -> Key {
        let key = match turn {
            Turn::First => Key(FIRST.fetch_sub(1, Ordering::Relaxed) - 1),
            Turn::Last => Key(LAST.fetch_add(1, Ordering::Relaxed) + 1),
        };
        let mut part = self;
        while !part.places.iter().any(|place| place.take(key, function)) {
            part = part.longer();
        }
        key
    }

    /// Whether it was there. A call that has begun on another thread goes on.
    pub(super) fn remove(&self, key: Key) -> bool {
        self.parts().any(|part| part.places.iter().any(|place| place.leave(key)))
    }

    /// Who is asked after `last`.
    pub(super) fn after(&self, last: Key) -> Option<(Key, usize)> {
        let all = self.parts().flat_map(|part| part.places.iter().filter_map(Place::look));
        all.filter(|(key, _)| *key > last).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.after(Key::BEFORE_ALL).is_none()
    }

    fn parts(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |part| part.next())
    }

    fn next(&self) -> Option<&Self> {
        // SAFETY: what is in the list is valid, and stays so.
        unsafe { self.more.load(Ordering::Acquire).as_ref() }
    }

    /// The next part, which is made if there is none.
    fn longer(&self) -> &Self {
        if let Some(next) = self.next() {
            return next;
        }
        let fresh = Box::into_raw(Box::new(Self::new()));
        let added = self.more.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire);
        if added.is_err() {
            // SAFETY: it was made above, and nobody else knows it.
            drop(unsafe { Box::from_raw(fresh) });
        }
        // SAFETY: it is that of the list by now, and nobody ever frees what is in the list.
        unsafe { &*added.map_or_else(|theirs| theirs, |_| fresh) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(list: &List) -> Vec<usize> {
        let step = |last: &(Key, usize)| list.after(last.0);
        std::iter::successors(list.after(Key::BEFORE_ALL), step).map(|(_, function)| function).collect()
    }

    #[test]
    fn the_first_come_before_the_last_however_many() {
        let list = List::new();
        assert!(list.is_empty());
        for number in 0..100 {
            list.add(1000 + number, Turn::Last);
            list.add(999 - number, Turn::First);
        }
        assert_eq!(all(&list), (900..1100).collect::<Vec<_>>());
    }

    #[test]
    fn a_place_that_was_left_changes_no_order_and_its_handle_is_none_any_more() {
        let list = List::new();
        let keys: Vec<_> = (1..=3).map(|number| list.add(number, Turn::Last)).collect();
        assert!(list.remove(keys[0]));
        assert!(!list.remove(keys[0]));
        let again = list.add(1, Turn::Last);
        assert_eq!(all(&list), [2, 3, 1]);
        assert!(!list.remove(keys[0]));
        assert!(list.remove(again) && list.remove(keys[1]) && list.remove(keys[2]) && list.is_empty());
    }

    #[test]
    fn a_handle_leads_to_its_key_and_wild_numbers_to_none_that_is_in_use() {
        let list = List::new();
        let keys = [list.add(1, Turn::First), list.add(2, Turn::Last)];
        for key in keys {
            assert_eq!(Key::of(key.handle()), Some(key));
            assert_eq!(Key::of(key.handle() + 1), None);
        }
        for wild in [0, 1, 8, 0x10, usize::MAX, usize::MAX - 15, 1 << 63] {
            assert!(Key::of(wild).is_none_or(|key| !list.remove(key)));
        }
    }

    #[test]
    fn threads_add_and_remove_while_others_look() {
        let list = List::new();
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let list = &list;
                scope.spawn(move || {
                    for round in 0..5000 {
                        let turn = if round % 2 == 0 { Turn::First } else { Turn::Last };
                        let key = list.add(7 + thread, turn);
                        assert!(all(list).contains(&(7 + thread)));
                        assert!(all(list).iter().all(|function| (7..10).contains(function)));
                        assert!(list.remove(key));
                    }
                });
            }
        });
        assert!(list.is_empty());
    }
}
