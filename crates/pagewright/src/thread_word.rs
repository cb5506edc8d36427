//! Numbers of a thread that signal handlers may read and write.
//!
//! The thread-local variables of a library that was loaded by `dlopen` get their memory when a thread first
//! uses one of them, from the heap: whose lock the thread may have if it was interrupted there. So these
//! are in the slots that the C library keeps in each thread: the first 32 of them need no memory.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

/// A number of each thread, 0 at first.
#[derive(Debug)]
pub(crate) struct ThreadWord {
    /// Which slot, or one of those below.
    slot: AtomicU32,
    fallback: fn(Option<u32>) -> u32,
}

/// Nobody has asked yet.
const UNKNOWN: u32 = u32::MAX;
/// There is no slot that needs no memory: an ordinary variable is as good.
const NONE: u32 = u32::MAX - 1;
/// How many slots need no memory.
const FREE_SLOTS: u32 = 32;

/// Reads, or writes, a variable that has the word of each thread if there is no slot.
macro_rules! thread_word {
    () => {{
        thread_local! {
            static WORD: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
        }
        crate::thread_word::ThreadWord::new(|new| WORD.with(|word| crate::thread_word::exchange(word, new)))
    }};
}
pub(crate) use thread_word;

/// What is there, after a write what was written.
pub(crate) fn exchange(word: &Cell<u32>, new: Option<u32>) -> u32 {
    new.inspect(|new| word.set(*new)).unwrap_or_else(|| word.get())
}

impl ThreadWord {
    pub(crate) const fn new(fallback: fn(Option<u32>) -> u32) -> Self {
        Self { slot: AtomicU32::new(UNKNOWN), fallback }
    }

    #[inline]
    pub(crate) fn get(&self) -> u32 {
        match self.slot() {
            NONE => (self.fallback)(None),
            // SAFETY: the slot was made for this, and is never given back.
            slot => unsafe { libc::pthread_getspecific(slot) }.addr() as u32,
        }
    }

    #[inline]
    pub(crate) fn set(&self, number: u32) {
        let slot = self.slot();
        let value = ptr::without_provenance::<c_void>(number as usize);
        // SAFETY: as above.
        if slot == NONE || unsafe { libc::pthread_setspecific(slot, value) } != 0 {
            (self.fallback)(Some(number));
        }
    }

    #[inline]
    fn slot(&self) -> u32 {
        match self.slot.load(Ordering::Acquire) {
            UNKNOWN => self.make(),
            slot => slot,
        }
    }

    /// Takes no lock: the slots of the C library are given out by an atomic exchange.
    #[cold]
    fn make(&self) -> u32 {
        let mut slot = 0;
        // SAFETY: room for the answer.
        let made = unsafe { libc::pthread_key_create(&raw mut slot, None) } == 0;
        let wanted = if made && slot < FREE_SLOTS { slot } else { NONE };
        let first = self.slot.compare_exchange(UNKNOWN, wanted, Ordering::AcqRel, Ordering::Acquire);
        if made && (first.is_err() || wanted == NONE) {
            // SAFETY: it was made above, and nobody uses it.
            unsafe { libc::pthread_key_delete(slot) };
        }
        first.err().unwrap_or(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static WORD: ThreadWord = thread_word!();
    static ORDINARY: ThreadWord = thread_word!();

    fn is_of_each_thread(word: &'static ThreadWord) {
        word.set(7);
        std::thread::spawn(|| {
            assert_eq!(word.get(), 0);
            word.set(u32::MAX);
            assert_eq!(word.get(), u32::MAX);
        })
        .join()
        .expect("no panic");
        assert_eq!(word.get(), 7);
    }

    #[test]
    fn each_thread_has_its_own_number_with_a_slot_and_without() {
        is_of_each_thread(&WORD);
        ORDINARY.slot.store(NONE, Ordering::Relaxed);
        is_of_each_thread(&ORDINARY);
    }
}
