//! Operations as tests state them, and what they come to in a given world.
//!
//! An [`Op`] names places by what stands there ("one byte before the end of the
//! third allocation"), so that it keeps its meaning when shrinking takes other
//! operations away. A [`Step`] is an `Op` with numbers.

use std::ops::Range;

use pagewright_core::{
    Action, After, Alias, Allocate, Consent, CopyRange, Disposal, Error, Fate, Free, Geometry, Info, Lock,
    Mark, Onto, Order, PageRange, Place, Protect, Protection, Recycle, Stores, Survival, Traits, Window,
    Wiring, Written,
};

use crate::subject::Subject;

/// What an address is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The start of an earlier allocation, counted round; freed ones count too.
    Start(usize),
    /// The first byte behind one.
    End(usize),
    /// A page inside of one, counted round.
    Inside(usize, u64),
    /// A granule of the arena, counted round.
    Arena(u64),
    /// Address 0.
    Zero,
    /// The lowest address that an allocation may have.
    Lowest,
    /// The highest user address.
    Highest,
    /// The first address above the user range.
    Above,
    /// The highest number.
    Max,
}

/// An address: an anchor and a distance, wrapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// From where.
    pub anchor: Anchor,
    /// How far.
    pub delta: i64,
}

/// What a size is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Byte,
    /// Pages.
    Page,
    /// Granules.
    Granule,
    /// What core keeps one table for: 512 pages.
    Chunk,
    /// Tebibytes.
    Tera,
}

/// A size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// So many units, and a distance, wrapping.
    Of(Unit, u64, i64),
    /// From the address to the end of the earlier allocation that it is in, or of
    /// the last one before it; and a distance, wrapping.
    ToEnd(i64),
    /// So many pages, but no more than the earlier allocations at both ends have from
    /// there on, if they have any; and a distance, wrapping.
    Within(u64, i64),
    /// As many bytes as make the sum wrap around to this number.
    Wrap(u64),
}

/// A limit of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// No such limit.
    None,
    /// At this spot.
    At(Spot),
}

/// Where to allocate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// At an address.
    At(Spot),
    /// Near an address.
    Near(Spot),
    /// In place of a placeholder.
    Placeholder(Spot),
    /// In a window; the upper bound is exclusive here.
    Window {
        /// The lowest address.
        low: Bound,
        /// The address behind the highest.
        high: Bound,
        /// In bytes; 0 for a granule.
        alignment: u64,
        /// From which end.
        order: Order,
    },
}

/// Where an alias goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// Into what is reserved there.
    Reserved(Spot),
    /// Into a reservation of its own.
    Fresh(Target),
}

/// An operation, as generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of core's requests")]
pub enum Op {
    /// See [`Allocate`].
    Allocate { target: Target, size: Size, action: Action, protection: Protection },
    /// See [`Free`].
    Free { at: Spot, size: Size, disposal: Disposal },
    /// See [`Protect`].
    Protect { at: Spot, size: Size, protection: Protection },
    /// See [`Lock`].
    Lock { at: Spot, size: Size, wiring: Wiring },
    /// See [`Alias`].
    Alias { source: Spot, size: Size, onto: Landing, protection: Protection, consent: Consent },
    /// See [`CopyRange`].
    Copy { source: Spot, size: Size, target: Spot },
    /// Copies bytes out.
    Read { at: Spot, length: usize },
    /// Copies bytes in, counting up from `first`.
    Write { at: Spot, length: usize, first: u8 },
    /// Asks about an address.
    Query { at: Spot },
    /// Sets the commit limit.
    SetLimit { pages: u64 },
    /// See [`Allocate`]: of memory that is made of something.
    AllocateOf { target: Target, size: Size, action: Action, protection: Protection, traits: Traits },
    /// See [`Lock`]: with a quota of so many pages.
    LockWithin { at: Spot, size: Size, pages: u64 },
    /// See [`Written`].
    Written { at: Spot, size: Size, limit: u64, after: After },
    /// See [`Mark`].
    Mark { at: Spot, size: Size, stores: Stores },
    /// See [`Recycle`].
    Recycle { at: Spot, size: Size, fate: Fate },
}

/// An operation with numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of core's requests")]
pub enum Step {
    /// Reserve, commit, or both.
    Allocate(Allocate),
    /// Decommit or release.
    Free(Free),
    /// Change protection.
    Protect(Protect),
    /// Wire or let go.
    Lock(Lock),
    /// Show pages in a second place.
    Alias(Alias),
    /// Copy from place to place.
    Copy(CopyRange),
    /// Copy bytes out.
    Read { at: u64, length: usize },
    /// Copy bytes in.
    Write { at: u64, bytes: Vec<u8> },
    /// Ask.
    Query { at: u64 },
    /// Set the commit limit.
    SetLimit { bytes: u64 },
    /// Ask for stores.
    Written(Written),
    /// Note stores, or forget them.
    Mark(Mark),
    /// Let content go, or take it back.
    Recycle(Recycle),
}

/// What a subject made of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The range that was meant.
    Range(PageRange),
    /// The old protection.
    Old(Protection),
    /// What stands there.
    Info(Info),
    /// The bytes that could be read.
    Bytes(Vec<u8>),
    /// How many bytes were written.
    Count(usize),
    /// How many bytes were copied from place to place.
    Copied(u64),
    /// The pages that were stored to.
    Runs(Vec<PageRange>),
    /// Whether content is still there.
    Survival(Survival),
    /// Done.
    Done,
    /// No.
    Refused(Error),
}

/// What an operation can refer to.
#[derive(Clone, Debug)]
pub struct World {
    /// The shape of the address space.
    pub geometry: Geometry,
    /// Where nobody else maps.
    pub arena: Range<u64>,
    /// Every range that was ever allocated, in order.
    pub made: Vec<PageRange>,
}

impl World {
    /// The world of a subject that has done nothing yet.
    pub fn of(subject: &dyn Subject) -> Self {
        Self { geometry: subject.geometry(), arena: subject.arena(), made: Vec::new() }
    }

    fn allocation(&self, index: usize) -> Range<u64> {
        match self.made.get(index % self.made.len().max(1)) {
            Some(range) => range.start().get()..range.end().get(),
            None => self.arena.start..self.arena.start + self.geometry.granule,
        }
    }

    fn spot(&self, spot: Spot) -> u64 {
        let geometry = &self.geometry;
        let anchor = match spot.anchor {
            Anchor::Start(index) => self.allocation(index).start,
            Anchor::End(index) => self.allocation(index).end,
            Anchor::Inside(index, page) => {
                let range = self.allocation(index);
                let pages = (range.end - range.start) / geometry.page;
                range.start + page % pages * geometry.page
            }
            Anchor::Arena(granule) => {
                let granules = (self.arena.end - self.arena.start) / geometry.granule;
                self.arena.start + granule % granules * geometry.granule
            }
            Anchor::Zero => 0,
            Anchor::Lowest => geometry.lowest,
            Anchor::Highest => geometry.highest,
            Anchor::Above => geometry.user_end(),
            Anchor::Max => u64::MAX,
        };
        anchor.wrapping_add_signed(spot.delta)
    }

    fn size(&self, at: u64, size: Size) -> u64 {
        self.size_of_both(at, at, size)
    }

    /// The size of something that is at two places.
    fn size_of_both(&self, at: u64, other: u64, size: Size) -> u64 {
        match size {
            Size::Of(unit, count, delta) => {
                let unit = match unit {
                    Unit::Byte => 1,
                    Unit::Page => self.geometry.page,
                    Unit::Granule => self.geometry.granule,
                    Unit::Chunk => 512 * self.geometry.page,
                    Unit::Tera => 1 << 40,
                };
                unit.wrapping_mul(count).wrapping_add_signed(delta)
            }
            Size::ToEnd(delta) => {
                let holds = |range: &&PageRange| range.start().get() <= at;
                let range = self.made.iter().filter(holds).max_by_key(|range| range.start());
                let end = range.map_or(at, |range| range.end().get());
                end.wrapping_sub(at).wrapping_add_signed(delta)
            }
            Size::Within(pages, delta) => {
                let page = self.geometry.page;
                let rooms = [at, other].into_iter().filter_map(|at| self.room(at));
                let most = rooms.map(|room| room / page).filter(|pages| *pages > 0).min();
                let pages = pages.min(most.unwrap_or(pages));
                (pages * page).wrapping_add_signed(delta)
            }
            Size::Wrap(sum) => sum.wrapping_sub(at),
        }
    }

    /// The bytes from `at` to the end of the latest allocation that was there.
    fn room(&self, at: u64) -> Option<u64> {
        let holds = |range: &&PageRange| range.start().get() <= at && at < range.end().get();
        self.made.iter().rev().find(holds).map(|range| range.end().get() - at)
    }

    fn window(&self, low: Bound, high: Bound, alignment: u64, order: Order) -> Window {
        let lowest = match low {
            Bound::None => 0,
            Bound::At(spot) => self.spot(spot),
        };
        let highest = match high {
            Bound::None => u64::MAX,
            Bound::At(spot) => self.spot(spot).wrapping_sub(1),
        };
        Window { lowest, highest, alignment, order }
    }

    fn place(&self, target: Target) -> (Place, u64) {
        match target {
            Target::At(spot) => (Place::At(self.spot(spot)), self.spot(spot)),
            Target::Near(spot) => (Place::Near(self.spot(spot)), self.spot(spot)),
            Target::Placeholder(spot) => (Place::Placeholder(self.spot(spot)), self.spot(spot)),
            Target::Window { low, high, alignment, order } => {
                (Place::Window(self.window(low, high, alignment, order)), 0)
            }
        }
    }

    /// What `op` comes to here.
    pub fn resolve(&self, op: &Op) -> Step {
        match *op {
            Op::Allocate { target, size, action, protection } => {
                let (place, at) = self.place(target);
                let size = self.size(at, size);
                let traits = Traits::PLAIN;
                Step::Allocate(Allocate { place, size, action, protection, traits })
            }
            Op::AllocateOf { target, size, action, protection, traits } => {
                let (place, at) = self.place(target);
                let size = self.size(at, size);
                Step::Allocate(Allocate { place, size, action, protection, traits })
            }
            Op::Free { at, size, disposal } => {
                let at = self.spot(at);
                Step::Free(Free { at, size: self.size(at, size), disposal })
            }
            Op::Protect { at, size, protection } => {
                let at = self.spot(at);
                Step::Protect(Protect { at, size: self.size(at, size), protection })
            }
            Op::Lock { at, size, wiring } => {
                let at = self.spot(at);
                Step::Lock(Lock { at, size: self.size(at, size), wiring, quota: None })
            }
            Op::LockWithin { at, size, pages } => {
                let (at, quota) = (self.spot(at), Some(pages * self.geometry.page));
                Step::Lock(Lock { at, size: self.size(at, size), wiring: Wiring::Wired, quota })
            }
            Op::Written { at, size, limit, after } => {
                let at = self.spot(at);
                Step::Written(Written { at, size: self.size(at, size), limit, after })
            }
            Op::Mark { at, size, stores } => {
                let at = self.spot(at);
                Step::Mark(Mark { at, size: self.size(at, size), stores })
            }
            Op::Recycle { at, size, fate } => {
                let at = self.spot(at);
                Step::Recycle(Recycle { at, size: self.size(at, size), fate })
            }
            Op::Alias { source, size, onto, protection, consent } => {
                let source = self.spot(source);
                let (onto, other) = match onto {
                    Landing::Reserved(spot) => (Onto::Reserved(self.spot(spot)), self.spot(spot)),
                    Landing::Fresh(target) => (Onto::Fresh(self.place(target).0), source),
                };
                let size = self.size_of_both(source, other, size);
                Step::Alias(Alias { source, size, onto, protection, consent })
            }
            Op::Copy { source, size, target } => {
                let (source, target) = (self.spot(source), self.spot(target));
                Step::Copy(CopyRange { source, size: self.size_of_both(source, target, size), target })
            }
            Op::Read { at, length } => Step::Read { at: self.spot(at), length },
            Op::Write { at, length, first } => {
                let bytes = (0..length).map(|i| first.wrapping_add(i as u8)).collect();
                Step::Write { at: self.spot(at), bytes }
            }
            Op::Query { at } => Step::Query { at: self.spot(at) },
            Op::SetLimit { pages } => Step::SetLimit { bytes: pages * self.geometry.page },
        }
    }

    /// Remembers what a step made, for later operations to refer to.
    pub fn learn(&mut self, step: &Step, outcome: &Outcome) {
        if let (Step::Allocate(_) | Step::Alias(_), Outcome::Range(range)) = (step, outcome)
            && !self.made.iter().any(|made| made.covers(*range))
        {
            self.made.push(*range);
        }
    }
}

impl Step {
    /// Does it.
    pub fn perform(&self, subject: &mut dyn Subject) -> Outcome {
        let range = |said: Result<PageRange, Error>| said.map_or_else(Outcome::Refused, Outcome::Range);
        match self {
            Self::Allocate(request) => range(subject.allocate(request)),
            Self::Free(request) => range(subject.free(request)),
            Self::Lock(request) => range(subject.lock(request)),
            Self::Alias(request) => range(subject.alias(request)),
            Self::Copy(request) => subject.copy(request).map_or_else(Outcome::Refused, Outcome::Copied),
            Self::Protect(request) => subject.protect(request).map_or_else(Outcome::Refused, Outcome::Old),
            Self::Query { at } => subject.query(*at).map_or_else(Outcome::Refused, Outcome::Info),
            Self::Read { at, length } => {
                let mut bytes = vec![0xee; *length];
                let count = subject.read(*at, &mut bytes);
                bytes.truncate(count);
                Outcome::Bytes(bytes)
            }
            Self::Write { at, bytes } => Outcome::Count(subject.write(*at, bytes)),
            Self::SetLimit { bytes } => {
                subject.set_limit(*bytes);
                Outcome::Done
            }
            Self::Written(request) => subject.written(request).map_or_else(Outcome::Refused, Outcome::Runs),
            Self::Mark(request) => subject.mark(request).map_or_else(Outcome::Refused, |()| Outcome::Done),
            Self::Recycle(request) => {
                subject.recycle(request).map_or_else(Outcome::Refused, Outcome::Survival)
            }
        }
    }

    /// The first addresses and the bytes that the step is about, as asked for: what is
    /// changed, and the source after that.
    pub fn about(&self) -> Vec<(u64, u64)> {
        match self {
            Self::Allocate(Allocate { place: Place::At(at) | Place::Placeholder(at), size, .. })
            | Self::Free(Free { at, size, .. })
            | Self::Protect(Protect { at, size, .. })
            | Self::Lock(Lock { at, size, .. })
            | Self::Written(Written { at, size, .. })
            | Self::Mark(Mark { at, size, .. })
            | Self::Recycle(Recycle { at, size, .. }) => vec![(*at, *size)],
            Self::Alias(Alias { source, size, onto, .. }) => match onto {
                Onto::Reserved(at)
                | Onto::Fresh(Place::At(at) | Place::Placeholder(at))
                | Onto::View(Place::At(at) | Place::Placeholder(at)) => {
                    vec![(*at, *size), (*source, *size)]
                }
                Onto::Fresh(Place::Window(_) | Place::Near(_))
                | Onto::View(Place::Window(_) | Place::Near(_)) => vec![(*source, *size)],
            },
            Self::Copy(CopyRange { source, size, target }) => vec![(*target, *size), (*source, *size)],
            Self::Read { at, length } => vec![(*at, *length as u64)],
            Self::Write { at, bytes } => vec![(*at, bytes.len() as u64)],
            Self::Query { at } => vec![(*at, 1)],
            Self::Allocate(Allocate { place: Place::Window(_) | Place::Near(_), .. })
            | Self::SetLimit { .. } => vec![],
        }
    }
}
