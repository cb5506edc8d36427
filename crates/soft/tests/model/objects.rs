//! Steps that make pages show objects, and what then must be so.
//!
//! They keep to the contract: of one page of an object, all views are shared, or all
//! are snapshots.

use std::ops::Range;

use pagewright_core::{Access, Content, Machine, ObjectId, Refusal, Showing, Va, View};

use super::naive::{Naive, Shows};
use super::{END, FIRST, Pair};

impl Pair {
    fn some_object(&mut self) -> Option<ObjectId> {
        let count = self.model.objects.len() as u64;
        let index = self.random.below(count.max(1)) as usize;
        self.model.objects.keys().nth(index).copied()
    }

    /// How a page of an object is shown; `None` if it is not.
    fn view_of(&self, object: ObjectId, page: u64) -> Option<View> {
        self.model.showings(object, page).next().map(|(_, content)| content.view)
    }

    /// A new object with the bytes of some pages.
    pub(super) fn promote(&mut self) {
        let (pages, access) = (self.some_pages(), self.some_access());
        let range = self.range(&pages);
        let view = if self.random.below(2) == 0 { View::Shared } else { View::Snapshot };
        let content = Content { object: self.next, first: self.random.below(3), view };
        let count = content.first + (pages.end - pages.start) + self.random.below(3);
        self.next = ObjectId(self.next.0 + 1);
        self.mmu.create(content.object, count).expect("the name is new");
        let told = self.mmu.promote(&[Showing { region: range, range, access }], content);
        if !Self::expect(told, self.all(&pages, |page| page.access.is_some()), Refusal::Unmapped) {
            return self.mmu.close(content.object);
        }
        let mut bytes = vec![self.model.zeros(); count as usize];
        for (number, at) in pages.clone().zip(content.first..) {
            bytes[at as usize] = self.model.seen(&self.model.pages[&number]);
        }
        self.model.objects.insert(content.object, bytes);
        // The bytes are the same, and so is what is known of them.
        let before = self.model.pages.clone();
        self.model.show(pages.clone(), content, access);
        for number in pages {
            self.model.each(number..number + 1, |page| page.stored = before[&number].stored);
        }
    }

    /// Pages of an object in one more place.
    pub(super) fn show(&mut self) {
        let Some(object) = self.some_object() else { return };
        let count = self.model.objects[&object].len() as u64;
        let (mut pages, access) = (self.some_pages(), self.some_access());
        let first = self.random.below(count);
        pages.end = pages.end.min(pages.start + 2 + count - first);
        let length = pages.end - pages.start;
        let views = (first..count.min(first + length)).filter_map(|page| self.view_of(object, page));
        let views: Vec<View> = views.collect();
        let view = views.first().copied().unwrap_or(View::Shared);
        if views.iter().any(|other| *other != view) {
            return;
        }
        let (range, content) = (self.range(&pages), Content { object, first, view });
        let told = self.mmu.show(range, range, content, access);
        if !self.all(&pages, |_| true) {
            assert_eq!(told, Err(Refusal::Unmapped));
        } else if Self::expect(told, first + length <= count, Refusal::NoObject) {
            self.model.show(pages, content, access);
        }
    }

    /// Every view of an object becomes a snapshot, or of one that nobody froze, shared.
    pub(super) fn freeze(&mut self) {
        let Some(object) = self.some_object() else { return };
        let count = self.model.objects[&object].len() as u64;
        let shown = (0..count).flat_map(|page| self.model.showings(object, page));
        let shown: Vec<(u64, Content)> = shown.collect();
        let view = if self.random.below(3) > 0 { View::Snapshot } else { View::Shared };
        for (number, content) in shown {
            let pages = number..number + 1;
            let access = self.model.pages[&number].access.expect("what shows an object is committed");
            let (range, content) = (self.range(&pages), content.viewed(view));
            self.mmu.show(range, range, content, access).expect("it showed this before");
            self.model.show(pages, content, access);
        }
    }

    pub(super) fn transfer(&mut self) {
        let (from, to) = (self.some_address(), self.some_address());
        let bytes = self.random.below(3 * self.page) + 1;
        let source = self.model.bytes(pagewright_soft::FaultKind::Load, from, bytes);
        let target = self.model.bytes(pagewright_soft::FaultKind::Store, to, bytes);
        let told = self.mmu.transfer(&[], Va::new(from), Va::new(to), bytes);
        if Self::expect(told, source.is_ok() && target.is_ok(), Refusal::Unmapped) {
            let source = source.expect("was copied");
            self.model.store(to, &source).expect("was copied to");
        }
    }

    /// Pages that nobody shows are dropped, and objects of which nobody shows any.
    pub(super) fn let_go(&mut self) {
        let objects: Vec<ObjectId> = self.model.objects.keys().copied().collect();
        for object in objects {
            let count = self.model.objects[&object].len() as u64;
            let idle = (0..count).filter(|page| self.view_of(object, *page).is_none());
            let idle: Vec<u64> = idle.collect();
            if idle.len() as u64 == count {
                self.mmu.close(object);
                self.model.objects.remove(&object);
                continue;
            }
            for page in idle {
                self.mmu.discard(object, page, 1);
                let zeros = self.model.zeros();
                self.model.objects.get_mut(&object).expect("listed")[page as usize] = zeros;
            }
        }
    }

    /// The truth moves on without the machine: pages show objects that they did not, or
    /// are private again, with the bytes that they had.
    pub(super) fn change_truth(&mut self, pages: Range<u64>, access: Access) {
        let anywhere = FIRST + self.random.below(END - FIRST);
        let donor = if self.random.below(2) == 0 { pages.start } else { anywhere };
        let shown = self.model.pages.get(&donor).and_then(Naive::content);
        for number in pages {
            let bytes = self.model.seen(&self.model.pages[&number]);
            let page = self.model.pages.get_mut(&number).expect("mapped");
            page.access = Some(access);
            if number == donor {
                page.shows = Shows::Own(bytes);
            } else if let Some(content) = shown.filter(|_| number % 3 == 0) {
                let same = page.content() == Some(content);
                if !same {
                    self.model.show(number..number + 1, content, access);
                }
            }
        }
    }

    /// What is shown, and what was stored to since.
    pub(super) fn compare_contents(&self) {
        for (number, page) in &self.model.pages {
            let range = self.range(&(*number..number + 1));
            let own = matches!(page.shows, Shows::Snapshot(_, Some(_)));
            let mut runs = Vec::new();
            self.mmu.privatised(range, &mut |run| runs.push(run)).expect("mapped");
            assert_eq!(runs, if own { vec![range] } else { Vec::new() });
            assert_eq!(self.mmu.recognise(range), page.content().filter(|_| !own));
        }
        let all = self.range(&(FIRST..END));
        let mut runs = Vec::new();
        match self.mmu.privatised(all, &mut |run| runs.push(run)) {
            Ok(()) => assert!(runs.windows(2).all(|pair| pair[0].end() < pair[1].start())),
            Err(refusal) => assert_eq!(refusal, Refusal::Unmapped),
        }
    }
}
