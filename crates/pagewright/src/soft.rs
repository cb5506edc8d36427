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

mod section;

use std::cell::RefCell;

use pagewright_core::{
    Alias, Allocate, AttributeRange, CopyRange, Error as CoreError, FrameCall, Free, Geometry, Info, Lock,
    Machine, Managed, Map, Mark, PageRange, Protect, Protection, Recycle, Remap, Restrict, Rights, State,
    Stores, Surveyed, Survival, Unmap, Va, WireRange, Written,
};
pub use pagewright_soft::{Fault, FaultKind, Mmu, Reason, Word};

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
    /// The fault, with the first address that is inaccessible. A fault with
    /// [`Reason::Guard`] has disarmed that guard: raise the guest's exception, and the access
    /// can be made again (facts GP02 to GP05).
    pub fn load<W: Word>(&mut self, at: u64) -> std::result::Result<W, Fault> {
        let managed = self.managed.get_mut();
        managed.machine_mut().load(at).map_err(|fault| meet(managed, fault))
    }

    /// Stores a word, little-endian, at any alignment.
    ///
    /// # Errors
    /// The fault; nothing was stored. As for [`Self::load`] about guards.
    pub fn store<W: Word>(&mut self, at: u64, value: W) -> std::result::Result<(), Fault> {
        let managed = self.managed.get_mut();
        managed.machine_mut().store(at, value).map_err(|fault| meet(managed, fault))
    }

    /// Fetches instruction bytes.
    ///
    /// # Errors
    /// The fault, with the first address that is not executable. As for [`Self::load`] about
    /// guards.
    pub fn fetch(&mut self, at: u64, into: &mut [u8]) -> std::result::Result<(), Fault> {
        let managed = self.managed.get_mut();
        managed.machine_mut().fetch(at, into).map_err(|fault| meet(managed, fault))
    }

    /// Tells of a store that no call here made: a device of the emulator wrote these bytes
    /// where they stand. Every page touched counts as stored to.
    ///
    /// # Errors
    /// Nothing has changed, unless all of the range lies in one allocation that is watched.
    pub fn note_device_write(&self, at: u64, size: u64) -> Result<()> {
        self.mark(&Mark { at, size, stores: Stores::Note })
    }

    /// Sets how many pages may have bytes of their own at a time: the memory of the guest's
    /// machine. `None` is as many as the host can give. Pages that have some keep it.
    pub fn set_frame_limit(&self, frames: Option<u32>) {
        self.managed.borrow_mut().machine_mut().set_frame_limit(frames);
    }

    /// Drops all content that the guest has offered or reset and not stored to since, as the
    /// limit of frames does when it is reached. Answers how many pages that made free.
    pub fn drop_yielded(&self) -> usize {
        self.managed.borrow_mut().machine_mut().drop_yielded()
    }

    /// Sets how many NUMA nodes the guest's machine has; 1 until then.
    pub fn set_nodes(&self, nodes: u16) {
        self.managed.borrow_mut().machine_mut().set_nodes(nodes);
    }

    /// How many NUMA nodes the guest's machine has.
    pub fn nodes(&self) -> u16 {
        self.managed.borrow().machine().nodes()
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

    /// A copy that stopped here is an access: if a guard stopped it, that is gone now
    /// (facts GP09 and GP10).
    fn stopped(&self, at: u64, done: usize, wanted: usize) -> Result<usize> {
        if done < wanted {
            self.with_mut(|managed| managed.meet(at.saturating_add(done as u64)))?;
        }
        Ok(done)
    }
}

/// The guard that an access has met goes off; the fault stays the answer.
#[cold]
fn meet(managed: &mut Managed<Mmu>, fault: Fault) -> Fault {
    if fault.reason == Reason::Guard {
        // This machine refuses no protection; and guards of the embedder's own stay.
        let _ = managed.meet(fault.at);
    }
    fault
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
        let done = self.managed.borrow().machine().read(Va::new(at), into);
        self.stopped(at, done, into.len())
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<usize> {
        let done = self.managed.borrow_mut().machine_mut().write(Va::new(at), from);
        self.stopped(at, done, from.len())
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
