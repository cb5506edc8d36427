//! One address space, and the calls with few words.

use pagewright_core::{
    Action, Alias, Allocate, Consent, Content, CopyRange, Disposal, Error, Free, Geometry, Info, Kind, Lock,
    Machine, Managed, Onto, PageRange, Place, Protect, Protection, State, Va, Window, Wiring, check,
};
use pagewright_testkit::Null;

pub(crate) const PAGE: u64 = 0x1000;
pub(crate) const UNIT: u64 = 0x1_0000;
/// The address that most rows use.
pub(crate) const BASE: u64 = 0x5000_0000;

pub(crate) const NONE: Protection = Protection::NONE;
pub(crate) const RO: Protection = Protection::READ;
pub(crate) const RW: Protection = Protection::READ_WRITE;
pub(crate) const ERW: Protection = Protection::READ_WRITE_EXECUTE;

/// The six kinds that private memory can have.
pub(crate) const SINGLES: [Protection; 6] =
    [NONE, RO, RW, Protection::EXECUTE, Protection::READ_EXECUTE, ERW];

/// Base and size, as the calls give them back.
pub(crate) type Span = Result<(u64, u64), Kind>;

pub(crate) struct Lab(pub(crate) Managed<Null>);

fn span(said: Result<PageRange, Error>) -> Span {
    said.map(|range| (range.start().get(), range.bytes())).map_err(|error| error.kind)
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self(Managed::new(Null::new(Geometry::X86_64), 1 << 30))
    }

    /// With `size` bytes committed at [`BASE`].
    pub(crate) fn committed(size: u64, protection: Protection) -> Self {
        let mut lab = Self::new();
        assert_eq!(lab.both(BASE, size, protection), Ok((BASE, size)));
        lab
    }

    /// With `size` bytes reserved at [`BASE`].
    pub(crate) fn reserved(size: u64) -> Self {
        let mut lab = Self::new();
        assert_eq!(lab.reserve(BASE, size), Ok((BASE, size)));
        lab
    }

    pub(crate) fn allocate(
        &mut self,
        place: Place,
        size: u64,
        action: Action,
        protection: Protection,
    ) -> Span {
        let said = self.0.allocate(&Allocate {
            place,
            size,
            action,
            protection,
            traits: pagewright_core::Traits::PLAIN,
        });
        self.sound();
        span(said)
    }

    /// At a place that core chooses.
    pub(crate) fn anywhere(&mut self, size: u64, action: Action, protection: Protection) -> Span {
        self.allocate(Place::Window(Window::ANYWHERE), size, action, protection)
    }

    pub(crate) fn reserve(&mut self, at: u64, size: u64) -> Span {
        self.allocate(Place::At(at), size, Action::Reserve, NONE)
    }

    pub(crate) fn commit(&mut self, at: u64, size: u64, protection: Protection) -> Span {
        self.allocate(Place::At(at), size, Action::Commit, protection)
    }

    /// Reserve and commit.
    pub(crate) fn both(&mut self, at: u64, size: u64, protection: Protection) -> Span {
        self.allocate(Place::At(at), size, Action::ReserveCommit, protection)
    }

    fn free(&mut self, at: u64, size: u64, disposal: Disposal) -> Span {
        let said = self.0.free(&Free { at, size, disposal });
        self.sound();
        span(said)
    }

    pub(crate) fn decommit(&mut self, at: u64, size: u64) -> Span {
        self.free(at, size, Disposal::Decommit)
    }

    pub(crate) fn release(&mut self, at: u64, size: u64) -> Span {
        self.free(at, size, Disposal::Release)
    }

    pub(crate) fn protect(&mut self, at: u64, size: u64, protection: Protection) -> Result<Protection, Kind> {
        let said = self.0.protect(&Protect { at, size, protection });
        self.sound();
        said.map_err(|error| error.kind)
    }

    fn wiring(&mut self, at: u64, size: u64, wiring: Wiring) -> Span {
        let said = self.0.lock(&Lock { at, size, wiring, quota: None });
        self.sound();
        span(said)
    }

    pub(crate) fn lock(&mut self, at: u64, size: u64) -> Span {
        self.wiring(at, size, Wiring::Wired)
    }

    pub(crate) fn unlock(&mut self, at: u64, size: u64) -> Span {
        self.wiring(at, size, Wiring::Pageable)
    }

    /// Pages of our own in a second place.
    pub(crate) fn alias(&mut self, source: u64, size: u64, onto: Onto, protection: Protection) -> Span {
        self.alias_of(&Alias { source, size, onto, protection, consent: Consent::OwnOnly })
    }

    pub(crate) fn alias_of(&mut self, request: &Alias) -> Span {
        let said = self.0.alias(request);
        self.sound();
        span(said)
    }

    pub(crate) fn copy(&mut self, source: u64, size: u64, target: u64) -> Result<u64, Kind> {
        let said = self.0.copy(&CopyRange { source, size, target });
        self.sound();
        said.map_err(|error| error.kind)
    }

    /// How many objects there are.
    pub(crate) fn objects(&self) -> usize {
        self.0.space().objects().count()
    }

    /// What the pages of a range show, run by run.
    pub(crate) fn contents(&self, at: u64, size: u64) -> Vec<Option<Content>> {
        let range = PageRange::between(at, at + size).expect("not empty");
        self.0.space().contents_of(range).map(|(_, content)| content).collect()
    }

    /// Bytes promised.
    pub(crate) fn charge(&self) -> u64 {
        self.0.space().charge().used()
    }

    /// Stores the number of each page, from `first` on, into it.
    pub(crate) fn number(&mut self, at: u64, pages: u64, first: u8) {
        for page in 0..pages {
            assert_eq!(self.store(at + page * PAGE, &[first.wrapping_add(page as u8)]), 1);
        }
    }

    /// The first byte of each page.
    pub(crate) fn numbers(&self, at: u64, pages: u64) -> Vec<u8> {
        (0..pages).flat_map(|page| self.load(at + page * PAGE, 1)).collect()
    }

    pub(crate) fn query(&self, at: u64) -> Result<Info, Kind> {
        self.0.query(at).map_err(|error| error.kind)
    }

    /// How far the answer at `at` goes, and what it is.
    pub(crate) fn run(&self, at: u64) -> (u64, What) {
        let info = self.query(at).expect("the address is in the user range");
        let what = match info.state {
            State::Free => What::Free,
            State::Reserved { .. } => What::Reserved,
            State::Committed { protection, .. } => What::Is(protection),
        };
        (info.size, what)
    }

    /// The base and the first protection of the allocation at `at`.
    pub(crate) fn origin(&self, at: u64) -> Option<(u64, Protection)> {
        match self.query(at).expect("the address is in the user range").state {
            State::Free => None,
            State::Reserved { allocation, initial, .. } | State::Committed { allocation, initial, .. } => {
                Some((allocation, initial))
            }
        }
    }

    /// How many of these bytes could be stored.
    pub(crate) fn store(&mut self, at: u64, bytes: &[u8]) -> usize {
        self.0.machine_mut().write(Va::new(at), bytes)
    }

    /// The bytes that could be loaded.
    pub(crate) fn load(&self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0xee; length];
        let count = self.0.machine().read(Va::new(at), &mut bytes);
        bytes.truncate(count);
        bytes
    }

    pub(crate) fn sound(&self) {
        check::check(self.0.space()).expect("the space is consistent");
        self.0.machine().mirrors(self.0.space()).expect("the machine is what the truth says");
    }
}

/// A state, as rows name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Free,
    Reserved,
    Is(Protection),
}
