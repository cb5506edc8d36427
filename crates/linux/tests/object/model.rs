//! Calls in random order against a model, page by page: chunks, markers and objects agree.

use std::collections::BTreeMap;

use crate::world::{self, NONE, PAGE, R, RW, World, content, pages, random, showing, worlds};
use pagewright_core::{Access, Content, Machine, ObjectId, PageRange, Truth, Va, View};
use pagewright_linux::machine::{Linux, MapsFile};

/// Pages of the region: three chunks, and parts of two more.
const PAGES: u64 = 1700;

/// What a page with memory is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Page {
    access: Access,
    bytes: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bytes {
    Private(u64),
    Shows(Content, Option<u64>),
}

/// The truth as the model has it.
struct Model {
    range: PageRange,
    pages: Vec<Option<Page>>,
    objects: BTreeMap<(ObjectId, u64), u64>,
}

impl Model {
    fn value(&self, page: Page) -> u64 {
        match page.bytes {
            Bytes::Private(value) | Bytes::Shows(_, Some(value)) => value,
            Bytes::Shows(shown, None) => *self.objects.get(&(shown.object, shown.first)).unwrap_or(&0),
        }
    }

    fn store(&mut self, index: u64, new: u64) {
        let Some(page) = &mut self.pages[index as usize] else { return };
        match &mut page.bytes {
            Bytes::Private(value) => *value = new,
            Bytes::Shows(shown, own) => match shown.view {
                View::Shared => drop(self.objects.insert((shown.object, shown.first), new)),
                View::Snapshot => *own = Some(new),
            },
        }
    }

    fn each(&mut self, first: u64, end: u64, change: impl Fn(u64, Option<Page>) -> Option<Page>) {
        for index in first..end {
            self.pages[index as usize] = change(index - first, self.pages[index as usize]);
        }
    }

    fn index(&self, at: Va) -> usize {
        ((at.get() - self.range.start().get()) / PAGE) as usize
    }

    fn shown(&self, index: usize) -> Option<Content> {
        match self.pages[index]?.bytes {
            Bytes::Private(_) => None,
            Bytes::Shows(content, _) => Some(content),
        }
    }

    /// The first page after `index` of which something else is true.
    fn end(&self, index: usize, alike: impl Fn(usize, usize) -> bool) -> Va {
        let end = (index + 1..self.pages.len()).find(|next| !alike(index, *next));
        Va::new(self.range.start().get() + end.unwrap_or(self.pages.len()) as u64 * PAGE)
    }

    /// A run from `first` on, at most to `end`, of pages with this in common.
    fn run(&self, first: u64, end: u64, alike: impl Fn(Page, Page) -> bool) -> u64 {
        let Some(page) = self.pages[first as usize] else { return first };
        let other =
            (first..end).find(|index| !self.pages[*index as usize].is_some_and(|other| alike(page, other)));
        other.unwrap_or(end)
    }

    /// Every page against the machine.
    fn check(&self, world: &World, what: &str) {
        for (index, page) in self.pages.iter().enumerate() {
            let mut bytes = [0; 8];
            let at = Va::new(self.range.start().get() + index as u64 * PAGE);
            let got = world.machine.read(at, &mut bytes);
            let found = (got == 8).then(|| u64::from_ne_bytes(bytes));
            let page = page.filter(|page| page.access.contains(Access::READ));
            assert_eq!(found, page.map(|page| self.value(page)), "{}: {what}: page {index}", world.name);
        }
    }
}

impl Truth for Model {
    fn run(&self, at: Va) -> (Va, Option<Access>) {
        let access = |index: usize| self.pages[index].map(|page| page.access);
        let index = self.index(at);
        (self.end(index, |a, b| access(a) == access(b)), access(index))
    }

    fn content(&self, at: Va) -> (Va, Option<Content>) {
        let index = self.index(at);
        let follows = |a: usize, b: usize| match (self.shown(a), self.shown(b)) {
            (Some(a_shows), Some(b_shows)) => a_shows.after((b - a) as u64) == b_shows,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        (self.end(index, follows), self.shown(index))
    }
}

/// A random range: mostly short, and near the same few places, so that calls meet.
fn some_range(random: &mut impl FnMut(u64) -> u64, start: u64) -> (u64, u64) {
    // Where the chunks begin.
    let chunk = 512 - start / PAGE % 512;
    let mut edge = || match random(8) {
        0 => random(PAGES),
        1 => 0,
        2 => PAGES,
        _ => [0, chunk, chunk + 512, PAGES - 8][random(4) as usize] + random(3) * random(4),
    };
    let (a, b) = (edge(), edge());
    let first = a.min(b).min(PAGES - 1);
    let end = if random(3) == 0 { a.max(b) } else { first + 1 + random(8) };
    (first, end.min(PAGES).max(first + 1))
}

#[test]
fn calls_in_any_order_do_what_the_model_says() {
    for seed in 1..=4 {
        for world in worlds() {
            run(world, seed, 300);
        }
    }
}

fn run(mut world: World, seed: u64, steps: u32) {
    let mut random = random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let range = world.reserve(PAGES * PAGE);
    let mut model = Model { range, pages: vec![None; PAGES as usize], objects: BTreeMap::new() };
    let objects: Vec<_> = (0..3).map(|_| world.create(PAGES)).collect();
    for step in 0..steps {
        let (first, end) = some_range(&mut random, range.start().get());
        let part = pages(range, first, end);
        let access = [NONE, R, RW, RW, RW][random(5) as usize];
        let view = if random(2) == 0 { View::Shared } else { View::Snapshot };
        let what = match random(8) {
            0 => {
                world.machine.commit(range, part, access).expect("memory");
                model.each(first, end, |_, old| {
                    Some(Page { access, ..old.unwrap_or(Page { access, bytes: Bytes::Private(0) }) })
                });
                "commit"
            }
            1 => {
                world.machine.decommit(range, part).expect("ours");
                model.each(first, end, |_, _| None);
                "decommit"
            }
            2 => {
                let end = model.run(first, end, |_, _| true);
                if end > first {
                    world.machine.protect(range, pages(range, first, end), access).expect("committed");
                    model.each(first, end, |_, old| old.map(|old| Page { access, ..old }));
                }
                "protect"
            }
            3 | 4 => {
                let from = random(PAGES - (end - first) + 1);
                let shows = content(objects[random(3) as usize], from).viewed(view);
                world.machine.show(range, part, shows, access).expect("room");
                model.each(first, end, |page, _| {
                    Some(Page { access, bytes: Bytes::Shows(shows.after(page), None) })
                });
                "show"
            }
            5 => {
                let end = model.run(first, end, |a, b| a.access == b.access);
                if end > first {
                    let object = world.create(end - first);
                    let part = pages(range, first, end);
                    let access = model.pages[first as usize].expect("a run").access;
                    let shows = content(object, 0).viewed(view);
                    world.machine.promote(&[showing(range, part, access)], shows).expect("room");
                    for page in 0..end - first {
                        let old = model.pages[(first + page) as usize].expect("a run");
                        model.objects.insert((object, page), model.value(old));
                    }
                    model.each(first, end, |page, _| {
                        Some(Page { access, bytes: Bytes::Shows(shows.after(page), None) })
                    });
                }
                "promote"
            }
            6 => {
                world.machine.resync(range, part, &model);
                "resync"
            }
            _ => {
                for _ in 0..40 {
                    let (index, value) = (random(PAGES), random(1 << 40) + 1);
                    let at = Va::new(range.start().get() + index * PAGE);
                    let stored = world.machine.write(at, &value.to_ne_bytes()) == 8;
                    let page = model.pages[index as usize];
                    let may = page.is_some_and(|page| page.access.contains(Access::WRITE));
                    assert_eq!(stored, may, "{}: seed {seed}, step {step}: page {index}", world.name);
                    if may {
                        model.store(index, value);
                    }
                }
                "store"
            }
        };
        model.check(&world, &format!("seed {seed}, step {step}, {what} {first}..{end}"));
        check_privatised(&world, &model);
    }
    world.release(range);
}

/// Every page that was stored to is reported, and no other.
fn check_privatised(world: &World, model: &Model) {
    let found = world.privatised(model.range);
    for (index, page) in (0..).zip(&model.pages) {
        let Some(Page { bytes: Bytes::Shows(shown, own), .. }) = page else { continue };
        let is_found = found.iter().any(|run| (run.0..run.1).contains(&index));
        let is_wanted = shown.view == View::Snapshot && own.is_some();
        assert_eq!(is_found, is_wanted, "{}: page {index}", world.name);
    }
}

#[test]
fn a_machine_that_knows_nothing_finds_everything_standing() {
    for mut world in worlds() {
        let range = world.reserve(PAGES * PAGE);
        let mut model = Model { range, pages: vec![None; PAGES as usize], objects: BTreeMap::new() };
        let object = world.create(600);
        for (first, view) in [(10, View::Shared), (700, View::Snapshot)] {
            let shows = content(object, 100).viewed(view);
            world.machine.show(range, pages(range, first, first + 300), shows, RW).expect("room");
            model.each(first, first + 300, |page, _| {
                Some(Page { access: RW, bytes: Bytes::Shows(shows.after(page), None) })
            });
        }
        world.machine.commit(range, pages(range, 1200, 1500), RW).expect("memory");
        model.each(1200, 1500, |_, _| Some(Page { access: RW, bytes: Bytes::Private(0) }));
        for index in [10, 11, 310 - 1, 705, 999, 1300] {
            world.write(range.start().get() + index * PAGE, &(index + 1).to_ne_bytes());
            model.store(index, index + 1);
        }
        // As after a fork in the middle of a change: the records begin anew.
        let fresh = Linux::with(world.machine.geometry(), MapsFile::OnDemand, world.machine.choice());
        std::mem::forget(std::mem::replace(&mut world.machine, fresh));
        world.machine.resync(range, range, &model);
        model.check(&world, "resync");
        assert_eq!(world.privatised(pages(range, 700, 1000)), [(5, 6), (299, 300)]);
        // Nothing of it is erased by what is committed beside it.
        let more = 1500 + 100;
        world.machine.commit(range, pages(range, more, more + 1), RW).expect("memory");
        model.each(more, more + 1, |_, _| Some(Page { access: RW, bytes: Bytes::Private(0) }));
        world.machine.commit(range, pages(range, 5, 6), R).expect("memory");
        model.each(5, 6, |_, _| Some(Page { access: R, bytes: Bytes::Private(0) }));
        model.check(&world, "commit beside");
        // What is shown is known again: it can be had twice, and gives way to zeros.
        let alias = world.reserve(PAGES * PAGE);
        world.machine.show(alias, pages(alias, 0, 300), content(object, 100), RW).expect("by the first view");
        world.machine.decommit(range, pages(range, 0, 1100)).expect("ours");
        world.machine.commit(range, pages(range, 0, 1100), R).expect("memory");
        model.each(0, 1100, |_, _| Some(Page { access: R, bytes: Bytes::Private(0) }));
        model.check(&world, "commit");
        assert_eq!(world::load::<u64>(alias.start().get()), 11);
        world.release(range);
        world.release(alias);
    }
}

#[test]
fn what_the_truth_calls_private_keeps_its_bytes_and_is_no_forked_childs() {
    for mut world in worlds() {
        let range = world.reserve(PAGES * PAGE);
        world.machine.commit(range, range, RW).expect("memory");
        world.write(range.start().get() + 5 * PAGE, &77_u64.to_ne_bytes());
        let private = Some(Page { access: RW, bytes: Bytes::Private(0) });
        let mut model = Model { range, pages: vec![private; PAGES as usize], objects: BTreeMap::new() };
        model.store(5, 77);
        let object = world.create(PAGES);
        world.machine.promote(&[showing(range, range, RW)], content(object, 0)).expect("room");
        // The verb came to nothing after that.
        world.machine.resync(range, range, &model);
        world.machine.close(object);
        model.check(&world, "resync");
        assert_eq!(world.machine.recognise(range), None, "not shared any more");
        world.write(range.start().get() + 5 * PAGE, &78_u64.to_ne_bytes());
        model.store(5, 78);
        let again = world.create(PAGES);
        world.machine.promote(&[showing(range, range, RW)], content(again, 0)).expect("room");
        model.check(&world, "promote");
        world.release(range);
    }
}

#[test]
fn what_a_snapshot_was_told_goes_back_when_the_truth_says_shared() {
    for mut world in worlds() {
        let (range, alias) = (world.reserve(100 * PAGE), world.reserve(100 * PAGE));
        let object = world.create(100);
        let shared = content(object, 0);
        world.machine.show(range, range, shared, RW).expect("room");
        world.machine.show(alias, alias, shared, R).expect("room");
        world.write(range.start().get() + 9 * PAGE, &9_u64.to_ne_bytes());
        // A copy froze the pages, and failed after a store that was made meanwhile.
        world.machine.show(range, range, shared.viewed(View::Snapshot), RW).expect("room");
        world.write(range.start().get() + 8 * PAGE, &8_u64.to_ne_bytes());
        let page = |page| Some(Page { access: RW, bytes: Bytes::Shows(shared.after(page), None) });
        let pages = (0..100).map(page).collect();
        let objects = BTreeMap::from([((object, 8), 8), ((object, 9), 9)]);
        let model = Model { range, pages, objects };
        world.machine.resync(range, range, &model);
        model.check(&world, "resync");
        assert_eq!(world::load::<u64>(alias.start().get() + 8 * PAGE), 8);
        world.release(range);
        world.release(alias);
    }
}
