//! One address space on a strict machine, and the page-wise calls with few words.

use pagewright_core::{
    Attribute, AttributeRange, Attributes, Backing, CopyRange, Error, Geometry, Inheritance, Kind, Limit,
    Machine, Managed, Map, Overwrite, PageRange, Protection, Refusal, Remap, Restrict, Rights, Surveyed,
    Unmap, Va, WireRange, check,
};
use pagewright_testkit::faulty::{Fault, Faulty, Mode, Spared};
use pagewright_testkit::{Null, faulty};

pub(crate) const PAGE: u64 = 0x1000;
/// Where most rows work.
pub(crate) const BASE: u64 = 0x5000_0000;
pub(crate) const SEARCH: u64 = Geometry::X86_64.search_from;

pub(crate) const NONE: Rights = Rights::empty();
pub(crate) const READ: Rights = Rights::READ;
pub(crate) const WRITE: Rights = Rights::WRITE;
pub(crate) const RW: Rights = Rights::READ.union(Rights::WRITE);
pub(crate) const ALL: Rights = Rights::USUAL;

/// Base and size.
pub(crate) type Span = Result<(u64, u64), Kind>;

type Space = Managed<Faulty<Null>>;

#[derive(Clone)]
pub(crate) struct Bench(Space);

fn span(said: Result<PageRange, Error>) -> Span {
    said.map(|range| (range.start().get(), range.bytes())).map_err(|error| error.kind)
}

pub(crate) fn range(at: u64, pages: u64) -> PageRange {
    PageRange::between(at, at + pages * PAGE).expect("not empty")
}

/// The `n`th page of [`BASE`].
pub(crate) const fn page(n: u64) -> u64 {
    BASE + n * PAGE
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self(Managed::new(Faulty::new(Null::new(Geometry::X86_64)), u64::MAX))
    }

    /// With `pages` pages at [`BASE`].
    pub(crate) fn with(pages: u64) -> Self {
        let mut bench = Self::new();
        assert_eq!(bench.map(&Map::new(pages * PAGE).at(BASE)), Ok((BASE, pages * PAGE)));
        bench
    }

    /// Makes a call, after proving that it happens or does not whichever call of the
    /// machine fails.
    pub(crate) fn call<T: Copy + PartialEq + std::fmt::Debug>(
        &mut self,
        verb: impl Fn(&mut Space) -> Result<T, Error>,
    ) -> Result<T, Kind> {
        self.withstands(&verb, Harm::None, Spared::None);
        self.just(verb)
    }

    /// Makes a call that replaces memory: a failure may take a part of that away.
    pub(crate) fn replacing<T: Copy + PartialEq + std::fmt::Debug>(
        &mut self,
        verb: impl Fn(&mut Space) -> Result<T, Error>,
    ) -> Result<T, Kind> {
        self.withstands(&verb, Harm::Replaced, Spared::None);
        self.just(verb)
    }

    /// Makes a call.
    pub(crate) fn just<T>(&mut self, verb: impl Fn(&mut Space) -> Result<T, Error>) -> Result<T, Kind> {
        let said = verb(&mut self.0);
        self.sound("in health");
        said.map_err(|error| error.kind)
    }

    fn withstands<T: Copy + PartialEq + std::fmt::Debug>(
        &self,
        verb: &impl Fn(&mut Space) -> Result<T, Error>,
        harm: Harm,
        spared: Spared,
    ) {
        let before = self.seen();
        for mode in [Mode::Before, Mode::Half] {
            for call in 1.. {
                let mut trial = self.clone();
                let fault = Fault { call, mode, refusal: Refusal::OutOfMemory };
                trial.0.machine().spare(spared);
                trial.0.machine().arm(fault);
                let said = verb(&mut trial.0);
                if !trial.0.machine().disarm() {
                    break;
                }
                trial.sound(&format!("{fault:?} said {said:?}"));
                if said.is_err() && harm == Harm::None {
                    assert_eq!(trial.seen(), before, "{fault:?} said {said:?}");
                }
            }
        }
    }

    /// What a program can see: runs, and the bytes of every page that can be loaded.
    fn seen(&self) -> Vec<(u64, u64, Protection, Attributes, u32, Vec<u8>)> {
        let mut seen = Vec::new();
        let mut at = 0;
        while let Ok(found) = self.0.survey(at) {
            for page in (found.base..found.base + found.size).step_by(PAGE as usize) {
                let bytes = self.load(page, PAGE as usize);
                seen.push((page, PAGE, found.protection, found.attributes, found.wired, bytes));
            }
            at = found.base + found.size;
        }
        seen
    }

    /// All that a program can see.
    pub(crate) fn all(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        self.seen()
    }

    /// Who can show each object.
    pub(crate) fn reaches(&self) -> Vec<pagewright_core::Reach> {
        self.0.space().objects().map(|(_, object)| object.reach).collect()
    }

    /// The machine fails its `call`th call from now on.
    pub(crate) fn arm(&self, call: u64) {
        self.0.machine().spare(Spared::Cleaning);
        self.0.machine().arm(Fault { call, mode: Mode::Before, refusal: Refusal::OutOfMemory });
    }

    /// Whether that came to pass.
    pub(crate) fn disarm(&self) -> bool {
        self.0.machine().disarm()
    }

    /// The machine has nothing at these pages: the child of a fork did not get them.
    pub(crate) fn lose(&mut self, at: u64, pages: u64) {
        self.0.machine_mut().forsake(range(at, pages));
    }

    pub(crate) fn sound(&self, when: &str) {
        let space = self.0.space();
        check::check(space).unwrap_or_else(|what| panic!("{when}: {what}"));
        self.0.machine().inner().mirrors(space).unwrap_or_else(|what| panic!("{when}: {what}"));
    }

    pub(crate) fn map(&mut self, request: &Map) -> Span {
        let request = *request;
        let said = match request.overwrite {
            Overwrite::Refuse => self.call(move |space| space.map(&request)),
            Overwrite::Replace => self.replacing(move |space| space.map(&request)),
        };
        said.map(|range| (range.start().get(), range.bytes()))
    }

    /// One page at the lowest address.
    pub(crate) fn anywhere(&mut self, pages: u64) -> u64 {
        self.map(&Map::new(pages * PAGE)).expect("there is room").0
    }

    pub(crate) fn unmap(&mut self, at: u64, size: u64) -> Span {
        // What is cut at two ends can fail at the second.
        let said = self.replacing(move |space| space.unmap(&Unmap { at, size }));
        said.map(|range| (range.start().get(), range.bytes()))
    }

    pub(crate) fn restrict(&mut self, at: u64, size: u64, limit: Limit, rights: Rights) -> Result<(), Kind> {
        self.call(move |space| space.restrict(&Restrict { at, size, rights, limit })).map(|_| ())
    }

    pub(crate) fn attribute(&mut self, at: u64, size: u64, change: Attribute) -> Result<(), Kind> {
        self.call(move |space| space.attribute(&AttributeRange { at, size, change })).map(|_| ())
    }

    pub(crate) fn inherit(&mut self, at: u64, size: u64, inheritance: Inheritance) -> Result<(), Kind> {
        self.attribute(at, size, Attribute::Inheritance(inheritance))
    }

    pub(crate) fn wire(&mut self, at: u64, size: u64, rights: Rights) -> Result<(), Kind> {
        self.call(move |space| space.wire_range(&WireRange { at, size, rights })).map(|_| ())
    }

    pub(crate) fn remap(&mut self, request: &Remap) -> Result<(u64, Rights, Rights), Kind> {
        let request = *request;
        let harm = match request.overwrite {
            Overwrite::Refuse => Harm::None,
            Overwrite::Replace => Harm::Replaced,
        };
        self.withstands(&|space| space.remap(&request), harm, Spared::Cleaning);
        let said = self.just(|space| space.remap(&request));
        said.map(|(range, current, maximum)| (range.start().get(), current, maximum))
    }

    pub(crate) fn copy(&mut self, source: u64, size: u64, target: u64) -> Result<u64, Kind> {
        self.just(move |space| space.copy(&CopyRange { source, size, target }))
    }

    pub(crate) fn survey(&self, at: u64) -> Result<Surveyed, Kind> {
        self.0.survey(at).map_err(|error| error.kind)
    }

    /// What stands at the page itself.
    pub(crate) fn at(&self, at: u64) -> Option<Surveyed> {
        self.survey(at).ok().filter(|found| found.base <= at)
    }

    /// The rights of a page now, and at most.
    pub(crate) fn rights(&self, at: u64) -> (Rights, Rights) {
        let found = self.at(at).expect("there is memory");
        (found.protection.rights, found.attributes.maximum)
    }

    pub(crate) fn charge(&self) -> u64 {
        self.0.space().charge().used()
    }

    pub(crate) fn objects(&self) -> usize {
        self.0.space().objects().count()
    }

    pub(crate) fn space(&mut self) -> &mut Space {
        &mut self.0
    }

    pub(crate) fn store(&mut self, at: u64, bytes: &[u8]) {
        assert_eq!(self.0.machine_mut().write(Va::new(at), bytes), bytes.len(), "{at:#x} takes stores");
    }

    /// The bytes that can be loaded.
    pub(crate) fn load(&self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0xee; length];
        let count = self.0.machine().read(Va::new(at), &mut bytes);
        bytes.truncate(count);
        bytes
    }

    /// Stores the number of each page, from `first`, in its first byte.
    pub(crate) fn number(&mut self, at: u64, pages: u64, first: u8) {
        for n in 0..pages {
            self.store(at + n * PAGE, &[first + n as u8]);
        }
    }

    /// The first byte of each page; none where it cannot be loaded.
    pub(crate) fn numbers(&self, at: u64, pages: u64) -> Vec<Option<u8>> {
        (0..pages).map(|n| self.load(at + n * PAGE, 1).first().copied()).collect()
    }
}

/// What a failure may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Harm {
    None,
    Replaced,
}

/// With others' private memory at `at`, put there before anything else is done.
pub(crate) fn beside(others: &[(u64, u64, Backing)]) -> Bench {
    let mut null = Null::new(Geometry::X86_64);
    for (at, pages, backing) in others {
        null.intrude(range(*at, *pages), Protection::READ_WRITE, *backing);
    }
    Bench(Managed::new(faulty::Faulty::new(null), u64::MAX))
}

/// A span as one value, for calls made by hand.
pub(crate) fn spanned(said: Result<PageRange, Error>) -> Span {
    span(said)
}
