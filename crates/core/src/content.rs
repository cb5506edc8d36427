//! What ranges show, as the truth keeps it: views counted, memory charged once.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::access::{Rights, Slot};
use crate::contract::{Machine, Showing};
use crate::geometry::PageRange;
use crate::object::{Content, MemoryObject, ObjectId, Promise, Reach, View};
use crate::region::{Form, Origin, Region};
use crate::space::{AddressSpace, Edit};

impl AddressSpace {
    /// The bytes of `range`, a part of `region`, that are charged to it: those that have
    /// memory of their own. Shared pages are charged to their object, once.
    pub(crate) fn charged(&self, region: &Region, range: PageRange) -> u64 {
        self.charged_of(region, range, region.committed_bytes(&self.geometry, range))
    }

    /// The same, when so many bytes of it have memory.
    pub(crate) fn charged_of(&self, region: &Region, range: PageRange, committed: u64) -> u64 {
        match region.promise {
            Promise::OnWrite => return 0,
            Promise::Full => {}
        }
        if self.contents.is_private(range) {
            return committed;
        }
        let shared: u64 = self.contents.runs(&self.geometry, range).map(shared_bytes).sum();
        committed - shared
    }

    /// As [`Self::charged`], of every region in the range.
    fn charged_anywhere(&self, range: PageRange) -> u64 {
        let mut sum = 0;
        for entry in self.regions.iter_from(range.start().get()) {
            let whole = PageRange::between(entry.start, entry.end);
            let Some(part) = whole.and_then(|whole| whole.intersection(range)) else { break };
            sum += self.charged(entry.value, part);
        }
        sum
    }

    /// Makes pages that have memory show something else.
    pub(crate) fn set_content(&mut self, range: PageRange, content: Option<Content>) {
        self.charge.give(self.charged_anywhere(range));
        self.replace_content(range, content);
        self.charge.take(self.charged_anywhere(range));
    }

    /// Makes pages show nothing but themselves, when their own charge is settled.
    pub(crate) fn drop_content(&mut self, range: PageRange) {
        if !self.contents.is_private(range) {
            self.replace_content(range, None);
        }
    }

    fn replace_content(&mut self, range: PageRange, content: Option<Content>) {
        let page = self.geometry.page;
        if let Some(new) = content {
            let end = new.first + range.bytes() / page;
            self.recount(new.object, new.first, end, |object| object.gain(new.first, end, new.view));
        }
        for (run, old) in self.contents.replace(&self.geometry, range, content) {
            let end = old.first + run.bytes() / page;
            self.recount(old.object, old.first, end, |object| object.lose(old.first, end, old.view));
            self.idle.push(old.object);
        }
    }

    /// Drops the objects that nothing shows any more, when an edit is complete: a part of
    /// it may show again what an earlier part left.
    #[inline]
    pub(crate) fn forget_idle(&mut self) {
        if !self.idle.is_empty() {
            self.forget_all_idle();
        }
    }

    fn forget_all_idle(&mut self) {
        while let Some(id) = self.idle.pop() {
            if self.objects.get(&id).is_some_and(MemoryObject::is_forgotten)
                && let Some(object) = self.objects.remove(&id)
            {
                self.charge.give(object.supplied() * self.geometry.page);
            }
        }
    }

    fn recount(&mut self, id: ObjectId, first: u64, end: u64, change: impl FnOnce(&mut MemoryObject)) {
        let Some(object) = self.objects.get_mut(&id) else { return };
        let before = object.promise.charge(object.shared_pages(first, end));
        change(object);
        let after = object.promise.charge(object.shared_pages(first, end));
        self.charge.give(before * self.geometry.page);
        self.charge.take(after * self.geometry.page);
    }

    /// Tells the machine which objects, and which pages of them, nobody shows any more
    /// once `lost` shows something else, of which `kept` is a part. Called when nothing
    /// can be refused any more.
    pub(crate) fn let_go<M: Machine>(
        &self,
        machine: &mut M,
        lost: &[PageRange],
        kept: &[(PageRange, Content)],
    ) {
        if self.objects.is_empty() {
            return;
        }
        let page = self.geometry.page;
        let mut leaving: BTreeMap<ObjectId, MemoryObject> = BTreeMap::new();
        for origin in lost.iter().flat_map(|range| self.views_in(*range)) {
            leaving.entry(origin.object).or_insert_with(|| scratch(Reach::Home)).views += 1;
        }
        for (run, content) in lost.iter().flat_map(|range| self.contents_of(*range)) {
            let Some(content) = content else { continue };
            let end = content.first + run.bytes() / page;
            leaving.entry(content.object).or_insert_with(|| scratch(Reach::Home)).gain(
                content.first,
                end,
                content.view,
            );
        }
        for (id, leaving) in &leaving {
            let Some(object) = self.objects.get(id) else { continue };
            let stays = |first: u64, end: u64| {
                kept.iter().any(|(run, content)| {
                    content.object == *id && content.first < end && first < content.first + run.bytes() / page
                })
            };
            let idle = object.is_left_by(leaving) && !stays(0, object.pages);
            match object.reach {
                Reach::Home | Reach::Abroad if idle => machine.close(*id),
                Reach::Home => {
                    for (first, end) in unshown(object, leaving) {
                        discard_around(machine, *id, first, end, kept, page);
                    }
                }
                Reach::Abroad | Reach::Program | Reach::Frames => {}
            }
        }
    }

    /// As [`Self::let_go`], of objects that `edits` make and show, and then show otherwise.
    pub(crate) fn let_go_new<M: Machine>(
        &self,
        machine: &mut M,
        edits: &[Edit],
        kept: &[(PageRange, Content)],
    ) {
        let mut fresh: BTreeMap<ObjectId, MemoryObject> = BTreeMap::new();
        for edit in edits {
            match *edit {
                Edit::Object { object, reach: reach @ (Reach::Home | Reach::Abroad), .. } => {
                    fresh.insert(object, scratch(reach));
                }
                Edit::Show { range, content: Some(content) } => {
                    let end = content.first + range.bytes() / self.geometry.page;
                    let known = fresh.get_mut(&content.object);
                    known.into_iter().for_each(|known| known.gain(content.first, end, content.view));
                }
                Edit::None
                | Edit::Batch(_)
                | Edit::Insert { .. }
                | Edit::Object { .. }
                | Edit::Reach { .. }
                | Edit::Show { .. }
                | Edit::Pages { .. }
                | Edit::Wires { .. }
                | Edit::Arm { .. }
                | Edit::Form { .. }
                | Edit::Ground { .. }
                | Edit::Section { .. }
                | Edit::Frames(_)
                | Edit::Remove { .. } => {}
            }
        }
        for (id, shown) in fresh.iter().filter(|(_, shown)| !shown.is_idle()) {
            if !kept.iter().any(|(_, content)| content.object == *id) {
                machine.close(*id);
            } else if shown.reach == Reach::Home {
                for (first, end, _) in shown.counts(0, shown.pages).filter(|run| run.2 > 0) {
                    discard_around(machine, *id, first, end, kept, self.geometry.page);
                }
            }
        }
    }

    /// What the views show that lie in a range as a whole.
    fn views_in(&self, range: PageRange) -> impl Iterator<Item = Origin> + '_ {
        self.ours_in(range).filter(|(whole, part)| whole == part).filter_map(|(whole, _)| {
            match self.region_at(whole.start())?.1.form {
                Form::Memory | Form::Placeholder => None,
                Form::View(origin) => Some(origin),
            }
        })
    }

    /// Visits every place of ours that shows one of the pages `first..end` of an object.
    pub(crate) fn each_view(&self, object: ObjectId, first: u64, end: u64, visit: &mut dyn FnMut(Showing)) {
        let page = self.geometry.page;
        for (range, content) in self.contents.iter().filter(|(_, content)| content.object == object) {
            let from = content.first.max(first);
            let to = (content.first + range.bytes() / page).min(end);
            if from < to {
                let start = range.start().get() + (from - content.first) * page;
                let part = PageRange::between(start, start + (to - from) * page);
                part.into_iter().for_each(|part| self.each_showing(part, visit));
            }
        }
    }

    /// Visits the parts of a range of ours that have one access each.
    pub(crate) fn each_showing(&self, range: PageRange, visit: &mut dyn FnMut(Showing)) {
        self.each_committed(range, &mut |showing, _, _| visit(showing));
    }

    /// The same, with the region and the state of the pages.
    pub(crate) fn each_committed(&self, range: PageRange, visit: &mut dyn FnMut(Showing, &Region, Slot)) {
        for entry in self.regions.iter_from(range.start().get()) {
            let Some(whole) = PageRange::between(entry.start, entry.end) else { break };
            let Some(part) = whole.intersection(range) else { break };
            for (run, slot) in entry.value.runs(&self.geometry, part) {
                if let Some(access) = slot.access() {
                    let showing = Showing { region: whole, range: run, access };
                    visit(showing, entry.value, slot);
                }
            }
        }
    }
}

fn shared_bytes((run, content): (PageRange, Option<Content>)) -> u64 {
    match content.map(|content| content.view) {
        Some(View::Shared) => run.bytes(),
        Some(View::Snapshot) | None => 0,
    }
}

/// An object to count views with.
fn scratch(reach: Reach) -> MemoryObject {
    MemoryObject::new(u64::MAX, reach, Rights::empty(), Promise::OnWrite)
}

/// The pages that are shown as often as they are being left.
fn unshown(object: &MemoryObject, leaving: &MemoryObject) -> Vec<(u64, u64)> {
    let mut pages = Vec::new();
    for (first, end, left) in leaving.counts(0, object.pages).filter(|run| run.2 > 0) {
        pages.extend(object.counts(first, end).filter(|run| run.2 == left).map(|run| (run.0, run.1)));
    }
    pages
}

/// Discards `first..end` but for what is kept.
fn discard_around<M: Machine>(
    machine: &mut M,
    id: ObjectId,
    first: u64,
    end: u64,
    kept: &[(PageRange, Content)],
    page: u64,
) {
    let mut at = first;
    let mut stays: Vec<(u64, u64)> = kept
        .iter()
        .filter(|(_, content)| content.object == id)
        .map(|(run, content)| (content.first, content.first + run.bytes() / page))
        .collect();
    stays.sort_unstable();
    for (low, high) in stays {
        if at < low.min(end) {
            machine.discard(id, at, low.min(end) - at);
        }
        at = at.max(high);
    }
    if at < end {
        machine.discard(id, at, end - at);
    }
}
