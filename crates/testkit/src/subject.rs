//! What is tested: anything that takes the verbs.

use std::ops::Range;

use pagewright_core::{
    Alias, Allocate, CopyRange, Error, Free, Geometry, Info, Kind, Lock, Machine, Managed, Mark, PageRange,
    Protect, Protection, Recycle, Survival, Va, Written, check,
};

/// The thing under test: core on some machine, in this process or in another.
///
/// Object-safe and small, so that a live process can be one.
pub trait Subject {
    /// The shape of its address space.
    fn geometry(&self) -> Geometry;

    /// Where nobody else maps: here the model predicts everything, elsewhere only
    /// what concerns the subject's own allocations. Whole granules, at least 8 MiB.
    ///
    /// Reservations of terabytes leave it, and so may those without an address: two
    /// subjects in one address space must run one after the other.
    fn arena(&self) -> Range<u64>;

    /// Whether the host may run out in this way at any time (locked memory,
    /// mappings). Such a refusal is accepted, and must have changed nothing.
    fn may_run_short(&self, kind: Kind) -> bool;

    /// Reserves, commits, or both.
    ///
    /// # Errors
    /// What the facts say.
    fn allocate(&mut self, request: &Allocate) -> Result<PageRange, Error>;

    /// Decommits or releases.
    ///
    /// # Errors
    /// What the facts say.
    fn free(&mut self, request: &Free) -> Result<PageRange, Error>;

    /// Changes protection; the answer is the old one of the first page.
    ///
    /// # Errors
    /// What the facts say.
    fn protect(&mut self, request: &Protect) -> Result<Protection, Error>;

    /// Wires or lets go.
    ///
    /// # Errors
    /// What the facts say.
    fn lock(&mut self, request: &Lock) -> Result<PageRange, Error>;

    /// Shows pages in a second place.
    ///
    /// # Errors
    /// What the facts say.
    fn alias(&mut self, request: &Alias) -> Result<PageRange, Error>;

    /// Copies bytes from place to place.
    ///
    /// # Errors
    /// What the facts say.
    fn copy(&mut self, request: &CopyRange) -> Result<u64, Error>;

    /// The pages that were stored to.
    ///
    /// # Errors
    /// What the facts say.
    fn written(&mut self, request: &Written) -> Result<Vec<PageRange>, Error>;

    /// Notes stores, or forgets them.
    ///
    /// # Errors
    /// What the facts say.
    fn mark(&mut self, request: &Mark) -> Result<(), Error>;

    /// Lets content go, or takes it back.
    ///
    /// # Errors
    /// What the facts say.
    fn recycle(&mut self, request: &Recycle) -> Result<Survival, Error>;

    /// Whether there is such memory here. Steps about other memory are passed over.
    fn offers(&self, feature: Feature) -> bool;

    /// What stands at an address.
    ///
    /// # Errors
    /// What the facts say.
    fn query(&mut self, at: u64) -> Result<Info, Error>;

    /// Copies bytes out; returns how many, up to the first that cannot be loaded. If a
    /// guard is armed there, that is gone then.
    fn read(&mut self, at: u64, into: &mut [u8]) -> usize;

    /// Copies bytes in; returns how many, up to the first that cannot be stored. If a guard
    /// is armed there, that is gone then.
    fn write(&mut self, at: u64, from: &[u8]) -> usize;

    /// Sets the commit limit.
    fn set_limit(&mut self, bytes: u64);

    /// Bytes promised now.
    fn charge(&mut self) -> u64;

    /// Proves every invariant that can be seen from here.
    ///
    /// # Errors
    /// The first that does not hold, in words.
    fn check(&mut self) -> Result<(), String>;
}

/// What not every subject has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Write watch.
    Watch,
    /// Content that may be dropped.
    Recycling,
}

/// The arena of a machine that nobody else uses: where core looks first, so that
/// allocations without an address meet those with one.
pub const ARENA: Range<u64> = Geometry::X86_64.search_from..Geometry::X86_64.search_from + 0xc0_0000;

/// Core on a machine in this process, as a subject. When dropped, it gives back what
/// it holds, also after a panic: the next case needs the same arena. So it may only be
/// cloned on machines that are nothing but tables.
#[derive(Clone, Debug)]
pub struct Local<M: Machine> {
    managed: Managed<M>,
    arena: Range<u64>,
    shortages: &'static [Kind],
    lacks: &'static [Feature],
    audit: fn(&Managed<M>) -> Result<(), String>,
}

impl<M: Machine> Local<M> {
    /// Core on `machine`, to be tested inside `arena`.
    pub fn new(machine: M, arena: Range<u64>) -> Self {
        Self {
            managed: Managed::new(machine, u64::MAX),
            arena,
            shortages: &[],
            lacks: &[],
            audit: |_| Ok(()),
        }
    }

    /// The same on a host that may refuse with these kinds at any time.
    #[must_use]
    pub fn short_of(mut self, shortages: &'static [Kind]) -> Self {
        self.shortages = shortages;
        self
    }

    /// The same on a machine that has not these.
    #[must_use]
    pub fn without(mut self, features: &'static [Feature]) -> Self {
        self.lacks = features;
        self
    }

    /// The same with one more proof after every step: that the machine is what the
    /// truth says, for machines that can be looked into.
    #[must_use]
    pub fn audited(mut self, audit: fn(&Managed<M>) -> Result<(), String>) -> Self {
        self.audit = audit;
        self
    }

    /// What is tested.
    pub const fn managed(&self) -> &Managed<M> {
        &self.managed
    }

    /// A copy that stopped has met what stopped it.
    fn stopped(&mut self, at: u64, done: usize, wanted: usize) -> usize {
        if let Some(next) = at.checked_add(done as u64).filter(|_| done < wanted) {
            // A machine that fails on demand keeps the guard: so does the model then.
            let _ = self.managed.meet(next);
        }
        done
    }

    /// What is tested, to prepare it.
    pub const fn managed_mut(&mut self) -> &mut Managed<M> {
        &mut self.managed
    }
}

impl<M: Machine> Drop for Local<M> {
    fn drop(&mut self) {
        // Best effort: a subject that failed its test may hold anything.
        let _ = self.managed.release_all();
    }
}

impl<M: Machine> Subject for Local<M> {
    fn geometry(&self) -> Geometry {
        *self.managed.space().geometry()
    }

    fn arena(&self) -> Range<u64> {
        self.arena.clone()
    }

    fn may_run_short(&self, kind: Kind) -> bool {
        self.shortages.contains(&kind)
    }

    fn allocate(&mut self, request: &Allocate) -> Result<PageRange, Error> {
        self.managed.allocate(request)
    }

    fn free(&mut self, request: &Free) -> Result<PageRange, Error> {
        self.managed.free(request)
    }

    fn protect(&mut self, request: &Protect) -> Result<Protection, Error> {
        self.managed.protect(request)
    }

    fn lock(&mut self, request: &Lock) -> Result<PageRange, Error> {
        self.managed.lock(request)
    }

    fn alias(&mut self, request: &Alias) -> Result<PageRange, Error> {
        self.managed.alias(request)
    }

    fn copy(&mut self, request: &CopyRange) -> Result<u64, Error> {
        self.managed.copy(request)
    }

    fn written(&mut self, request: &Written) -> Result<Vec<PageRange>, Error> {
        self.managed.written(request)
    }

    fn mark(&mut self, request: &Mark) -> Result<(), Error> {
        self.managed.mark(request)
    }

    fn recycle(&mut self, request: &Recycle) -> Result<Survival, Error> {
        self.managed.recycle(request)
    }

    fn offers(&self, feature: Feature) -> bool {
        !self.lacks.contains(&feature)
    }

    fn query(&mut self, at: u64) -> Result<Info, Error> {
        self.managed.query(at)
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> usize {
        let done = self.managed.machine().read(Va::new(at), into);
        self.stopped(at, done, into.len())
    }

    fn write(&mut self, at: u64, from: &[u8]) -> usize {
        let done = self.managed.machine_mut().write(Va::new(at), from);
        self.stopped(at, done, from.len())
    }

    fn set_limit(&mut self, bytes: u64) {
        self.managed.space_mut().set_limit(bytes);
    }

    fn charge(&mut self) -> u64 {
        self.managed.space().charge().used()
    }

    fn check(&mut self) -> Result<(), String> {
        check::check(self.managed.space())?;
        (self.audit)(&self.managed)
    }
}
