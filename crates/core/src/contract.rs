//! The contract between the core and a machine.
//!
//! A machine is a cache of the truth that [`crate::AddressSpace`] holds: host
//! mappings, or a software page table. It keeps no promises of its own and
//! decides nothing; each call says what the state is when it fails.

use alloc::vec::Vec;

use crate::access::{Access, Inheritance, Protection};
use crate::geometry::{Geometry, PageRange, Va};
use crate::object::{Content, ObjectId};
use crate::traits::Traits;

/// Why a machine did not do what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Something that is not ours is mapped in the range.
    Occupied,
    /// Nothing is mapped in a part of the range.
    Unmapped,
    /// No memory for tables or promises.
    OutOfMemory,
    /// The limit of mappings leaves no room.
    MapBudget,
    /// More locked memory than permitted.
    LockQuota,
    /// The kernel forbids it (sealed mapping, missing permission).
    Denied,
    /// No descriptor, or no room for an object.
    NoObject,
    /// Memory that cannot be moved into an object: a stack, the kernel's own pages, a
    /// device, a file.
    Special,
    /// Too few large pages are free.
    NoLargePages,
    /// No such NUMA node.
    NoNode,
    /// There is no way to do it here: the kernel, or a filter of the process, has none.
    Unsupported,
    /// Anything else, by the number of the kernel's error.
    Other(u16),
}

/// What stands at an address that the address space does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignRun {
    /// The first byte of the run; at or below the asked address.
    pub start: u64,
    /// The first byte behind the run. A free run may end at the user range's end.
    pub end: u64,
    /// What it is.
    pub standing: Standing,
}

/// Free, or mapped by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is mapped.
    Free,
    /// Mapped, and not by us.
    Mapped {
        /// What may be done with it now.
        protection: Protection,
        /// What the first mapping of the whole shows.
        initial: Protection,
        /// The first address of the whole: a module's base, or the mapping's start.
        allocation: u64,
        /// What kind of memory it is.
        backing: Backing,
    },
}

/// What kind of memory stands behind a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Memory of this process alone.
    Private,
    /// A view of a file or of shared memory.
    View,
    /// A program or library.
    Image,
}

/// The truth about a range, run by run, for a machine that re-derives its cache.
pub trait Truth {
    /// The maximal run of equal state at `at` inside the range that is re-derived:
    /// its end, and the access if committed.
    fn run(&self, at: Va) -> (Va, Option<Access>);

    /// What the run of equal content at `at` shows: its end, and the object unless it
    /// is private. A run may reach beyond the range that is re-derived.
    fn content(&self, at: Va) -> (Va, Option<Content>);
}

/// Whether other processes may have copies of what is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Followers {
    /// None has.
    None,
    /// Some may have.
    Perhaps,
}

/// A place that shows certain bytes: the region that it lies in, and its access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Showing {
    /// The allocation; for memory that others mapped, the range itself.
    pub region: PageRange,
    /// The pages.
    pub range: PageRange,
    /// What may be done with them.
    pub access: Access,
}

/// What becomes of stores once they were reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// They stay known.
    Keep,
    /// Those that were reported are forgotten; the next ones count again.
    Forget,
}

/// Whether content that the machine was free to drop is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// All of it.
    Intact,
    /// Some of it reads as zeros now.
    Lost,
}

impl Survival {
    /// That of two parts together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match self {
            Self::Intact => other,
            Self::Lost => Self::Lost,
        }
    }
}

/// A cache of translations: about ten calls.
///
/// Ranges are whole pages of the user range. `region` is always the allocation that
/// holds `range`, and all of it was reserved on this machine before.
/// Only one thread calls a machine at a time; `foreign` and `read` may be called
/// while nobody writes, from any thread.
pub trait Machine {
    /// The shape of the address space.
    fn geometry(&self) -> Geometry;

    /// Makes `range` ours: inaccessible, or committed with `access`.
    ///
    /// Post: every page is `access`, or faults. Fresh pages read as zero.
    /// On error nothing changed; `Occupied` if anything is mapped in the range.
    fn reserve(&mut self, range: PageRange, access: Option<Access>) -> Result<(), Refusal>;

    /// As [`Self::reserve`], for memory that is made of something special, and for the
    /// whole of an allocation. Of watched memory every later call keeps count: fresh
    /// pages are clean, whatever brought them there.
    ///
    /// The child of a fork gets nothing of large pages and windows.
    ///
    /// On error nothing changed; beside the errors there: `NoLargePages`, `NoNode`,
    /// `Denied` when the machine has no way to do it.
    fn reserve_special(
        &mut self,
        range: PageRange,
        access: Option<Access>,
        traits: Traits,
    ) -> Result<(), Refusal>;

    /// Makes `range`, all of an allocation, as if it had been reserved just now like this, in
    /// one step: no mapping of others comes in between.
    ///
    /// On error nothing changed, but where something special is asked for: what was there had
    /// no memory, and is inaccessible as before. The errors are those of `reserve_special`.
    ///
    /// What is provided is for machines whose space nobody else maps into.
    fn renew(&mut self, range: PageRange, access: Option<Access>, traits: Traits) -> Result<(), Refusal> {
        self.release(range, range)?;
        let made = match traits {
            Traits::PLAIN => self.reserve(range, access),
            special => self.reserve_special(range, access, special),
        };
        made.inspect_err(|_| {
            let _ = self.reserve(range, None);
        })
    }

    /// Reports the runs of pages with memory in `range`, a part of a watched region,
    /// that were stored to since they were made, or since that was forgotten, in ascending
    /// order, and at most `limit` pages. Stores by the kernel count.
    ///
    /// With [`After::Forget`] exactly the reported pages are forgotten, each in one step
    /// with its report: a store is reported now, or next time.
    /// On error nothing was forgotten that was not reported.
    fn written(
        &mut self,
        region: PageRange,
        range: PageRange,
        limit: u64,
        after: After,
        report: &mut dyn FnMut(PageRange),
    ) -> Result<(), Refusal>;

    /// As [`Self::written`], into a list: a machine that has thousands of runs to tell hands
    /// them over without a call for each.
    fn written_list(
        &mut self,
        region: PageRange,
        range: PageRange,
        limit: u64,
        after: After,
        list: &mut Vec<PageRange>,
    ) -> Result<(), Refusal> {
        self.written(region, range, limit, after, &mut |run| list.push(run))
    }

    /// Forgets all stores to `range`, a part of a watched region.
    ///
    /// On error it is not known which.
    fn forget_written(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal>;

    /// Lets the system drop the content of committed, private, unwired pages that are not
    /// watched, until they are stored to again or [`Self::keep`] is called. Access stays
    /// as it is. Best effort.
    ///
    /// On error nothing was dropped.
    fn yield_content(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal>;

    /// Ends that, and says whether all content is as it was when yielded, or was stored
    /// since. `Intact` for pages that were never yielded.
    fn keep(&mut self, region: PageRange, range: PageRange) -> Result<Survival, Refusal>;

    /// Gives `range` memory with `access`. Pages that had memory keep their
    /// content and only change their access; others read as zero. With a guard there are
    /// only others.
    ///
    /// On error a part of the pages may have changed access, and none lost
    /// content: the core calls [`Self::resync`].
    fn commit(&mut self, region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal>;

    /// Takes the memory of `range` away, wired or not; accesses fault afterwards.
    ///
    /// On error nothing changed.
    fn decommit(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal>;

    /// Changes the access of committed pages.
    ///
    /// On error a part may have changed: the core calls [`Self::resync`].
    fn protect(&mut self, region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal>;

    /// Gives `range` back to the system; `region` is what it is cut out of.
    ///
    /// On error nothing changed.
    fn release(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal>;

    /// Wires committed, accessible pages into memory.
    ///
    /// On error nothing is wired that was not before; the core wires again what was.
    fn wire(&mut self, range: PageRange) -> Result<(), Refusal>;

    /// Lets wired pages go. Pages that are not wired are left alone. On error a part
    /// may have been let go: the core wires it again.
    fn unwire(&mut self, range: PageRange) -> Result<(), Refusal>;

    /// Re-derives the translations of `range` from the truth, as far as possible.
    ///
    /// Content and wiring of pages that the truth calls committed are kept; pages that
    /// show an object according to it do so afterwards.
    fn resync(&mut self, region: PageRange, range: PageRange, truth: &dyn Truth);

    /// Makes an object of `pages` pages of zeros, for this address space alone.
    ///
    /// On error there is none: `NoObject`, `OutOfMemory`.
    fn create(&mut self, object: ObjectId, pages: u64) -> Result<(), Refusal>;

    /// The same for frames: its pages are never dropped, and no child of a fork gets
    /// them. Memory of `node` is preferred. Machines for which neither makes a difference
    /// need not care.
    ///
    /// On error there is none: beside the errors there, `NoNode`.
    fn create_frames(&mut self, object: ObjectId, pages: u64, node: Option<u16>) -> Result<(), Refusal> {
        let _ = node;
        self.create(object, pages)
    }

    /// Drops the bytes of pages that nobody shows; they are zeros when shown again.
    /// Best effort: what cannot be dropped is dropped with the object.
    fn discard(&mut self, object: ObjectId, first: u64, pages: u64);

    /// Forgets an object that nothing here shows any more.
    fn close(&mut self, object: ObjectId);

    /// Shows pages of an object at `range`, whatever stood there, in one step: no
    /// access in between meets anything but the old or the new.
    ///
    /// Where the range showed the same pages `Shared` and now does so as a `Snapshot`,
    /// every store that was made before is in the object.
    /// On error nothing changed.
    fn show(
        &mut self,
        region: PageRange,
        range: PageRange,
        content: Content,
        access: Access,
    ) -> Result<(), Refusal>;

    /// Moves the bytes at `places`, which all show the same, into pages of an object
    /// and shows those there instead, while the program runs: no store is lost, and the
    /// bytes of each page are those of one moment.
    ///
    /// The places may have any access, none too; they lie in pages with memory. They
    /// may be memory that others mapped: then `Special` if it cannot be moved.
    /// On error every place shows the bytes that it did, perhaps as a private view of the
    /// object; bytes may be left in that.
    fn promote(&mut self, places: &[Showing], content: Content) -> Result<(), Refusal>;

    /// What object of ours a range shows that belongs to others, because it was promoted
    /// before and its owner has left it alone; the content of its first page. `None` if
    /// any page of it shows anything else.
    fn recognise(&self, range: PageRange) -> Option<Content>;

    /// Reports the runs of pages of `range`, which shows a snapshot, that may have been
    /// stored to since it does, in ascending order.
    ///
    /// On error it is not known.
    fn privatised(&self, range: PageRange, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal>;

    /// Copies `bytes` bytes from one place of the address space to another, as `memmove`
    /// does. The source can be loaded and the target stored to. While a page is copied,
    /// nobody stores to it through `held`, the places of ours that show the source pages:
    /// so its bytes are those of one moment.
    ///
    /// On error a part may have been copied: `Unmapped` when memory was taken away or
    /// protected meanwhile.
    fn transfer(&mut self, held: &[Showing], from: Va, to: Va, bytes: u64) -> Result<(), Refusal>;

    /// Says what the child of a fork gets of `range`, whatever it comes to show later:
    /// what a fork makes of the mappings that stand there (`Copy`, `Share`), or nothing.
    /// The range is fully mapped; releasing it ends that. Machines that never fork need
    /// not care.
    ///
    /// On error a part may be said so: the core says again what was.
    fn inherit(&mut self, range: PageRange, inheritance: Inheritance) -> Result<(), Refusal> {
        let _ = (range, inheritance);
        Ok(())
    }

    /// Whether a process was forked since this was last asked that may still show what is
    /// shown here: that it was not, or that it may have been.
    fn followers(&mut self) -> Followers {
        Followers::None
    }

    /// Whether a range of ours is there: asked in the child of a fork that nobody prepared.
    fn holds(&self, range: PageRange) -> bool {
        let _ = range;
        true
    }

    /// Forgets a range of ours that is not there: this is the child of a fork that it did
    /// not get it from. Others may have taken its place.
    fn forsake(&mut self, range: PageRange) {
        let _ = range;
    }

    /// Reports every mapped range, ours and others', in ascending order, widened
    /// by the room that others need to grow.
    fn occupied(&self, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal>;

    /// What stands at `at`, which no region of ours covers; the core asks for user
    /// addresses only. The run may reach into regions of ours that touch it and look
    /// alike. Takes no locks and no memory: it may run in a signal handler.
    fn foreign(&self, at: Va) -> Result<ForeignRun, Refusal>;

    /// Changes the access of mappings that are not ours. `range` is fully mapped.
    ///
    /// On error the access is as before.
    fn protect_foreign(&mut self, range: PageRange, access: Access) -> Result<(), Refusal>;

    /// Copies bytes out, and returns how many: all up to the first byte that
    /// cannot be loaded.
    fn read(&self, at: Va, into: &mut [u8]) -> usize;

    /// Copies bytes in, and returns how many: all up to the first byte that
    /// cannot be stored.
    fn write(&mut self, at: Va, from: &[u8]) -> usize;
}
