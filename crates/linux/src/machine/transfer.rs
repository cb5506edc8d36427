//! Copying bytes from one place to another.
//!
//! Bytes go through memory of our own, so that the source pages can be thawed before the
//! target is stored to: it may be the same pages.

use alloc::vec::Vec;

use pagewright_core::{Content, PageRange, Refusal, Showing, Va, View};

use super::Linux;
use super::freeze::{Freezing, Frost};
use super::object::no_object;
use super::pages::Scratch;
use super::survey::is_own_stack;
use crate::sys::{self, Catch, userfault};

/// Bytes that are copied at a time; pages of the source are not cut.
const CHUNK: u64 = 256 << 10;

/// Bytes that go through the stack.
const FEW: u64 = 1024;

/// A copy that is to be made.
#[derive(Clone, Copy, Debug)]
struct Job {
    from: u64,
    to: u64,
    bytes: u64,
}

/// In which order the pieces of a copy are made, so that nothing is overwritten that is yet
/// to be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Up,
    Down,
    /// Neither does: all is loaded first.
    LoadsFirst,
}

impl Linux {
    pub(super) fn transfer_bytes(
        &mut self,
        held: &[Showing],
        from: Va,
        to: Va,
        bytes: u64,
    ) -> Result<(), Refusal> {
        let job = Job { from: from.get(), to: to.get(), bytes };
        if bytes <= FEW {
            return self.transfer_through(held, job, Order::LoadsFirst, &mut [0; FEW as usize]);
        }
        let order = self.order_of(job);
        let room = if order == Order::LoadsFirst { bytes } else { bytes.min(CHUNK) };
        let mut scratch = Scratch::new(room as usize).map_err(no_object)?;
        self.transfer_through(held, job, order, scratch.bytes())
    }

    fn transfer_through(
        &mut self,
        held: &[Showing],
        job: Job,
        order: Order,
        bounce: &mut [u8],
    ) -> Result<(), Refusal> {
        let frost = self.frost_over(held, job);
        let done = self.move_pieces(frost.as_ref(), held, job, order, bounce);
        if let Some(frost) = &frost {
            held.iter().for_each(|showing| frost.release(showing.range));
        }
        done
    }

    fn move_pieces(
        &mut self,
        frost: Option<&Frost>,
        held: &[Showing],
        job: Job,
        order: Order,
        bounce: &mut [u8],
    ) -> Result<(), Refusal> {
        let count = job.pieces();
        for index in 0..count {
            let piece = job.piece(if order == Order::Down { count - 1 - index } else { index });
            let parts = match frost {
                Some(_) => self.pages_of(held, piece),
                None => Vec::new(),
            };
            let start = if order == Order::LoadsFirst { piece.from - job.from } else { 0 };
            let bounce = &mut bounce[start as usize..(start + piece.bytes) as usize];
            self.load_piece(frost, &parts, piece, bounce)?;
            if order != Order::LoadsFirst {
                store_bytes(bounce, piece.to)?;
            }
        }
        match order {
            Order::Up | Order::Down => Ok(()),
            Order::LoadsFirst => store_bytes(&bounce[..job.bytes as usize], job.to),
        }
    }

    /// What the addresses say, as for `memmove`, and the pages of objects that both ends show.
    fn order_of(&self, job: Job) -> Order {
        let page = self.geometry.page;
        let (mut up, mut down) = (false, false);
        // How far behind a byte of the source its copy goes.
        let mut must = |distance: i64| {
            up |= distance < 0;
            down |= distance > 0;
        };
        if job.from.abs_diff(job.to) < job.bytes {
            must(job.to.wrapping_sub(job.from) as i64);
        }
        // Where in its object a run would have the byte at `at`.
        let place = |content: Content, run: PageRange, at: u64| {
            (content.first * page).wrapping_add(at).wrapping_sub(run.start().get())
        };
        for (source, from) in self.shared_in(job.from, job.bytes) {
            let end = from.first + source.bytes() / page;
            for (target, to) in self.shared_in(job.to, job.bytes) {
                let meets = to.first < end && from.first < to.first + target.bytes() / page;
                if from.object == to.object && meets {
                    must(place(to, target, job.to).wrapping_sub(place(from, source, job.from)) as i64);
                }
            }
        }
        match (up, down) {
            (true, true) => Order::LoadsFirst,
            (_, true) => Order::Down,
            (_, false) => Order::Up,
        }
    }

    /// The runs of the pages that these bytes are in that are shared.
    fn shared_in(&self, at: u64, bytes: u64) -> impl Iterator<Item = (PageRange, Content)> + '_ {
        let page = self.geometry.page;
        let range = PageRange::between(at & !(page - 1), (at + bytes).next_multiple_of(page));
        let runs = range.into_iter().flat_map(|range| self.shown.runs(range));
        runs.filter_map(|(run, content)| Some((run, content?))).filter(|run| run.1.view == View::Shared)
    }

    /// What freezes the source, unless it is too short to need it or cannot be frozen:
    /// then the bytes of a page may be those of several moments.
    fn frost_over(&mut self, held: &[Showing], job: Job) -> Option<Frost> {
        job.whole_pages(self.geometry.page)?;
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
    fn pages_of(&self, held: &[Showing], piece: Job) -> Vec<PageRange> {
        let page = self.geometry.page;
        let mut parts = Vec::new();
        let Some(source) = piece.whole_pages(page) else { return parts };
        parts.extend(held.iter().filter_map(|showing| showing.range.intersection(source)));
        for (run, content) in self.shown.runs(source) {
            let Some(content) = content else { continue };
            for showing in held.iter().filter(|showing| !showing.range.overlaps(source)) {
                parts.extend(self.shown.parts(showing.range, content, run.bytes() / page));
            }
        }
        parts
    }

    /// Loads one piece. While `parts` are frozen this thread stores only to its stack and
    /// to `bounce`.
    fn load_piece(
        &mut self,
        frost: Option<&Frost>,
        parts: &[PageRange],
        piece: Job,
        bounce: &mut [u8],
    ) -> Result<(), Refusal> {
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
        if loaded == Ok(bounce.len()) { Ok(()) } else { Err(Refusal::Unmapped) }
    }
}

/// Stores what was loaded.
fn store_bytes(from: &[u8], to: u64) -> Result<(), Refusal> {
    // SAFETY: the caller of the verb names memory of its process to be overwritten; the
    // kernel does the store and reports a hole as an error.
    let stored = unsafe { sys::process_vm_writev(sys::gettid(), from, to as usize) };
    if stored == Ok(from.len()) { Ok(()) } else { Err(Refusal::Unmapped) }
}

impl Job {
    /// The whole pages among the bytes of the source.
    fn whole_pages(self, page: u64) -> Option<PageRange> {
        PageRange::between(self.from.next_multiple_of(page), (self.from + self.bytes) & !(page - 1))
    }

    /// How many pieces there are.
    const fn pieces(self) -> u64 {
        (self.from % CHUNK + self.bytes).div_ceil(CHUNK)
    }

    /// One of them: they end where the source is a multiple of their size.
    fn piece(self, index: u64) -> Self {
        let base = self.from - self.from % CHUNK;
        let start = (base + index * CHUNK).max(self.from);
        let end = (base + (index + 1) * CHUNK).min(self.from + self.bytes);
        Self { from: start, to: self.to.wrapping_add(start - self.from), bytes: end - start }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_everything_once_and_cut_no_page() {
        for (from, bytes) in [(0, 1), (0x1fff, 2), (CHUNK - 1, CHUNK + 2), (0x3000, 3 * CHUNK), (7, 0)] {
            let mut next = from;
            let job = Job { from, to: 0x9_0000_0000, bytes };
            for index in 0..job.pieces() {
                let piece = job.piece(index);
                assert_eq!((piece.from, piece.to), (next, 0x9_0000_0000 + (next - from)));
                assert!(piece.bytes <= CHUNK && (piece.from == from || piece.from.is_multiple_of(CHUNK)));
                next += piece.bytes;
            }
            assert_eq!(next, from + bytes);
        }
    }
}
