//! A machine that fails on demand, and the proof that a verb survives it.

mod atomic;

use std::cell::Cell;

use pagewright_core::{
    Access, After, Content, Followers, ForeignRun, Geometry, Inheritance, Machine, ObjectId, PageRange,
    Refusal, Showing, Survival, Traits, Truth, Va, View,
};

pub use atomic::{Fragile, atomic, fragile};

/// Which call fails, how, and with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number of the call, from 1, counted since arming.
    pub call: u64,
    /// How far it gets.
    pub mode: Mode,
    /// What it says.
    pub refusal: Refusal,
}

/// How far a failing call gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is done.
    Before,
    /// The lower half of the pages, rounded up, is done where the contract permits
    /// it (commit, protect, forgetting stores): of one page, all. So is the lower half of
    /// the bytes of a transfer, and half of a report. Elsewhere nothing is.
    Half,
}

/// Which calls are not to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spared {
    /// All calls may.
    None,
    /// Those after which there is no way back: pages that were wired and came to show
    /// something else are wired again, memory that was taken for the time of a verb is
    /// released.
    Cleaning,
}

/// How well a machine does what the contract leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As the machine inside.
    Usual,
    /// As badly as is permitted: it does not know which pages of a snapshot were stored
    /// to, and transfers page by page.
    Worst,
}

/// A machine that fails call N, and is `M` otherwise.
///
/// Every call that can be refused is counted.
#[derive(Clone, Debug)]
pub struct Faulty<M> {
    inner: M,
    fault: Cell<Option<Fault>>,
    calls: Cell<u64>,
    /// Whether a call that changes what a target shows came to pass since arming.
    passed: Cell<bool>,
    spared: Cell<Spared>,
    manner: Manner,
}

impl<M: Machine> Faulty<M> {
    /// A machine that does not fail yet.
    pub const fn new(inner: M) -> Self {
        let (fault, calls, passed) = (Cell::new(None), Cell::new(0), Cell::new(false));
        Self { inner, fault, calls, passed, spared: Cell::new(Spared::None), manner: Manner::Usual }
    }

    /// The same with other manners.
    #[must_use]
    pub fn with(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }

    /// Begins to count, and fails as told.
    pub fn arm(&self, fault: Fault) {
        self.fault.set(Some(fault));
        self.calls.set(0);
        self.passed.set(false);
    }

    /// From now on some calls do not fail, and are not counted.
    pub fn spare(&self, spared: Spared) {
        self.spared.set(spared);
    }

    /// Stops failing. Returns whether the failure came to pass.
    pub fn disarm(&self) -> bool {
        self.fault.take().is_some_and(|fault| self.calls.get() >= fault.call)
    }

    /// Whether bytes may have been copied since arming: a call that does it came to pass.
    pub const fn passed(&self) -> bool {
        self.passed.get()
    }

    /// The machine inside.
    pub const fn inner(&self) -> &M {
        &self.inner
    }

    /// Counts a call, and tells whether it is the one to fail.
    fn trip(&self) -> Option<Fault> {
        self.calls.set(self.calls.get() + 1);
        self.fault.get().filter(|fault| fault.call == self.calls.get())
    }

    fn fail_clean(&self) -> Result<(), Refusal> {
        self.trip().map_or(Ok(()), |fault| Err(fault.refusal))
    }

    fn fail_unless_cleaning(&self) -> Result<(), Refusal> {
        match self.spared.get() {
            Spared::None => self.fail_clean(),
            Spared::Cleaning => Ok(()),
        }
    }

    fn recall(&self, range: PageRange, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal> {
        match self.manner {
            Manner::Usual => self.inner.privatised(range, report),
            Manner::Worst => {
                report(range);
                Ok(())
            }
        }
    }

    fn move_bytes(&mut self, held: &[Showing], from: Va, to: Va, bytes: u64) -> Result<(), Refusal> {
        match self.manner {
            Manner::Usual => self.inner.transfer(held, from, to, bytes),
            Manner::Worst => self.move_pages(held, from.get(), to.get(), bytes),
        }
    }

    /// In the order in which no address is overwritten before it is read.
    fn move_pages(&mut self, held: &[Showing], from: u64, to: u64, bytes: u64) -> Result<(), Refusal> {
        let page = self.inner.geometry().page;
        let mut pieces: Vec<_> =
            (0..bytes.div_ceil(page)).map(|n| (n * page, page.min(bytes - n * page))).collect();
        if from < to && to < from + bytes {
            pieces.reverse();
        }
        for (offset, count) in pieces {
            self.inner.transfer(held, Va::new(from + offset), Va::new(to + offset), count)?;
        }
        Ok(())
    }

    fn lower_half(&self, range: PageRange) -> PageRange {
        let page = self.inner.geometry().page;
        let pages = (range.bytes() / page).div_ceil(2);
        let start = range.start().get();
        PageRange::between(start, start + pages * page).expect("half of a range, rounded up")
    }
}

impl<M: Machine> Machine for Faulty<M> {
    fn geometry(&self) -> Geometry {
        self.inner.geometry()
    }

    fn reserve(&mut self, range: PageRange, access: Option<Access>) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.reserve(range, access)
    }

    fn reserve_special(
        &mut self,
        range: PageRange,
        access: Option<Access>,
        traits: Traits,
    ) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.reserve_special(range, access, traits)
    }

    fn renew(&mut self, range: PageRange, access: Option<Access>, traits: Traits) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.renew(range, access, traits)
    }

    fn written(
        &mut self,
        region: PageRange,
        range: PageRange,
        limit: u64,
        after: After,
        report: &mut dyn FnMut(PageRange),
    ) -> Result<(), Refusal> {
        let Some(fault) = self.trip() else {
            return self.inner.written(region, range, limit, after, report);
        };
        if fault.mode == Mode::Half {
            self.inner.written(region, self.lower_half(range), limit, after, report)?;
        }
        Err(fault.refusal)
    }

    fn forget_written(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        let Some(fault) = self.trip() else { return self.inner.forget_written(region, range) };
        if fault.mode == Mode::Half {
            self.inner.forget_written(region, self.lower_half(range))?;
        }
        Err(fault.refusal)
    }

    fn yield_content(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.yield_content(region, range)
    }

    fn keep(&mut self, region: PageRange, range: PageRange) -> Result<Survival, Refusal> {
        self.fail_clean()?;
        self.inner.keep(region, range)
    }

    fn commit(&mut self, region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal> {
        let Some(fault) = self.trip() else { return self.inner.commit(region, range, access) };
        if fault.mode == Mode::Half {
            self.inner.commit(region, self.lower_half(range), access)?;
        }
        Err(fault.refusal)
    }

    fn decommit(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.decommit(region, range)
    }

    fn protect(&mut self, region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal> {
        let Some(fault) = self.trip() else { return self.inner.protect(region, range, access) };
        if fault.mode == Mode::Half {
            self.inner.protect(region, self.lower_half(range), access)?;
        }
        Err(fault.refusal)
    }

    fn release(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        self.fail_unless_cleaning()?;
        self.inner.release(region, range)
    }

    fn wire(&mut self, range: PageRange) -> Result<(), Refusal> {
        self.fail_unless_cleaning()?;
        self.inner.wire(range)
    }

    fn unwire(&mut self, range: PageRange) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.unwire(range)
    }

    fn resync(&mut self, region: PageRange, range: PageRange, truth: &dyn Truth) {
        self.inner.resync(region, range, truth);
    }

    fn create(&mut self, object: ObjectId, pages: u64) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.create(object, pages)
    }

    fn create_frames(&mut self, object: ObjectId, pages: u64, node: Option<u16>) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.create_frames(object, pages, node)
    }

    fn discard(&mut self, object: ObjectId, first: u64, pages: u64) {
        self.inner.discard(object, first, pages);
    }

    fn close(&mut self, object: ObjectId) {
        self.inner.close(object);
    }

    fn show(
        &mut self,
        region: PageRange,
        range: PageRange,
        content: Content,
        access: Access,
    ) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.show(region, range, content, access)?;
        self.passed.set(true);
        Ok(())
    }

    fn promote(&mut self, places: &[Showing], content: Content) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.promote(places, content)?;
        // Bytes of a snapshot that go back below it are those of its copy from now on.
        if content.view == View::Snapshot {
            self.passed.set(true);
        }
        Ok(())
    }

    fn recognise(&self, range: PageRange) -> Option<Content> {
        self.inner.recognise(range)
    }

    fn privatised(&self, range: PageRange, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal> {
        let Some(fault) = self.trip() else { return self.recall(range, report) };
        if fault.mode == Mode::Half {
            self.recall(self.lower_half(range), report)?;
        }
        Err(fault.refusal)
    }

    fn transfer(&mut self, held: &[Showing], from: Va, to: Va, bytes: u64) -> Result<(), Refusal> {
        let Some(fault) = self.trip() else {
            self.move_bytes(held, from, to, bytes)?;
            self.passed.set(true);
            return Ok(());
        };
        if fault.mode == Mode::Half && bytes > 1 {
            self.passed.set(true);
            self.move_bytes(held, from, to, bytes / 2)?;
        }
        Err(fault.refusal)
    }

    fn inherit(&mut self, range: PageRange, inheritance: Inheritance) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.inherit(range, inheritance)
    }

    fn followers(&mut self) -> Followers {
        self.inner.followers()
    }

    fn holds(&self, range: PageRange) -> bool {
        self.inner.holds(range)
    }

    fn forsake(&mut self, range: PageRange) {
        self.inner.forsake(range);
    }

    fn occupied(&self, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.occupied(report)
    }

    fn foreign(&self, at: Va) -> Result<ForeignRun, Refusal> {
        self.fail_clean()?;
        self.inner.foreign(at)
    }

    fn protect_foreign(&mut self, range: PageRange, access: Access) -> Result<(), Refusal> {
        self.fail_clean()?;
        self.inner.protect_foreign(range, access)
    }

    fn read(&self, at: Va, into: &mut [u8]) -> usize {
        self.inner.read(at, into)
    }

    fn write(&mut self, at: Va, from: &[u8]) -> usize {
        self.inner.write(at, from)
    }
}
