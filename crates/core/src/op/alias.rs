//! Showing the same bytes in a second place, of this address space or of another.
//!
//! ```text
//!   alias     source -> objects -> target          in one address space
//!   export    source -> objects                    in the one, and
//!   import              objects -> target          in the other
//! ```
//!
//! What was private becomes pages of one new object, so that who is handed its
//! descriptor is handed those pages and no others.

use alloc::vec::Vec;

use crate::access::{Access, Protection, Rights};
use crate::contract::{Machine, Showing};
use crate::error::{Error, Kind, Verb};
use crate::geometry::PageRange;
use crate::object::{Content, Extent, ObjectId, Reach, View};
use crate::op::allocate::{Action, Allocate, Place};
use crate::op::import::Import;
pub(super) use crate::op::progress::Progress;
use crate::op::walk::What;
use crate::region::Form;
use crate::space::{AddressSpace, Attribute, Change, Done, Edit};
use crate::traits::Traits;

/// A request to show the pages of `source` in a second place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The first byte of the source, at a page boundary.
    pub source: u64,
    /// How many bytes, whole pages.
    pub size: u64,
    /// Where to.
    pub onto: Onto,
    /// What the new view may be used for; the source keeps its own.
    pub protection: Protection,
    /// Whether the source may be memory that the program mapped itself.
    pub consent: Consent,
}

/// Where an alias goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Onto {
    /// At this address, a page boundary: pages of one reservation, none of them with
    /// memory.
    Reserved(u64),
    /// In a reservation of its own.
    Fresh(Place),
    /// In a view of its own, which is unmapped as a whole.
    View(Place),
}

impl Onto {
    /// The address that it names; 0 for none.
    pub(super) const fn address(self) -> u64 {
        match self {
            Self::Reserved(at)
            | Self::Fresh(Place::At(at) | Place::Near(at) | Place::Placeholder(at))
            | Self::View(Place::At(at) | Place::Near(at) | Place::Placeholder(at)) => at,
            Self::Fresh(Place::Window(_)) | Self::View(Place::Window(_)) => 0,
        }
    }
}

/// Whether memory that the program mapped itself may become shared.
///
/// Such memory is then shared with forked children too, and a program that frees it
/// takes only its own view away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// Only what was allocated by Pagewright.
    OwnOnly,
    /// The program's own as well: its heap, its data.
    Foreign,
}

/// A request to make pages available to another address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Export {
    /// The first byte, at a page boundary.
    pub source: u64,
    /// How many bytes, whole pages.
    pub size: u64,
    /// What the other side will use them for.
    pub rights: Rights,
    /// Whether they may be memory that the program mapped itself.
    pub consent: Consent,
    /// Where the bytes of private pages go.
    pub into: Receiver,
}

/// Which object takes the bytes of private pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// A new one.
    New,
    /// One that came from the other address space, with as many pages as the source. All
    /// source pages go there, unless others show them already: then it is not used.
    Given(ObjectId),
}

/// A part of a source, and where its bytes are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    showing: Showing,
    bytes: Bytes,
    ceiling: Rights,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bytes {
    /// In an object that can be shown again.
    Shared(Content),
    /// Nowhere else: private, or a snapshot's.
    Own,
    /// In memory of the program's own.
    Foreign,
}

impl AddressSpace {
    /// Shows the pages of the source in a second place; stores through either are seen
    /// through both from then on. Answers the target's range.
    ///
    /// # Errors
    /// No page shows anything else than before. [`Kind::ZeroSize`],
    /// [`Kind::BadAddress`], [`Kind::BadSize`], [`Kind::Misaligned`],
    /// [`Kind::BadProtection`] for the arguments; [`Kind::NotCommitted`],
    /// [`Kind::NoConsent`], [`Kind::Special`], [`Kind::AboveCeiling`] for the source;
    /// [`Kind::NotReserved`], [`Kind::TargetCommitted`] and those of
    /// [`Self::allocate`] for the target; [`Kind::NoObject`], [`Kind::CommitLimit`],
    /// [`Kind::MapBudget`], [`Kind::OutOfMemory`] for what is left.
    pub fn alias<M: Machine>(
        &self,
        machine: &mut M,
        request: &Alias,
    ) -> Result<Done<Result<PageRange, Error>>, Error> {
        let fail = |kind| Error::new(Verb::Alias, kind, request.source, request.size);
        let source = self.whole_pages(request.source, request.size).map_err(fail)?;
        let rights = usual(request.protection).map_err(fail)?;
        self.check_onto(request.onto, source.bytes()).map_err(|kind| blame(request, kind))?;
        let parts = self.parts(machine, source, request.consent, rights).map_err(fail)?;
        self.afford_views(&parts).map_err(fail)?;
        let mut progress = Progress::default();
        let shown = self
            .realise(machine, source, &parts, Receiver::New, &mut progress)
            .map_err(fail)
            .and_then(|extents| {
                let import = Import { extents: &extents, onto: request.onto, protection: request.protection };
                self.show_all(machine, &import, &mut progress).map_err(|kind| blame(request, kind))
            });
        if shown.is_err() {
            progress.put_back(machine);
        }
        self.settle(machine, &progress);
        Ok(progress.done(shown))
    }

    /// Makes the pages of a range available to another address space: where they are.
    ///
    /// # Errors
    /// As those of [`Self::alias`] about its source; no page shows anything else.
    pub fn export<M: Machine>(
        &self,
        machine: &mut M,
        request: &Export,
    ) -> Result<Done<Result<Vec<Extent>, Error>>, Error> {
        let fail = |kind| Error::new(Verb::Alias, kind, request.source, request.size);
        let source = self.whole_pages(request.source, request.size).map_err(fail)?;
        let parts = self.parts(machine, source, request.consent, request.rights).map_err(fail)?;
        let mut progress = Progress::default();
        let extents = self.realise(machine, source, &parts, request.into, &mut progress).map_err(fail);
        if let Ok(extents) = &extents {
            progress.edits.extend(extents.iter().map(|extent| Edit::Reach { object: extent.object }));
        }
        self.settle(machine, &progress);
        Ok(progress.done(extents))
    }

    /// A range that must be whole pages.
    fn whole_pages(&self, at: u64, size: u64) -> Result<PageRange, Kind> {
        let range = self.geometry.touched(at, size)?;
        if range.start().get() == at && range.bytes() == size { Ok(range) } else { Err(Kind::Misaligned) }
    }

    /// Whether a target can take `bytes` bytes.
    pub(super) fn check_onto(&self, onto: Onto, bytes: u64) -> Result<(), Kind> {
        let at = match onto {
            Onto::Reserved(at) => at,
            // The reservation may begin earlier, at a granule; the view begins here.
            Onto::Fresh(Place::At(at)) | Onto::View(Place::At(at)) => {
                return self.whole_pages(at, bytes).map(|_| ());
            }
            // Only views take the place of one.
            Onto::Fresh(Place::Placeholder(_)) => return Err(Kind::BadFlags),
            Onto::View(Place::Placeholder(at)) => return self.placeholder(at, bytes).map(drop),
            Onto::Fresh(Place::Near(_) | Place::Window(_))
            | Onto::View(Place::Near(_) | Place::Window(_)) => return Ok(()),
        };
        let range = self.whole_pages(at, bytes)?;
        let Some((whole, region)) = self.region_at(range.start()) else { return Err(Kind::NotReserved) };
        if !whole.covers(range) {
            return Err(Kind::NotReserved);
        }
        if region.form == Form::Placeholder {
            return Err(Kind::Conflict);
        }
        self.malleable(range)?;
        match region.committed_bytes(&self.geometry, range) {
            0 => Ok(()),
            _ => Err(Kind::TargetCommitted),
        }
    }

    /// Where the bytes of a source are, part by part, in ascending order.
    pub(super) fn parts<M: Machine>(
        &self,
        machine: &M,
        source: PageRange,
        consent: Consent,
        rights: Rights,
    ) -> Result<Vec<Part>, Kind> {
        self.malleable(source)?;
        let mut parts: Vec<Part> = Vec::new();
        self.walk(machine, source, &mut |piece| {
            let known = parts.len();
            match piece.what {
                What::Hole => return Err(Kind::NotCommitted),
                What::Ours(region, slot, protection) => {
                    let showing = Showing { region, range: piece.range, access: protection.effective() };
                    self.parts_own(showing, slot.attributes().maximum, &mut parts);
                }
                What::Others(protection, _) => {
                    match consent {
                        Consent::OwnOnly => return Err(Kind::NoConsent),
                        Consent::Foreign => {}
                    }
                    let bytes = machine.recognise(piece.range).map_or(Bytes::Foreign, Bytes::Shared);
                    let (region, range) = (piece.range, piece.range);
                    let showing = Showing { region, range, access: protection.effective() };
                    // What the program has forbidden itself is not for an alias to permit.
                    parts.push(Part {
                        showing,
                        bytes,
                        ceiling: protection.rights.intersection(Rights::USUAL),
                    });
                }
            }
            let permitted = parts[known..].iter().all(|part| part.ceiling.contains(rights));
            if permitted { Ok(()) } else { Err(Kind::AboveCeiling) }
        })?;
        Ok(parts)
    }

    /// The parts of one run of ours, of which `maximum` is what its pages may ever have.
    fn parts_own(&self, showing: Showing, maximum: Rights, parts: &mut Vec<Part>) {
        for (range, content) in self.contents_of(showing.range) {
            let (bytes, most) = match content {
                Some(content) if content.view == View::Shared => {
                    let object = self.objects.get(&content.object);
                    (Bytes::Shared(content), object.map_or(Rights::USUAL, |object| object.ceiling))
                }
                Some(_) | None => (Bytes::Own, Rights::USUAL),
            };
            let showing = Showing { range, ..showing };
            parts.push(Part { showing, bytes, ceiling: most.intersection(maximum) });
        }
    }

    /// Whether the limit permits what becomes ours to account for.
    fn afford_views(&self, parts: &[Part]) -> Result<(), Kind> {
        let fresh = parts.iter().map(|part| {
            let pages = part.showing.range.bytes() / self.geometry.page;
            match part.bytes {
                Bytes::Own => 0,
                Bytes::Foreign => pages,
                Bytes::Shared(content) => self.unpromised(content.object, content.first, pages),
            }
        });
        self.afford_pages(fresh.sum())
    }

    /// How many of these pages are not promised yet: nobody here shows them shared.
    pub(super) fn unpromised(&self, object: ObjectId, first: u64, pages: u64) -> u64 {
        pages - self.objects.get(&object).map_or(0, |object| object.shared_pages(first, first + pages))
    }

    pub(super) fn afford_pages(&self, pages: u64) -> Result<(), Kind> {
        if self.charge.fits(pages * self.geometry.page) { Ok(()) } else { Err(Kind::CommitLimit) }
    }

    /// Moves what is in no object into one, and answers where everything is. The caller
    /// settles.
    pub(super) fn realise<M: Machine>(
        &self,
        machine: &mut M,
        source: PageRange,
        parts: &[Part],
        into: Receiver,
        progress: &mut Progress,
    ) -> Result<Vec<Extent>, Kind> {
        let page = self.geometry.page;
        let target = self.object_for(machine, source, parts, into, progress)?;
        let mut extents: Vec<Extent> = Vec::new();
        for part in parts {
            let range = part.showing.range;
            let first = (range.start().get() - source.start().get()) / page;
            let content = match (part.bytes, target) {
                (Bytes::Shared(content), _) => content,
                (Bytes::Own | Bytes::Foreign, Some(object)) => {
                    let content = Content { object, first, view: View::Shared };
                    if let Err(kind) = self.promote_part(machine, part, content, progress) {
                        progress.put_back(machine);
                        progress.abandon(machine, object);
                        return Err(kind);
                    }
                    if part.bytes == Bytes::Foreign {
                        progress.moved.push((part.showing, content));
                    }
                    content
                }
                (Bytes::Own | Bytes::Foreign, None) => return Err(Kind::NoObject),
            };
            push_extent(&mut extents, content, range.bytes() / page, part.ceiling);
        }
        Ok(extents)
    }

    /// The object that the bytes of private pages go to, if there are any.
    fn object_for<M: Machine>(
        &self,
        machine: &mut M,
        source: PageRange,
        parts: &[Part],
        into: Receiver,
        progress: &mut Progress,
    ) -> Result<Option<ObjectId>, Kind> {
        if !parts.iter().any(|part| !matches!(part.bytes, Bytes::Shared(_))) {
            return Ok(None);
        }
        let foreign = parts.iter().any(|part| part.bytes == Bytes::Foreign);
        let pages = source.bytes() / self.geometry.page;
        let (object, reach) = match into {
            // One that is known has views, which would be forgotten.
            Receiver::Given(object) if object != self.next_object => return Err(Kind::Protocol),
            Receiver::Given(object) => (object, Reach::Abroad),
            Receiver::New => {
                let object = self.fresh_object(progress);
                machine.create(object, pages)?;
                (object, Reach::Home)
            }
        };
        // A view that the program itself has is not counted here.
        let reach = if foreign { Reach::Program } else { reach };
        progress.introduce(object, pages, reach, Rights::USUAL, self.promise_over(source));
        Ok(Some(object))
    }

    fn promote_part<M: Machine>(
        &self,
        machine: &mut M,
        part: &Part,
        content: Content,
        progress: &mut Progress,
    ) -> Result<(), Kind> {
        let range = part.showing.range;
        machine.promote(&[part.showing], content)?;
        if part.bytes == Bytes::Own {
            self.mapped_anew(machine, range, content, progress);
        }
        Ok(())
    }

    /// Shows pages in a target that was checked.
    pub(super) fn show_all<M: Machine>(
        &self,
        machine: &mut M,
        request: &Import<'_>,
        progress: &mut Progress,
    ) -> Result<PageRange, Kind> {
        let bytes = self.bytes_of(request.extents)?;
        match request.onto {
            Onto::Reserved(at) => {
                let range = self.whole_pages(at, bytes)?;
                let Some((whole, region)) = self.region_at(range.start()) else {
                    return Err(Kind::NotReserved);
                };
                let protection = region.protection_of(request.protection);
                if let Err(kind) =
                    self.show_extents(machine, whole, range, request.extents, protection.effective())
                {
                    machine.resync(whole, range, &self.truth(region, range));
                    return Err(kind);
                }
                if region.is_watched() {
                    // Fresh pages are clean. Best effort: else they count as stored to.
                    let _ = machine.forget_written(whole, range);
                }
                let fresh = region.promise.charge(bytes);
                let change = Change::Commit { protection, fresh };
                progress.edits.push(Edit::Pages { range, change });
                self.record(range, request.extents, progress);
                Ok(range)
            }
            Onto::Fresh(place) => self.show_fresh(machine, place, bytes, request, progress),
            Onto::View(place) => self.show_import(machine, place, bytes, request, progress),
        }
    }

    fn show_fresh<M: Machine>(
        &self,
        machine: &mut M,
        place: Place,
        bytes: u64,
        request: &Import<'_>,
        progress: &mut Progress,
    ) -> Result<PageRange, Kind> {
        let protection = request.protection;
        let reserve =
            Allocate { place, size: bytes, action: Action::Reserve, protection, traits: Traits::PLAIN };
        let reserved = self.allocate(machine, &reserve).map_err(|error| error.kind)?;
        // A place may be rounded down to a granule; the view begins where it was asked for.
        let whole = reserved.value;
        let shown = PageRange::between(whole.end().get() - bytes, whole.end().get()).unwrap_or(whole);
        let access = protection.effective();
        if let Err(kind) = self.show_extents(machine, whole, shown, request.extents, access) {
            // A mapping that was made just now can be taken back.
            let _ = machine.release(whole, whole);
            return Err(kind);
        }
        progress.edits.push(reserved.edit);
        progress
            .edits
            .push(Edit::Pages { range: shown, change: Change::Commit { protection, fresh: bytes } });
        self.record(shown, request.extents, progress);
        Ok(shown)
    }

    fn show_extents<M: Machine>(
        &self,
        machine: &mut M,
        whole: PageRange,
        range: PageRange,
        extents: &[Extent],
        access: Access,
    ) -> Result<(), Kind> {
        for (run, content) in self.laid_out(range, extents) {
            machine.show(whole, run, content, access)?;
        }
        Ok(())
    }

    /// What each part of `range` is to show.
    pub(super) fn laid_out<'a>(
        &self,
        range: PageRange,
        extents: &'a [Extent],
    ) -> impl Iterator<Item = (PageRange, Content)> + use<'a> {
        let (mut at, page) = (range.start().get(), self.geometry.page);
        extents.iter().filter_map(move |extent| {
            let run = PageRange::between(at, at + extent.pages * page)?;
            at = run.end().get();
            Some((run, Content { object: extent.object, first: extent.first, view: View::Shared }))
        })
    }

    fn record(&self, range: PageRange, extents: &[Extent], progress: &mut Progress) {
        for ((range, content), extent) in self.laid_out(range, extents).zip(extents) {
            progress.edits.push(Edit::Show { range, content: Some(content) });
            // What the source may never be used for, its view may not either.
            if extent.ceiling != Rights::USUAL {
                let change = Change::Attribute(Attribute::Maximum(extent.ceiling));
                progress.edits.push(Edit::Pages { range, change });
            }
        }
    }
}

/// The error of an alias, by the end that it is about.
const fn blame(request: &Alias, kind: Kind) -> Error {
    Error::new(Verb::Alias, kind, request.onto.address(), request.size)
}

/// The rights that a view needs.
pub(super) fn usual(protection: Protection) -> Result<Rights, Kind> {
    if protection.rights.contains(Rights::COPY) { Err(Kind::BadProtection) } else { Ok(protection.rights) }
}

/// Adds pages to a list, to its last entry where they go on.
fn push_extent(extents: &mut Vec<Extent>, content: Content, pages: u64, ceiling: Rights) {
    if let Some(last) = extents.last_mut()
        && (last.object, last.first + last.pages, last.ceiling) == (content.object, content.first, ceiling)
    {
        last.pages += pages;
        return;
    }
    extents.push(Extent { object: content.object, first: content.first, pages, ceiling });
}
