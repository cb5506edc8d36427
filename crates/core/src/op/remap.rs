//! A second mapping of memory that is there: the same bytes, or a snapshot of them.
//!
//! ```text
//!   claim     the pages of the target, as far as they are free
//!   extract   source -> contents: shared as they are, frozen, or copied to an object
//!   fill      the target shows them, each run with the protection of its source
//! ```

use alloc::vec::Vec;

use crate::access::{Access, Attributes, Inheritance, Rights};
use crate::contract::Machine;
use crate::error::{Error, Kind, Verb};
use crate::geometry::{Geometry, PageRange, Va};
use crate::object::{Content, Promise, Reach, View};
use crate::op::alias::{Consent, Progress, Receiver};
use crate::op::copy::plan::{STORABLE, Side};
use crate::op::fill::Look;
use crate::op::site::{MapPlace, Overwrite, Site, Wish};
use crate::op::walk::{Piece, What};
use crate::space::{AddressSpace, Done};

/// A request for a second mapping of pages of this address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remap {
    /// The source; rounded down to a page before the size is added.
    pub source: u64,
    /// How many bytes; rounded up to pages.
    pub size: u64,
    /// Where to.
    pub place: MapPlace,
    /// Bits that the address must not have: any pattern.
    pub mask: u64,
    /// What the new mapping shows.
    pub copy: RemapCopy,
    /// What a forked child gets of the new mapping.
    pub inheritance: Inheritance,
    /// What happens to memory of ours that is there.
    pub overwrite: Overwrite,
}

/// Where a second mapping is, the rights that all of it has, and those that it may have.
pub type Remapped = (PageRange, Rights, Rights);

/// What a second mapping shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemapCopy {
    /// The same bytes: a store through either is seen through both.
    Share,
    /// A copy, made as if at once.
    Snapshot,
}

impl AddressSpace {
    /// Maps the pages of the source a second time. Each run of the target has the
    /// protection, the maximum and the behaviour of its source (mach.md, rows M1 to M13).
    /// The answer is the target, and the rights that all of it has, and may have.
    ///
    /// # Errors
    /// No page shows anything else than before: [`Kind::NotCommitted`] for a hole in the
    /// source, [`Kind::NoConsent`] to share memory that the program mapped itself; for
    /// the target those of [`Self::map`]; [`Kind::NoObject`], [`Kind::MapBudget`],
    /// [`Kind::OutOfMemory`], [`Kind::Special`]. Only when the machine fails after memory
    /// was replaced in part, that part is gone.
    pub fn remap<M: Machine>(
        &self,
        machine: &mut M,
        request: &Remap,
    ) -> Result<Done<Result<Remapped, Error>>, Error> {
        let at = |at| move |kind| Error::new(Verb::Alias, kind, at, request.size);
        let fail = at(request.source);
        let bytes = self.mapping_size(request.size).map_err(fail)?;
        let start = self.geometry.page_down(request.source);
        let source = self.geometry.touched(start, bytes).map_err(|bad| fail(bad.into()))?;
        let pieces = self.origin(machine, source, request.copy).map_err(fail)?;
        let target = match request.place {
            MapPlace::Fixed(at) | MapPlace::Above(at) => at,
        };
        let wish = Wish { place: request.place, bytes, mask: request.mask, overwrite: request.overwrite };
        let site = self.claim(machine, &wish, None).map_err(at(target))?;
        let mut progress = Progress::default();
        let shown = self.extract(machine, source, request, &site, &mut progress).and_then(|contents| {
            let ends = (source, site.range);
            let looks = looks(&self.geometry, ends, &pieces, &contents, request.inheritance);
            self.fill(machine, &site, &looks, &mut progress)
        });
        if shown.is_err() {
            progress.abandon_unshown(machine);
        }
        let (current, maximum) = common(&pieces);
        let mut done = progress.done(shown.map(|()| (site.range, current, maximum)).map_err(fail));
        done.foreign = site.foreign;
        Ok(done)
    }

    /// The pieces of a source that can be mapped again.
    fn origin<M: Machine>(
        &self,
        machine: &M,
        source: PageRange,
        copy: RemapCopy,
    ) -> Result<Vec<Piece>, Kind> {
        self.malleable(source)?;
        let mut pieces = Vec::new();
        self.walk(machine, source, &mut |piece| {
            match (piece.what, copy) {
                (What::Hole, _) => return Err(Kind::NotCommitted),
                (What::Others(..), RemapCopy::Share) => return Err(Kind::NoConsent),
                (What::Others(..), RemapCopy::Snapshot) | (What::Ours(..), _) => pieces.push(piece),
            }
            Ok(())
        })?;
        Ok(pieces)
    }

    /// Where the bytes of the source are, once they are where they can be shown again.
    ///
    /// On error the site is free again.
    fn extract<M: Machine>(
        &self,
        machine: &mut M,
        source: PageRange,
        request: &Remap,
        site: &Site,
        progress: &mut Progress,
    ) -> Result<Vec<(PageRange, Content)>, Kind> {
        let extracted = match (request.copy, request.inheritance) {
            (RemapCopy::Share, _) => self.extract_shared(machine, source, progress),
            // A snapshot is never shared with a child.
            (RemapCopy::Snapshot, Inheritance::Share) => self
                .stage(machine, source, site.range.end(), progress)
                .map(|content| alloc::vec![(source, content)]),
            (RemapCopy::Snapshot, Inheritance::Copy | Inheritance::None) => {
                self.extract_snapshot(machine, source, site, progress)
            }
        };
        if extracted.is_err() {
            site.abandon(machine);
            self.settle(machine, progress);
        }
        extracted
    }

    /// The source, in objects that can be shown again.
    fn extract_shared<M: Machine>(
        &self,
        machine: &mut M,
        source: PageRange,
        progress: &mut Progress,
    ) -> Result<Vec<(PageRange, Content)>, Kind> {
        let parts = self.parts(machine, source, Consent::OwnOnly, Rights::empty())?;
        let extents = self.realise(machine, source, &parts, Receiver::New, progress)?;
        Ok(self.laid_out(source, &extents).collect())
    }

    /// The source as it is now: frozen where that can be, else copied.
    fn extract_snapshot<M: Machine>(
        &self,
        machine: &mut M,
        source: PageRange,
        site: &Site,
        progress: &mut Progress,
    ) -> Result<Vec<(PageRange, Content)>, Kind> {
        let mut contents = Vec::new();
        let mut at = source.start().get();
        while at < source.end().get() {
            let (stop, frozen) = self.alike_end(at, source.end().get());
            let Some(run) = PageRange::between(at, stop) else { break };
            let captured = if frozen { self.capture_run(machine, run, progress).ok() } else { None };
            match captured {
                Some(captured) => contents.extend(captured),
                None => contents.push((run, self.stage(machine, run, site.range.end(), progress)?)),
            }
            at = stop;
        }
        Ok(contents)
    }

    /// The pages from `at` that can all be frozen, or all not: their end, and which.
    fn alike_end(&self, at: u64, limit: u64) -> (u64, bool) {
        let (mut stop, frozen) = self.can_be_frozen(at, limit, Side::Source);
        while stop < limit {
            let (next, other) = self.can_be_frozen(stop, limit, Side::Source);
            if other != frozen {
                break;
            }
            stop = next;
        }
        (stop, frozen)
    }

    fn capture_run<M: Machine>(
        &self,
        machine: &mut M,
        run: PageRange,
        progress: &mut Progress,
    ) -> Result<Vec<(PageRange, Content)>, Kind> {
        // Nobody loses pages by it, as the target of a copy does: the first page is
        // never ours.
        let nobody = PageRange::between(0, self.geometry.page).unwrap_or(run);
        let steps = self.steps(machine, run, nobody)?;
        let captured = self.capture(machine, &steps, progress)?;
        Ok(captured.into_iter().map(|(showing, content)| (showing.range, content)).collect())
    }

    /// The bytes of a run in a new object, copied there by way of a mapping that is gone
    /// afterwards.
    pub(super) fn stage<M: Machine>(
        &self,
        machine: &mut M,
        run: PageRange,
        beyond: Va,
        progress: &mut Progress,
    ) -> Result<Content, Kind> {
        let object = self.fresh_object(progress);
        let pages = run.bytes() / self.geometry.page;
        machine.create(object, pages)?;
        let content = Content { object, first: 0, view: View::Shared };
        self.stage_bytes(machine, run, content, beyond).inspect_err(|_| machine.close(object))?;
        progress.introduce(object, pages, Reach::Home, Rights::USUAL, Promise::OnWrite);
        Ok(content)
    }

    fn stage_bytes<M: Machine>(
        &self,
        machine: &mut M,
        run: PageRange,
        content: Content,
        beyond: Va,
    ) -> Result<(), Kind> {
        let place = MapPlace::Above(beyond.get().max(self.geometry.search_from));
        let wish = Wish { place, bytes: run.bytes(), mask: 0, overwrite: Overwrite::Refuse };
        let stage = self.claim(machine, &wish, None)?.range;
        let copied = machine
            .show(stage, stage, content, STORABLE)
            .map_err(Kind::from)
            .and_then(|()| self.transfer_opened(machine, run, stage.start()));
        // A mapping that was made just now can be taken back.
        let _ = machine.release(stage, stage);
        copied
    }

    /// Copies a run, of which nobody may be able to load, to `to`.
    fn transfer_opened<M: Machine>(&self, machine: &mut M, run: PageRange, to: Va) -> Result<(), Kind> {
        let closed = self.open(machine, run, Access::READ)?;
        let held = self.held(run.start().get(), run.bytes());
        let copied = machine.transfer(&held, run.start(), to, run.bytes());
        self.shut(machine, &closed);
        Ok(copied?)
    }
}

/// The rights that all pieces have, and may have.
fn common(pieces: &[Piece]) -> (Rights, Rights) {
    pieces.iter().fold((Rights::USUAL, Rights::USUAL), |(current, maximum), piece| {
        let (rights, most) = match piece.what {
            What::Ours(_, slot, protection) => (protection.rights, slot.attributes().maximum),
            What::Others(protection, _) => (protection.rights, Rights::USUAL),
            What::Hole => (Rights::USUAL, Rights::USUAL),
        };
        (current.intersection(rights), maximum.intersection(most))
    })
}

/// How the target looks: every piece of the source, moved to the target.
fn looks(
    geometry: &Geometry,
    (source, target): (PageRange, PageRange),
    pieces: &[Piece],
    contents: &[(PageRange, Content)],
    inheritance: Inheritance,
) -> Vec<(PageRange, Look)> {
    let mut looks = Vec::new();
    for piece in pieces {
        let (protection, attributes) = match piece.what {
            What::Hole => continue,
            What::Ours(_, slot, protection) => (protection, slot.attributes()),
            What::Others(protection, _) => (protection, Attributes::default()),
        };
        let attributes = Attributes { inheritance, ..attributes };
        for (run, content) in contents {
            let Some(part) = run.intersection(piece.range) else { continue };
            let pages = (part.start().get() - run.start().get()) / geometry.page;
            let start = target.start().get() + (part.start().get() - source.start().get());
            let Some(place) = PageRange::between(start, start + part.bytes()) else { continue };
            let told = (inheritance == Inheritance::None).then_some(inheritance);
            looks.push((place, Look { protection, attributes, content: Some(content.after(pages)), told }));
        }
    }
    looks
}
