//! Looking for a free place: the window of a request, and what others leave of it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::contract::Machine;
use crate::error::Kind;
use crate::geometry::{Geometry, PageRange, Va};
use crate::op::allocate::{Order, Window};
use crate::space::{AddressSpace, join};
use crate::traits::{PageKind, Traits};

impl AddressSpace {
    /// The ranges where others are, as the machine sees them now.
    pub(super) fn look<M: Machine>(&self, machine: &M) -> Result<Box<[PageRange]>, Kind> {
        let mut seen = Vec::new();
        machine.occupied(&mut |range| self.outside(range, &mut seen))?;
        seen.sort_by_key(|range| range.start());
        Ok(join(seen))
    }

    /// The parts of `range` that no region of ours covers.
    fn outside(&self, range: PageRange, parts: &mut Vec<PageRange>) {
        let mut at = range.start().get();
        for entry in self.regions.iter_from(at) {
            if entry.start >= range.end().get() {
                break;
            }
            parts.extend(PageRange::between(at, entry.start));
            at = entry.end;
        }
        parts.extend(PageRange::between(at, range.end().get()));
    }

    /// A range that neither we nor `foreign` use.
    pub(super) fn gap(&self, search: &Search, foreign: &[PageRange]) -> Option<PageRange> {
        let mut fit = |start, end| search.fit(start, end, foreign);
        match search.order {
            Order::BottomUp => self.regions.find_gap_up(search.low, search.high, search.length, &mut fit),
            Order::TopDown => self.regions.find_gap_down(search.low, search.high, search.length, &mut fit),
        }
    }
}

/// A window with everything checked and rounded.
#[derive(Clone, Copy)]
pub(super) struct Search {
    pub(super) low: u64,
    /// Exclusive.
    pub(super) high: u64,
    pub(super) length: u64,
    pub(super) alignment: u64,
    pub(super) order: Order,
}

impl Search {
    pub(super) fn decode(geometry: &Geometry, window: Window, size: u64) -> Result<Self, Kind> {
        let alignment = if window.alignment == 0 { geometry.granule } else { window.alignment };
        if !alignment.is_power_of_two() || alignment < geometry.granule {
            return Err(Kind::BadPlace);
        }
        Self::decode_within(geometry, Window { alignment, ..window }, size)
    }

    pub(super) fn decode_within(geometry: &Geometry, window: Window, size: u64) -> Result<Self, Kind> {
        if size == 0 {
            return Err(Kind::ZeroSize);
        }
        let length = geometry.round_size(size).ok_or(Kind::BadSize)?;
        let high = window.highest.min(geometry.highest) + 1;
        let low = window.lowest.max(geometry.lowest);
        if window.lowest > window.highest || window.lowest > geometry.highest {
            return Err(Kind::BadPlace);
        }
        let alignment = window.alignment.max(geometry.granule);
        Ok(Self { low, high, length, alignment, order: window.order })
    }

    /// The same at addresses that suit the pages.
    pub(super) fn aligned(self, traits: Traits) -> Self {
        let unit = match traits.pages {
            PageKind::Ordinary | PageKind::Window => 0,
            // Only pages that lie right can be joined.
            PageKind::Joined => PageKind::Large.unit(),
            PageKind::Large | PageKind::Huge => traits.pages.unit(),
        };
        Self { alignment: self.alignment.max(unit), ..self }
    }

    /// The place in the gap `start..end` that no foreign range disturbs.
    fn fit(&self, start: u64, end: u64, foreign: &[PageRange]) -> Option<PageRange> {
        match self.order {
            Order::BottomUp => self.fit_up(start, end, foreign),
            Order::TopDown => self.fit_down(start, end, foreign),
        }
    }

    fn fit_up(&self, start: u64, end: u64, foreign: &[PageRange]) -> Option<PageRange> {
        let mut base = start.checked_next_multiple_of(self.alignment)?;
        let mut next = foreign.partition_point(|range| range.end().get() <= base);
        while base.checked_add(self.length)? <= end {
            match foreign.get(next) {
                Some(taken) if taken.start().get() < base + self.length => {
                    base = taken.end().get().checked_next_multiple_of(self.alignment)?;
                    next += 1;
                }
                Some(_) | None => return PageRange::between(base, base + self.length),
            }
        }
        None
    }

    fn fit_down(&self, start: u64, end: u64, foreign: &[PageRange]) -> Option<PageRange> {
        let align = |top: u64| Some(Va::new(top.checked_sub(self.length)?).align_down(self.alignment).get());
        let mut base = align(end)?;
        let mut above = foreign.partition_point(|range| range.start().get() < base + self.length);
        while base >= start {
            match above.checked_sub(1).and_then(|last| foreign.get(last)) {
                Some(taken) if taken.end().get() > base => {
                    base = align(taken.start().get())?;
                    above -= 1;
                }
                Some(_) | None => return PageRange::between(base, base + self.length),
            }
        }
        None
    }
}
