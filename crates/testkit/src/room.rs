//! The part of the address space that a request leaves to choice.

use std::ops::Range;

use pagewright_core::{Action, Allocate, Geometry, Kind, Order, PageRange, Place, Window};

use crate::model::Refused;

/// What a 32-bit displacement reaches.
const TWO_GIB: u64 = 1 << 31;
/// What every implementation must reach: less a margin for instruction and granule.
const SURE: u64 = TWO_GIB - 0x2_0000;

/// A window, or what is near, with everything checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Whole pages, in bytes.
    pub(crate) length: u64,
    low: u64,
    /// Exclusive.
    high: u64,
    alignment: u64,
    order: Option<Order>,
    goal: Option<u64>,
}

impl Room {
    /// The room of a request without an address.
    pub(crate) fn of(geometry: &Geometry, request: &Allocate) -> Result<Self, Refused> {
        let mut reasons = Vec::new();
        let capacity = geometry.user_end() - geometry.lowest;
        if request.size == 0 {
            reasons.push(Kind::ZeroSize);
        } else if request.size > capacity {
            // VA36 and VA38: too large for any address space, or just for this one.
            reasons.extend([Kind::BadSize, Kind::NoSpace]);
            reasons.extend((request.action != Action::Reserve).then_some(Kind::CommitLimit));
        }
        let length = u128::from(request.size).div_ceil(u128::from(geometry.page));
        let length = (length * u128::from(geometry.page)).min(u128::from(u64::MAX)) as u64;
        let room = match request.place {
            Place::Window(window) => Self::window(geometry, window, length, &mut reasons),
            Place::Near(goal) | Place::At(goal) | Place::Placeholder(goal) => {
                Self::near(geometry, goal, length, &mut reasons)
            }
        };
        if reasons.is_empty() { Ok(room) } else { Err(Refused { any_of: reasons, why: "" }) }
    }

    /// AR18 to AR27, as far as they concern which addresses there are at all.
    fn window(geometry: &Geometry, window: Window, length: u64, reasons: &mut Vec<Kind>) -> Self {
        let alignment = if window.alignment == 0 { geometry.granule } else { window.alignment };
        let bad = !alignment.is_power_of_two()
            || alignment < geometry.granule
            || window.lowest > window.highest
            || window.lowest > geometry.highest;
        reasons.extend(bad.then_some(Kind::BadPlace));
        Self {
            length,
            low: window.lowest.max(geometry.lowest),
            high: window.highest.min(geometry.highest) + 1,
            alignment,
            order: Some(window.order),
            goal: None,
        }
    }

    fn near(geometry: &Geometry, goal: u64, length: u64, reasons: &mut Vec<Kind>) -> Self {
        reasons.extend((goal > geometry.highest).then_some(Kind::BadAddress));
        Self {
            length,
            low: goal.saturating_sub(TWO_GIB).max(geometry.lowest),
            high: goal.saturating_add(TWO_GIB).min(geometry.user_end()),
            alignment: geometry.granule,
            order: None,
            goal: Some(goal),
        }
    }

    /// The highest place in `arena` that none of `taken` disturbs: it ends as high
    /// as the arena does, or as one of them begins.
    pub(crate) fn highest_in(&self, arena: &Range<u64>, taken: &[PageRange]) -> Option<u64> {
        let (mut low, mut high) = (self.low.max(arena.start), self.high.min(arena.end));
        if let Some(goal) = self.goal {
            low = low.max(goal.saturating_sub(SURE));
            high = high.min(goal.saturating_add(SURE));
        }
        let starts = taken.iter().map(|range| range.start().get());
        let tops = starts.chain([high]).filter(|top| *top <= high);
        let bases = tops.filter_map(|top| top.checked_sub(self.length));
        let bases = bases.map(|base| base / self.alignment * self.alignment);
        let fits = |base: &u64| {
            let range = PageRange::between(*base, base + self.length);
            *base >= low && !taken.iter().any(|other| range.is_none_or(|range| other.overlaps(range)))
        };
        bases.filter(fits).max()
    }

    /// Whether the subject may choose `range`, where `best` is the highest place
    /// that is known to be free.
    pub(crate) fn permits(&self, range: PageRange, best: Option<u64>) -> Result<(), &'static str> {
        let (start, end) = (range.start().get(), range.end().get());
        if range.bytes() != self.length {
            return Err("the chosen range has not the asked length");
        }
        if start % self.alignment != 0 {
            return Err("the chosen range is not aligned");
        }
        if start < self.low || end > self.high {
            return Err("the chosen range leaves the limits");
        }
        if self.order == Some(Order::TopDown) && best.is_some_and(|best| start < best) {
            return Err("there is a higher place (VA43)");
        }
        Ok(())
    }
}
