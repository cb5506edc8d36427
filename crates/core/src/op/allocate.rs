//! Reserve, commit, or both at once.

use alloc::boxed::Box;
use alloc::vec;

use crate::access::{Attributes, Caching, Guard, Protection, Rights};
use crate::contract::{Backing, Machine, Refusal, Standing};
use crate::error::{Error, Kind, Verb};
use crate::geometry::{Geometry, PageRange, Va};
use crate::object::Promise;
use crate::op::search::Search;
use crate::region::{Form, Region};
use crate::space::{AddressSpace, Change, Done, Edit, join};
use crate::traits::{PageKind, Traits, Watch};

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

    /// Whose stores are noted, page by page.
    #[must_use]
    pub const fn watched(self) -> Self {
        self.of(Traits { watch: Watch::On, ..self.traits })
    }

    /// Of ordinary pages that the machine joins into larger ones where it can.
    #[must_use]
    pub const fn joined(self) -> Self {
        self.of(Traits { pages: PageKind::Joined, ..self.traits })
    }

    /// Of pages of 2 MiB, which stay in memory. The size is a multiple of that.
    #[must_use]
    pub const fn large(self) -> Self {
        self.of(Traits { pages: PageKind::Large, ..self.traits })
    }

    /// Of pages of 1 GiB, likewise.
    #[must_use]
    pub const fn huge(self) -> Self {
        self.of(Traits { pages: PageKind::Huge, ..self.traits })
    }

    /// Only promises the range, as a window that frames of physical memory are mapped into.
    #[must_use]
    pub const fn window(self) -> Self {
        self.of(Traits { pages: PageKind::Window, ..self.traits }).reserve()
    }

    /// Of memory of this node, as long as it has some.
    #[must_use]
    pub const fn on_node(self, node: u16) -> Self {
        self.of(Traits { node: Some(node), ..self.traits })
    }

    /// Only promises the range, as a placeholder.
    #[must_use]
    pub const fn placeholder(self) -> Self {
        Self { action: Action::Placeholder, protection: Protection::NONE, ..self }
    }

    /// In place of the placeholder that begins at this address and has this size.
    #[must_use]
    pub const fn replacing(self, address: u64) -> Self {
        Self { place: Place::Placeholder(address), ..self }
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
    /// Promise the range as a placeholder: memory or a view takes its place later.
    Placeholder,
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
    /// In place of the placeholder that begins at this address and has this size.
    Placeholder(u64),
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
    /// arguments; [`Kind::BadFlags`], [`Kind::Misaligned`] for those that do not suit what
    /// it is to be made of; [`Kind::Conflict`], [`Kind::NotReserved`], [`Kind::Fixed`],
    /// [`Kind::AlreadyCommitted`], [`Kind::AboveCeiling`] for what is there;
    /// [`Kind::NoSpace`], [`Kind::CommitLimit`], [`Kind::MapBudget`],
    /// [`Kind::OutOfMemory`], [`Kind::NoLargePages`], [`Kind::NoNode`] for what is left.
    pub fn allocate<M: Machine>(
        &self,
        machine: &mut M,
        request: &Allocate,
    ) -> Result<Done<PageRange>, Error> {
        let at = match request.place {
            Place::At(at) | Place::Near(at) | Place::Placeholder(at) => at,
            Place::Window(_) => 0,
        };
        let fail = |kind| Error::new(Verb::Allocate, kind, at, request.size);
        if request.protection.rights.contains(Rights::COPY) && !self.is_about_a_view(request) {
            return Err(fail(Kind::BadProtection)); // VA54
        }
        if !matches!((request.place, request.action), (Place::At(_), Action::Commit)) {
            check_traits(request).map_err(fail)?;
        }
        match (request.place, request.action) {
            (Place::At(at), Action::Commit) => self.commit(machine, at, request).map_err(fail),
            (Place::At(at), Action::Reserve | Action::ReserveCommit | Action::Placeholder) => {
                self.reserve_at(machine, at, request).map_err(fail)
            }
            (Place::Placeholder(at), _) => self.replace(machine, at, request).map_err(fail),
            (Place::Window(window), _) => self.reserve_in(machine, window, request).map_err(fail),
            (Place::Near(goal), _) => self.reserve_near(machine, goal, request).map_err(fail),
        }
    }

    /// Whether pages of a view are committed, which may be copied when they are stored to.
    fn is_about_a_view(&self, request: &Allocate) -> bool {
        let (Place::At(at), Action::Commit) = (request.place, request.action) else { return false };
        let region = self.region_at(Va::new(self.geometry.page_down(at)));
        region.is_some_and(|(_, region)| matches!(region.form, Form::View(_)))
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
        if let Form::View(_) = region.form {
            return self.commit_view(machine, whole, range, region, request.protection);
        }
        if region.form == Form::Placeholder {
            return Err(Kind::Conflict); // PH09, VA71
        }
        if region.traits.pages.is_fixed() {
            return Err(Kind::Fixed);
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
        let is_careful = region.is_watched() || protection.guard == Guard::Armed;
        let mut commit = |part| {
            if is_careful {
                self.commit_watched(machine, (whole, region), part, protection)
            } else {
                machine.commit(whole, part, protection.effective())
            }
        };
        // Most often nothing is committed yet, and then nothing is offered.
        let told = if missing == range.bytes() {
            commit(range)
        } else {
            self.in_use(region, range).into_iter().try_for_each(commit)
        };
        match told {
            Ok(()) => Ok(done),
            Err(refusal) => {
                machine.resync(whole, range, &self.truth(region, range));
                Err(refusal.into())
            }
        }
    }

    /// Pages of watched memory that have content keep what is known of them; fresh ones are
    /// clean.
    fn commit_watched<M: Machine>(
        &self,
        machine: &mut M,
        (whole, region): (PageRange, &Region),
        range: PageRange,
        protection: Protection,
    ) -> Result<(), Refusal> {
        let access = protection.effective();
        for (run, slot) in region.runs(&self.geometry, range) {
            if !slot.is_committed() {
                machine.commit(whole, run, access)?;
            } else if slot.access() != Some(access) {
                machine.protect(whole, run, access)?;
            }
        }
        Ok(())
    }

    fn reserve_at<M: Machine>(
        &self,
        machine: &mut M,
        at: u64,
        request: &Allocate,
    ) -> Result<Done<PageRange>, Kind> {
        let range = self.geometry.placed(at, request.size)?;
        // An address inside of the first granule makes the range longer than the size.
        let unit = request.traits.pages.unit().max(1);
        if !range.start().is_aligned(unit) || !range.bytes().is_multiple_of(unit) {
            return Err(Kind::Misaligned);
        }
        if self.is_ours(range) {
            return Err(Kind::Conflict);
        }
        self.afford(request, range.bytes())?;
        reserve_on(machine, range, request)?;
        Ok(inserted(range, request, None))
    }

    fn reserve_in<M: Machine>(
        &self,
        machine: &mut M,
        window: Window,
        request: &Allocate,
    ) -> Result<Done<PageRange>, Kind> {
        let search = Search::decode(&self.geometry, window, request.size)?.aligned(request.traits);
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
        let decode = |window| Search::decode_within(&self.geometry, window, request.size);
        let below = decode(below)?.aligned(request.traits);
        let above = decode(above)?.aligned(request.traits);
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
            match reserve_on(machine, range, request) {
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

    pub(super) fn afford(&self, request: &Allocate, bytes: u64) -> Result<(), Kind> {
        match request.action {
            Action::Reserve | Action::Placeholder => Ok(()),
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

/// Whether what an allocation is to be made of goes together with the rest of the request
/// (facts LP03 to LP07, LP14 to LP19).
fn check_traits(request: &Allocate) -> Result<(), Kind> {
    let Traits { watch, pages, .. } = request.traits;
    if request.action == Action::Placeholder {
        let plain = watch == Watch::Off && pages == PageKind::Ordinary;
        return match (plain, request.protection) {
            (false, _) => Err(Kind::BadFlags),
            (true, Protection::NONE) => Ok(()),
            (true, _) => Err(Kind::BadProtection), // PH01
        };
    }
    let action = match pages {
        PageKind::Ordinary | PageKind::Joined => return Ok(()),
        PageKind::Large | PageKind::Huge => Action::ReserveCommit,
        PageKind::Window => Action::Reserve,
    };
    if request.action != action || watch == Watch::On {
        return Err(Kind::BadFlags);
    }
    if request.protection.cached(Caching::Normal) != Protection::READ_WRITE {
        return Err(Kind::BadProtection);
    }
    match request.size {
        0 => Err(Kind::ZeroSize),
        size if size % pages.unit().max(1) == 0 => Ok(()),
        _size => Err(Kind::Misaligned),
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

pub(super) fn access_of(request: &Allocate) -> Option<crate::access::Access> {
    match request.action {
        Action::Reserve | Action::Placeholder => None,
        Action::Commit | Action::ReserveCommit => Some(request.protection.effective()),
    }
}

/// Makes a range ours, of what the request says.
fn reserve_on<M: Machine>(machine: &mut M, range: PageRange, request: &Allocate) -> Result<(), Refusal> {
    match request.traits {
        Traits::PLAIN => machine.reserve(range, access_of(request)),
        traits => machine.reserve_special(range, access_of(request), traits),
    }
}

pub(super) fn inserted(
    range: PageRange,
    request: &Allocate,
    foreign: Option<Box<[PageRange]>>,
) -> Done<PageRange> {
    let committed = match request.action {
        Action::Reserve | Action::Placeholder => None,
        Action::Commit | Action::ReserveCommit => Some(request.protection),
    };
    let (attributes, promise) = (Attributes::default(), Promise::Full);
    let traits = request.traits;
    let edit = Edit::Insert { range, initial: request.protection, committed, attributes, promise, traits };
    let edit = match request.action {
        Action::Reserve | Action::Commit | Action::ReserveCommit => edit,
        Action::Placeholder => {
            Edit::Batch(vec![edit, Edit::Form { at: range.start(), form: Form::Placeholder }])
        }
    };
    Done { value: range, edit, foreign }
}
