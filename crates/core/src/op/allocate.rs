//! Reserve, commit, or both at once.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::access::{Attributes, Protection, Rights};
use crate::contract::{Backing, Machine, Refusal, Standing};
use crate::error::{Error, Kind, Verb};
use crate::geometry::{Geometry, PageRange, Va};
use crate::object::Promise;
use crate::region::Region;
use crate::space::{AddressSpace, Change, Done, Edit, join};
use crate::traits::Traits;

/// A request for memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocate {
    /// Where.
    pub place: Place,
    /// How many bytes.
    pub size: u64,
    /// What to do.
    pub action: Action,
    /// The protection: of the pages if committed, and kept as the initial one.
    pub protection: Protection,
    /// What it is made of; has no effect where something is reserved already.
    pub traits: Traits,
}

impl Allocate {
    /// Reserves and commits `size` bytes anywhere, readable and writable: the most
    /// common wish. The other calls change one thing each.
    pub const fn new(size: u64) -> Self {
        Self {
            place: Place::Window(Window::ANYWHERE),
            size,
            action: Action::ReserveCommit,
            protection: Protection::READ_WRITE,
            traits: Traits::PLAIN,
        }
    }

    /// Only promises the range. The protection is kept as the initial one.
    #[must_use]
    pub const fn reserve(self) -> Self {
        Self { action: Action::Reserve, ..self }
    }

    /// Only gives memory, to a part of a reservation.
    #[must_use]
    pub const fn commit(self) -> Self {
        Self { action: Action::Commit, ..self }
    }

    /// With this protection.
    #[must_use]
    pub const fn protection(self, protection: Protection) -> Self {
        Self { protection, ..self }
    }

    /// Made of this.
    #[must_use]
    pub const fn of(self, traits: Traits) -> Self {
        Self { traits, ..self }
    }

    /// At this address.
    #[must_use]
    pub const fn at(self, address: u64) -> Self {
        Self { place: Place::At(address), ..self }
    }

    /// As near to this address as possible, and within 2 GiB of it.
    #[must_use]
    pub const fn near(self, address: u64) -> Self {
        Self { place: Place::Near(address), ..self }
    }

    /// Somewhere in this window.
    #[must_use]
    pub const fn within(self, window: Window) -> Self {
        Self { place: Place::Window(window), ..self }
    }

    /// At the highest suitable address.
    #[must_use]
    pub const fn top_down(self) -> Self {
        self.within(Window { order: Order::TopDown, ..Window::ANYWHERE })
    }
}

/// What to do with the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Promise the range.
    Reserve,
    /// Give memory to a part of a reservation. Without an address: as `ReserveCommit`.
    Commit,
    /// Promise the range and give it memory.
    ReserveCommit,
}

/// Where to allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At this address, rounded down to a granule (a page, when committing).
    At(u64),
    /// Anywhere in a window.
    Window(Window),
    /// As near to this address as possible, and all of it within 2 GiB.
    Near(u64),
}

/// The part of the address space to search, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The lowest address; 0 when there is no such limit.
    pub lowest: u64,
    /// The highest address of the last byte; `u64::MAX` when there is no such limit.
    pub highest: u64,
    /// Alignment, a power of two; 0 for a granule.
    pub alignment: u64,
    /// From which end.
    pub order: Order,
}

/// From which end to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The lowest suitable address.
    BottomUp,
    /// The highest suitable address.
    TopDown,
}

/// How far `Place::Near` may go: what a 32-bit displacement reaches, less a margin
/// for the instruction itself.
const REACH: u64 = 0x7fff_0000;

/// How often a place that others took in the meantime is looked for again.
pub(super) const TRIES: u32 = 32;

impl Window {
    /// The whole user range, lowest address first.
    pub const ANYWHERE: Self = Self { lowest: 0, highest: u64::MAX, alignment: 0, order: Order::BottomUp };
}

impl AddressSpace {
    /// Reserves, commits, or both. The answer is the range, rounded as the facts
    /// VA10 to VA27 have it: reservations start at a granule and end at a page,
    /// commits are whole pages.
    ///
    /// Committing pages that are committed keeps their content and gives them the
    /// new protection (VA21 to VA23).
    ///
    /// # Errors
    /// Nothing has changed. [`Kind::ZeroSize`], [`Kind::BadAddress`],
    /// [`Kind::BadSize`], [`Kind::BadProtection`], [`Kind::BadPlace`] for the
    /// arguments; [`Kind::Conflict`], [`Kind::NotReserved`],
    /// [`Kind::AlreadyCommitted`], [`Kind::AboveCeiling`] for what is there;
    /// [`Kind::NoSpace`], [`Kind::CommitLimit`], [`Kind::MapBudget`],
    /// [`Kind::OutOfMemory`] for what is left.
    pub fn allocate<M: Machine>(
        &self,
        machine: &mut M,
        request: &Allocate,
    ) -> Result<Done<PageRange>, Error> {
        let at = match request.place {
            Place::At(at) | Place::Near(at) => at,
            Place::Window(_) => 0,
        };
        let fail = |kind| Error::new(Verb::Allocate, kind, at, request.size);
        if request.protection.rights.contains(Rights::COPY) {
            return Err(fail(Kind::BadProtection));
        }
        match (request.place, request.action) {
            (Place::At(at), Action::Commit) => self.commit(machine, at, request).map_err(fail),
            (Place::At(at), Action::Reserve | Action::ReserveCommit) => {
                self.reserve_at(machine, at, request).map_err(fail)
            }
            (Place::Window(window), _) => self.reserve_in(machine, window, request).map_err(fail),
            (Place::Near(goal), _) => self.reserve_near(machine, goal, request).map_err(fail),
        }
    }

    fn commit<M: Machine>(
        &self,
        machine: &mut M,
        at: u64,
        request: &Allocate,
    ) -> Result<Done<PageRange>, Kind> {
        let range = self.geometry.touched(at, request.size)?;
        let Some((whole, region)) = self.region_at(range.start()) else {
            return Err(nothing_reserved(machine, range));
        };
        if !whole.covers(range) {
            return Err(Kind::NotReserved);
        }
        let missing = range.bytes() - region.committed_bytes(&self.geometry, range);
        if missing < range.bytes() {
            self.permit(region, range, request.protection.rights)?;
        }
        let fresh = region.promise.charge(missing);
        if !self.charge.fits(fresh) {
            return Err(Kind::CommitLimit);
        }
        let protection = region.protection_of(request.protection);
        let done = Done::new(range, Edit::Pages { range, change: Change::Commit { protection, fresh } });
        if missing == 0 && already(&self.geometry, region, range, protection) {
            return Ok(Done::unchanged(range));
        }
        match machine.commit(whole, range, protection.effective()) {
            Ok(()) => Ok(done),
            Err(refusal) => {
                machine.resync(whole, range, &self.truth(region, range));
                Err(refusal.into())
            }
        }
    }

    fn reserve_at<M: Machine>(
        &self,
        machine: &mut M,
        at: u64,
        request: &Allocate,
    ) -> Result<Done<PageRange>, Kind> {
        let range = self.geometry.placed(at, request.size)?;
        if self.is_ours(range) {
            return Err(Kind::Conflict);
        }
        self.afford(request, range.bytes())?;
        machine.reserve(range, access_of(request))?;
        Ok(inserted(range, request, None))
    }

    fn reserve_in<M: Machine>(
        &self,
        machine: &mut M,
        window: Window,
        request: &Allocate,
    ) -> Result<Done<PageRange>, Kind> {
        let search = Search::decode(&self.geometry, window, request.size)?;
        self.afford(request, search.length)?;
        // Others fill the top of the address space; what is known of them may be
        // old, and "highest" is a promise.
        let known = match search.order {
            Order::TopDown => Known::Fresh(self.look(machine)?),
            Order::BottomUp => Known::Hints,
        };
        self.place(machine, request, known, |space, foreign| {
            let default = search.low <= space.geometry.search_from
                && search.high == space.geometry.user_end()
                && search.order == Order::BottomUp;
            let preferred = Search { low: space.geometry.search_from, ..search };
            default.then(|| space.gap(&preferred, foreign)).flatten().or_else(|| space.gap(&search, foreign))
        })
    }

    fn reserve_near<M: Machine>(
        &self,
        machine: &mut M,
        goal: u64,
        request: &Allocate,
    ) -> Result<Done<PageRange>, Kind> {
        if goal > self.geometry.highest {
            return Err(Kind::BadAddress);
        }
        let below = Window {
            lowest: goal.saturating_sub(REACH),
            highest: goal,
            order: Order::TopDown,
            ..Window::ANYWHERE
        };
        let above = Window { lowest: goal, highest: goal.saturating_add(REACH), ..Window::ANYWHERE };
        let below = Search::decode_within(&self.geometry, below, request.size)?;
        let above = Search::decode_within(&self.geometry, above, request.size)?;
        self.afford(request, above.length)?;
        // What is near is most often foreign: code, or a heap.
        let known = Known::Fresh(self.look(machine)?);
        self.place(machine, request, known, |space, foreign| {
            let distance = |range: &PageRange| range.start().get().abs_diff(goal);
            let candidates = [space.gap(&below, foreign), space.gap(&above, foreign)];
            candidates.into_iter().flatten().min_by_key(distance)
        })
    }

    /// Tries candidates until the machine accepts one.
    fn place<M: Machine>(
        &self,
        machine: &mut M,
        request: &Allocate,
        known: Known,
        candidate: impl Fn(&Self, &[PageRange]) -> Option<PageRange>,
    ) -> Result<Done<PageRange>, Kind> {
        let mut known = known;
        for _ in 0..TRIES {
            let Some(range) = candidate(self, known.ranges(self)) else {
                match known {
                    // The hints may be stale: look before saying that nothing is free.
                    Known::Hints => known = Known::Fresh(self.look(machine)?),
                    Known::Fresh(_) => return Err(Kind::NoSpace),
                }
                continue;
            };
            match machine.reserve(range, access_of(request)) {
                Ok(()) => return Ok(inserted(range, request, known.learned())),
                Err(Refusal::Occupied) => {
                    // Somebody mapped there since. Should the list not show it, then
                    // at least this place is not offered again.
                    let mut seen = self.look(machine)?.into_vec();
                    seen.push(range);
                    seen.sort_by_key(|range| range.start());
                    known = Known::Fresh(join(seen));
                }
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Err(Kind::NoSpace)
    }

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
    fn gap(&self, search: &Search, foreign: &[PageRange]) -> Option<PageRange> {
        let mut fit = |start, end| search.fit(start, end, foreign);
        match search.order {
            Order::BottomUp => self.regions.find_gap_up(search.low, search.high, search.length, &mut fit),
            Order::TopDown => self.regions.find_gap_down(search.low, search.high, search.length, &mut fit),
        }
    }

    fn afford(&self, request: &Allocate, bytes: u64) -> Result<(), Kind> {
        match request.action {
            Action::Reserve => Ok(()),
            Action::Commit | Action::ReserveCommit if self.charge.fits(bytes) => Ok(()),
            Action::Commit | Action::ReserveCommit => Err(Kind::CommitLimit),
        }
    }
}

/// What is known of others during a search.
enum Known {
    /// What the space remembers.
    Hints,
    /// What the machine reported just now.
    Fresh(Box<[PageRange]>),
}

impl Known {
    fn ranges<'a>(&'a self, space: &'a AddressSpace) -> &'a [PageRange] {
        match self {
            Self::Hints => &space.foreign,
            Self::Fresh(ranges) => ranges,
        }
    }

    fn learned(self) -> Option<Box<[PageRange]>> {
        match self {
            Self::Hints => None,
            Self::Fresh(ranges) => Some(ranges),
        }
    }
}

/// A window with everything checked and rounded.
#[derive(Clone, Copy)]
struct Search {
    low: u64,
    /// Exclusive.
    high: u64,
    length: u64,
    alignment: u64,
    order: Order,
}

impl Search {
    fn decode(geometry: &Geometry, window: Window, size: u64) -> Result<Self, Kind> {
        let alignment = if window.alignment == 0 { geometry.granule } else { window.alignment };
        if !alignment.is_power_of_two() || alignment < geometry.granule {
            return Err(Kind::BadPlace);
        }
        Self::decode_within(geometry, Window { alignment, ..window }, size)
    }

    fn decode_within(geometry: &Geometry, window: Window, size: u64) -> Result<Self, Kind> {
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

/// Why nothing can be committed where no region of ours is.
fn nothing_reserved<M: Machine>(machine: &M, range: PageRange) -> Kind {
    match machine.foreign(range.start()).map(|run| run.standing) {
        Ok(Standing::Mapped { backing: Backing::View | Backing::Image, .. }) => Kind::AlreadyCommitted,
        Ok(Standing::Mapped { backing: Backing::Private, .. }) => Kind::Conflict,
        Ok(Standing::Free) | Err(_) => Kind::NotReserved,
    }
}

/// Whether every page of `range` is committed with `protection` already.
fn already(geometry: &Geometry, region: &Region, range: PageRange, protection: Protection) -> bool {
    region.runs(geometry, range).all(|(_, slot)| slot.protection() == Some(protection))
}

fn access_of(request: &Allocate) -> Option<crate::access::Access> {
    match request.action {
        Action::Reserve => None,
        Action::Commit | Action::ReserveCommit => Some(request.protection.effective()),
    }
}

fn inserted(range: PageRange, request: &Allocate, foreign: Option<Box<[PageRange]>>) -> Done<PageRange> {
    let committed = match request.action {
        Action::Reserve => None,
        Action::Commit | Action::ReserveCommit => Some(request.protection),
    };
    let (attributes, promise) = (Attributes::default(), Promise::Full);
    let traits = request.traits;
    let edit = Edit::Insert { range, initial: request.protection, committed, attributes, promise, traits };
    Done { value: range, edit, foreign }
}
