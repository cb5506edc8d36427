//! A region: one promise over a page range.

use crate::access::{Caching, Inheritance, Protection, Slot};
use crate::geometry::{Geometry, PageRange, Va};
use crate::object::{ObjectId, Promise};
use crate::pages::PageMap;
use crate::traits::Traits;

/// What makes two adjacent regions not the same.
///
/// Fresh for each allocation; the pieces that a partial release leaves get their
/// own base but stay children of the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AllocationId(pub u64);

/// One allocation, or a piece that a partial release left of it.
#[derive(Clone, Debug)]
pub struct Region {
    /// Which request made it.
    pub identity: AllocationId,
    /// The protection that the request named.
    pub initial: Protection,
    /// Whether its memory is charged before it is used.
    pub promise: Promise,
    /// Whether a forked child may get anything but a copy of some page.
    pub heirs: Heirs,
    /// What it is made of.
    pub traits: Traits,
    /// What it is to those who ask, and what may become of it.
    pub form: Form,
    /// What stood there before.
    pub ground: Ground,
    /// What each page is.
    pub pages: PageMap,
}

/// What a region is to those who ask, and what may become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An allocation, which can be given back in parts.
    Memory,
    /// A range that waits for something to take its place as a whole; none of its pages
    /// can have memory before.
    Placeholder,
    /// A view of an object, which goes as a whole and is protected within what it began
    /// with.
    View(Origin),
}

/// What stood where a region is, before it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Nothing.
    Free,
    /// A placeholder, which can be put back.
    Placeholder,
}

/// Which page of an object the first page of a view is, whether it has memory or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whose page.
    pub object: ObjectId,
    /// Its number, from the start of the object.
    pub first: u64,
}

impl Form {
    /// The same `pages` pages further on.
    pub(crate) const fn after(self, pages: u64) -> Self {
        match self {
            Self::Memory => Self::Memory,
            Self::Placeholder => Self::Placeholder,
            Self::View(Origin { object, first }) => Self::View(Origin { object, first: first + pages }),
        }
    }
}

/// What is known of what a forked child gets of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heirs {
    /// A copy of every page.
    Usual,
    /// It was chosen for some page: each tells.
    Chosen,
}

impl Region {
    /// A region of reserved pages.
    pub(crate) fn reserved(
        geometry: &Geometry,
        range: PageRange,
        identity: AllocationId,
        initial: Protection,
        promise: Promise,
        traits: Traits,
    ) -> Self {
        let (first, end) = pages_of(geometry, range);
        let pages = PageMap::reserved(first, end);
        let (heirs, form, ground) = (Heirs::Usual, Form::Memory, Ground::Free);
        Self { identity, initial, promise, heirs, traits, form, ground, pages }
    }

    /// What is recorded for a page when a caller asks for `protection`.
    ///
    /// The cache attribute belongs to the allocation, not to the page: asking for
    /// another one later changes nothing (facts VP25 to VP27).
    pub(crate) const fn protection_of(&self, protection: Protection) -> Protection {
        protection.cached(self.initial.caching)
    }

    /// The cache attribute of the whole.
    pub const fn caching(&self) -> Caching {
        self.initial.caching
    }

    /// Some page is inherited like this from now on.
    pub(crate) const fn bequeath(&mut self, inheritance: Inheritance) {
        match inheritance {
            Inheritance::Copy => {}
            Inheritance::Share | Inheritance::None => self.heirs = Heirs::Chosen,
        }
    }

    /// The bytes of `range` that have memory.
    pub(crate) fn committed_bytes(&self, geometry: &Geometry, range: PageRange) -> u64 {
        let (first, end) = pages_of(geometry, range);
        self.pages.committed(first, end) * geometry.page
    }

    /// The run of equal pages around a page.
    pub(crate) fn run_around(&self, geometry: &Geometry, at: Va) -> Option<(PageRange, Slot)> {
        let page = geometry.page_number(at.get());
        let (first, end) = self.pages.run_around(page);
        let run = PageRange::between(first * geometry.page, end * geometry.page)?;
        Some((run, self.pages.slot(page)))
    }

    /// The runs of equal pages in `range`, by address.
    pub(crate) fn runs<'a>(
        &'a self,
        geometry: &Geometry,
        range: PageRange,
    ) -> impl Iterator<Item = (PageRange, Slot)> + 'a {
        let page = geometry.page;
        let (first, end) = pages_of(geometry, range);
        self.pages.runs(first, end).filter_map(move |(from, to, slot)| {
            PageRange::between(from * page, to * page).map(|run| (run, slot))
        })
    }
}

/// A range as page numbers.
#[inline]
pub(crate) const fn pages_of(geometry: &Geometry, range: PageRange) -> (u64, u64) {
    (geometry.page_number(range.start().get()), geometry.page_number(range.end().get()))
}
