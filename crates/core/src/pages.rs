//! The state of every page of a region, sized by what differs.
//!
//! Pages are grouped into chunks of 512. Neighbouring chunks whose pages are all
//! alike are one extent, whatever their number; a chunk whose pages differ has a
//! table of 512 entries. Chunks that are nowhere to be found are reserved. So a
//! reservation of a terabyte costs nothing, a committed gigabyte one entry, and
//! a million lone pages four bytes each.
//!
//! What is stored of a page is *raw*: a guard that a fault has met since it was armed is still
//! there, and a bit beside it says so (see [`crate::guards`]). Everybody outside sees the page
//! without the guard.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use crate::access::Slot;
use crate::guards::{Guards, Met, Turn};

/// Pages in a chunk; with 4 KiB pages, 2 MiB.
pub const CHUNK_PAGES: u64 = 512;

#[derive(Clone, Debug)]
enum Kind {
    /// Every page of the extent that lies in the region is in this state.
    Uniform(Slot),
    /// One chunk, page by page.
    Mixed(Box<[u32; CHUNK_PAGES as usize]>),
}

#[derive(Clone, Debug)]
struct Extent {
    /// The first chunk behind the extent. A `Mixed` extent has one chunk.
    end: u64,
    kind: Kind,
}

/// The states of the pages `first..end`, counted in pages from address 0.
#[derive(Clone, Debug)]
pub struct PageMap {
    first: u64,
    end: u64,
    /// Disjoint extents by their first chunk; none is `Uniform(RESERVED)`, and no
    /// two neighbours are `Uniform` of the same state.
    extents: BTreeMap<u64, Extent>,
    /// A chunk whose pages became alike, and whose table is kept all the same: pages
    /// that come and go one at a time would otherwise make and drop a table each time.
    /// There is one such chunk at most.
    alike: Option<u64>,
    /// Which guards were met since they were armed.
    guards: Guards,
}

/// What an access finds at a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// An armed guard, which this access has disarmed; the page as it is now.
    Guard(Slot),
    /// A guard that was met before; the page as it is.
    Met(Slot),
    /// A page without a guard.
    Plain(Slot),
}

impl PageMap {
    /// A map of reserved pages.
    pub const fn reserved(first: u64, end: u64) -> Self {
        Self { first, end, extents: BTreeMap::new(), alike: None, guards: Guards::new() }
    }

    /// The first page.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// The page behind the last.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// The state of a page.
    pub fn slot(&self, page: u64) -> Slot {
        effective(&self.guards, page, self.raw(page))
    }

    /// Meets the guard of a page, if it is armed: of all who do, one finds it. Takes no lock
    /// and no memory.
    pub(crate) fn trip(&self, page: u64) -> Found {
        let raw = self.raw(page);
        if !raw.is_guarded() {
            return Found::Plain(raw);
        }
        match self.guards.meet(page) {
            Some(Turn::First) => Found::Guard(raw.unguarded()),
            Some(Turn::Late) => Found::Met(raw.unguarded()),
            None => Found::Plain(raw),
        }
    }

    /// The guards of `from..to` were armed just now: from here on these bits tell who met one.
    pub(crate) fn arm(&mut self, from: u64, to: u64, met: Met) {
        self.guards.arm(from, to, met);
    }

    /// What is stored of a page.
    fn raw(&self, page: u64) -> Slot {
        let chunk = page / CHUNK_PAGES;
        match self.extent_at(chunk) {
            Some((_, extent)) => extent.slot(page),
            None => Slot::RESERVED,
        }
    }

    /// The state of a page, and the end of the run of pages from there on that `same` puts
    /// together with it, at most `limit`.
    fn run_from(&self, page: u64, limit: u64, same: impl Fn(Slot, Slot) -> bool) -> (Slot, u64) {
        if self.guards.is_empty() {
            let slot = self.raw(page);
            return (slot, self.raw_run_end(page, limit, |other| same(slot, other)));
        }
        let (slot, mut at) = self.segment(page, limit);
        while at < limit {
            let (next, end) = self.segment(at, limit);
            if !same(slot, next) {
                break;
            }
            at = end;
        }
        (slot, at)
    }

    /// The state of a page, and the end of the pages from there on that are stored alike, and
    /// their guards met alike: both of one moment, whatever faults meet meanwhile.
    fn segment(&self, page: u64, limit: u64) -> (Slot, u64) {
        let raw = self.raw(page);
        let end = self.raw_run_end(page, limit, |other| other == raw);
        if !raw.is_guarded() {
            return (raw, end);
        }
        let (is_met, end) = self.guards.run(page, end);
        (if is_met { raw.unguarded() } else { raw }, end)
    }

    /// The end of the pages from `page` on for which `same` holds, at most `limit`.
    fn raw_run_end(&self, page: u64, limit: u64, same: impl Fn(Slot) -> bool) -> u64 {
        let mut at = page;
        while at < limit {
            let chunk = at / CHUNK_PAGES;
            match self.extent_at(chunk) {
                Some((_, extent)) => match &extent.kind {
                    Kind::Uniform(other) if same(*other) => at = extent.end * CHUNK_PAGES,
                    Kind::Uniform(_) => return at,
                    Kind::Mixed(table) => {
                        let from = (at % CHUNK_PAGES) as usize;
                        let to = (limit - chunk * CHUNK_PAGES).min(CHUNK_PAGES) as usize;
                        let differs = |raw: &u32| !same(Slot::from_raw(*raw));
                        match table[from..to].iter().position(differs) {
                            Some(steps) => return at + steps as u64,
                            None => at = (chunk + 1) * CHUNK_PAGES,
                        }
                    }
                },
                None if same(Slot::RESERVED) => {
                    let next = self.extents.range(chunk..).next();
                    at = next.map_or(limit, |(start, _)| start * CHUNK_PAGES);
                }
                None => return at,
            }
        }
        limit
    }

    /// The run of equal pages around `page`: start and end.
    pub fn run_around(&self, page: u64) -> (u64, u64) {
        (self.run_start(page, self.first), self.run_from(page, self.end, |a, b| a == b).1)
    }

    /// The start of the run of pages up to `page` that are equal to it, at least `limit`.
    fn run_start(&self, page: u64, limit: u64) -> u64 {
        if self.guards.is_empty() {
            return self.raw_run_start(page, limit);
        }
        let slot = self.slot(page);
        let mut at = self.segment_start(page, limit);
        while at > limit && self.slot(at - 1) == slot {
            at = self.segment_start(at - 1, limit);
        }
        at
    }

    /// The start of the pages up to and with `page` that are stored alike, and their guards
    /// met alike.
    fn segment_start(&self, page: u64, limit: u64) -> u64 {
        let start = self.raw_run_start(page, limit);
        if self.raw(page).is_guarded() { self.guards.run_start(page, start) } else { start }
    }

    /// The start of the pages up to `page` that are stored as it is, at least `limit`.
    fn raw_run_start(&self, page: u64, limit: u64) -> u64 {
        let slot = self.raw(page);
        let mut at = page;
        while at > limit {
            let chunk = (at - 1) / CHUNK_PAGES;
            match self.extent_at(chunk) {
                Some((start, extent)) => match &extent.kind {
                    Kind::Uniform(other) if *other == slot => at = start * CHUNK_PAGES,
                    Kind::Uniform(_) => return at,
                    Kind::Mixed(table) => {
                        let base = chunk * CHUNK_PAGES;
                        let low = base.max(limit);
                        let before = &table[(low - base) as usize..(at - base) as usize];
                        match before.iter().rposition(|raw| Slot::from_raw(*raw) != slot) {
                            Some(steps) => return low + steps as u64 + 1,
                            None => at = low,
                        }
                    }
                },
                None if slot == Slot::RESERVED => {
                    let before = self.extents.range(..chunk).next_back();
                    at = before.map_or(limit, |(_, extent)| extent.end * CHUNK_PAGES);
                }
                None => return at,
            }
        }
        limit
    }

    /// The state of a page, and the end of the maximal run that answers a query like it does.
    pub fn visible_run(&self, page: u64) -> (Slot, u64) {
        self.run_from(page, self.end, |a, b| a.visible() == b.visible())
    }

    /// The runs of equal pages in `from..to`: start, end, state.
    pub fn runs(&self, from: u64, to: u64) -> impl Iterator<Item = (u64, u64, Slot)> + '_ {
        let mut at = from;
        core::iter::from_fn(move || {
            if at >= to {
                return None;
            }
            let start = at;
            // Of one page, the most frequent question, there is no more to know.
            let (slot, end) =
                if start + 1 == to { (self.slot(at), to) } else { self.run_from(at, to, |a, b| a == b) };
            at = end;
            Some((start, end, slot))
        })
    }

    /// How many pages of `from..to` have memory.
    pub fn committed(&self, from: u64, to: u64) -> u64 {
        if from + 1 == to {
            // A guard that was met changes nothing about that.
            return u64::from(self.raw(from).is_committed());
        }
        self.runs(from, to).filter(|run| run.2.is_committed()).map(|run| run.1 - run.0).sum()
    }

    /// Replaces the state of each page in `from..to` by what `change` makes of it.
    pub fn update(&mut self, from: u64, to: u64, change: impl Fn(Slot) -> Slot) {
        if self.update_in_table(from, to, &change) {
            return;
        }
        let mut at = from;
        while at < to {
            let raw = self.raw(at);
            let (slot, end) = self.segment(at, to);
            let new = change(slot);
            if new != raw {
                self.set(at, end, new);
            }
            at = end;
        }
        self.forget_guards(from, to);
    }

    /// The same inside of one chunk that has a table, as most changes are: whether it is one.
    fn update_in_table(&mut self, from: u64, to: u64, change: &impl Fn(Slot) -> Slot) -> bool {
        let chunk = from / CHUNK_PAGES;
        if from >= to || (to - 1) / CHUNK_PAGES != chunk {
            return false;
        }
        let (low, high) = self.chunk_bounds(chunk);
        let Some(Kind::Mixed(table)) = self.extents.get_mut(&chunk).map(|extent| &mut extent.kind) else {
            return false;
        };
        let (first, last) = ((from % CHUNK_PAGES) as usize, ((to - 1) % CHUNK_PAGES) as usize);
        for (page, raw) in (from..).zip(&mut table[first..=last]) {
            *raw = change(effective(&self.guards, page, Slot::from_raw(*raw))).raw();
        }
        // Found out while the table is at hand: to look it up again is most of what a change costs.
        let became_alike = self.alike != Some(chunk) && are_alike(table, low, high);
        self.forget_guards(from, to);
        if became_alike {
            self.notice_alike(chunk);
        }
        true
    }

    /// Drops the bits of pages that have no guard any more.
    #[inline]
    fn forget_guards(&mut self, from: u64, to: u64) {
        if !self.guards.is_empty() {
            self.forget_some_guards(from, to);
        }
    }

    fn forget_some_guards(&mut self, from: u64, to: u64) {
        let mut at = from;
        while at < to {
            let raw = self.raw(at);
            let end = self.raw_run_end(at, to, |other| other.is_guarded() == raw.is_guarded());
            if !raw.is_guarded() {
                self.guards.forget(at, end);
            }
            at = end;
        }
    }

    /// Cuts the map at `page` and gives back the upper part.
    pub fn split_off(&mut self, page: u64) -> Self {
        let mut upper = Self::reserved(page, self.end);
        let mut at = page;
        while at < self.end {
            let raw = self.raw(at);
            let end = self.raw_run_end(at, self.end, |other| other == raw);
            upper.set(at, end, raw);
            at = end;
        }
        self.truncate(page);
        upper.guards = self.guards.split_off(page);
        upper
    }

    fn truncate(&mut self, page: u64) {
        let end = self.end;
        self.set(page, end, Slot::RESERVED);
        self.end = page;
        // What the cut left of a chunk may be uniform now that it is all there is.
        let start = (page.saturating_sub(1) / CHUNK_PAGES * CHUNK_PAGES).max(self.first);
        let slot = self.raw(start);
        if start < page && self.raw_run_end(start, page, |other| other == slot) == page {
            self.set(start, page, slot);
        }
    }

    fn set(&mut self, from: u64, to: u64, slot: Slot) {
        let mut at = from;
        while at < to {
            let chunk = at / CHUNK_PAGES;
            let (low, high) = self.chunk_bounds(chunk);
            if at == low && to >= high {
                let whole = if to == self.end { to.div_ceil(CHUNK_PAGES) } else { to / CHUNK_PAGES };
                self.set_chunks(chunk, whole, slot);
                at = self.chunk_bounds(whole - 1).1;
            } else {
                let end = to.min(high);
                self.set_in_chunk(chunk, at, end, slot);
                at = end;
            }
        }
    }

    /// The pages of a chunk that lie in the region.
    fn chunk_bounds(&self, chunk: u64) -> (u64, u64) {
        ((chunk * CHUNK_PAGES).max(self.first), ((chunk + 1) * CHUNK_PAGES).min(self.end))
    }

    fn extent_at(&self, chunk: u64) -> Option<(u64, &Extent)> {
        // An exact hit, as all chunks with a table are, costs half of a range search.
        if let Some(extent) = self.extents.get(&chunk) {
            return Some((chunk, extent));
        }
        let (&start, extent) = self.extents.range(..=chunk).next_back()?;
        (chunk < extent.end).then_some((start, extent))
    }

    /// Makes the chunks `from..to` uniform.
    fn set_chunks(&mut self, from: u64, to: u64, slot: Slot) {
        self.carve(from, to);
        if slot == Slot::RESERVED {
            return;
        }
        let (mut start, mut end) = (from, to);
        if let Some((&before, extent)) = self.extents.range(..from).next_back()
            && extent.end == from
            && extent.is_uniform(slot)
        {
            start = before;
        }
        if let Some(extent) = self.extents.get(&to)
            && extent.is_uniform(slot)
        {
            end = extent.end;
            self.extents.remove(&to);
        }
        self.extents.insert(start, Extent { end, kind: Kind::Uniform(slot) });
    }

    /// Takes the chunks `from..to` out, cutting extents at both ends.
    fn carve(&mut self, from: u64, to: u64) {
        self.cut(from);
        self.cut(to);
        while let Some((&start, _)) = self.extents.range(from..to).next() {
            self.extents.remove(&start);
        }
    }

    /// Makes `chunk` the start of an extent if it is inside of one.
    fn cut(&mut self, chunk: u64) {
        if let Some((_, extent)) = self.extents.range_mut(..chunk).next_back()
            && chunk < extent.end
        {
            let upper = Extent { end: extent.end, kind: extent.kind.clone() };
            extent.end = chunk;
            self.extents.insert(chunk, upper);
        }
    }

    /// Sets some pages of one chunk.
    fn set_in_chunk(&mut self, chunk: u64, from: u64, to: u64, slot: Slot) {
        let inside = |page: u64| (page - chunk * CHUNK_PAGES) as usize;
        self.table(chunk)[inside(from)..inside(to)].fill(slot.raw());
        self.notice_alike(chunk);
    }

    /// If the pages of `chunk` are alike now, remembers that, and drops the table of
    /// the chunk that was remembered before, if its pages still are.
    fn notice_alike(&mut self, chunk: u64) {
        if self.alike == Some(chunk) || !self.is_alike(chunk) {
            return;
        }
        let Some(before) = self.alike.replace(chunk) else { return };
        let (low, high) = self.chunk_bounds(before);
        if low < high && self.is_alike(before) {
            let slot = self.raw(low);
            self.set_chunks(before, before + 1, slot);
        }
    }

    fn is_alike(&self, chunk: u64) -> bool {
        let (low, high) = self.chunk_bounds(chunk);
        match self.extent_at(chunk) {
            Some((_, Extent { kind: Kind::Mixed(table), .. })) => are_alike(table, low, high),
            Some((_, Extent { kind: Kind::Uniform(_), .. })) | None => low < high,
        }
    }

    /// The table of a chunk, made from what it was if it had none.
    fn table(&mut self, chunk: u64) -> &mut [u32; CHUNK_PAGES as usize] {
        let was = match self.extent_at(chunk) {
            Some((_, Extent { kind: Kind::Mixed(_), .. })) => None,
            Some((_, Extent { kind: Kind::Uniform(slot), .. })) => Some(*slot),
            None => Some(Slot::RESERVED),
        };
        if let Some(slot) = was {
            self.carve(chunk, chunk + 1);
            let table = Box::new([slot.raw(); CHUNK_PAGES as usize]);
            self.extents.insert(chunk, Extent { end: chunk + 1, kind: Kind::Mixed(table) });
        }
        match self.extents.get_mut(&chunk) {
            Some(Extent { kind: Kind::Mixed(table), .. }) => table,
            Some(Extent { kind: Kind::Uniform(_), .. }) | None => {
                unreachable!("the chunk was just given a table")
            }
        }
    }

    /// Proves the invariants of the extents.
    ///
    /// # Errors
    /// The first thing that does not hold, in words.
    pub fn check(&self) -> Result<(), &'static str> {
        let mut last: Option<(u64, Option<Slot>)> = None;
        for (&start, extent) in &self.extents {
            let slot = match extent.kind {
                Kind::Uniform(Slot::RESERVED) => return Err("a reserved extent is stored"),
                Kind::Uniform(slot) => Some(slot),
                Kind::Mixed(_) if extent.end != start + 1 => return Err("a table of many chunks"),
                Kind::Mixed(_) => None,
            };
            if start >= extent.end || last.is_some_and(|(end, _)| end > start) {
                return Err("extents are not ascending and disjoint");
            }
            if slot.is_some() && last == Some((start, slot)) {
                return Err("alike neighbours are not joined");
            }
            if extent.end * CHUNK_PAGES <= self.first || start * CHUNK_PAGES >= self.end {
                return Err("an extent lies outside of the region");
            }
            last = Some((extent.end, slot));
        }
        self.guards.check(self.first, self.end)
    }
}

/// Whether the pages `low..high`, all of one chunk, are stored alike; none never are.
fn are_alike(table: &[u32; CHUNK_PAGES as usize], low: u64, high: u64) -> bool {
    let Some(last) = high.checked_sub(1).filter(|last| low <= *last) else { return false };
    let pages = &table[(low % CHUNK_PAGES) as usize..=(last % CHUNK_PAGES) as usize];
    let first = pages[0];
    // This is asked after every change of a few pages, and most often the ends differ.
    first == pages[pages.len() - 1] && pages.iter().all(|page| *page == first)
}

/// What is stored of a page, less a guard that was met.
fn effective(guards: &Guards, page: u64, raw: Slot) -> Slot {
    if raw.is_guarded() && guards.is_met(page) { raw.unguarded() } else { raw }
}

impl Extent {
    fn slot(&self, page: u64) -> Slot {
        match &self.kind {
            Kind::Uniform(slot) => *slot,
            Kind::Mixed(table) => Slot::from_raw(table[(page % CHUNK_PAGES) as usize]),
        }
    }

    fn is_uniform(&self, slot: Slot) -> bool {
        match &self.kind {
            Kind::Uniform(own) => *own == slot,
            Kind::Mixed(_) => false,
        }
    }
}

#[cfg(test)]
mod tests;
