//! Where a new mapping stands: at an address, or at the lowest one that fits.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::access::Access;
use crate::contract::{Machine, Refusal};
use crate::error::Kind;
use crate::geometry::PageRange;
use crate::op::allocate::TRIES;
use crate::space::{AddressSpace, join};

/// Where a mapping goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapPlace {
    /// In the pages from the one on that holds this address.
    Fixed(u64),
    /// At the lowest free address that is not below this one; 0 for where the space
    /// begins to search.
    Above(u64),
}

/// What happens to memory of ours where a mapping shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and the mapping is refused.
    Refuse,
    /// It goes. Memory that others mapped never does.
    Replace,
}

/// What is asked of a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) place: MapPlace,
    /// Whole pages.
    pub(super) bytes: u64,
    /// Bits that the address must not have.
    pub(super) mask: u64,
    pub(super) overwrite: Overwrite,
}

/// The pages of a new mapping: what was free is ours on the machine, and nothing else
/// has changed.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) range: PageRange,
    /// All of the range, ascending.
    pub(super) plots: Vec<Plot>,
    /// What was learned about others.
    pub(super) foreign: Option<Box<[PageRange]>>,
}

/// A part of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plot {
    pub(super) part: PageRange,
    /// The allocation of ours that stands there and goes; none where nothing was.
    pub(super) old: Option<PageRange>,
}

impl Plot {
    /// What the machine knows as the allocation that holds the plot.
    pub(super) fn region(&self) -> PageRange {
        self.old.unwrap_or(self.part)
    }
}

impl Site {
    /// The parts that show something of ours until they are replaced.
    pub(super) fn replaced(&self) -> Vec<PageRange> {
        self.plots.iter().filter(|plot| plot.old.is_some()).map(|plot| plot.part).collect()
    }

    /// Gives back what was free.
    pub(super) fn abandon<M: Machine>(&self, machine: &mut M) {
        for plot in self.plots.iter().filter(|plot| plot.old.is_none()) {
            // A mapping that was made just now can be taken back.
            let _ = machine.release(plot.part, plot.part);
        }
    }
}

impl AddressSpace {
    /// Finds a place and makes it ours as far as it is free, with `access`.
    ///
    /// On error nothing has changed: `BadPlace` (the address has bits of the mask),
    /// `BadAddress`, `BadSize`, `Conflict`, `NoSpace`, and what the machine refuses.
    pub(super) fn claim<M: Machine>(
        &self,
        machine: &mut M,
        wish: &Wish,
        access: Option<Access>,
    ) -> Result<Site, Kind> {
        match wish.place {
            MapPlace::Fixed(at) => self.claim_fixed(machine, at, wish, access),
            MapPlace::Above(hint) => self.claim_above(machine, hint, wish, access),
        }
    }

    fn claim_fixed<M: Machine>(
        &self,
        machine: &mut M,
        at: u64,
        wish: &Wish,
        access: Option<Access>,
    ) -> Result<Site, Kind> {
        let range = self.fixed(at, wish)?;
        let plots = self.plots(range);
        if wish.overwrite == Overwrite::Refuse && plots.iter().any(|plot| plot.old.is_some()) {
            return Err(Kind::Conflict);
        }
        self.malleable(range)?;
        let mut site = Site { range, plots: Vec::new(), foreign: None };
        for plot in plots {
            if plot.old.is_none()
                && let Err(refusal) = machine.reserve(plot.part, access)
            {
                site.abandon(machine);
                return Err(refusal.into());
            }
            site.plots.push(plot);
        }
        Ok(site)
    }

    /// The pages from the one that holds `at`. The mask is looked at first, then the
    /// bounds (mach.md, row V5).
    fn fixed(&self, at: u64, wish: &Wish) -> Result<PageRange, Kind> {
        let start = self.geometry.page_down(at);
        if start & wish.mask != 0 {
            return Err(Kind::BadPlace);
        }
        if start < self.geometry.lowest || start > self.geometry.highest {
            return Err(Kind::BadAddress);
        }
        let end = start.checked_add(wish.bytes).filter(|end| *end <= self.geometry.user_end());
        end.and_then(|end| PageRange::between(start, end)).ok_or(Kind::BadSize)
    }

    fn plots(&self, range: PageRange) -> Vec<Plot> {
        let mut plots = Vec::new();
        let mut at = range.start().get();
        for (whole, part) in self.ours_in(range) {
            let free = PageRange::between(at, part.start().get());
            plots.extend(free.map(|part| Plot { part, old: None }));
            plots.push(Plot { part, old: Some(whole) });
            at = part.end().get();
        }
        let free = PageRange::between(at, range.end().get());
        plots.extend(free.map(|part| Plot { part, old: None }));
        plots
    }

    /// The lowest place, whatever is remembered of others: what they have left since is
    /// as good as any other hole (row A4). The machine says what is taken.
    fn claim_above<M: Machine>(
        &self,
        machine: &mut M,
        hint: u64,
        wish: &Wish,
        access: Option<Access>,
    ) -> Result<Site, Kind> {
        let low = match hint {
            0 => self.geometry.search_from,
            hint => hint.max(self.geometry.lowest),
        };
        let mut foreign: Option<Box<[PageRange]>> = None;
        for _ in 0..TRIES {
            let range = self.lowest_gap(low, wish, foreign.as_deref().unwrap_or(&[])).ok_or(Kind::NoSpace)?;
            match machine.reserve(range, access) {
                Ok(()) => {
                    let plots = alloc::vec![Plot { part: range, old: None }];
                    return Ok(Site { range, plots, foreign });
                }
                Err(Refusal::Occupied) => {
                    // Should the list not show it, then at least this place is not
                    // offered again.
                    let mut seen = self.look(machine)?.into_vec();
                    seen.push(range);
                    seen.sort_by_key(|range| range.start());
                    foreign = Some(join(seen));
                }
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Err(Kind::NoSpace)
    }

    fn lowest_gap(&self, low: u64, wish: &Wish, foreign: &[PageRange]) -> Option<PageRange> {
        let mask = wish.mask | (self.geometry.page - 1);
        self.regions.find_gap_up(low, self.geometry.user_end(), wish.bytes, &mut |start, end| {
            fit(start, end, wish.bytes, mask, foreign)
        })
    }

    /// Bytes to whole pages, for a mapping.
    pub(super) fn mapping_size(&self, size: u64) -> Result<u64, Kind> {
        if size == 0 {
            return Err(Kind::ZeroSize);
        }
        size.checked_next_multiple_of(self.geometry.page).ok_or(Kind::BadSize)
    }
}

/// The lowest place in the gap `start..end` that others leave free.
fn fit(start: u64, end: u64, bytes: u64, mask: u64, foreign: &[PageRange]) -> Option<PageRange> {
    let mut base = without(start, mask)?;
    let mut next = foreign.partition_point(|range| range.end().get() <= base);
    while base.checked_add(bytes)? <= end {
        match foreign.get(next) {
            Some(taken) if taken.start().get() < base + bytes => {
                base = without(taken.end().get().max(base), mask)?;
                next += 1;
            }
            Some(_) | None => return PageRange::between(base, base + bytes),
        }
    }
    None
}

/// The lowest number from `low` on that has no bit of `mask`; a mask need not be a row
/// of low bits (mach.md, section 1).
fn without(low: u64, mask: u64) -> Option<u64> {
    let wrong = low & mask;
    if wrong == 0 {
        return Some(low);
    }
    // Above the highest wrong bit, the lowest one that can be raised; all below fall.
    let above = u64::MAX.checked_shl(u64::BITS - wrong.leading_zeros())?;
    let raised = !low & !mask & above;
    let bit = raised & raised.wrapping_neg();
    (bit != 0).then(|| (low & !(bit - 1)) | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_number_without_a_mask_is_that_of_a_search() {
        for mask in 0..64 {
            for low in 0..200 {
                let found = (low..1000).find(|number| number & mask == 0);
                assert_eq!(without(low, mask), found, "{low} {mask:#b}");
            }
        }
        assert_eq!(without(1, u64::MAX), None);
        assert_eq!(without(1 << 63 | 1, 1 << 63), None);
        assert_eq!(without(u64::MAX, 0xfff), None);
    }

    #[test]
    fn a_place_is_found_between_others() {
        let taken = [(0x3000, 0x5000), (0x6000, 0x7000)].map(|(start, end)| PageRange::between(start, end));
        let taken: Vec<_> = taken.into_iter().flatten().collect();
        let place =
            |start, bytes, mask| fit(start, 0x20_000, bytes, mask, &taken).map(|range| range.start().get());
        assert_eq!(place(0x1000, 0x2000, 0xfff), Some(0x1000));
        assert_eq!(place(0x2000, 0x2000, 0xfff), Some(0x7000));
        assert_eq!(place(0x2000, 0x1000, 0xfff), Some(0x2000));
        assert_eq!(place(0x3000, 0x1000, 0xfff), Some(0x5000));
        assert_eq!(place(0x3000, 0x1000, 0x3fff), Some(0x8000));
        assert_eq!(place(0x3000, 0x1_f000, 0xfff), None);
    }
}
