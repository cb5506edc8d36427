//! Copying bytes from one place to another.
//!
//! Bytes go through memory of our own, so that the source pages can be thawed before the
//! target is stored to: it may be the same pages.

use alloc::vec::Vec;

use pagewright_core::{PageRange, Refusal, Showing, Va};

use super::Linux;
use super::freeze::{Freezing, Frost};
use super::object::no_object;
use super::pages::Scratch;
use super::survey::is_own_stack;
use crate::sys::{self, Catch, userfault};

/// Bytes that are copied at a time; pages of the source are not cut.
const CHUNK: u64 = 256 << 10;

/// Bytes of one moment.
#[derive(Clone, Copy, Debug)]
struct Piece {
    from: u64,
    to: u64,
    bytes: u64,
}

impl Linux {
    pub(super) fn transfer_bytes(
        &mut self,
        held: &[Showing],
        from: Va,
        to: Va,
        bytes: u64,
    ) -> Result<(), Refusal> {
        let (from, to) = (from.get(), to.get());
        let mut scratch = Scratch::new(bytes.clamp(1, CHUNK) as usize).map_err(no_object)?;
        let frost = self.frost_over(held, from, bytes);
        let done = self.move_pieces(frost.as_ref(), held, (from, to, bytes), scratch.bytes());
        if let Some(frost) = &frost {
            held.iter().for_each(|showing| frost.release(showing.range));
        }
        done
    }

    fn move_pieces(
        &mut self,
        frost: Option<&Frost>,
        held: &[Showing],
        (from, to, bytes): (u64, u64, u64),
        bounce: &mut [u8],
    ) -> Result<(), Refusal> {
        let count = pieces(from, bytes);
        for index in 0..count {
            // As `memmove`: what is yet to be loaded is not stored to.
            let index = if to > from { count - 1 - index } else { index };
            let piece = piece(from, to, bytes, index);
            let parts = match frost {
                Some(_) => self.pages_of(held, piece),
                None => Vec::new(),
            };
            self.move_piece(frost, &parts, piece, bounce)?;
        }
        Ok(())
    }

    /// What freezes the source, unless it is too short to need it or cannot be frozen:
    /// then the bytes of a page may be those of several moments.
    fn frost_over(&mut self, held: &[Showing], from: u64, bytes: u64) -> Option<Frost> {
        whole_pages(from, bytes, self.geometry.page)?;
        if held.is_empty() || held.iter().any(|showing| is_own_stack(showing.range)) {
            return None;
        }
        match self.freezer().freezing() {
            Freezing::Full | Freezing::User => {}
            Freezing::None => return None,
        }
        let features =
            userfault::WRITE_PROTECT | userfault::WRITE_PROTECT_SHARED | userfault::WRITE_PROTECT_UNTOUCHED;
        let frost = self.freezer().open(features).ok()?;
        let registered = held.iter().all(|showing| {
            self.budget.need(2).is_ok() && frost.register(showing.range, Catch::Stores).is_ok()
        });
        if !registered {
            held.iter().for_each(|showing| frost.release(showing.range));
        }
        registered.then_some(frost)
    }

    /// The parts of `held` that show the whole pages of a piece.
    fn pages_of(&self, held: &[Showing], piece: Piece) -> Vec<PageRange> {
        let page = self.geometry.page;
        let mut parts = Vec::new();
        let Some(source) = whole_pages(piece.from, piece.bytes, page) else { return parts };
        parts.extend(held.iter().filter_map(|showing| showing.range.intersection(source)));
        for (run, content) in self.shown.runs(source) {
            let Some(content) = content else { continue };
            for showing in held.iter().filter(|showing| !showing.range.overlaps(source)) {
                parts.extend(self.shown.parts(showing.range, content, run.bytes() / page));
            }
        }
        parts
    }

    /// Copies one piece. While `parts` are frozen this thread stores only to its stack and
    /// to `bounce`.
    fn move_piece(
        &mut self,
        frost: Option<&Frost>,
        parts: &[PageRange],
        piece: Piece,
        bounce: &mut [u8],
    ) -> Result<(), Refusal> {
        let bounce = &mut bounce[..piece.bytes as usize];
        let thread = sys::gettid();
        if frost.is_some() && !self.freezer().protects_untouched() {
            // Pages without memory get the common page of zeros, which can be protected.
            let _ = sys::process_vm_readv(thread, bounce, piece.from as usize);
        }
        let mask = sys::block_signals();
        if let Some(frost) = frost {
            // What cannot be frozen is copied all the same.
            parts.iter().for_each(|part| frost.hold(*part).unwrap_or(()));
        }
        let loaded = sys::process_vm_readv(thread, bounce, piece.from as usize);
        if let Some(frost) = frost {
            parts.iter().for_each(|part| frost.let_pass(*part));
        }
        sys::restore_signals(mask);
        if loaded != Ok(bounce.len()) {
            return Err(Refusal::Unmapped);
        }
        // SAFETY: the caller of the verb names memory of its process to be overwritten; the
        // kernel does the store and reports a hole as an error.
        let stored = unsafe { sys::process_vm_writev(thread, bounce, piece.to as usize) };
        if stored == Ok(bounce.len()) { Ok(()) } else { Err(Refusal::Unmapped) }
    }
}

/// The whole pages among `bytes` bytes from `from` on.
fn whole_pages(from: u64, bytes: u64, page: u64) -> Option<PageRange> {
    PageRange::between(from.next_multiple_of(page), (from + bytes) & !(page - 1))
}

/// How many pieces a copy has.
const fn pieces(from: u64, bytes: u64) -> u64 {
    (from % CHUNK + bytes).div_ceil(CHUNK)
}

/// One of them: they end where the source is a multiple of their size.
fn piece(from: u64, to: u64, bytes: u64, index: u64) -> Piece {
    let base = from - from % CHUNK;
    let start = (base + index * CHUNK).max(from);
    let end = (base + (index + 1) * CHUNK).min(from + bytes);
    Piece { from: start, to: to.wrapping_add(start - from), bytes: end - start }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_everything_once_and_cut_no_page() {
        for (from, bytes) in [(0, 1), (0x1fff, 2), (CHUNK - 1, CHUNK + 2), (0x3000, 3 * CHUNK), (7, 0)] {
            let mut next = from;
            for index in 0..pieces(from, bytes) {
                let piece = piece(from, 0x9_0000_0000, bytes, index);
                assert_eq!((piece.from, piece.to), (next, 0x9_0000_0000 + (next - from)));
                assert!(piece.bytes <= CHUNK && (piece.from == from || piece.from.is_multiple_of(CHUNK)));
                next += piece.bytes;
            }
            assert_eq!(next, from + bytes);
        }
    }
}
