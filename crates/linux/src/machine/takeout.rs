//! Taking pages out of their place while the program stores to them, and putting them back.
//!
//! ```text
//!   writable, Linux 6.8     moved, in one step
//!   writable, before        who stores is held up; copied; dropped
//!   not writable            copied; dropped
//! ```
//!
//! Of watched memory it is known beforehand what was stored to. A store that comes after that and
//! before the move is told by the bytes, so one gets lost only if it changed nothing.

use alloc::vec::Vec;
use core::sync::atomic::AtomicU32;

use pagewright_core::{Access, After, PageRange, Refusal, Wiring};

use super::pages::{PageList, Which};
use super::ranges::Ranges;
use super::sentry::{ATTEMPTS, Child, PAGE, Post, Release, Stand, page_of};
use super::stash::{Home, Slot};
use super::watch::WatchWay;
use super::{Linux, addr, len, prot};
use crate::sys::{self, Advice, Arrival, Backing, Errno, OpenMode, Place, Prot, Stores, userfault};

/// How often a page is tried to be moved that the kernel itself is at work with: some 50 ms.
const PATIENCE: u32 = ATTEMPTS + 256;

/// The bytes of a page.
pub(super) type Bytes = [u8; PAGE as usize];

impl Linux {
    /// Takes out every page that has memory. From here on none can get any.
    pub(super) fn take_out(&mut self, range: PageRange, access: Access) -> Result<(), Refusal> {
        let mut filled = Vec::new();
        let listed = PageList::open().and_then(|list| {
            list.each(range, Which::Present, &mut |run| {
                filled.push(run);
                Ok(())
            })
        });
        if listed.is_err() {
            // Where `/proc` does not tell, every page may have memory.
            filled = alloc::vec![range];
        }
        if filled.is_empty() {
            return Ok(());
        }
        self.keep_from_children(range)?;
        for run in filled {
            for page in pages(run) {
                let taken = self.take_page(page, access);
                taken.map_err(|error| self.cannot_post(error))?;
            }
        }
        Ok(())
    }

    pub(super) fn keep_from_children(&mut self, range: PageRange) -> Result<(), Refusal> {
        let told = self.advise(range, Advice::DontFork);
        self.told(told)?;
        for (part, post) in self.sentry.posts_in(range) {
            self.sentry.set(part, Post { child: Child::Lacks, ..post });
        }
        Ok(())
    }

    /// After children were given `range` again: what is out is kept from them still.
    pub(super) fn withhold_guarded(&mut self, range: PageRange) {
        for (part, post) in self.sentry.posts_in(range) {
            if post.child == Child::Lacks {
                let _ = self.advise(part, Advice::DontFork);
            }
        }
    }

    /// Takes out one page; if it is watched, it is pending when it was stored to.
    fn take_page(&mut self, page: PageRange, access: Access) -> sys::Result<()> {
        match self.watched_by(page) {
            Some(WatchWay::Async) => self.take_watched(page, access),
            // While a guard stands nothing notes stores in these ways: so they count as made.
            Some(WatchWay::Sync | WatchWay::Mprotect) | None => self.take_plain(page, access),
        }
    }

    /// Stores that were noted are known; of the others the bytes tell.
    fn take_watched(&mut self, page: PageRange, access: Access) -> sys::Result<()> {
        let mut before: Bytes = [0; PAGE as usize];
        let loaded = sys::process_vm_readv(self.pid, &mut before, addr(page)).unwrap_or(0);
        let mut is_stored = false;
        let scanned = self.scan_stores(page, 1, After::Keep, &mut |_| is_stored = true);
        self.take_plain(page, access)?;
        // What is not in the stash had no memory, if a mark.
        let taken = self.sentry.stash.of(page.start().get());
        let changed = taken.is_some_and(|slot| loaded != before.len() || slot.bytes() != &before);
        if is_stored || scanned.is_err() || changed {
            self.count_as_stored(page);
        }
        // A page without a mark would be taken for one that was stored to.
        self.faults.write_protect(page, Stores::Wait)
    }

    fn take_plain(&mut self, page: PageRange, access: Access) -> sys::Result<()> {
        if !access.contains(Access::WRITE) {
            return self.copy_out(page);
        }
        if self.faults.features() & userfault::MOVE != 0 {
            return self.move_out(page, access);
        }
        self.faults.write_protect(page, Stores::Wait)?;
        let copied = self.copy_out(page);
        if copied.is_err() {
            let _ = self.faults.write_protect(page, Stores::Pass);
        }
        // Who was held up meets the guard.
        self.faults.wake(page);
        copied
    }

    /// Copies a page to the stash that nobody can store to, and drops it.
    fn copy_out(&mut self, page: PageRange) -> sys::Result<()> {
        let mut bytes = [0; PAGE as usize];
        if sys::process_vm_readv(self.pid, &mut bytes, addr(page)).unwrap_or(0) != bytes.len() {
            // Nothing there to be loaded: it has no memory.
            return Ok(());
        }
        let fd = self.faults.get()?;
        let slot = self.sentry.stash.slot(&mut self.faults, prot(Access::READ | Access::WRITE))?;
        // SAFETY: the slot is ours, and has no content.
        let kept = unsafe { sys::userfault_copy(fd, slot.at, &bytes, Arrival::Plain) };
        match kept.and_then(|()| self.drop_content(page)) {
            Ok(wiring) => self.sentry.stash.keep(page.start().get(), Slot { wiring, ..slot }),
            Err(error) => {
                self.sentry.stash.vacate(slot);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Drops the content of a page, and says whether it was wired, which it is not any more.
    fn drop_content(&mut self, page: PageRange) -> sys::Result<Wiring> {
        match self.advise(page, Advice::DontNeed) {
            Err(Errno::EINVAL) => {
                sys::munlock(addr(page), len(page))?;
                self.advise(page, Advice::DontNeed).map(|()| Wiring::Wired)
            }
            done => done.map(|()| Wiring::Pageable),
        }
    }

    /// Moves a page to the stash in one step.
    fn move_out(&mut self, page: PageRange, access: Access) -> sys::Result<()> {
        let fd = self.faults.get()?;
        let mut slot = self.sentry.stash.slot(&mut self.faults, prot(access))?;
        for attempt in 0..PATIENCE {
            // SAFETY: whoever accesses the page waits until it is back; the slot is ours.
            match unsafe { sys::userfault_move(fd, addr(page), slot.at, PAGE as usize) } {
                Ok(()) => {
                    self.sentry.stash.keep(page.start().get(), slot);
                    return Ok(());
                }
                // It has none; or only a mark that stores are noted.
                Err(Errno::ENOENT | Errno::EFAULT) => break,
                // A forked child has it, too, or it is the page of zeros: make it ours alone.
                Err(Errno::EBUSY) => {
                    let _ = self.advise(page, Advice::PopulateWrite);
                }
                Err(Errno::EAGAIN) => {}
                // A page that is wired is not moved to one that is not.
                Err(Errno::EINVAL) if slot.wiring == Wiring::Pageable => {
                    slot.wiring = Wiring::Wired;
                    sys::munlock(addr(page), len(page))?;
                }
                Err(error) => {
                    self.sentry.stash.vacate(slot);
                    return Err(error);
                }
            }
            if attempt + 1 == PATIENCE {
                self.sentry.stash.vacate(slot);
                return Err(Errno::EBUSY);
            }
            pause(attempt);
        }
        self.sentry.stash.vacate(slot);
        Ok(())
    }

    /// Writes to a page under the guard that stands on it, which stays armed. The bytes must not
    /// cross the page's end.
    ///
    /// # Errors
    /// Nothing was written: `Unmapped` where no guard is armed; or for want of memory.
    pub fn write_under(&mut self, at: u64, bytes: &[u8]) -> Result<(), Refusal> {
        let stand = self.sentry.posts.get(at).map(|entry| entry.value.stand);
        let page = page_of(at).filter(|_| stand == Some(Stand::Armed)).ok_or(Refusal::Unmapped)?;
        let offset = (at % PAGE) as usize;
        let written = match self.shown.first(page).1 {
            Some(content) => self.write_under_view(page, content, offset, bytes),
            None => self.write_to_slot(page, &[0; PAGE as usize], offset, bytes),
        };
        self.count_as_stored(page);
        written
    }

    /// Writes to a page that is out, or that had no memory but these bytes.
    pub(super) fn write_to_slot(
        &mut self,
        page: PageRange,
        fresh: &Bytes,
        offset: usize,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        self.keep_from_children(page)?;
        let slot = self.slot_of(page, fresh);
        let written = slot.and_then(|slot| write_anyway(slot, offset, bytes));
        self.told(written)
    }

    /// Where an armed page is; if it is nowhere, it gets memory there, with these bytes.
    pub(super) fn slot_of(&mut self, page: PageRange, bytes: &Bytes) -> sys::Result<Slot> {
        let start = page.start().get();
        if let Some(slot) = self.sentry.stash.of(start) {
            return Ok(slot);
        }
        let fd = self.faults.get()?;
        let slot = self.sentry.stash.slot(&mut self.faults, prot(Access::READ | Access::WRITE))?;
        // SAFETY: the slot is ours, and has no content.
        let filled = unsafe { sys::userfault_copy(fd, slot.at, bytes, Arrival::Plain) };
        match filled {
            Ok(()) => self.sentry.stash.keep(start, slot),
            Err(_) => self.sentry.stash.vacate(slot),
        }
        filled.map(|()| slot)
    }

    pub(super) fn put_back_page(&mut self, at: u64) -> sys::Result<()> {
        let Some(slot) = self.sentry.stash.of(at) else { return Ok(()) };
        let fd = self.faults.get()?;
        for attempt in 0..ATTEMPTS {
            let back = self.send_back(fd, at, slot);
            match back {
                Ok(()) => {
                    if slot.wiring == Wiring::Wired {
                        let _ = sys::mlock(at as usize, PAGE as usize);
                    }
                    break;
                }
                // The program took the place, or mapped something over it.
                Err(Errno::ENOENT | Errno::EEXIST) => break,
                Err(Errno::EAGAIN | Errno::ENOMEM) if attempt + 1 < ATTEMPTS => sys::sched_yield(),
                Err(error) => return Err(error),
            }
        }
        self.sentry.stash.drop_page(at);
        Ok(())
    }

    /// One attempt to put a page back; who waits for it waits on.
    fn send_back(&mut self, fd: i32, at: u64, slot: Slot) -> sys::Result<()> {
        let arrival = self.arrival(at);
        if arrival == Arrival::Plain && slot.home == Home::Slab {
            // SAFETY: the page has no content; the slot keeps what it had.
            let moved = unsafe { sys::userfault_move(fd, slot.at, at as usize, PAGE as usize) };
            if moved.is_ok() {
                return moved;
            }
        }
        // Not to be stored to now, or shared with a child, or not to count as stored to; or an
        // older kernel.
        // SAFETY: as for moving.
        unsafe { sys::userfault_copy(fd, at as usize, slot.bytes(), arrival) }
    }

    /// How a page comes to its place: in watched memory clean, unless it was stored to.
    pub(super) fn arrival(&mut self, at: u64) -> Arrival {
        let page = PageRange::between(at, at + PAGE);
        let is_clean = page.is_some_and(|page| {
            self.watched_by(page) == Some(WatchWay::Async) && !self.counts_as_stored(page)
        });
        if is_clean { Arrival::Protected } else { Arrival::Plain }
    }

    /// This is a forked child: what was taken out is not there, and goes there from the copy of
    /// the stash. Nothing is guarded from here on.
    pub(super) fn reinstate(&mut self) {
        let posts: Vec<_> =
            self.sentry.posts.iter().map(|entry| (entry.start, entry.end, *entry.value)).collect();
        for (start, end, post) in posts {
            let Some(range) = PageRange::between(start, end) else { continue };
            if post.child == Child::Lacks {
                self.refill(range, post.access);
            }
            self.sentry.forget(range);
            match post.stand {
                Stand::Armed => self.sentry.lapsed.push((range, post.access)),
                Stand::Met => {}
            }
        }
        self.sentry.caught = Ranges::default();
        self.sentry.release = Release::Now;
        self.sentry.stash.clear();
    }

    fn refill(&mut self, range: PageRange, access: Access) {
        let fresh = Prot::READ.with(Prot::WRITE);
        // SAFETY: a mapping that replaces nothing, in a region of ours that lacks it.
        let mapped =
            unsafe { sys::mmap(Place::Free(addr(range)), len(range), fresh, Backing::AnonymousNoReserve) };
        if mapped.is_err() {
            return;
        }
        for at in self.sentry.stash.kept_in(range) {
            if let Some(slot) = self.sentry.stash.of(at) {
                // SAFETY: the page was mapped just now, and nobody uses it.
                unsafe {
                    core::ptr::copy_nonoverlapping(slot.bytes().as_ptr(), at as *mut u8, PAGE as usize)
                };
            }
        }
        // SAFETY: as above.
        let _ = unsafe { sys::mprotect(addr(range), len(range), prot(access)) };
        self.withhold(range);
    }
}

/// Writes to a slot, whatever its access.
pub(super) fn write_anyway(slot: Slot, offset: usize, bytes: &[u8]) -> sys::Result<()> {
    let memory = sys::open(c"/proc/thread-self/mem", OpenMode::ReadWrite)?;
    let done = sys::pwrite(memory.raw(), bytes, (slot.at + offset) as u64)?;
    if done == bytes.len() { Ok(()) } else { Err(Errno::EFAULT) }
}

/// Lets others go on; after some attempts for a longer time.
fn pause(attempt: u32) {
    if attempt < ATTEMPTS {
        return sys::sched_yield();
    }
    let nobody = AtomicU32::new(0);
    let _ = sys::futex_wait(&nobody, 0, sys::Timespec::from_nanos(200_000));
}

fn pages(run: PageRange) -> impl Iterator<Item = PageRange> {
    (run.start().get()..run.end().get())
        .step_by(PAGE as usize)
        .filter_map(|at| PageRange::between(at, at + PAGE))
}
