//! The simplest machine that keeps the contract: a table of pages.
//!
//! It is strict: a call that breaks a precondition of the contract is remembered and
//! reported by [`Null::mirrors`]. What one kernel or another does, it does: memory cannot
//! be taken away under a lock, and a page that comes to show something else is not wired
//! any more.
//!
//! Two are equal if no program could tell them apart: which object's number is behind a
//! page does not count, who else shows the page does.

mod mirror;
mod objects;
mod special;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use pagewright_core::{
    Access, After, Backing, Content, ForeignRun, Geometry, Inheritance, Machine, ObjectId, PageRange,
    Protection, Refusal, Showing, Standing, Survival, Traits, Truth, Va, Wiring,
};

use objects::{Object, Shows};
pub use special::Reaping;
use special::{Holding, Stock, Stored, Yielding};

/// A machine of nothing but tables.
#[derive(Clone, Debug)]
pub struct Null {
    geometry: Geometry,
    /// Our ranges, by start.
    ours: BTreeMap<u64, Holding>,
    /// Pages of ours that have memory, by address.
    pages: BTreeMap<u64, Page>,
    /// What others mapped, ascending.
    others: Vec<Other>,
    /// What their pages hold, by address; those that are not here hold zeros.
    theirs: BTreeMap<u64, Shows>,
    objects: BTreeMap<ObjectId, Object>,
    /// What special memory there is.
    stock: Stock,
    reaping: Reaping,
    /// The first broken precondition.
    breach: Option<String>,
}

/// A page with memory.
#[derive(Clone, Debug)]
struct Page {
    access: Access,
    wiring: Wiring,
    shows: Shows,
    /// Kept for every page, and asked for of watched ones.
    stored: Stored,
    yielding: Yielding,
}

impl Page {
    /// Nobody stored to it yet.
    const fn fresh(access: Access, wiring: Wiring, shows: Shows) -> Self {
        Self { access, wiring, shows, stored: Stored::Clean, yielding: Yielding::Kept }
    }
}

/// A mapping of somebody else.
#[derive(Clone, Debug, PartialEq)]
struct Other {
    range: PageRange,
    initial: Protection,
    protection: Protection,
    backing: Backing,
}

impl Null {
    /// An empty machine of this shape.
    pub const fn new(geometry: Geometry) -> Self {
        Self {
            geometry,
            ours: BTreeMap::new(),
            pages: BTreeMap::new(),
            others: Vec::new(),
            theirs: BTreeMap::new(),
            objects: BTreeMap::new(),
            stock: Stock::USUAL,
            reaping: Reaping::Never,
            breach: None,
        }
    }

    /// Somebody else maps `range`.
    ///
    /// # Panics
    /// If anything is mapped there.
    pub fn intrude(&mut self, range: PageRange, protection: Protection, backing: Backing) {
        assert!(self.is_free(range), "{range} is in use");
        self.others.push(Other { range, initial: protection, protection, backing });
        self.others.sort_by_key(|other| other.range.start());
    }

    /// Somebody else takes its mapping at `at` away; what others show of an object of
    /// ours ends with it.
    ///
    /// # Panics
    /// If nobody else has one there.
    pub fn withdraw(&mut self, at: Va) {
        let found = self.others.iter().position(|other| other.range.contains(at));
        let other = self.others.remove(found.expect("somebody else's mapping"));
        self.theirs.retain(|page, _| !other.range.contains(Va::new(*page)));
    }

    /// Every mapped range in ascending order, and whose it is.
    fn mapped(&self) -> Vec<(u64, u64, Option<&Other>)> {
        let ours = self.ours.iter().map(|(&start, holding)| (start, holding.end, None));
        let others = self.others.iter();
        let others = others.map(|o| (o.range.start().get(), o.range.end().get(), Some(o)));
        let mut all: Vec<_> = ours.chain(others).collect();
        all.sort_by_key(|(start, _, _)| *start);
        all
    }

    fn is_free(&self, range: PageRange) -> bool {
        let (from, to) = (range.start().get(), range.end().get());
        self.mapped().iter().all(|(start, end, _)| *end <= from || to <= *start)
    }

    /// Whether all of `range` is ours, in one piece or in adjacent ones.
    fn covers(&self, range: PageRange) -> bool {
        let mut at = range.start().get();
        while at < range.end().get() {
            match self.ours.range(..=at).next_back() {
                Some((_, holding)) if holding.end > at => at = holding.end,
                Some(_) | None => return false,
            }
        }
        true
    }

    /// Remembers `what` unless the precondition holds.
    fn require(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds && self.breach.is_none() {
            self.breach = Some(what());
        }
    }

    fn expect_ours(&mut self, region: PageRange, range: PageRange) {
        let holds = region.covers(range) && self.covers(region);
        self.require(holds, || format!("{range} is not a part of ours, {region}"));
    }

    fn each(&self, range: PageRange) -> impl Iterator<Item = u64> + use<> {
        (range.start().get()..range.end().get()).step_by(self.geometry.page as usize)
    }

    fn pages_in(&mut self, range: PageRange) -> impl Iterator<Item = &mut Page> {
        self.pages.range_mut(range.start().get()..range.end().get()).map(|(_, page)| page)
    }

    fn drop_pages(&mut self, range: PageRange) {
        self.pages.retain(|&at, _| !range.contains(Va::new(at)));
    }

    /// Gives the pages memory if they have none, and this access.
    fn give(&mut self, range: PageRange, access: Access) {
        for at in self.each(range) {
            let fresh = Page::fresh(access, Wiring::Pageable, Shows::ZEROS);
            self.pages.entry(at).or_insert(fresh).access = access;
        }
    }

    /// What may be done with a page, ours or others'; `None` if it has no memory.
    fn access_at(&self, page: u64) -> Option<Access> {
        let other = || self.others.iter().find(|other| other.range.contains(Va::new(page)));
        let own = self.pages.get(&page).map(|page| page.access);
        own.or_else(|| Some(other()?.protection.effective()))
    }

    /// The page that holds `at`, the offset in it, and how many bytes from there.
    fn locate(&self, at: u64, wanted: usize) -> (u64, usize, usize) {
        let page = self.geometry.page_down(at);
        let offset = (at - page) as usize;
        (page, offset, wanted.min(self.geometry.page as usize - offset))
    }
}

impl Machine for Null {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn reserve(&mut self, range: PageRange, access: Option<Access>) -> Result<(), Refusal> {
        self.hold(range, access, Traits::PLAIN)
    }

    fn reserve_special(
        &mut self,
        range: PageRange,
        access: Option<Access>,
        traits: Traits,
    ) -> Result<(), Refusal> {
        self.expect_whole(range, access, traits);
        self.stock_has(range, traits)?;
        self.hold(range, access, traits)
    }

    fn written(
        &mut self,
        region: PageRange,
        range: PageRange,
        limit: u64,
        after: After,
        report: &mut dyn FnMut(PageRange),
    ) -> Result<(), Refusal> {
        self.expect_watched(region, range);
        self.report_stored(range, limit, after, report);
        Ok(())
    }

    fn forget_written(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        self.expect_watched(region, range);
        self.pages_in(range).for_each(|page| page.stored = Stored::Clean);
        Ok(())
    }

    fn yield_content(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        self.expect_ours(region, range);
        self.yield_pages(range);
        Ok(())
    }

    fn keep(&mut self, region: PageRange, range: PageRange) -> Result<Survival, Refusal> {
        self.expect_ours(region, range);
        Ok(self.keep_pages(range))
    }

    fn commit(&mut self, region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal> {
        self.expect_ours(region, range);
        self.expect_changeable(range, "committed");
        self.give(range, access);
        Ok(())
    }

    fn decommit(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        self.expect_ours(region, range);
        self.expect_soluble(range);
        self.drop_pages(range);
        Ok(())
    }

    fn protect(&mut self, region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal> {
        self.expect_ours(region, range);
        self.expect_changeable(range, "protected");
        for at in self.each(range) {
            self.require(self.pages.contains_key(&at), || format!("{at:#x} is protected uncommitted"));
        }
        self.pages_in(range).for_each(|page| page.access = access);
        Ok(())
    }

    fn release(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        self.expect_ours(region, range);
        self.forsake(range);
        Ok(())
    }

    fn wire(&mut self, range: PageRange) -> Result<(), Refusal> {
        for at in self.each(range) {
            let own = self.pages.get(&at).is_some_and(|page| !page.access.now().is_empty());
            let foreign = self.others.iter().any(|other| other.range.contains(Va::new(at)));
            self.require(own || foreign, || format!("{at:#x} is wired, and not accessible"));
        }
        self.pages_in(range).for_each(|page| page.wiring = Wiring::Wired);
        Ok(())
    }

    fn unwire(&mut self, range: PageRange) -> Result<(), Refusal> {
        self.pages_in(range).for_each(|page| page.wiring = Wiring::Pageable);
        Ok(())
    }

    fn resync(&mut self, region: PageRange, range: PageRange, truth: &dyn Truth) {
        self.expect_ours(region, range);
        let mut at = range.start();
        while at < range.end() {
            let ((end, access), (stop, content)) = (truth.run(at), truth.content(at));
            let end = end.min(stop);
            let run = PageRange::between(at.get(), end.get()).expect("runs are not empty");
            match access {
                Some(access) => {
                    self.give(run, access);
                    self.settle(run, content);
                }
                None => self.drop_pages(run),
            }
            at = end;
        }
    }

    fn create(&mut self, object: ObjectId, pages: u64) -> Result<(), Refusal> {
        self.require(!self.objects.contains_key(&object), || format!("{object:?} is made twice"));
        self.objects.insert(object, Object::new(pages));
        Ok(())
    }

    fn create_frames(&mut self, object: ObjectId, pages: u64, node: Option<u16>) -> Result<(), Refusal> {
        self.has_node(node)?;
        self.create(object, pages)
    }

    fn discard(&mut self, object: ObjectId, first: u64, pages: u64) {
        self.discard_pages(object, first, pages);
    }

    fn close(&mut self, object: ObjectId) {
        let shown = self.showings().any(|(_, spot)| spot.object == object);
        self.require(!shown, || format!("{object:?} is closed while it is shown"));
        self.objects.remove(&object);
    }

    fn show(
        &mut self,
        region: PageRange,
        range: PageRange,
        content: Content,
        access: Access,
    ) -> Result<(), Refusal> {
        self.expect_ours(region, range);
        self.expect_pages(range, content);
        self.show_pages(range, content, access);
        Ok(())
    }

    fn promote(&mut self, places: &[Showing], content: Content) -> Result<(), Refusal> {
        self.promote_pages(places, content)
    }

    fn recognise(&self, range: PageRange) -> Option<Content> {
        self.recognise_pages(range)
    }

    fn privatised(&self, range: PageRange, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal> {
        self.report_privatised(range, report);
        Ok(())
    }

    fn transfer(&mut self, held: &[Showing], from: Va, to: Va, bytes: u64) -> Result<(), Refusal> {
        self.expect_held(held, from, bytes);
        let mut captured = vec![0; bytes as usize];
        let done =
            self.read(from, &mut captured) == captured.len() && self.write(to, &captured) == captured.len();
        self.require(done, || format!("{bytes:#x} bytes cannot be copied from {from} to {to}"));
        if done { Ok(()) } else { Err(Refusal::Unmapped) }
    }

    fn inherit(&mut self, range: PageRange, _: Inheritance) -> Result<(), Refusal> {
        let mapped = self.each(range).all(|at| {
            self.covers(PageRange::between(at, at + self.geometry.page).expect("a page"))
                || self.others.iter().any(|other| other.range.contains(Va::new(at)))
        });
        self.require(mapped, || format!("{range} is to be inherited, and is not mapped"));
        Ok(())
    }

    fn holds(&self, range: PageRange) -> bool {
        self.covers(range)
    }

    fn forsake(&mut self, range: PageRange) {
        self.drop_pages(range);
        let (from, to) = (range.start().get(), range.end().get());
        let cut = self.ours.range(..to).filter(|(_, holding)| holding.end > from);
        for (start, holding) in cut.map(|(&start, &holding)| (start, holding)).collect::<Vec<_>>() {
            self.ours.remove(&start);
            self.ours.extend((start < from).then_some((start, Holding { end: from, ..holding })));
            self.ours.extend((to < holding.end).then_some((to, holding)));
        }
    }

    fn occupied(&self, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal> {
        for (start, end, _) in self.mapped() {
            report(PageRange::between(start, end).expect("mapped ranges are not empty"));
        }
        Ok(())
    }

    fn foreign(&self, at: Va) -> Result<ForeignRun, Refusal> {
        let at = at.get();
        let mut free = ForeignRun { start: 0, end: self.geometry.user_end(), standing: Standing::Free };
        for (start, end, other) in self.mapped() {
            if end <= at {
                free.start = end;
            } else if start > at {
                free.end = start;
                break;
            } else {
                let other = other.expect("core does not ask about its own regions");
                let (start, end, shown) = self.alike(other.range, at);
                let standing = Standing::Mapped {
                    protection: other.protection,
                    initial: other.initial,
                    allocation: other.range.start().get(),
                    backing: if shown { Backing::View } else { other.backing },
                };
                return Ok(ForeignRun { start, end, standing });
            }
        }
        Ok(free)
    }

    fn protect_foreign(&mut self, range: PageRange, access: Access) -> Result<(), Refusal> {
        // A mapping of others changes as a whole here: no test needs more.
        for other in self.others.iter_mut().filter(|other| other.range.overlaps(range)) {
            other.protection = access.as_protection();
        }
        Ok(())
    }

    fn read(&self, at: Va, into: &mut [u8]) -> usize {
        let mut done = 0;
        while done < into.len() {
            let Some(here) = at.checked_add(done as u64) else { break };
            let (page, offset, count) = self.locate(here.get(), into.len() - done);
            if !self.access_at(page).is_some_and(|access| access.now().contains(Access::READ)) {
                break;
            }
            match self.seen(page).get(offset..offset + count) {
                Some(bytes) => into[done..done + count].copy_from_slice(bytes),
                None => into[done..done + count].fill(0),
            }
            done += count;
        }
        done
    }

    fn write(&mut self, at: Va, from: &[u8]) -> usize {
        let mut done = 0;
        while done < from.len() {
            let Some(here) = at.checked_add(done as u64) else { break };
            let (page, offset, count) = self.locate(here.get(), from.len() - done);
            if !self.access_at(page).is_some_and(|access| access.now().contains(Access::WRITE)) {
                break;
            }
            self.stored_to(page)[offset..offset + count].copy_from_slice(&from[done..done + count]);
            self.note_store(page);
            done += count;
        }
        done
    }
}
