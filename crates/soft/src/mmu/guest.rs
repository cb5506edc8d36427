//! The guest's own accesses: hit the TLB, or walk the table and fill it.

use super::{Mmu, is_steady, no_frame};
use pagewright_core::View;

use crate::fault::{Fault, FaultKind, Reason};
use crate::frame::Exhausted;
use crate::table::Marks;
use crate::word::Word;

/// The longest word, in bytes.
const LONGEST: usize = 8;

impl Mmu {
    /// Loads a word. Any alignment; it may cross into the next page.
    ///
    /// A page that was never stored to reads as zeros and takes no frame.
    ///
    /// # Errors
    /// The fault of the lowest byte that cannot be loaded. The guest's memory is as
    /// it was.
    #[inline]
    pub fn load<W: Word>(&mut self, at: u64) -> Result<W, Fault> {
        if let Some(place) = self.tlb.find(FaultKind::Load, at, W::COUNT)
            && let Some(word) = W::get(self.frames.bytes(), place.0)
        {
            return Ok(word);
        }
        self.load_by_table(at)
    }

    /// Stores a word. Any alignment; it may cross into the next page.
    ///
    /// # Errors
    /// The fault of the lowest byte that cannot be stored. The guest's memory is as
    /// it was: no byte of the word is stored, on either page.
    #[inline]
    pub fn store<W: Word>(&mut self, at: u64, word: W) -> Result<(), Fault> {
        if let Some(place) = self.tlb.find(FaultKind::Store, at, W::COUNT)
            && word.put(self.frames.bytes_mut(), place.0).is_some()
        {
            return Ok(());
        }
        self.store_by_table(at, word)
    }

    /// Fetches instruction bytes. Any length and alignment.
    ///
    /// # Errors
    /// The fault of the lowest byte that cannot be fetched. All bytes below it are in
    /// `into`: an instruction that ends before `fault.at` can still be decoded. The
    /// bytes from there on are as they were.
    #[inline]
    pub fn fetch(&mut self, at: u64, into: &mut [u8]) -> Result<(), Fault> {
        if (1..=LONGEST * 2).contains(&into.len())
            && into.len() as u64 <= self.geometry.page
            && let Some(place) = self.tlb.find(FaultKind::Fetch, at, into.len())
        {
            self.frames.copy_out(place, into);
            return Ok(());
        }
        self.gather(FaultKind::Fetch, at, into)
    }

    #[inline(never)]
    fn load_by_table<W: Word>(&mut self, at: u64) -> Result<W, Fault> {
        let mut bytes = [0; LONGEST];
        self.gather(FaultKind::Load, at, &mut bytes[..W::COUNT])?;
        // Little-endian: the bytes behind a short word do not matter.
        W::get(&bytes, 0).ok_or(Fault { at, kind: FaultKind::Load, reason: Reason::Unmapped })
    }

    #[inline(never)]
    fn store_by_table<W: Word>(&mut self, at: u64, word: W) -> Result<(), Fault> {
        let mut bytes = [0; LONGEST];
        let _ = word.put(&mut bytes, 0);
        self.scatter(at, &bytes[..W::COUNT])
    }

    /// Reads page by page, and remembers the pages that stay where they are. On error the bytes below the
    /// fault are read.
    fn gather(&mut self, kind: FaultKind, at: u64, into: &mut [u8]) -> Result<(), Fault> {
        let mut done = 0;
        while done < into.len() {
            // Cannot wrap: the page of the last address is behind the user range.
            let here = at.wrapping_add(done as u64);
            let page = self.page_for(kind, here)?;
            let frame = self.frame_to_load(here >> self.shift, page);
            let place = self.place(frame, here);
            if is_steady(page, frame) {
                self.tlb.remember(kind, here, place);
            }
            let count = self.rest_of_page(here, into.len() - done);
            self.frames.copy_out(place, &mut into[done..done + count]);
            done += count;
        }
        Ok(())
    }

    /// Writes all or nothing, and remembers the pages.
    fn scatter(&mut self, at: u64, from: &[u8]) -> Result<(), Fault> {
        self.prepare_store(at, from.len())?;
        let mut done = 0;
        while done < from.len() {
            let here = at.wrapping_add(done as u64);
            let place = self.place_to_store(here)?;
            self.tlb.remember(FaultKind::Store, here, place);
            let count = self.rest_of_page(here, from.len() - done);
            self.frames.copy_in(place, &from[done..done + count]);
            done += count;
        }
        Ok(())
    }

    /// Sees to it that `count` bytes can be stored: every page may be stored to, and
    /// there are frames for those that have none. No frame is taken yet.
    fn prepare_store(&mut self, at: u64, count: usize) -> Result<(), Fault> {
        match self.prepare_frames(at, count) {
            // What was dropped may have been the frame of the first page: all is counted again.
            Err(fault) if fault.reason == Reason::OutOfMemory && self.drop_yielded() > 0 => {
                self.prepare_frames(at, count)
            }
            said => said,
        }
    }

    fn prepare_frames(&mut self, at: u64, count: usize) -> Result<(), Fault> {
        let mut done = 0;
        let (mut missing, mut shared) = (0, None);
        while done < count {
            let here = at.wrapping_add(done as u64);
            let page = self.page_for(FaultKind::Store, here)?;
            let number = here >> self.shift;
            if self.frame_to_store(number, page).is_none() && !page.marks.contains(Marks::BACKED) {
                // Two pages that show the same one share the frame.
                let slot = page.view.filter(|view| *view == View::Shared).and_then(|_| self.slot(number));
                if slot.is_none() || slot != shared {
                    missing += 1;
                    self.frames.prepare(missing).map_err(|Exhausted| no_frame(here))?;
                }
                shared = slot;
            }
            done += self.rest_of_page(here, count - done);
        }
        Ok(())
    }
}
