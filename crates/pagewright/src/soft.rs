//! An emulated guest: the whole contract on a software MMU, no real process.
//!
//! ```
//! use pagewright::soft::Guest;
//! use pagewright::{Allocate, Memory, Protect, Protection};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut guest = Guest::new();
//! let code = guest.allocate(&Allocate::new(64 << 10))?.start().get();
//! guest.store::<u32>(code, 0x90c3)?;
//! guest.protect(&Protect { at: code, size: 4096, protection: Protection::READ_EXECUTE })?;
//! assert_eq!(guest.load::<u32>(code)?, 0x90c3);
//! assert!(guest.store::<u32>(code, 0).is_err(), "no longer writable");
//! # Ok(())
//! # }
//! ```

use std::cell::RefCell;

use pagewright_core::{
    Alias, Allocate, AttributeRange, CopyRange, Error as CoreError, FrameCall, Free, Geometry, Info, Lock,
    Machine, Managed, Map, Mark, PageRange, Protect, Protection, Recycle, Remap, Restrict, Rights, State,
    Surveyed, Survival, Unmap, Va, WireRange, Written,
};
pub use pagewright_soft::{Fault, Mmu, Word};

use crate::error::{Error, Result};
use crate::memory::Memory;

/// The memory of an emulated process.
///
/// The verbs of [`Memory`] are what the guest's system calls are made of; `load`,
/// `store` and `fetch` are what its instructions are made of. For one thread at a
/// time: an emulator that runs several guest processors wraps it in its own lock.
#[derive(Debug)]
pub struct Guest {
    managed: RefCell<Managed<Mmu>>,
}

impl Default for Guest {
    fn default() -> Self {
        Self::new()
    }
}

impl Guest {
    /// An empty guest with the 47-bit user range of x86-64 and 4 KiB pages, and no
    /// limit on committed memory.
    pub fn new() -> Self {
        Self::with(Geometry::X86_64, u64::MAX)
    }

    /// An empty guest of another shape, that may commit `limit` bytes.
    pub fn with(geometry: Geometry, limit: u64) -> Self {
        Self { managed: RefCell::new(Managed::new(Mmu::new(geometry), limit)) }
    }

    /// Loads a word, little-endian, at any alignment.
    ///
    /// # Errors
    /// The fault, with the first address that is inaccessible.
    pub fn load<W: Word>(&mut self, at: u64) -> std::result::Result<W, Fault> {
        self.managed.get_mut().machine_mut().load(at)
    }

    /// Stores a word, little-endian, at any alignment.
    ///
    /// # Errors
    /// The fault; nothing was stored.
    pub fn store<W: Word>(&mut self, at: u64, value: W) -> std::result::Result<(), Fault> {
        self.managed.get_mut().machine_mut().store(at, value)
    }

    /// Fetches instruction bytes.
    ///
    /// # Errors
    /// The fault, with the first address that is not executable.
    pub fn fetch(&mut self, at: u64, into: &mut [u8]) -> std::result::Result<(), Fault> {
        self.managed.get_mut().machine_mut().fetch(at, into)
    }

    /// Sets how many bytes may be committed. What is committed stays so.
    pub fn set_commit_limit(&self, bytes: u64) {
        self.managed.borrow_mut().space_mut().set_limit(bytes);
    }

    /// Every run that is not free, ascending.
    pub fn regions(&self) -> Vec<Info> {
        let managed = self.managed.borrow();
        let (mut runs, mut at) = (Vec::new(), 0);
        while let Ok(info) = managed.query(at) {
            at = info.base + info.size;
            if info.state != State::Free {
                runs.push(info);
            }
        }
        runs
    }

    fn with_mut<T>(
        &self,
        verb: impl FnOnce(&mut Managed<Mmu>) -> std::result::Result<T, CoreError>,
    ) -> Result<T> {
        verb(&mut self.managed.borrow_mut()).map_err(|error| Error::of(error, 0))
    }
}

impl Memory for Guest {
    fn allocate(&self, request: &Allocate) -> Result<PageRange> {
        self.with_mut(|managed| managed.allocate(request))
    }

    fn free(&self, request: &Free) -> Result<PageRange> {
        self.with_mut(|managed| managed.free(request))
    }

    fn protect(&self, request: &Protect) -> Result<Protection> {
        self.with_mut(|managed| managed.protect(request))
    }

    fn lock(&self, request: &Lock) -> Result<PageRange> {
        self.with_mut(|managed| managed.lock(request))
    }

    fn alias(&self, request: &Alias) -> Result<PageRange> {
        self.with_mut(|managed| managed.alias(request))
    }

    fn copy(&self, request: &CopyRange) -> Result<u64> {
        self.with_mut(|managed| managed.copy(request))
    }

    fn map(&self, request: &Map) -> Result<PageRange> {
        self.with_mut(|managed| managed.map(request))
    }

    fn unmap(&self, request: &Unmap) -> Result<PageRange> {
        self.with_mut(|managed| managed.unmap(request))
    }

    fn restrict(&self, request: &Restrict) -> Result<PageRange> {
        self.with_mut(|managed| managed.restrict(request))
    }

    fn attribute(&self, request: &AttributeRange) -> Result<PageRange> {
        self.with_mut(|managed| managed.attribute(request))
    }

    fn wire_range(&self, request: &WireRange) -> Result<PageRange> {
        self.with_mut(|managed| managed.wire_range(request))
    }

    fn remap(&self, request: &Remap) -> Result<(PageRange, Rights, Rights)> {
        self.with_mut(|managed| managed.remap(request))
    }

    fn written(&self, request: &Written) -> Result<Vec<PageRange>> {
        self.with_mut(|managed| managed.written(request))
    }

    fn mark(&self, request: &Mark) -> Result<()> {
        self.with_mut(|managed| managed.mark(request))
    }

    fn recycle(&self, request: &Recycle) -> Result<Survival> {
        self.with_mut(|managed| managed.recycle(request))
    }

    fn frames(&self, call: FrameCall<'_>) -> Result<Vec<u64>> {
        self.with_mut(|managed| managed.frames(call))
    }

    fn survey(&self, at: u64) -> Result<Surveyed> {
        self.managed.borrow().survey(at).map_err(|error| Error::of(error, 0))
    }

    fn query(&self, at: u64) -> Result<Info> {
        self.managed.borrow().query(at).map_err(|error| Error::of(error, 0))
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<usize> {
        Ok(self.managed.borrow().machine().read(Va::new(at), into))
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<usize> {
        Ok(self.managed.borrow_mut().machine_mut().write(Va::new(at), from))
    }

    fn poke(&self, at: u64, from: &[u8]) -> Result<usize> {
        let mut done = 0;
        while done < from.len() {
            let page = at.saturating_add(done as u64);
            let State::Committed { protection, .. } = self.query(page)?.state else { break };
            let geometry = *self.managed.borrow().space().geometry();
            let rest = geometry.page - page % geometry.page;
            let part = &from[done..from.len().min(done + rest as usize)];
            self.protect(&Protect { at: page, size: 1, protection: Protection::READ_WRITE })?;
            done += self.write(page, part)?;
            self.protect(&Protect { at: page, size: 1, protection })?;
        }
        Ok(done)
    }

    fn highest(&self) -> u64 {
        self.managed.borrow().space().geometry().highest
    }
}
