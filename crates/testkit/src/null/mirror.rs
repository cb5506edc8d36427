//! What the machine is, against the truth and against another machine.

use std::collections::{BTreeMap, BTreeSet};

use pagewright_core::region::Region;
use pagewright_core::{
    Access, AddressSpace, Content, MemoryObject, ObjectId, PageRange, Reach, Slot, Supply, View, Wiring,
};

use super::objects::Spot;
use super::special::{Holding, Stored};
use super::{Null, Other};

impl Null {
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
            self.mirrors_traits(range, region)?;
            bytes += range.bytes();
            pages += self.mirrors_region(range, region)?;
            for (run, content) in space.contents_of(range) {
                self.mirrors_content(run, content)?;
            }
        }
        if bytes != self.ours.iter().map(|(start, holding)| holding.end - start).sum::<u64>() {
            return Err("the machine holds ranges that no region has".into());
        }
        if pages != self.pages.len() {
            return Err("the machine holds memory that no region has".into());
        }
        self.mirrors_objects(space)
    }

    /// The machine was told what the allocation is made of.
    fn mirrors_traits(&self, range: PageRange, region: &Region) -> Result<(), String> {
        let odd = self.holdings(range).find(|holding| holding.traits != region.traits);
        odd.map_or(Ok(()), |odd| {
            Err(format!("{range} is held as {:?}, the truth is {:?}", odd.traits, region.traits))
        })
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
        let truth = slot.access();
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

    fn mirrors_content(&self, range: PageRange, content: Option<Content>) -> Result<(), String> {
        let Some(content) = content else {
            // There can be terabytes of it, so only what is there is looked at.
            let mut pages = self.pages.range(range.start().get()..range.end().get());
            let odd = pages.find(|(_, page)| page.shows.content().is_some());
            return odd.map_or(Ok(()), |(at, _)| Err(format!("{at:#x} shows an object, and is private")));
        };
        for (step, at) in self.each(range).enumerate() {
            let truth = Some(content.after(step as u64));
            let shown = self.pages.get(&at).and_then(|page| page.shows.content());
            if shown != truth {
                return Err(format!("{at:#x} shows {shown:?}, the truth is {truth:?}"));
            }
        }
        Ok(())
    }

    /// The objects are those of the truth, and nothing is kept of what nobody can see
    /// again.
    fn mirrors_objects(&self, space: &AddressSpace) -> Result<(), String> {
        let truth: BTreeMap<ObjectId, &MemoryObject> = space.objects().collect();
        for (id, object) in &truth {
            let Some(known) = self.objects.get(id) else {
                return Err(format!("the machine does not know {id:?}"));
            };
            if known.pages < object.pages {
                return Err(format!("{id:?} has {} pages, the truth is {}", known.pages, object.pages));
            }
            let idle = known.bytes.keys().find(|page| object.count(**page) == 0);
            if let (Reach::Home, Some(page)) = (object.reach, idle) {
                return Err(format!("{id:?} keeps page {page}, which nobody shows"));
            }
        }
        if let Some(id) = self.objects.keys().find(|id| !truth.contains_key(id)) {
            return Err(format!("the machine keeps {id:?}, which nobody knows"));
        }
        // The views of a section are both: who stores to a copy does not freeze it.
        self.agrees_but_for(|id| truth.get(&id).is_some_and(|object| !matches!(object.supply, Supply::Shown)))
    }

    /// No page of an object is shared here and frozen there.
    #[cfg(test)]
    pub(super) fn agrees(&self) -> Result<(), String> {
        self.agrees_but_for(|_| false)
    }

    /// The same, of objects that are no sections.
    fn agrees_but_for(&self, is_section: impl Fn(ObjectId) -> bool) -> Result<(), String> {
        let mut views: BTreeMap<Spot, (u64, View)> = BTreeMap::new();
        for (at, spot) in self.showings().filter(|(_, spot)| !is_section(spot.object)) {
            let Some(view) = self.view_at(at) else { continue };
            let (first, other) = *views.entry(spot).or_insert((at, view));
            if view != other {
                return Err(format!("{spot:?} is {other:?} at {first:#x}, and {view:?} at {at:#x}"));
            }
        }
        Ok(())
    }

    /// All that a program can tell.
    fn told(&self) -> Told<'_> {
        let page = |(at, page): (&u64, &super::Page)| {
            let stored = if self.is_watched(*at) { page.stored } else { Stored::Clean };
            (*at, (page.access, page.wiring, stored, self.bytes_at(*at)))
        };
        let theirs = self.theirs.keys().map(|at| (*at, self.bytes_at(*at)));
        let mut groups: BTreeMap<Spot, Vec<u64>> = BTreeMap::new();
        for (at, spot) in self.showings().filter(|(at, _)| self.view_at(*at) == Some(View::Shared)) {
            groups.entry(spot).or_default().push(at);
        }
        Told {
            ours: &self.ours,
            pages: self.pages.iter().map(page).collect(),
            others: &self.others,
            theirs: theirs.filter(|(_, bytes)| bytes.is_some()).collect(),
            together: groups.into_values().filter(|group| group.len() > 1).collect(),
            breach: self.breach.as_deref(),
        }
    }

    /// The bytes of a page, unless all are zero.
    fn bytes_at(&self, at: u64) -> Option<&[u8]> {
        Some(self.seen(at)).filter(|bytes| bytes.iter().any(|byte| *byte != 0))
    }
}

/// What can be told of a page: what it lets through, and its bytes unless all are zero.
type Look<'a> = (Access, Wiring, Stored, Option<&'a [u8]>);

/// What makes two machines different.
#[derive(PartialEq)]
struct Told<'a> {
    ours: &'a BTreeMap<u64, Holding>,
    pages: Vec<(u64, Look<'a>)>,
    others: &'a [Other],
    theirs: Vec<(u64, Option<&'a [u8]>)>,
    /// Pages where a store is seen at the others.
    together: BTreeSet<Vec<u64>>,
    breach: Option<&'a str>,
}

impl PartialEq for Null {
    fn eq(&self, other: &Self) -> bool {
        self.geometry == other.geometry && self.told() == other.told()
    }
}
