//! The simplest machine that keeps the contract: a table of pages.
//!
//! It is strict: a call that breaks a precondition of the contract is remembered and
//! reported by [`Null::mirrors`], and memory cannot be taken away under a lock, as on
//! kernels that refuse it.

use std::collections::BTreeMap;

use pagewright_core::region::Region;
use pagewright_core::{
    Access, AddressSpace, Backing, ForeignRun, Geometry, Machine, PageRange, Protection, Refusal, Slot,
    Standing, Truth, Va, Wiring,
};

/// A machine of nothing but tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Null {
    geometry: Geometry,
    /// Our ranges, by start: end.
    ours: BTreeMap<u64, u64>,
    /// Pages of ours that have memory, by address.
    pages: BTreeMap<u64, Page>,
    /// What others mapped, ascending.
    others: Vec<Other>,
    /// The first broken precondition.
    breach: Option<String>,
}

/// A page with memory.
#[derive(Clone, Debug)]
struct Page {
    access: Access,
    wiring: Wiring,
    /// Empty as long as all bytes are zero.
    bytes: Vec<u8>,
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        let zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        (self.access, self.wiring) == (other.access, other.wiring)
            && (self.bytes == other.bytes || (zero(&self.bytes) && zero(&other.bytes)))
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
        Self { geometry, ours: BTreeMap::new(), pages: BTreeMap::new(), others: Vec::new(), breach: None }
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

    /// Proves that this machine is what the truth says, page by page, and that every
    /// call so far kept the contract.
    ///
    /// # Errors
    /// The first difference, in words.
    pub fn mirrors(&self, space: &AddressSpace) -> Result<(), String> {
        if let Some(what) = &self.breach {
            return Err(format!("a call broke the contract: {what}"));
        }
        let mut bytes = 0;
        let mut pages = 0;
        for (range, region) in space.regions() {
            if !self.covers(range) {
                return Err(format!("the machine does not hold all of {range}"));
            }
            bytes += range.bytes();
            pages += self.mirrors_region(range, region)?;
        }
        if bytes != self.ours.iter().map(|(start, end)| end - start).sum::<u64>() {
            return Err("the machine holds ranges that no region has".into());
        }
        if pages != self.pages.len() {
            return Err("the machine holds memory that no region has".into());
        }
        Ok(())
    }

    fn mirrors_region(&self, range: PageRange, region: &Region) -> Result<usize, String> {
        let size = self.geometry.page;
        let (first, end) = (range.start().get() / size, range.end().get() / size);
        let mut count = 0;
        for (from, to, slot) in region.pages.runs(first, end) {
            for at in (from..to).take(if slot.is_committed() { usize::MAX } else { 0 }) {
                self.mirrors_page(at * size, slot)?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn mirrors_page(&self, at: u64, slot: Slot) -> Result<(), String> {
        let truth = slot.protection().map(Protection::effective);
        match self.pages.get(&at) {
            Some(page) if Some(page.access) != truth => {
                Err(format!("{at:#x} has {:?}, the truth is {truth:?}", page.access))
            }
            Some(page) if page.wiring != slot.wiring() => {
                Err(format!("{at:#x} is {:?}, the truth is {:?}", page.wiring, slot.wiring()))
            }
            Some(_) => Ok(()),
            None => Err(format!("{at:#x} has no memory, the truth is {truth:?}")),
        }
    }

    /// Every mapped range in ascending order, and whose it is.
    fn mapped(&self) -> Vec<(u64, u64, Option<&Other>)> {
        let ours = self.ours.iter().map(|(&start, &end)| (start, end, None));
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
                Some((_, &end)) if end > at => at = end,
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
            let fresh = Page { access, wiring: Wiring::Pageable, bytes: Vec::new() };
            self.pages.entry(at).or_insert(fresh).access = access;
        }
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
        if !self.is_free(range) {
            return Err(Refusal::Occupied);
        }
        self.ours.insert(range.start().get(), range.end().get());
        if let Some(access) = access {
            self.give(range, access);
        }
        Ok(())
    }

    fn commit(&mut self, region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal> {
        self.expect_ours(region, range);
        self.give(range, access);
        Ok(())
    }

    fn decommit(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        self.expect_ours(region, range);
        self.drop_pages(range);
        Ok(())
    }

    fn protect(&mut self, region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal> {
        self.expect_ours(region, range);
        for at in self.each(range) {
            self.require(self.pages.contains_key(&at), || format!("{at:#x} is protected uncommitted"));
        }
        self.pages_in(range).for_each(|page| page.access = access);
        Ok(())
    }

    fn release(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        self.expect_ours(region, range);
        self.drop_pages(range);
        let (from, to) = (range.start().get(), range.end().get());
        let cut: Vec<_> = self.ours.range(..to).filter(|(_, end)| **end > from).collect();
        for (start, end) in cut.into_iter().map(|(&s, &e)| (s, e)).collect::<Vec<_>>() {
            self.ours.remove(&start);
            self.ours.extend((start < from).then_some((start, from)));
            self.ours.extend((to < end).then_some((to, end)));
        }
        Ok(())
    }

    fn wire(&mut self, range: PageRange) -> Result<(), Refusal> {
        for at in self.each(range) {
            let own = self.pages.get(&at).is_some_and(|page| !page.access.is_empty());
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
            let (end, access) = truth.run(at);
            let run = PageRange::between(at.get(), end.get()).expect("runs are not empty");
            match access {
                Some(access) => self.give(run, access),
                None => self.drop_pages(run),
            }
            at = end;
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
                let standing = Standing::Mapped {
                    protection: other.protection,
                    initial: other.initial,
                    allocation: start,
                    backing: other.backing,
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
            let Some(page) = self.pages.get(&page) else { break };
            if !page.access.contains(Access::READ) {
                break;
            }
            match page.bytes.get(offset..offset + count) {
                Some(bytes) => into[done..done + count].copy_from_slice(bytes),
                None => into[done..done + count].fill(0),
            }
            done += count;
        }
        done
    }

    fn write(&mut self, at: Va, from: &[u8]) -> usize {
        let size = self.geometry.page as usize;
        let mut done = 0;
        while done < from.len() {
            let Some(here) = at.checked_add(done as u64) else { break };
            let (page, offset, count) = self.locate(here.get(), from.len() - done);
            let Some(page) = self.pages.get_mut(&page) else { break };
            if !page.access.contains(Access::WRITE) {
                break;
            }
            page.bytes.resize(size, 0);
            page.bytes[offset..offset + count].copy_from_slice(&from[done..done + count]);
            done += count;
        }
        done
    }
}
