//! The one userfaultfd of a machine that lives long.
//!
//! A mapping belongs to one userfaultfd at most. Guards that are met by waiting (module
//! `sentry`) and watched memory (stores that are noted) may both concern one page, so both use
//! this descriptor, and say per range what they catch:
//!
//! ```text
//!   Catch::Untouched             who accesses a page without memory waits for a message to be
//!                                answered: an armed guard
//!   Catch::Stores                stores to protected pages are noted by the kernel itself
//!                                (write_protect, and /proc/PID/pagemap to ask): nobody waits
//!   Catch::StoresAndUntouched    both
//!   Catch::Unmapped, Catch::StoresAndUnmapped
//!                                the same for memory that shows a file: whoever accesses a page that
//!                                this mapping does not show yet, whether or not the file has it
//! ```
//!
//! What a range catches is replaced by registering it again, and the new must have all that the
//! old had: the kernel leaves a range alone that has all that is asked, and taking one thing away
//! means to unregister, which forgets the stores that were noted. So a guard in watched memory
//! registers `StoresAndUntouched`. When it is gone, pages without memory have nothing to be forgotten
//! and are registered anew; pages with memory keep both, and do not mind: should one lose its
//! memory, an access to it is answered with a page of zeros.
//!
//! Made when first needed, for accesses by the program's instructions only: the kernel's own, in a
//! system call, fail with `EFAULT` where those would wait. So no privilege is needed, and nobody who
//! copies by way of the kernel ever waits for a message to be answered. Reads do not wait either.
//!
//! In the own process anybody may close our descriptor, and open another file under its number: so which file it is
//! of is compared before each use. A thread may keep another one where the program does not reach
//! ([`Keeper`]): then the file stays open, whoever waits goes on waiting, and a closed descriptor is had again.
//!
//! A promotion freezes with a descriptor of its own, for which the ranges must not be
//! registered here: `Linux::disarm` first, and again afterwards.
//!
//! A forked child has the descriptor, which still means the parent's memory, and none of its own
//! ranges registered: it calls [`FaultFd::forget`].

use core::sync::atomic::{AtomicI32, Ordering};

use pagewright_core::PageRange;

use super::{addr, len};
use crate::sys::{self, Catch, Errno, Fd, Stores, Waiters, userfault};

/// What is asked for, as far as the kernel has it.
const WANTED: u64 = userfault::WRITE_PROTECT
    | userfault::WRITE_PROTECT_SHARED
    | userfault::WRITE_PROTECT_UNTOUCHED
    | userfault::WRITE_PROTECT_ASYNC
    | userfault::THREAD
    | userfault::EXACT_ADDRESS
    | userfault::UNMAPPED_SHARED
    | userfault::MOVE;

/// What the kernel must have, else the others make no sense here: with the one and without the
/// other, pages with content could neither be moved nor held.
const TOGETHER: u64 = userfault::WRITE_PROTECT_ASYNC | userfault::MOVE;

/// Where our descriptors begin: where programs that close what they do not know of may not get.
const HIGH: u64 = 1024;

/// Whether to try at all, and what to do without: for tests, and for whoever owns the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Faults {
    /// As far as the kernel has it.
    #[default]
    Probed,
    /// As on a kernel before 6.7: no stores are noted, and no pages moved.
    Plain,
    /// As where userfaultfd is forbidden.
    None,
}

/// The descriptor, once there is one.
#[derive(Debug, Default)]
pub(super) struct FaultFd {
    faults: Faults,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// The number, which changes when it was closed, and is had again.
    raw: AtomicI32,
    /// Device and inode.
    file: (u64, u64),
    features: u64,
    messages: Messages,
    keeper: Option<Keeper>,
}

/// Whether anybody reads messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Messages {
    /// Nobody: there are none, as long as only stores are noted. Should the descriptor be lost, another one does as well.
    None,
    /// Somebody does, of this descriptor and of no other.
    Read,
}

/// A thread of this process that has the descriptor in a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeper {
    /// The thread.
    pub thread: i32,
    /// The number that it has there.
    pub number: i32,
}

impl Clone for FaultFd {
    /// Another machine has nothing registered.
    fn clone(&self) -> Self {
        Self { faults: self.faults, open: None }
    }
}

impl FaultFd {
    /// Decides how much is tried; before the first use.
    pub(super) const fn set(&mut self, faults: Faults) {
        self.faults = faults;
    }

    /// The descriptor, made if need be.
    ///
    /// # Errors
    /// `EPERM`, `ENOSYS`: it is forbidden, or there is none; `EMFILE`; `EBADF`: somebody else
    /// closed it.
    pub(super) fn get(&mut self) -> sys::Result<i32> {
        if self.open.as_ref().is_some_and(|open| open.messages == Messages::None && open.usable().is_none()) {
            // What it caught is caught no more.
            self.open = None;
        }
        let open = match &self.open {
            Some(open) => open,
            None => self.open.insert(Open::new(self.faults)?),
        };
        open.usable().ok_or(Errno::EBADF)
    }

    /// The descriptor for somebody who reads its messages from here on.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub(super) fn for_messages(&mut self) -> sys::Result<i32> {
        let raw = self.get()?;
        if let Some(open) = &mut self.open {
            open.messages = Messages::Read;
        }
        Ok(raw)
    }

    /// Who keeps the descriptor that there is.
    pub(super) fn set_keeper(&mut self, keeper: Keeper) {
        if let Some(open) = &mut self.open {
            open.keeper = Some(keeper);
        }
    }

    /// The descriptor if there is one already.
    pub(super) fn known(&self) -> Option<i32> {
        self.open.as_ref().and_then(Open::usable)
    }

    /// What the kernel has of [`userfault`]'s bits, by way of this descriptor; 0 if there is
    /// none to be had.
    pub(super) fn features(&mut self) -> u64 {
        let _ = self.get();
        self.open.as_ref().map_or(0, |open| open.features)
    }

    /// Catches accesses in a range of whole pages from now on, all of it in mappings of ours.
    ///
    /// # Errors
    /// As for [`Self::get`]; `EBUSY`: another descriptor catches there; `EINVAL`: memory that
    /// cannot be caught. Parts may be registered then.
    pub(super) fn register(&mut self, range: PageRange, catch: Catch) -> sys::Result<()> {
        let fd = self.get()?;
        // SAFETY: the range is ours; accesses are answered by the thread that reads the
        // messages, and nothing of that thread's lies in the range.
        unsafe { sys::userfault_register(fd, addr(range), len(range), catch) }
    }

    /// Catches nothing there any more; who waits goes on.
    pub(super) fn unregister(&self, range: PageRange) {
        if let Some(fd) = self.known() {
            // It fails for what is not registered, which is as good.
            let _ = sys::userfault_unregister(fd, addr(range), len(range));
        }
    }

    /// Who waits in a range goes on: its access is made again.
    pub(super) fn wake(&self, range: PageRange) {
        if let Some(fd) = self.known() {
            let _ = sys::userfault_wake(fd, addr(range), len(range));
        }
    }

    /// Protects the pages of a range that catches stores, or lifts that.
    ///
    /// # Errors
    /// As [`sys::userfault_protect`].
    pub(super) fn write_protect(&mut self, range: PageRange, stores: Stores) -> sys::Result<()> {
        let fd = self.get()?;
        // SAFETY: as for registering the range.
        unsafe { sys::userfault_protect(fd, addr(range), len(range), stores) }
    }

    /// This is a forked child: its memory has nothing registered, and the descriptor is the
    /// parent's.
    pub(super) fn forget(&mut self) {
        if let Some(open) = &mut self.open {
            open.keeper = None;
        }
        self.close();
    }

    /// This process has another descriptor table, where the number may mean anybody's file.
    pub(super) fn lose(&mut self) {
        self.open = None;
    }

    fn close(&mut self) {
        if let Some(raw) = self.known() {
            // SAFETY: the number means the file that it was made for.
            drop(unsafe { Fd::from_raw(raw) });
        }
        self.open = None;
    }
}

impl Drop for FaultFd {
    fn drop(&mut self) {
        self.close();
    }
}

impl Open {
    fn new(faults: Faults) -> sys::Result<Self> {
        let there = match faults {
            Faults::None => return Err(Errno::EPERM),
            // The features are asked of one descriptor, and turned on in another.
            Faults::Probed | Faults::Plain => {
                let asked = sys::userfaultfd(Waiters::Program)?;
                sys::userfault_enable(asked.raw(), 0)?
            }
        };
        let mut features = WANTED & there;
        if faults == Faults::Plain || features & TOGETHER != TOGETHER {
            features &= !TOGETHER;
        }
        let fd = sys::userfaultfd(Waiters::Program)?;
        sys::userfault_enable(fd.raw(), features)?;
        let fd = sys::duplicate_from(fd.raw(), HIGH).unwrap_or(fd);
        let file = sys::file_id(fd.raw())?;
        Ok(Self {
            raw: AtomicI32::new(fd.into_raw()),
            file,
            features,
            messages: Messages::None,
            keeper: None,
        })
    }

    /// The number under which the file is open, had again from its keeper if need be.
    fn usable(&self) -> Option<i32> {
        let raw = self.raw.load(Ordering::Relaxed);
        if sys::file_id(raw) == Ok(self.file) {
            return Some(raw);
        }
        let keeper = self.keeper?;
        let again = sys::descriptor_of(keeper.thread, keeper.number).ok()?;
        let again = sys::duplicate_from(again.raw(), HIGH).unwrap_or(again);
        if sys::file_id(again.raw()) != Ok(self.file) {
            return None;
        }
        let raw = again.into_raw();
        self.raw.store(raw, Ordering::Relaxed);
        Some(raw)
    }
}
