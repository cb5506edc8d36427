//! The machine of a Linux process: its own mappings as a cache of the truth.
//!
//! A reservation is one `PROT_NONE` mapping. What a commit does depends on the
//! [`Strategy`], chosen once:
//!
//! ```text
//!   markers   the first commit inside of a 2 MiB chunk opens it: guard markers on
//!             every page, then access for the chunk. From there on a commit removes
//!             markers and a decommit installs them: no mapping is made or split.
//!   mprotect  a commit gives access to its pages, a decommit maps PROT_NONE over
//!             them: two splits of a mapping each, within the budget.
//! ```
//!
//! Markers erase what is under them, so they only ever stand on pages that have no
//! content: those that are not committed, and untouched ones whose guard is armed.
//!
//! Pages that are aliased or copied are mapped from an object, a file in memory: shared,
//! or private as a snapshot. Then the kernel does the copy-on-write.

mod budget;
mod caught;
mod commit;
mod fault_fd;
mod follow;
mod frames;
mod freeze;
mod fresh;
mod guard;
mod inherit;
mod letgo;
mod maps;
mod numa;
mod object;
mod pages;
mod posted;
mod promote;
mod ranges;
mod recognise;
mod resync;
mod sentry;
mod show;
mod shown;
mod special;
mod stash;
mod strategy;
mod survey;
mod takeout;
mod transfer;
mod undo;
mod watch;
mod yielded;

pub use budget::{Budget, count_mappings, mapping_limit};
pub use fault_fd::{Faults, Keeper};
pub use frames::available_frames;
pub use freeze::{Freezer, Freezing};
pub use guard::{open_page, take_marker};
pub use maps::{Mapping, MapsFile, Sharing, each_mapping, foreign};
pub use numa::highest_node;
pub use pages::PageList;
pub use sentry::Guarding;
pub use strategy::{Choice, Reason, Strategy};
pub use watch::{
    WatchChoice, WatchHelp, WatchReason, WatchWay, hold_stores, note_fault, open_trapped, pass_store,
    serve_stores,
};

use alloc::vec::Vec;

use pagewright_core::interval::IntervalMap;
use pagewright_core::{
    Access, After, Content, Followers, ForeignRun, Geometry, Inheritance, Machine, ObjectId, PageRange,
    Refusal, Showing, Survival, Traits, Truth, Va, View,
};

use crate::sys::{self, Advice, Backing, Errno, Prot};
use fault_fd::FaultFd;
use follow::Canary;
use fresh::Placing;
use inherit::Withheld;
use numa::has_node;
use object::Objects;
use ranges::Ranges;
use sentry::Sentry;
use shown::Shown;
use special::Wishes;
use watch::Watched;
use yielded::Yielded;

/// Bytes of a chunk: what one page table maps.
pub const CHUNK: u64 = 2 << 20;

/// The user range, with a search base that differs from process to process: a place
/// that nobody can guess is as good for allocations as it is for libraries.
pub fn scattered_geometry() -> Geometry {
    let mut random = [0; 4];
    let granules = match sys::getrandom(&mut random) {
        Ok(_) => u64::from(u32::from_ne_bytes(random) >> 3),
        Err(_) => 0,
    };
    let base = Geometry::X86_64;
    Geometry { search_from: base.search_from + granules * base.granule, ..base }
}

/// What the kernel was told about a part of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Open: every page has this access, and pages without memory are marked.
    Marked {
        /// The access of the mapping.
        access: Access,
        /// Whether some page may have another one.
        uniformity: Uniformity,
    },
    /// The kernel takes no markers here; pages have the access of their state.
    Split,
}

/// Whether all pages of a chunk have its access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uniformity {
    /// All of them.
    Uniform,
    /// Some may differ.
    Mixed,
}

/// This process, as a machine.
#[derive(Clone, Debug)]
pub struct Linux {
    placing: Placing,
    geometry: Geometry,
    pid: i32,
    choice: Choice,
    maps: MapsFile,
    /// The parts of our regions that are open; disjoint, each inside of one chunk
    /// or a run of whole ones.
    chunks: IntervalMap<Chunk>,
    budget: Budget,
    objects: Objects,
    /// What is mapped from objects.
    shown: Shown,
    /// What a forked child does not get.
    withheld: Withheld,
    /// What memory is wished to be made of.
    wishes: Wishes,
    /// What the kernel may have dropped.
    yielded: Yielded,
    /// Whether that can be taken back, once it was tried.
    takes_back: Option<bool>,
    /// What tells of forked children, once there are objects.
    canary: Option<Canary>,
    /// How stores are held back, once that was needed.
    freezer: Option<Freezer>,
    /// What catches the accesses to guards and notes the stores to watched memory.
    faults: FaultFd,
    /// The guards that are met by waiting.
    sentry: Sentry,
    /// Memory of which stores are noted.
    watched: Watched,
    /// Committed pages that may have a marker, because their guard is armed.
    marked: Ranges,
}

impl Linux {
    /// This process, with the strategy that the kernel permits.
    pub fn new(geometry: Geometry, maps: MapsFile) -> Self {
        Self::with(geometry, maps, Choice::probe())
    }

    /// This process, with a strategy that somebody chose.
    pub fn with(geometry: Geometry, maps: MapsFile, choice: Choice) -> Self {
        Self::of(sys::getpid(), geometry, maps, choice)
    }

    fn of(pid: i32, geometry: Geometry, maps: MapsFile, choice: Choice) -> Self {
        Self {
            geometry,
            placing: Placing::Free,
            pid,
            choice,
            maps,
            chunks: IntervalMap::default(),
            budget: Budget::new(),
            objects: Objects::default(),
            shown: Shown::new(geometry.page),
            withheld: Withheld::default(),
            wishes: Wishes::default(),
            yielded: Yielded::default(),
            takes_back: None,
            canary: None,
            freezer: None,
            faults: FaultFd::default(),
            sentry: Sentry::default(),
            watched: Watched::default(),
            marked: Ranges::default(),
        }
    }

    /// A machine that only answers [`Machine::foreign`]: for queries beside a writer.
    /// Takes no memory and makes no system call.
    pub fn viewer(geometry: Geometry) -> Self {
        Self::of(0, geometry, MapsFile::OnDemand, Choice::default())
    }

    /// The strategy, and why.
    pub const fn choice(&self) -> Choice {
        self.choice
    }

    /// After a fork: this is another process now, with a copy of everything.
    pub fn reidentify(&mut self) {
        self.pid = sys::getpid();
        self.faults.forget();
        self.watched.reidentify();
        self.reinstate();
        self.replant();
    }

    /// After a fork that did not take the thread of this machine along: another process,
    /// and another descriptor table, where the old number may mean anybody's file.
    pub fn inherit(&mut self, maps: MapsFile) {
        core::mem::forget(core::mem::replace(&mut self.maps, maps));
        self.lose_descriptors();
        self.faults.lose();
        self.watched.lose_descriptors();
        self.budget = Budget::new();
        self.reidentify();
    }

    fn refusal(&mut self, error: Errno) -> Refusal {
        match error {
            Errno::EEXIST => Refusal::Occupied,
            Errno::ENOMEM if self.budget.is_exhausted() => Refusal::MapBudget,
            Errno::ENOMEM | Errno::EAGAIN => Refusal::OutOfMemory,
            Errno::EACCES | Errno::EPERM => Refusal::Denied,
            other => Refusal::Other(other.raw() as u16),
        }
    }

    fn told(&mut self, result: sys::Result<()>) -> Result<(), Refusal> {
        result.map_err(|error| self.refusal(error))
    }

    fn mprotect(&mut self, range: PageRange, access: Access) -> Result<(), Refusal> {
        self.budget.need(2)?;
        if self.watched.is_trapped(range) {
            let result = self.watched.protect_trapped(range, access);
            return self.told(result);
        }
        // SAFETY: the range is ours, or the caller of the verb vouched for it; who
        // changes the protection of memory in use gets the faults that it asked for.
        let result = unsafe { sys::mprotect(addr(range), len(range), prot(access)) };
        self.told(result)
    }

    fn advise(&mut self, range: PageRange, advice: Advice) -> sys::Result<()> {
        // SAFETY: the range is ours, and the truth says that its pages have no
        // content (install) or are to be accessible (remove).
        unsafe { sys::madvise(addr(range), len(range), advice) }
    }

    /// Restores the access of foreign mappings after a change that failed half-way.
    fn restore(&mut self, before: &[Mapping], range: PageRange) {
        for mapping in before {
            let whole = PageRange::between(mapping.start, mapping.end);
            if let Some(part) = whole.and_then(|whole| whole.intersection(range)) {
                // Going back merges mappings again, so it needs nothing.
                let _ = self.mprotect(part, mapping.access);
            }
        }
    }
}

impl Machine for Linux {
    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn reserve(&mut self, range: PageRange, access: Option<Access>) -> Result<(), Refusal> {
        self.placing = Placing::Free;
        self.reserve_with_guards(range, access)
    }

    fn reserve_special(
        &mut self,
        range: PageRange,
        access: Option<Access>,
        traits: Traits,
    ) -> Result<(), Refusal> {
        self.placing = Placing::Free;
        self.make(range, access, traits)
    }

    fn renew(&mut self, range: PageRange, access: Option<Access>, traits: Traits) -> Result<(), Refusal> {
        self.tell_before_loss(range);
        self.placing = Placing::Over;
        let made = self.make(range, access, traits);
        self.placing = Placing::Free;
        made
    }

    fn written(
        &mut self,
        _region: PageRange,
        range: PageRange,
        limit: u64,
        after: After,
        report: &mut dyn FnMut(PageRange),
    ) -> Result<(), Refusal> {
        self.written_pages(range, limit, after, report)
    }

    fn written_list(
        &mut self,
        _region: PageRange,
        range: PageRange,
        limit: u64,
        after: After,
        list: &mut Vec<PageRange>,
    ) -> Result<(), Refusal> {
        self.written_pages(range, limit, after, &mut watch::Listed(list))
    }

    fn forget_written(&mut self, _region: PageRange, range: PageRange) -> Result<(), Refusal> {
        self.written_pages(range, u64::MAX, After::Forget, &mut |_: PageRange| {})
    }

    fn yield_content(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        let _ = region;
        self.yield_pages(range);
        Ok(())
    }

    fn keep(&mut self, region: PageRange, range: PageRange) -> Result<Survival, Refusal> {
        let _ = region;
        self.keep_pages(range)
    }

    fn commit(&mut self, region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal> {
        self.settle_for(range, access);
        self.with_guards(range, access, |machine, access| machine.commit_pages(region, range, access))?;
        self.arm_fresh(range)
    }

    fn decommit(&mut self, region: PageRange, range: PageRange) -> Result<(), Refusal> {
        self.tell_before_loss(range);
        self.decommit_pages(region, range)?;
        self.watched.emptied(range);
        self.forsake_guards(range);
        self.yielded.forget(range);
        Ok(())
    }

    fn protect(&mut self, region: PageRange, range: PageRange, access: Access) -> Result<(), Refusal> {
        self.settle_for(range, access);
        self.with_guards(range, access, |machine, access| machine.protect_pages(region, range, access))
    }

    fn release(&mut self, _region: PageRange, range: PageRange) -> Result<(), Refusal> {
        self.budget.note(1);
        self.tell_before_loss(range);
        // SAFETY: the range lies in a region of ours that its owner gives back.
        let result = unsafe { sys::munmap(addr(range), len(range)) };
        self.told(result)?;
        self.forsake_pages(range);
        Ok(())
    }

    fn wire(&mut self, range: PageRange) -> Result<(), Refusal> {
        self.budget.need(2)?;
        let Err(error) = sys::mlock(addr(range), len(range)) else { return Ok(()) };
        // The kernel may have locked a prefix.
        let _ = sys::munlock(addr(range), len(range));
        Err(match error {
            Errno::ENOMEM | Errno::EPERM | Errno::EAGAIN => Refusal::LockQuota,
            Errno::EFAULT => Refusal::Unmapped,
            other => self.refusal(other),
        })
    }

    fn unwire(&mut self, range: PageRange) -> Result<(), Refusal> {
        let result = sys::munlock(addr(range), len(range));
        self.told(result)
    }

    fn resync(&mut self, region: PageRange, range: PageRange, truth: &dyn Truth) {
        self.rederive_guarded(region, range, truth);
    }

    fn create(&mut self, object: ObjectId, pages: u64) -> Result<(), Refusal> {
        self.create_object(object, pages)
    }

    fn create_frames(&mut self, object: ObjectId, pages: u64, node: Option<u16>) -> Result<(), Refusal> {
        self.create_framed(object, pages, node)
    }

    fn discard(&mut self, object: ObjectId, first: u64, pages: u64) {
        self.discard_pages(object, first, pages);
    }

    fn close(&mut self, object: ObjectId) {
        self.close_object(object);
    }

    fn show(
        &mut self,
        region: PageRange,
        range: PageRange,
        content: Content,
        access: Access,
    ) -> Result<(), Refusal> {
        self.show_with_guards(region, range, content, access)
    }

    fn promote(&mut self, places: &[Showing], content: Content) -> Result<(), Refusal> {
        places.iter().for_each(|place| self.settle(place.range));
        self.promote_with_guards(places, content)
    }

    fn recognise(&self, range: PageRange) -> Option<Content> {
        self.recognise_object(range)
    }

    fn privatised(&self, range: PageRange, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal> {
        self.privatised_pages(range, report)
    }

    fn transfer(&mut self, held: &[Showing], from: Va, to: Va, bytes: u64) -> Result<(), Refusal> {
        self.transfer_bytes(held, from, to, bytes)
    }

    fn inherit(&mut self, range: PageRange, inheritance: Inheritance) -> Result<(), Refusal> {
        self.bequeath(range, inheritance)
    }

    fn followers(&mut self) -> Followers {
        self.look_for_followers()
    }

    fn holds(&self, range: PageRange) -> bool {
        self.is_there(range)
    }

    fn forsake(&mut self, range: PageRange) {
        self.forsake_pages(range);
    }

    fn occupied(&self, report: &mut dyn FnMut(PageRange)) -> Result<(), Refusal> {
        maps::occupied(report).map_err(|error| Refusal::Other(error.raw() as u16))
    }

    fn foreign(&self, at: Va) -> Result<ForeignRun, Refusal> {
        maps::foreign(&self.maps, at.get(), self.geometry.user_end())
            .map_err(|error| Refusal::Other(error.raw() as u16))
    }

    fn protect_foreign(&mut self, range: PageRange, access: Access) -> Result<(), Refusal> {
        let mut before: Vec<Mapping> = Vec::new();
        let listed = each_mapping(&mut |mapping, _| {
            if mapping.start < range.end().get() && range.start().get() < mapping.end {
                before.push(*mapping);
            }
        });
        self.told(listed)?;
        self.mprotect(range, access).inspect_err(|_| self.restore(&before, range))
    }

    fn read(&self, at: Va, into: &mut [u8]) -> usize {
        sys::process_vm_readv(self.pid, into, at.get() as usize).unwrap_or(0)
    }

    fn write(&mut self, at: Va, from: &[u8]) -> usize {
        open_trapped(at.get(), from.len() as u64);
        // SAFETY: the caller of the verb names memory of its process to be
        // overwritten; the kernel does the store and reports a hole as an error.
        unsafe { sys::process_vm_writev(self.pid, from, at.get() as usize) }.unwrap_or(0)
    }
}

/// What a mapping of an object is made of.
const fn object_view(fd: i32, content: Content, page: u64) -> Backing {
    let offset = content.first * page;
    match content.view {
        View::Shared => Backing::Shared { fd, offset },
        View::Snapshot => Backing::Private { fd, offset },
    }
}

const fn addr(range: PageRange) -> usize {
    range.start().get() as usize
}

const fn len(range: PageRange) -> usize {
    range.bytes() as usize
}

fn prot(access: Access) -> Prot {
    let access = access.now();
    let mut prot = Prot::NONE;
    for (right, kernel) in
        [(Access::READ, Prot::READ), (Access::WRITE, Prot::WRITE), (Access::EXECUTE, Prot::EXEC)]
    {
        if access.contains(right) {
            prot = prot.with(kernel);
        }
    }
    prot
}
