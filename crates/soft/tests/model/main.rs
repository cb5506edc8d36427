//! The MMU against a model that keeps every byte of every page in a plain map.

mod naive;
mod objects;
mod special;

use pagewright_core::{Access, Geometry, Machine, ObjectId, PageRange, Refusal, Standing, Va};
use pagewright_soft::{FaultKind, Mmu, Word};

use naive::{Model, Naive};

/// The pages that the tests work on: both sides of the boundary between two tables.
const FIRST: u64 = 500;
const END: u64 = 530;

const ACCESSES: [Access; 7] = [
    Access::empty(),
    Access::READ,
    Access::READ.union(Access::WRITE),
    Access::READ.union(Access::WRITE),
    Access::READ.union(Access::EXECUTE),
    Access::all().unguarded(),
    Access::all(),
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

struct Pair {
    mmu: Mmu,
    model: Model,
    random: Random,
    page: u64,
    /// The name of the next object.
    next: ObjectId,
}

impl Pair {
    fn new(page: u64, seed: u64) -> Self {
        let geometry = Geometry { page, highest: (1 << 40) - 1, ..Geometry::X86_64 };
        let (model, random) = (Model::new(page), Random(seed));
        Self { mmu: Mmu::new(geometry), model, random, page, next: ObjectId(1) }
    }

    fn range(&self, pages: &std::ops::Range<u64>) -> PageRange {
        PageRange::between(pages.start * self.page, pages.end * self.page).expect("not empty")
    }

    fn some_pages(&mut self) -> std::ops::Range<u64> {
        let start = FIRST + self.random.below(END - FIRST);
        // Long ranges meet what is there; short ones fit between.
        let most = if self.random.below(4) == 0 { END - FIRST } else { 3 };
        start..(start + 1 + self.random.below(most)).min(END)
    }

    /// An address, in a third of the cases close to a page boundary.
    fn some_address(&mut self) -> u64 {
        let at = FIRST * self.page + self.random.below((END - FIRST) * self.page);
        if self.random.below(3) > 0 { at } else { (at | (self.page - 1)) - self.random.below(8) }
    }

    fn some_access(&mut self) -> Access {
        ACCESSES[self.random.below(ACCESSES.len() as u64) as usize]
    }

    fn step(&mut self) {
        match self.random.below(35) {
            0..=1 => self.reserve(),
            2..=3 => self.commit(),
            4 => self.decommit(),
            5..=6 => self.protect(),
            7 => self.release(),
            8 => self.wire(),
            9 => self.resync(),
            10..=11 => self.load_and_fetch(),
            12..=17 => self.words(),
            18 => self.bulk_read(),
            19 => self.bulk_write(),
            20..=21 => self.promote(),
            22..=24 => self.show(),
            25 => self.freeze(),
            26 => self.transfer(),
            27 => self.reserve_special(),
            28..=30 => self.written(),
            31 => self.yield_content(),
            32 => self.keep(),
            33 => self.drop_yielded(),
            _ => self.let_go(),
        }
    }

    /// Whether the model has all pages, and they are as `fits` wants them.
    fn all(&self, pages: &std::ops::Range<u64>, fits: impl Fn(&Naive) -> bool) -> bool {
        pages.clone().all(|page| self.model.pages.get(&page).is_some_and(&fits))
    }

    fn expect(told: Result<(), Refusal>, possible: bool, refusal: Refusal) -> bool {
        assert_eq!(told, if possible { Ok(()) } else { Err(refusal) });
        possible
    }

    fn reserve(&mut self) {
        let pages = self.some_pages();
        let access = if self.random.below(2) == 0 { None } else { Some(self.some_access()) };
        let told = self.mmu.reserve(self.range(&pages), access);
        let free = self.model.pages.range(pages.clone()).next().is_none();
        if Self::expect(told, free, Refusal::Occupied) {
            let fresh = self.model.fresh(access);
            self.model.pages.extend(pages.map(|page| (page, fresh.clone())));
        }
    }

    fn commit(&mut self) {
        let (pages, access) = (self.some_pages(), self.some_access());
        let range = self.range(&pages);
        let told = self.mmu.commit(range, range, access);
        if Self::expect(told, self.all(&pages, |_| true), Refusal::Unmapped) {
            self.model.each(pages, |page| page.access = Some(access));
        }
    }

    fn decommit(&mut self) {
        let pages = self.some_pages();
        let range = self.range(&pages);
        let told = self.mmu.decommit(range, range);
        if Self::expect(told, self.all(&pages, |_| true), Refusal::Unmapped) {
            self.empty(pages);
        }
    }

    fn empty(&mut self, pages: std::ops::Range<u64>) {
        let model = self.model.clone();
        self.model.each(pages, |page| *page = model.emptied(page));
    }

    fn protect(&mut self) {
        let (pages, access) = (self.some_pages(), self.some_access());
        let range = self.range(&pages);
        let told = self.mmu.protect(range, range, access);
        if Self::expect(told, self.all(&pages, |page| page.access.is_some()), Refusal::Unmapped) {
            self.model.each(pages, |page| page.access = Some(access));
        }
    }

    fn release(&mut self) {
        let pages = self.some_pages();
        let range = self.range(&pages);
        let told = self.mmu.release(range, range);
        if Self::expect(told, self.all(&pages, |_| true), Refusal::Unmapped) {
            self.model.pages.retain(|page, _| !pages.contains(page));
        }
    }

    fn wire(&mut self) {
        let pages = self.some_pages();
        let usable = |page: &Naive| page.access.is_some_and(|access| !access.now().is_empty());
        let told = self.mmu.wire(self.range(&pages));
        if Self::expect(told, self.all(&pages, usable), Refusal::Unmapped) {
            // What is wired can be stored to without another frame: it has its own.
            for page in pages.clone() {
                self.model.stored_to(page);
            }
            self.model.each(pages.clone(), |page| {
                if page.bytes == naive::Bytes::Yielded {
                    page.bytes = naive::Bytes::Kept;
                }
            });
            let part = pages.start..pages.start + 1 + self.random.below(pages.end - pages.start);
            self.mmu.unwire(self.range(&part)).expect("letting go cannot fail");
        }
    }

    /// The truth moves on without the machine, which then catches up.
    fn resync(&mut self) {
        let (pages, access) = (self.some_pages(), self.some_access());
        if !self.all(&pages, |_| true) {
            return;
        }
        let middle = (pages.start + pages.end) / 2;
        self.change_truth(pages.start..middle, access);
        self.empty(middle..pages.end);
        let range = self.range(&pages);
        self.mmu.resync(range, range, &self.model);
    }

    fn words(&mut self) {
        match self.random.below(4) {
            0 => self.word(|word, _| word as u8, |word| word.to_le_bytes().to_vec()),
            1 => self.word::<u16>(|word, _| word as u16, |word| word.to_le_bytes().to_vec()),
            2 => self.word::<u32>(|word, _| word as u32, |word| word.to_le_bytes().to_vec()),
            _ => self.word::<u64>(|word, high| word ^ (high << 40), |word| word.to_le_bytes().to_vec()),
        }
    }

    fn word<W: Word>(&mut self, make: impl Fn(u64, u64) -> W, bytes: impl Fn(W) -> Vec<u8>) {
        let at = self.some_address();
        let word = make(self.random.next(), self.random.next());
        let raw = bytes(word);
        assert_eq!(self.mmu.store(at, word), self.model.store(at, &raw));
        // Twice: the first may miss the TLB, the second may hit.
        for _ in 0..2 {
            let loaded = self.mmu.load::<W>(at).map(&bytes);
            assert_eq!(loaded, self.model.bytes(FaultKind::Load, at, raw.len() as u64));
        }
    }

    fn load_and_fetch(&mut self) {
        let at = self.some_address();
        let count = 1 + self.random.below(20);
        let mut seen = vec![0xee; count as usize];
        let told = self.mmu.fetch(at, &mut seen);
        let expected = self.model.bytes(FaultKind::Fetch, at, count);
        assert_eq!(told, expected.as_ref().map(|_| ()).map_err(|fault| *fault));
        let good = told.map_or_else(|fault| fault.at - at, |()| count);
        let below = self.model.bytes(FaultKind::Fetch, at, good).expect("below the fault");
        assert_eq!(seen[..good as usize], below);
        assert!(seen[good as usize..].iter().all(|byte| *byte == 0xee));
    }

    fn bulk_read(&mut self) {
        let at = self.some_address();
        let mut seen = vec![0; self.random.below(5 * self.page) as usize];
        let count = self.mmu.read(Va::new(at), &mut seen);
        let good = self.model.bytes(FaultKind::Load, at, count as u64).expect("was read");
        assert_eq!(seen[..count], good);
        assert!(count == seen.len() || self.model.byte(FaultKind::Load, at + count as u64).is_err());
    }

    fn bulk_write(&mut self) {
        let at = self.some_address();
        let fill = self.random.next() as u8;
        let bytes = vec![fill; self.random.below(5 * self.page) as usize];
        let count = self.mmu.write(Va::new(at), &bytes);
        self.model.store(at, &bytes[..count]).expect("was written");
        assert!(count == bytes.len() || self.model.byte(FaultKind::Store, at + count as u64).is_err());
    }

    /// Everything that can be seen, seen in both.
    fn compare(&mut self) {
        assert_eq!(self.mmu.check(), Ok(()));
        for page in FIRST - 1..=END {
            let at = page * self.page;
            for inside in [0, 1, self.page / 2, self.page - 8] {
                let loaded = self.mmu.load::<u64>(at + inside).map(|word| word.to_le_bytes().to_vec());
                assert_eq!(loaded, self.model.bytes(FaultKind::Load, at + inside, 8));
            }
        }
        let mut occupied = Vec::new();
        self.mmu.occupied(&mut |range| occupied.push(range)).expect("cannot fail");
        assert!(occupied.windows(2).all(|pair| pair[0].end() < pair[1].start()));
        let listed = occupied.iter().flat_map(|r| r.start().get() / self.page..r.end().get() / self.page);
        assert!(listed.eq(self.model.pages.keys().copied()));
        self.compare_stores();
        self.compare_standing();
        self.compare_contents();
    }

    fn compare_standing(&self) {
        let at = FIRST + (END - FIRST) / 2;
        let run = self.mmu.foreign(Va::new(at * self.page + 5)).expect("in the user range");
        let last = (1 << 40) / self.page;
        // Without its number: the same for all pages of a view.
        let looks = |number: u64, page: &Naive| {
            let from = page.content().map(|content| (content.object, content.first.wrapping_sub(number)));
            (page.access.unwrap_or(Access::empty()), from)
        };
        let access = |number: u64| self.model.pages.get(&number).map(|page| looks(number, page));
        let (mut start, mut end) = (at, at + 1);
        let known = FIRST - 1..END + 1;
        while known.contains(&start) && access(start - 1) == access(at) {
            start -= 1;
        }
        while known.contains(&end) && access(end) == access(at) {
            end += 1;
        }
        let free = !self.model.pages.contains_key(&at);
        let start = if free && start < FIRST { 0 } else { start };
        let end = if free && end > END { last } else { end };
        assert_eq!((run.start, run.end), (start * self.page, end * self.page));
        assert_eq!(run.standing == Standing::Free, free);
    }
}

#[test]
fn the_mmu_agrees_with_a_map_of_bytes_for_every_page_size() {
    // More on demand: PAGEWRIGHT_SOFT_STEPS=1000000 cargo test --release --test model
    let wanted = std::env::var("PAGEWRIGHT_SOFT_STEPS").ok().and_then(|steps| steps.parse().ok());
    let steps = wanted.unwrap_or(if cfg!(miri) { 40 } else { 6000 });
    for (page, seed) in [(8, 1), (64, 2), (0x1000, 3), (0x4000, 4), (0x1_0000, 5)] {
        let mut pair = Pair::new(page, 0x5eed_0004 + seed);
        for step in 0..steps / (1 + page / 0x2000) {
            pair.step();
            if step % 16 == 0 {
                pair.compare();
            }
        }
        pair.compare();
    }
}

#[test]
fn a_clone_is_a_snapshot() {
    let mut pair = Pair::new(64, 0x5eed_0010);
    (0..200).for_each(|_| pair.step());
    let (mmu, model) = (pair.mmu.clone(), pair.model.clone());
    let mut old = Pair { mmu, model, random: Random(1), page: 64, next: pair.next };
    (0..200).for_each(|_| pair.step());
    old.compare();
    pair.compare();
}
