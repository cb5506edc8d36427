//! Sections: objects with a name, and the views of them.
//!
//! ```text
//!   create_section    an object of zeros, or one that the machine was given
//!   map_view          a region that shows a part of it, for good
//!   allocate          commit in a view: memory for the section, access for the view
//!   protect           within what the view began with
//!   free              Disposal::Unmap: the view as a whole
//!   close_section     one name less; views stay
//! ```

use alloc::vec::Vec;

use crate::access::{Attributes, Protection, Rights};
use crate::contract::Machine;
use crate::error::{Error, Kind, Verb};
use crate::geometry::{PageRange, Va};
use crate::object::{Content, ObjectId, Promise, Reach, Supply, View};
use crate::op::alias::Progress;
use crate::op::allocate::{Action, Allocate, Place};
use crate::region::{Form, Ground, Origin, Region};
use crate::space::{AddressSpace, Attribute, Change, Done, Edit, SectionChange};
use crate::traits::Traits;

/// A request for a section.
#[derive(Clone, Debug)]
pub struct NewSection {
    /// How many bytes; rounded up to pages.
    pub size: u64,
    /// Which of its pages have memory at first.
    pub supply: Supply,
    /// What any view may be given at most: of `READ`, `WRITE` and `EXECUTE`.
    pub ceiling: Rights,
}

/// A request for a view of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapView {
    /// Which section.
    pub object: ObjectId,
    /// The number of the first page that is shown.
    pub first: u64,
    /// How many bytes; rounded up to pages.
    pub size: u64,
    /// Where.
    pub place: Place,
    /// What may be done with it, now and at most. With the right to copy, stores are seen
    /// by nobody else.
    pub protection: Protection,
}

impl AddressSpace {
    /// Makes a section with one name. The memory of [`Supply::Whole`] is charged now.
    /// A [`Supply::File`] has been made known to the machine under the next name.
    ///
    /// # Errors
    /// Nothing has changed: [`Kind::ZeroSize`], [`Kind::BadSize`], [`Kind::CommitLimit`],
    /// [`Kind::NoObject`], [`Kind::OutOfMemory`].
    pub fn create_section<M: Machine>(
        &self,
        machine: &mut M,
        request: &NewSection,
    ) -> Result<Done<ObjectId>, Error> {
        let fail = |kind| Error::new(Verb::Allocate, kind, 0, request.size);
        let bytes = self.mapping_size(request.size).map_err(fail)?;
        let (object, pages) = (self.next_object, bytes / self.geometry.page);
        match request.supply {
            Supply::Whole if !self.charge.fits(bytes) => return Err(fail(Kind::CommitLimit)),
            Supply::Whole | Supply::OnDemand(_) | Supply::Shown => {
                machine.create(object, pages).map_err(|refusal| fail(refusal.into()))?;
            }
            Supply::File => {}
        }
        // Whoever has the name can show it again: nothing is dropped, and nothing frozen.
        // What it is charged does not depend on who shows it.
        let (reach, ceiling, promise) = (Reach::Abroad, request.ceiling, Promise::OnWrite);
        let made = Edit::Object { object, pages, reach, ceiling, promise };
        let changes = [SectionChange::Named, SectionChange::Supplied(request.supply.clone())];
        let edits = [made].into_iter().chain(changes.map(|change| Edit::Section { object, change }));
        Ok(Done::new(object, Edit::Batch(edits.collect())))
    }

    /// Takes a name away from a section. It goes with its last name and its last view.
    ///
    /// # Errors
    /// [`Kind::NoObject`] when there is no such name; nothing has changed.
    pub fn close_section<M: Machine>(&self, machine: &mut M, object: ObjectId) -> Result<Done<()>, Error> {
        let known = self.objects.get(&object).filter(|known| known.names > 0);
        let known = known.ok_or_else(|| Error::new(Verb::Free, Kind::NoObject, 0, 0))?;
        if known.names == 1 && known.views == 0 && known.is_unshown() {
            machine.close(object);
        }
        Ok(Done::new((), Edit::Section { object, change: SectionChange::Unnamed }))
    }

    /// Shows a part of a section in a region of its own; the pages of it that have no
    /// memory are reserved. Answers the region.
    ///
    /// # Errors
    /// Nothing has changed: [`Kind::NoObject`]; [`Kind::ZeroSize`], [`Kind::BadSize`] for
    /// more than the section has; [`Kind::AboveCeiling`]; [`Kind::CommitLimit`] for the
    /// copies that stores may make; those of [`Self::allocate`] for the place.
    pub fn map_view<M: Machine>(&self, machine: &mut M, request: &MapView) -> Result<Done<PageRange>, Error> {
        let at = match request.place {
            Place::At(at) | Place::Near(at) | Place::Placeholder(at) => at,
            Place::Window(_) => 0,
        };
        let fail = |kind| Error::new(Verb::Allocate, kind, at, request.size);
        let bytes = self.mapping_size(request.size).map_err(fail)?;
        let object = self.objects.get(&request.object).ok_or_else(|| fail(Kind::NoObject))?;
        let end = request.first.checked_add(bytes / self.geometry.page);
        let end = end.filter(|end| *end <= object.pages).ok_or_else(|| fail(Kind::BadSize))?;
        let seen = Seen {
            origin: Origin { object: request.object, first: request.first },
            bytes,
            supplied: object.supply.runs(request.first, end),
            ceiling: object.ceiling,
        };
        let mut progress = Progress::default();
        let shown = self.show_view(machine, request.place, &seen, request.protection, &mut progress);
        Ok(progress.done(shown.map_err(fail)?))
    }

    /// Makes a region and shows a part of an object there.
    pub(super) fn show_view<M: Machine>(
        &self,
        machine: &mut M,
        place: Place,
        seen: &Seen,
        protection: Protection,
        progress: &mut Progress,
    ) -> Result<PageRange, Kind> {
        if !seen.ceiling.contains(basic(protection)) {
            return Err(Kind::AboveCeiling);
        }
        let view = view_of(protection);
        if view == View::Snapshot && !self.charge.fits(seen.bytes) {
            return Err(Kind::CommitLimit);
        }
        let (whole, ground) = self.ground_for(machine, place, seen.bytes)?;
        let runs = seen.runs(whole, view, self.geometry.page);
        for (run, content) in &runs {
            if let Err(refusal) = machine.show(whole, *run, *content, protection.effective()) {
                self.clear_ground(machine, whole, ground);
                return Err(refusal.into());
            }
        }
        if ground == Ground::Placeholder {
            progress.edits.push(Edit::Remove { range: whole });
        }
        progress.edits.push(Edit::Insert {
            range: whole,
            initial: protection,
            committed: None,
            attributes: Attributes::default(),
            promise: Promise::Full,
            traits: Traits::PLAIN,
        });
        progress.edits.push(Edit::Form { at: whole.start(), form: Form::View(seen.origin) });
        progress.edits.push(Edit::Ground { at: whole.start(), ground });
        for (range, content) in runs {
            record(range, content, protection, progress);
            if seen.ceiling != Rights::USUAL {
                let change = Change::Attribute(Attribute::Maximum(seen.ceiling));
                progress.edits.push(Edit::Pages { range, change });
            }
        }
        Ok(whole)
    }

    /// A range of reserved pages for a view, and what stood there.
    fn ground_for<M: Machine>(
        &self,
        machine: &mut M,
        place: Place,
        bytes: u64,
    ) -> Result<(PageRange, Ground), Kind> {
        if let Place::Placeholder(at) = place {
            return Ok((self.placeholder(at, bytes)?.0, Ground::Placeholder));
        }
        // What the region begins with is recorded elsewhere: an allocation cannot copy.
        let reserve = Allocate {
            place,
            size: bytes,
            action: Action::Reserve,
            protection: Protection::NONE,
            traits: Traits::PLAIN,
        };
        let reserved = self.allocate(machine, &reserve).map_err(|error| error.kind)?;
        Ok((reserved.value, Ground::Free))
    }

    /// Takes back what was shown on such a range.
    fn clear_ground<M: Machine>(&self, machine: &mut M, whole: PageRange, ground: Ground) {
        match (ground, self.region_at(whole.start())) {
            (Ground::Placeholder, Some((_, region))) => {
                machine.resync(whole, whole, &self.truth(region, whole));
            }
            (Ground::Placeholder, None) | (Ground::Free, _) => {
                // A mapping that was made just now can be taken back.
                let _ = machine.release(whole, whole);
            }
        }
    }

    /// Gives pages of a section memory through one of its views, and the view's pages this
    /// protection; the pages that other views have of it get what those began with (SR02).
    pub(super) fn commit_view<M: Machine>(
        &self,
        machine: &mut M,
        whole: PageRange,
        range: PageRange,
        region: &Region,
        protection: Protection,
    ) -> Result<Done<PageRange>, Kind> {
        let Form::View(origin) = region.form else { return Err(Kind::NotReserved) };
        let object = self.objects.get(&origin.object).ok_or(Kind::NoObject)?;
        match object.supply {
            Supply::File => return Err(Kind::AlreadyCommitted), // SR12
            Supply::Shown | Supply::Whole | Supply::OnDemand(_) => {}
        }
        if !may_become(region.initial, protection) {
            return Err(Kind::AboveCeiling); // SR15
        }
        let mut progress = Progress::default();
        let missing: Vec<_> = self.missing(region, range).collect();
        let filled = self.fill_views(machine, whole, &missing, origin, protection, &mut progress);
        let done = filled.and_then(|()| {
            self.committed_runs(range, &missing).into_iter().try_for_each(|run| {
                let (_, edits) = self.protect_view(machine, whole, run, region, protection)?;
                progress.edits.extend(edits);
                Ok(())
            })
        });
        match done {
            Ok(()) => Ok(progress.done(range)),
            Err(kind) => {
                self.rederive_views(machine, origin.object);
                Err(kind)
            }
        }
    }

    /// Gives pages of a view that have no memory some, in every view of the section.
    fn fill_views<M: Machine>(
        &self,
        machine: &mut M,
        whole: PageRange,
        missing: &[PageRange],
        origin: Origin,
        protection: Protection,
        progress: &mut Progress,
    ) -> Result<(), Kind> {
        let page = self.geometry.page;
        if !self.charge.fits(missing.iter().map(|run| self.promised((whole, protection), *run, origin)).sum())
        {
            return Err(Kind::CommitLimit);
        }
        for run in missing {
            let first = origin.first + (run.start().get() - whole.start().get()) / page;
            let end = first + run.bytes() / page;
            for (view, part, number, initial) in self.views_of(origin.object, first, end) {
                let asked = if view == whole { protection } else { initial };
                let asked = asked.cached(initial.caching);
                let content = Content { object: origin.object, first: number, view: view_of(asked) };
                machine.show(view, part, content, asked.effective())?;
                record(part, content, asked, progress);
            }
            let change = SectionChange::Filled { first, end };
            progress.edits.push(Edit::Section { object: origin.object, change });
        }
        Ok(())
    }

    /// What memory for pages of a view is charged: once, and once more for each view that
    /// copies what is stored to.
    fn promised(&self, (whole, asked): (PageRange, Protection), run: PageRange, origin: Origin) -> u64 {
        let page = self.geometry.page;
        let first = origin.first + (run.start().get() - whole.start().get()) / page;
        let views = self.views_of(origin.object, first, first + run.bytes() / page);
        let gets = |view: PageRange, initial| if view == whole { asked } else { initial };
        let copies =
            views.iter().filter(|(view, .., initial)| view_of(gets(*view, *initial)) == View::Snapshot);
        run.bytes() + copies.map(|(_, part, ..)| part.bytes()).sum::<u64>()
    }

    /// The runs of `range` without memory.
    fn missing<'a>(&'a self, region: &'a Region, range: PageRange) -> impl Iterator<Item = PageRange> + 'a {
        let runs = region.runs(&self.geometry, range);
        runs.filter(|(_, slot)| !slot.is_committed()).map(|(run, _)| run)
    }

    /// What is left of `range` without `missing`, which lies in it, ascending.
    fn committed_runs(&self, range: PageRange, missing: &[PageRange]) -> Vec<PageRange> {
        let mut at = range.start().get();
        let mut runs = Vec::new();
        for run in missing {
            runs.extend(PageRange::between(at, run.start().get()));
            at = run.end().get();
        }
        runs.extend(PageRange::between(at, range.end().get()));
        runs
    }

    /// The views of pages `first..end` of an object: the region, the part of it, the number
    /// of the part's first page, and what the region began with.
    fn views_of(
        &self,
        object: ObjectId,
        first: u64,
        end: u64,
    ) -> Vec<(PageRange, PageRange, u64, Protection)> {
        let page = self.geometry.page;
        let part = |(whole, region): (PageRange, &Region)| match region.form {
            Form::View(origin) if origin.object == object => {
                let low = first.max(origin.first);
                let high = end.min(origin.first + whole.bytes() / page);
                let start = whole.start().get() + low.saturating_sub(origin.first) * page;
                let part = PageRange::between(start, start + high.saturating_sub(low) * page)?;
                Some((whole, part, low, region.initial))
            }
            Form::View(_) | Form::Memory | Form::Placeholder => None,
        };
        self.regions().filter_map(part).collect()
    }

    /// After a failure half-way: every view is as the truth has it.
    fn rederive_views<M: Machine>(&self, machine: &mut M, object: ObjectId) {
        for (whole, ..) in self.views_of(object, 0, u64::MAX) {
            if let Some((_, region)) = self.region_at(whole.start()) {
                machine.resync(whole, whole, &self.truth(region, whole));
            }
        }
    }

    /// Gives committed pages of a view another protection, within what the view began with
    /// (VS01 to VS11). Answers what the first page had, and what changes.
    pub(super) fn protect_view<M: Machine>(
        &self,
        machine: &mut M,
        whole: PageRange,
        range: PageRange,
        region: &Region,
        protection: Protection,
    ) -> Result<(Protection, Vec<Edit>), Kind> {
        let mut old = None;
        for (_, slot) in region.runs(&self.geometry, range) {
            old = old.or(Some(slot.protection().ok_or(Kind::NotCommitted)?));
        }
        let old = self.as_stored(machine, range, old.ok_or(Kind::NotCommitted)?).0;
        if !may_become(region.initial, protection) {
            return Err(Kind::AboveCeiling);
        }
        self.permit(region, range, basic(protection))?;
        let protection = region.protection_of(protection);
        let steps = self.view_steps(machine, range, protection)?;
        let done = steps.iter().try_for_each(|(run, content)| match content {
            Some(content) => machine.show(whole, *run, *content, protection.effective()),
            None => machine.protect(whole, *run, protection.effective()),
        });
        if let Err(refusal) = done {
            machine.resync(whole, range, &self.truth(region, range));
            return Err(refusal.into());
        }
        let shows = steps.into_iter().filter(|(_, content)| content.is_some());
        let mut edits: Vec<_> = shows.map(|(range, content)| Edit::Show { range, content }).collect();
        edits.push(Edit::Pages { range, change: Change::Protect(protection) });
        Ok((old, edits))
    }

    /// The runs of a range of a view, and what each has to show instead: where stores begin
    /// to copy, a snapshot; where they no longer do, the section, but for pages that were
    /// stored to, which stay copies for ever (CW06 to CW08).
    fn view_steps<M: Machine>(
        &self,
        machine: &M,
        range: PageRange,
        protection: Protection,
    ) -> Result<Vec<(PageRange, Option<Content>)>, Kind> {
        let (copies, stores) =
            (protection.rights.contains(Rights::COPY), protection.rights.contains(Rights::WRITE));
        let mut steps = Vec::new();
        let mut fresh = 0;
        for (run, content) in self.contents_of(range) {
            match content {
                Some(content) if copies && content.view == View::Shared => {
                    fresh += run.bytes();
                    steps.push((run, Some(content.viewed(View::Snapshot))));
                }
                Some(content) if stores && content.view == View::Snapshot => {
                    self.unsnapped(machine, run, content, &mut steps)?;
                }
                Some(_) | None => steps.push((run, None)),
            }
        }
        if self.charge.fits(fresh) { Ok(steps) } else { Err(Kind::CommitLimit) }
    }

    /// Pages of a snapshot that are to be stored to: the section again, unless they are
    /// copies already.
    fn unsnapped<M: Machine>(
        &self,
        machine: &M,
        run: PageRange,
        content: Content,
        steps: &mut Vec<(PageRange, Option<Content>)>,
    ) -> Result<(), Kind> {
        let mut at = run.start().get();
        let again = |from: u64, to: u64, steps: &mut Vec<_>| {
            let pages = (from - run.start().get()) / self.geometry.page;
            let shared = content.after(pages).viewed(View::Shared);
            steps.extend(PageRange::between(from, to).map(|part| (part, Some(shared))));
        };
        machine.privatised(run, &mut |stored| {
            again(at, stored.start().get(), steps);
            steps.push((stored, None));
            at = stored.end().get();
        })?;
        again(at, run.end().get(), steps);
        Ok(())
    }

    /// Whether a region is a view of a file, whose content is not ours to let go.
    pub(super) fn shows_file(&self, region: &Region) -> bool {
        let Form::View(origin) = region.form else { return false };
        self.objects.get(&origin.object).is_some_and(|object| matches!(object.supply, Supply::File))
    }

    pub(crate) fn form_region(&mut self, at: Va, form: Form) {
        if let Form::View(origin) = form
            && let Some(object) = self.objects.get_mut(&origin.object)
        {
            object.views += 1;
        }
        if let Some(((start, _), region)) = self.regions.at_or_after_mut(at.get())
            && start == at.get()
        {
            region.form = form;
        }
    }

    /// A region is `pieces` regions now.
    pub(crate) fn recount_views(&mut self, form: Form, pieces: u32) {
        let Form::View(origin) = form else { return };
        if let Some(object) = self.objects.get_mut(&origin.object) {
            object.views = object.views.saturating_sub(1) + pieces;
            self.idle.push(origin.object);
        }
    }

    pub(crate) fn change_section(&mut self, id: ObjectId, change: &SectionChange) {
        let Some(object) = self.objects.get_mut(&id) else { return };
        let before = object.supplied();
        match *change {
            SectionChange::Named => object.names += 1,
            SectionChange::Unnamed => {
                object.names = object.names.saturating_sub(1);
                self.idle.push(id);
            }
            SectionChange::Supplied(ref supply) => object.supply = supply.clone(),
            SectionChange::Filled { first, end } => object.fill(first, end),
        }
        self.charge.take((object.supplied() - before) * self.geometry.page);
    }
}

/// A part of an object, as a view is to show it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) origin: Origin,
    pub(super) bytes: u64,
    /// The runs of pages that have memory.
    pub(super) supplied: Vec<(u64, u64)>,
    pub(super) ceiling: Rights,
}

impl Seen {
    /// What each part of the region `whole` shows.
    fn runs(&self, whole: PageRange, view: View, page: u64) -> Vec<(PageRange, Content)> {
        let Origin { object, first } = self.origin;
        let place = |number: u64| whole.start().get() + (number - first) * page;
        let run = |&(from, to): &(u64, u64)| {
            Some((PageRange::between(place(from), place(to))?, Content { object, first: from, view }))
        };
        self.supplied.iter().filter_map(run).collect()
    }
}

/// Pages that had no memory show a part of a section.
fn record(range: PageRange, content: Content, protection: Protection, progress: &mut Progress) {
    let change = Change::Commit { protection, fresh: range.bytes() };
    progress.edits.push(Edit::Pages { range, change });
    progress.edits.push(Edit::Show { range, content: Some(content) });
}

/// How a protection shows an object.
const fn view_of(protection: Protection) -> View {
    if protection.rights.contains(Rights::COPY) { View::Snapshot } else { View::Shared }
}

/// The rights that a protection needs of an object: whoever copies only reads it.
fn basic(protection: Protection) -> Rights {
    protection.rights.intersection(Rights::USUAL)
}

/// Whether pages of a view that began with one protection may get another: no right that
/// the view lacks, and a copy needs only the right to read (VS01 to VS11).
fn may_become(initial: Protection, wanted: Protection) -> bool {
    basic(initial).contains(basic(wanted))
}
