//! Lists that are longer than a data area: they arrive part by part, and the call that uses one comes last.
//!
//! So the call itself sees the whole list, and is all or nothing. A caller that dies in between leaves
//! a list behind, which the next one in the same slot replaces, or which is dropped after a while.

use alloc::vec::Vec;

use pagewright_core::Kind;
use pagewright_linux::ring::SLOTS;

/// Numbers of one list at most: 128 MiB. Each names a frame of 4 KiB at least every other time.
const MOST: usize = 1 << 24;

/// How often nothing may happen, about twice a second, until a list is dropped.
const PATIENCE: u32 = 20;

/// The lists that are under way, by slot.
#[derive(Debug, Default)]
pub struct Lists {
    slots: [List; SLOTS],
}

#[derive(Debug, Default)]
struct List {
    numbers: Vec<u64>,
    /// How often nothing happened since the last part.
    rests: u32,
}

impl Lists {
    /// Adds a part behind the first `first` numbers of a slot's list; 0 begins a new one.
    ///
    /// # Errors
    /// The list is gone then. [`Kind::Busy`]: it does not have so many (any more): begin again;
    /// [`Kind::OutOfMemory`].
    pub fn add(&mut self, slot: usize, first: u64, part: &[u64]) -> Result<(), Kind> {
        let list = self.slots.get_mut(slot).ok_or(Kind::Protocol)?;
        if first == 0 {
            *list = List::default();
        }
        let added = list.add(first, part);
        if added.is_err() {
            *list = List::default();
        }
        added
    }

    /// The list of a slot, which has to have so many numbers. It is gone from here on.
    ///
    /// # Errors
    /// [`Kind::Busy`]: it has not.
    pub fn take(&mut self, slot: usize, count: u64) -> Result<Vec<u64>, Kind> {
        let list = self.slots.get_mut(slot).map(core::mem::take).unwrap_or_default();
        if list.numbers.len() as u64 == count { Ok(list.numbers) } else { Err(Kind::Busy) }
    }

    /// Nothing happens: drops what nobody will use.
    pub fn rest(&mut self) {
        for list in &mut self.slots {
            list.rests += 1;
            if list.rests > PATIENCE {
                *list = List::default();
            }
        }
    }
}

impl List {
    fn add(&mut self, first: u64, part: &[u64]) -> Result<(), Kind> {
        if self.numbers.len() as u64 != first {
            return Err(Kind::Busy);
        }
        if self.numbers.len() + part.len() > MOST {
            return Err(Kind::OutOfMemory);
        }
        self.numbers.try_reserve(part.len()).map_err(|_| Kind::OutOfMemory)?;
        self.numbers.extend_from_slice(part);
        self.rests = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_whole_or_not_there() {
        let mut lists = Lists::default();
        assert_eq!(lists.take(1, 3), Err(Kind::Busy), "there is none");
        lists.add(1, 0, &[1, 2]).expect("a new one");
        lists.add(2, 0, &[9]).expect("another slot");
        lists.add(1, 2, &[3]).expect("the next part");
        assert_eq!(lists.take(1, 3).expect("whole"), [1, 2, 3]);
        assert_eq!(lists.take(1, 3), Err(Kind::Busy), "it was used");
        assert_eq!(lists.add(2, 2, &[8]), Err(Kind::Busy), "a part is missing");
        assert_eq!(lists.take(2, 1), Err(Kind::Busy), "so nothing is left of it");
        assert_eq!(lists.add(SLOTS, 0, &[8]), Err(Kind::Protocol));
    }

    #[test]
    fn what_a_dead_caller_left_is_replaced_or_dropped() {
        let mut lists = Lists::default();
        lists.add(0, 0, &[1, 2]).expect("a new one");
        lists.add(0, 0, &[5]).expect("a newer one");
        assert_eq!(lists.take(0, 1).expect("whole"), [5]);
        lists.add(0, 0, &[1]).expect("a new one");
        (0..PATIENCE).for_each(|_| lists.rest());
        lists.add(0, 1, &[2]).expect("still there");
        (0..=PATIENCE).for_each(|_| lists.rest());
        assert_eq!(lists.take(0, 2), Err(Kind::Busy), "nobody came");
    }
}
