//! New memory page by page: at an address, or at the lowest one that is free.

use crate::access::{Attributes, Guard, Inheritance, Protection, Rights};
use crate::contract::Machine;
use crate::error::{Error, Kind, Verb};
use crate::geometry::PageRange;
use crate::object::{Content, ObjectId, Promise, View};
use crate::op::alias::Progress;
use crate::op::fill::Look;
use crate::op::site::{MapPlace, Overwrite, Wish};
use crate::space::{AddressSpace, Done};

/// A request for committed pages of zeros, which nothing is charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    /// Where.
    pub place: MapPlace,
    /// How many bytes; rounded up to pages.
    pub size: u64,
    /// Bits that the address must not have: any pattern.
    pub mask: u64,
    /// What may be done with the pages now. What the maximum lacks is left out.
    pub protection: Protection,
    /// What may ever be done with them: of `READ`, `WRITE` and `EXECUTE`.
    pub maximum: Rights,
    /// What a forked child gets.
    pub inheritance: Inheritance,
    /// What happens to memory of ours that is there.
    pub overwrite: Overwrite,
    /// Where the bytes are.
    pub birth: Birth,
}

/// Where the bytes of new pages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Birth {
    /// In memory of the range alone.
    Private,
    /// In an object that the range alone shows: a lazy copy of them moves no byte. The
    /// child of a fork that nobody prepared ([`AddressSpace::before_fork`]) lacks the
    /// range. If there is no room for an object, as `Private`.
    Shared,
}

impl Map {
    /// `size` bytes at the lowest free address, to load from and store to, and with
    /// nothing denied.
    pub const fn new(size: u64) -> Self {
        Self {
            place: MapPlace::Above(0),
            size,
            mask: 0,
            protection: Protection::READ_WRITE,
            maximum: Rights::USUAL,
            inheritance: Inheritance::Copy,
            overwrite: Overwrite::Refuse,
            birth: Birth::Private,
        }
    }

    /// In the pages from the one on that holds this address.
    #[must_use]
    pub const fn at(self, address: u64) -> Self {
        Self { place: MapPlace::Fixed(address), ..self }
    }
}

impl AddressSpace {
    /// Makes new pages of zeros. An address is rounded down to a page before the size,
    /// rounded up, is added (mach.md, row A5). Places are searched for upwards and page
    /// by page, and the first that fits is taken (A4, V6).
    ///
    /// # Errors
    /// Nothing has changed: [`Kind::ZeroSize`], [`Kind::BadProtection`];
    /// [`Kind::BadSize`] when a size is no number of pages, or goes beyond the user range
    /// from its address; [`Kind::BadAddress`] outside of the user range;
    /// [`Kind::BadPlace`] when the address has bits of the mask; [`Kind::Conflict`],
    /// [`Kind::NoSpace`] for what is there; [`Kind::MapBudget`], [`Kind::OutOfMemory`].
    /// Only when the machine fails after memory was replaced in part, that part is gone.
    pub fn map<M: Machine>(
        &self,
        machine: &mut M,
        request: &Map,
    ) -> Result<Done<Result<PageRange, Error>>, Error> {
        let at = match request.place {
            MapPlace::Fixed(at) | MapPlace::Above(at) => at,
        };
        let fail = |kind| Error::new(Verb::Allocate, kind, at, request.size);
        let protection = within(request.protection, request.maximum).map_err(fail)?;
        let bytes = self.mapping_size(request.size).map_err(fail)?;
        let wish = Wish { place: request.place, bytes, mask: request.mask, overwrite: request.overwrite };
        let mut progress = Progress::default();
        let object = match request.birth {
            // What a child shall share lies in an object from the start.
            Birth::Private if request.inheritance != Inheritance::Share => None,
            // If there is room for one.
            Birth::Private | Birth::Shared => {
                self.make_object(machine, bytes / self.geometry.page, Promise::OnWrite, &mut progress).ok()
            }
        };
        let access = protection.effective();
        // Private pages need no second look: they are born with their access.
        let claimed = self.claim(machine, &wish, object.is_none().then_some(access));
        let site = claimed.map_err(|kind| {
            object.into_iter().for_each(|object| machine.close(object));
            fail(kind)
        })?;
        let look = Look::born(request, protection, object);
        let range = site.range;
        let filled = self.fill(machine, &site, &[(range, look)], &mut progress);
        if filled.is_err() {
            progress.abandon_unshown(machine);
        }
        let mut done = progress.done(filled.map(|()| range).map_err(fail));
        done.foreign = site.foreign;
        Ok(done)
    }
}

impl Look {
    /// How pages look that a request made.
    fn born(request: &Map, protection: Protection, object: Option<ObjectId>) -> Self {
        let Map { maximum, inheritance, .. } = *request;
        let told = match inheritance {
            Inheritance::None => Some(Inheritance::None),
            // Without preparation a child would get the very same bytes, not a copy.
            Inheritance::Copy => object.map(|_| Inheritance::None),
            Inheritance::Share => None,
        };
        Self {
            protection,
            attributes: Attributes { maximum, inheritance, behavior: 0 },
            content: object.map(|object| Content { object, first: 0, view: View::Shared }),
            told,
        }
    }
}

/// A protection without the rights that a maximum lacks (mach.md, row V4).
fn within(protection: Protection, maximum: Rights) -> Result<Protection, Kind> {
    let plain = protection.guard == Guard::Clear && !protection.rights.contains(Rights::COPY);
    if !plain || !Rights::USUAL.contains(maximum) {
        return Err(Kind::BadProtection);
    }
    Ok(Protection { rights: protection.rights.intersection(maximum), ..protection })
}
