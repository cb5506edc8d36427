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

/// Bytes that go through the stack: a page.
const FEW: u64 = 4096;

/// A copy that is to be made.
#[derive(Clone, Copy, Debug)]
struct Job {
    from: u64,
    to: u64,
    bytes: u64,
}

/// Pages that nobody may store to while a piece is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    piece: u64,
    range: PageRange,
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
        let held = self.unposted(united(held));
        if bytes <= FEW {
            return self.transfer_few(&held, job);
        }
        let order = self.order_of(job);
        let room = if order == Order::LoadsFirst { bytes } else { bytes.min(CHUNK) };
        let mut scratch = Scratch::new(room as usize).map_err(no_object)?;
        self.transfer_through(&held, job, order, scratch.bytes())
    }

    /// What fits on the stack, and is there for as long as it takes.
    #[inline(never)]
    fn transfer_few(&mut self, held: &[PageRange], job: Job) -> Result<(), Refusal> {
        self.transfer_through(held, job, Order::LoadsFirst, &mut [0; FEW as usize])
    }

    /// Where a guard stands that is met by waiting nobody can store; and it is caught there already.
    fn unposted(&self, held: Vec<PageRange>) -> Vec<PageRange> {
        if !self.has_sentries() {
            return held;
        }
        held.into_iter().flat_map(|range| self.sentry.gaps_in(range)).collect()
    }

    fn transfer_through(
        &mut self,
        held: &[PageRange],
        job: Job,
        order: Order,
        bounce: &mut [u8],
    ) -> Result<(), Refusal> {
        let frost = self.frost_over(held, job);
        let done = self.move_pieces(frost.as_ref(), held, job, order, bounce);
        if let Some(frost) = &frost {
            held.iter().for_each(|range| frost.release(*range));
        }
        done
    }

    fn move_pieces(
        &mut self,
        frost: Option<&Frost>,
        held: &[PageRange],
        job: Job,
        order: Order,
        bounce: &mut [u8],
    ) -> Result<(), Refusal> {
        let count = job.pieces();
        let parts = match frost {
            Some(_) => self.parts_of(held, job),
            None => Vec::new(),
        };
        for step in 0..count {
            let index = if order == Order::Down { count - 1 - step } else { step };
            let piece = job.piece(index);
            let from = parts.partition_point(|part| part.piece < index);
            let parts = &parts[from..from + parts[from..].partition_point(|part| part.piece == index)];
            let start = if order == Order::LoadsFirst { piece.from - job.from } else { 0 };
            let bounce = &mut bounce[start as usize..(start + piece.bytes) as usize];
            self.load_piece(frost, parts, piece, bounce)?;
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
    fn frost_over(&mut self, held: &[PageRange], job: Job) -> Option<Frost> {
        job.whole_pages(self.geometry.page)?;
        if held.is_empty() || held.iter().any(|range| is_own_stack(*range)) {
            return None;
        }
        match self.freezer().freezing() {
            Freezing::Full | Freezing::User => {}
            Freezing::None => return None,
        }
        let features =
            userfault::WRITE_PROTECT | userfault::WRITE_PROTECT_SHARED | userfault::WRITE_PROTECT_UNTOUCHED;
        let frost = self.freezer().open(features).ok()?;
        let registered = held
            .iter()
            .all(|range| self.budget.need(2).is_ok() && frost.register(*range, Catch::Stores).is_ok());
        if !registered {
            held.iter().for_each(|range| frost.release(*range));
        }
        registered.then_some(frost)
    }

    /// The parts of `held` that show the whole pages of the source, by the piece that they
    /// are held for.
    fn parts_of(&self, held: &[PageRange], job: Job) -> Vec<Part> {
        let mut parts = Vec::new();
        let Some(source) = job.whole_pages(self.geometry.page) else { return parts };
        for range in held.iter().filter_map(|range| range.intersection(source)) {
            job.cut(range, range.start().get(), &mut parts);
        }
        self.views_of(held, source, job, &mut parts);
        parts.sort_unstable_by_key(|part| (part.piece, part.range.start(), part.range.end()));
        parts.dedup();
        parts
    }

    /// The parts of `held` elsewhere that show the same pages of objects as the source does.
    fn views_of(&self, held: &[PageRange], source: PageRange, job: Job, parts: &mut Vec<Part>) {
        let page = self.geometry.page;
        let of_objects = |run: (PageRange, Option<Content>)| Some((run.0, run.1?));
        let sources: Vec<_> = self.shown.runs(source).filter_map(of_objects).collect();
        if sources.is_empty() {
            return;
        }
        let views = held.iter().flat_map(|range| self.shown.runs(*range)).filter_map(of_objects);
        let mut views: Vec<_> = views.collect();
        views.sort_unstable_by_key(|(_, content)| (content.object, content.first));
        // No view that begins further below reaches up to a page.
        let longest = views.iter().map(|(run, _)| run.bytes() / page).max().unwrap_or(0);
        for (run, from) in sources {
            let end = from.first + run.bytes() / page;
            let least = (from.object, from.first.saturating_sub(longest));
            let first = views.partition_point(|(_, content)| (content.object, content.first) < least);
            for (view, content) in &views[first..] {
                if (content.object, content.first) >= (from.object, end) {
                    break;
                }
                let low = content.first.max(from.first);
                let high = (content.first + view.bytes() / page).min(end);
                let shown = view.start().get() + (low - content.first) * page;
                let meant = run.start().get() + (low - from.first) * page;
                let part = PageRange::between(shown, shown + high.saturating_sub(low) * page);
                if let Some(part) = part.filter(|_| shown != meant) {
                    job.cut(part, meant, parts);
                }
            }
        }
    }

    /// Loads one piece. While `parts` are frozen this thread stores only to its stack and
    /// to `bounce`.
    fn load_piece(
        &mut self,
        frost: Option<&Frost>,
        parts: &[Part],
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
            parts.iter().for_each(|part| frost.hold(part.range).unwrap_or(()));
        }
        let loaded = sys::process_vm_readv(thread, bounce, piece.from as usize);
        if let Some(frost) = frost {
            parts.iter().for_each(|part| frost.let_pass(part.range));
        }
        sys::restore_signals(mask);
        if loaded == Ok(bounce.len()) { Ok(()) } else { Err(Refusal::Unmapped) }
    }
}

/// Stores what was loaded.
fn store_bytes(from: &[u8], to: u64) -> Result<(), Refusal> {
    super::open_trapped(to, from.len() as u64);
    // SAFETY: the caller of the verb names memory of its process to be overwritten; the
    // kernel does the store and reports a hole as an error.
    let stored = unsafe { sys::process_vm_writev(sys::gettid(), from, to as usize) };
    if stored == Ok(from.len()) { Ok(()) } else { Err(Refusal::Unmapped) }
}

/// The places in ascending order, each page once: nothing is registered twice.
fn united(held: &[Showing]) -> Vec<PageRange> {
    let mut ranges: Vec<_> = held.iter().map(|showing| showing.range).collect();
    ranges.sort_unstable_by_key(|range| range.start());
    let mut united: Vec<PageRange> = Vec::new();
    for range in ranges {
        match united.last_mut() {
            Some(last) if range.start() < last.end() => {
                let end = range.end().max(last.end());
                *last = PageRange::between(last.start().get(), end.get()).unwrap_or(*last);
            }
            Some(_) | None => united.push(range),
        }
    }
    united
}

impl Job {
    /// Splits `range`, which shows what the source has at `meant`, at the ends of pieces.
    fn cut(self, range: PageRange, meant: u64, parts: &mut Vec<Part>) {
        let (mut at, end) = (range.start().get(), range.end().get());
        while at < end {
            let here = meant + (at - range.start().get());
            let stop = end.min(at + (CHUNK - here % CHUNK));
            let piece = here / CHUNK - self.from / CHUNK;
            parts.extend(PageRange::between(at, stop).map(|range| Part { piece, range }));
            at = stop;
        }
    }

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

    #[test]
    fn places_are_united_and_cut_where_pieces_end() {
        let range = |start, end| PageRange::between(start, end).expect("not empty");
        let access = pagewright_core::Access::READ;
        let held = [(8, 12), (0, 4), (10, 11), (0, 4), (11, 14), (4, 6)].map(|(start, end)| {
            let range = range(start << 12, end << 12);
            Showing { region: range, range, access }
        });
        assert_eq!(united(&held), [range(0, 0x4000), range(0x4000, 0x6000), range(0x8000, 0xe000)]);
        let job = Job { from: CHUNK + 0x3000, to: 0, bytes: 4 * CHUNK };
        let mut parts = Vec::new();
        // A view somewhere else of what the source has from its fourth page on.
        job.cut(range(0x1000, 0x1000 + CHUNK), CHUNK + 0x6000, &mut parts);
        let end = 0x1000 + CHUNK - 0x6000;
        let expected = [(0, range(0x1000, end)), (1, range(end, 0x1000 + CHUNK))];
        assert_eq!(parts, expected.map(|(piece, range)| Part { piece, range }));
    }
}
