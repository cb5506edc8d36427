//! Content that the system may drop.
//!
//! `MADV_FREE` gives the kernel the right to drop a page until it is stored to again. It
//! does not tell whether it did. So for each page that is yielded it is noted which of
//! its words hold anything but zero:
//!
//! ```text
//!   a noted word is zero now     it was dropped, and nothing was stored there since
//!   none is                      it was not; or all that it held was stored anew
//! ```
//!
//! A page that was dropped is never called intact that way. A program that stores a zero
//! over a noted word itself is told of a loss that there was none of, which costs it a look
//! at its data. Pages without memory, and those of zeros, have nothing to lose: they are
//! not yielded at all.
//!
//! Pages are taken back by faulting them in for writing, which makes the kernel believe
//! that they were stored to; only then they are compared. So none goes afterwards.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use pagewright_core::interval::IntervalMap;
use pagewright_core::{Access, PageRange, Refusal, Survival};

use super::pages::{PageList, Which};
use super::{Linux, addr, len};
use crate::sys::{self, Advice, Backing, Errno, OpenMode, Place, Prot};

/// Bytes of a page: what a note is about.
const PAGE: u64 = 0x1000;

/// How many pages are looked at in one step.
const STEP: u64 = 16;

/// How many pages may have notes of their own, 64 bytes each and what finding them
/// takes. Beyond that no content is yielded.
const MOST: usize = 32_768;

/// Which words of a page are not zero.
type Words = [u64; 8];

const ALL: Words = [u64::MAX; 8];
const NONE: Words = [0; 8];

/// What is known of a yielded page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Note {
    /// Every word held something.
    Dense,
    /// Some did; which, is noted by page.
    Sparse,
    /// It was dropped, and nobody was told yet.
    Lost,
}

/// The pages that were yielded.
#[derive(Clone, Debug, Default)]
pub(super) struct Yielded {
    runs: IntervalMap<Note>,
    words: BTreeMap<u64, Words>,
}

impl Yielded {
    fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    fn has_room(&self) -> bool {
        self.words.len() < MOST && self.runs.len() < MOST
    }

    /// What is noted of a page.
    fn note(&self, page: u64) -> Option<(Note, Words)> {
        let note = *self.runs.get(page)?.value;
        let words = match note {
            Note::Dense => ALL,
            Note::Sparse => self.words.get(&page).copied().unwrap_or(ALL),
            Note::Lost => NONE,
        };
        Some((note, words))
    }

    /// The runs of `range` of which something is noted.
    fn parts(&self, range: PageRange) -> Vec<(PageRange, Note)> {
        let from = self.runs.iter_from(range.start().get());
        let part = from.map_while(|entry| {
            let part = PageRange::between(entry.start, entry.end)?.intersection(range)?;
            Some((part, *entry.value))
        });
        part.collect()
    }

    /// Notes something of a page, instead of what was noted.
    fn set(&mut self, page: u64, note: Note, words: Words) {
        let Some(range) = PageRange::between(page, page + PAGE) else { return };
        self.forget(range);
        if note == Note::Sparse {
            self.words.insert(page, words);
        }
        let (mut low, mut high) = (page, page + PAGE);
        if let Some(before) = self.runs.get(page - 1).filter(|before| *before.value == note) {
            low = before.start;
        }
        if let Some(after) = self.runs.get(high).filter(|after| *after.value == note) {
            high = after.end;
        }
        if low < page {
            self.runs.remove(low);
        }
        if high > page + PAGE {
            self.runs.remove(page + PAGE);
        }
        self.runs.insert(low, high, note);
    }

    /// Drops what is noted of `range`.
    #[inline]
    pub(super) fn forget(&mut self, range: PageRange) {
        // Pages whose words are noted are in a run.
        if !self.runs.is_empty() {
            self.forget_some(range);
        }
    }

    fn forget_some(&mut self, range: PageRange) {
        let (low, high) = (range.start().get(), range.end().get());
        while let Some(found) = self.runs.at_or_after(low).filter(|entry| entry.start < high) {
            let Some((start, end, note)) = self.runs.remove(found.start) else { return };
            if start < low {
                self.runs.insert(start, low, note);
            }
            if high < end {
                self.runs.insert(high, end, note);
            }
        }
        while let Some(page) = self.words.range(low..high).next().map(|(page, _)| *page) {
            self.words.remove(&page);
        }
    }
}

impl Linux {
    /// Lets the kernel drop pages of ours. Those that cannot be noted stay.
    pub(super) fn yield_pages(&mut self, range: PageRange) {
        if !self.can_take_back() {
            return;
        }
        let mut filled = Vec::new();
        let listed = PageList::open().and_then(|list| {
            list.each(range, Which::Filled, &mut |run| {
                filled.push(run);
                Ok(())
            })
        });
        if listed.is_err() {
            return;
        }
        let mut buffer = vec![0; (STEP * PAGE) as usize];
        for step in filled.into_iter().flat_map(steps) {
            if !self.yielded.has_room() {
                return;
            }
            self.yield_step(step, &mut buffer);
        }
    }

    /// Yields a few pages. They are looked at before and after: what was stored in between
    /// counts too, and may be gone already.
    fn yield_step(&mut self, step: PageRange, buffer: &mut [u8]) {
        let before = self.words_of(step, buffer);
        let filled = before.iter().enumerate().filter(|(_, words)| **words != NONE);
        let filled: Vec<u64> = filled.map(|(index, _)| step.start().get() + index as u64 * PAGE).collect();
        for run in filled.chunk_by(|one, next| *next == one + PAGE) {
            let end = run.last().map_or(0, |last| last + PAGE);
            let Some(run) = run.first().and_then(|first| PageRange::between(*first, end)) else { continue };
            if self.advise(run, Advice::Free).is_err() {
                continue;
            }
            let first = ((run.start().get() - step.start().get()) / PAGE) as usize;
            let after = self.words_of(run, buffer);
            for (index, page) in (run.start().get()..run.end().get()).step_by(PAGE as usize).enumerate() {
                let before = before.get(first + index).copied().unwrap_or(ALL);
                self.note_yielded(page, before, after.get(index).copied().unwrap_or(before));
            }
        }
    }

    fn note_yielded(&mut self, page: u64, before: Words, after: Words) {
        let known = self.yielded.note(page);
        let was_lost = known.is_some_and(|(note, words)| note == Note::Lost || lacks(before, words));
        let note = match after {
            _ if was_lost || lacks(after, before) => Note::Lost,
            ALL => Note::Dense,
            _some => Note::Sparse,
        };
        self.yielded.set(page, note, after);
    }

    /// Takes pages back, and says whether all are there.
    ///
    /// On error they stay yielded.
    pub(super) fn keep_pages(&mut self, range: PageRange) -> Result<Survival, Refusal> {
        let mut survival = Survival::Intact;
        if self.yielded.is_empty() {
            return Ok(survival);
        }
        let mut buffer = vec![0; (STEP * PAGE) as usize];
        for (run, note) in self.yielded.parts(range) {
            survival = survival.and(match note {
                Note::Lost => self.take_rest(run),
                Note::Dense | Note::Sparse => self.take_back(run, &mut buffer)?,
            });
        }
        self.yielded.forget(range);
        Ok(survival)
    }

    /// Takes pages back while they can be stored to, before that ends. What is lost is told
    /// to whoever asks next.
    pub(super) fn settle(&mut self, range: PageRange) {
        if !self.yielded.is_empty() {
            self.settle_some(range);
        }
    }

    fn settle_some(&mut self, range: PageRange) {
        let mut buffer = vec![0; (STEP * PAGE) as usize];
        for (run, note) in self.yielded.parts(range) {
            if note == Note::Lost {
                self.take_rest(run);
                continue;
            }
            match self.take_back(run, &mut buffer) {
                Ok(Survival::Intact) => self.yielded.forget(run),
                Ok(Survival::Lost) => self.note_lost(run),
                // They stay yielded, and are looked at when they are kept.
                Err(_) => {}
            }
        }
    }

    /// As [`Self::settle`], unless pages can still be stored to with this access.
    #[inline]
    pub(super) fn settle_for(&mut self, range: PageRange, access: Access) {
        if !self.yielded.is_empty() && !access.now().contains(Access::WRITE) {
            self.settle(range);
        }
    }

    fn note_lost(&mut self, run: PageRange) {
        self.yielded.forget(run);
        self.yielded.runs.insert(run.start().get(), run.end().get(), Note::Lost);
    }

    /// Makes sure that the kernel drops none of these pages from here on, and compares them
    /// with what is noted.
    fn take_back(&mut self, run: PageRange, buffer: &mut [u8]) -> Result<Survival, Refusal> {
        self.dirty(run)?;
        let mut survival = Survival::Intact;
        for step in steps(run) {
            let words = self.words_of(step, buffer);
            for (index, page) in (step.start().get()..step.end().get()).step_by(PAGE as usize).enumerate() {
                // What cannot be read is not known to be there.
                let now = words.get(index).copied().unwrap_or(NONE);
                if self.yielded.note(page).is_some_and(|(_, noted)| lacks(now, noted)) {
                    survival = Survival::Lost;
                }
            }
        }
        Ok(survival)
    }

    /// Takes back what is left of pages of which some was dropped when they were yielded
    /// again: what was stored there since is not to go as well.
    fn take_rest(&mut self, run: PageRange) -> Survival {
        let _ = self.dirty(run);
        Survival::Lost
    }

    /// Makes the kernel believe that pages were stored to.
    fn dirty(&mut self, run: PageRange) -> Result<(), Refusal> {
        let populated = self.advise(run, Advice::PopulateWrite);
        match populated {
            Ok(()) => Ok(()),
            Err(Errno::ENOMEM) => Err(Refusal::OutOfMemory),
            // Pages that nobody can store to can be stored to by way of the file: their own
            // bytes, which nobody changes meanwhile.
            Err(_) => rewrite(run).map_err(|_| Refusal::Denied),
        }
    }

    /// Which words of each page hold anything; ends early where a page cannot be read.
    fn words_of(&self, range: PageRange, buffer: &mut [u8]) -> Vec<Words> {
        let bytes = &mut buffer[..len(range)];
        let read = match sys::process_vm_readv(self.pid, bytes, addr(range)) {
            Ok(read) if read > 0 => Ok(read),
            // Offered pages are inaccessible.
            Ok(_) | Err(_) => read_anyway(range, bytes),
        };
        let read = read.unwrap_or(0);
        bytes[..read].chunks_exact(PAGE as usize).map(words).collect()
    }

    /// Whether the kernel has the call that takes pages back (5.14): tried once.
    fn can_take_back(&mut self) -> bool {
        *self.takes_back.get_or_insert_with(populates)
    }
}

/// Parts of at most [`STEP`] pages.
fn steps(run: PageRange) -> impl Iterator<Item = PageRange> {
    let (start, end, step) = (run.start().get(), run.end().get(), STEP * PAGE);
    (start..end).step_by(step as usize).filter_map(move |at| PageRange::between(at, end.min(at + step)))
}

/// Whether a word that was noted is zero.
fn lacks(now: Words, noted: Words) -> bool {
    now.iter().zip(noted).any(|(now, noted)| noted & !now != 0)
}

fn words(page: &[u8]) -> Words {
    let mut words = NONE;
    let (chunks, _) = page.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        words[index / 64] |= u64::from(u64::from_ne_bytes(*chunk) != 0) << (index % 64);
    }
    words
}

fn read_anyway(range: PageRange, into: &mut [u8]) -> sys::Result<usize> {
    let memory = sys::open(c"/proc/thread-self/mem", OpenMode::Read)?;
    sys::pread(memory.raw(), into, range.start().get())
}

/// Stores a word of each page as it is.
fn rewrite(run: PageRange) -> sys::Result<()> {
    let memory = sys::open(c"/proc/thread-self/mem", OpenMode::ReadWrite)?;
    for page in (run.start().get()..run.end().get()).step_by(PAGE as usize) {
        let mut word = [0; 8];
        sys::pread(memory.raw(), &mut word, page)?;
        sys::pwrite(memory.raw(), &word, page)?;
    }
    Ok(())
}

fn populates() -> bool {
    let page = PAGE as usize;
    // SAFETY: a new mapping at a place that the kernel chooses.
    let Ok(at) = (unsafe { sys::mmap(Place::Anywhere, page, Prot::READ_WRITE, Backing::Anonymous) }) else {
        return false;
    };
    // SAFETY: the page was mapped just now, nobody else knows it, and its content stays.
    let populated = unsafe { sys::madvise(at, page, Advice::PopulateWrite) };
    // SAFETY: as above.
    let _ = unsafe { sys::munmap(at, page) };
    populated.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u64, end: u64) -> PageRange {
        PageRange::between(first * PAGE, end * PAGE).expect("not empty")
    }

    #[test]
    fn words_that_hold_something_are_found() {
        let mut page = vec![0; PAGE as usize];
        assert_eq!(words(&page), NONE);
        (page[0], page[8 * 65 + 7]) = (1, 1);
        let mut expected = NONE;
        (expected[0], expected[1]) = (1, 2);
        assert_eq!(words(&page), expected);
        assert_eq!(words(&vec![5; PAGE as usize]), ALL);
        assert!(lacks(NONE, expected) && lacks(expected, ALL));
        assert!(!lacks(ALL, expected) && !lacks(NONE, NONE));
    }

    #[test]
    fn notes_are_kept_by_page_and_forgotten_by_range() {
        let mut yielded = Yielded::default();
        for page in 10..20 {
            yielded.set(page * PAGE, Note::Dense, ALL);
        }
        yielded.set(14 * PAGE, Note::Sparse, [1; 8]);
        assert_eq!(yielded.note(14 * PAGE), Some((Note::Sparse, [1; 8])));
        assert_eq!(yielded.note(15 * PAGE), Some((Note::Dense, ALL)));
        assert_eq!(yielded.runs.len(), 3);
        yielded.set(14 * PAGE, Note::Dense, ALL);
        assert_eq!((yielded.runs.len(), yielded.words.len()), (1, 0));
        yielded.forget(range(12, 18));
        assert_eq!(yielded.parts(range(0, 30)), [(range(10, 12), Note::Dense), (range(18, 20), Note::Dense)]);
        yielded.forget(range(0, 30));
        assert!(yielded.is_empty());
    }
}
