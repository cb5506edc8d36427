//! The verbs that every address space understands: the own process, another one,
//! and an emulated guest.

use pagewright_core::{
    Alias, Allocate, AttributeRange, CopyRange, FrameCall, Free, Info, Lock, Map, Mark, PageRange, Protect,
    Protection, Recycle, Remap, Restrict, Rights, Surveyed, Survival, Unmap, WireRange, Written,
};

use crate::error::Result;

/// An address space with the full contract.
///
/// Every call is all or nothing unless it says otherwise, and safe to make from
/// several threads; callers are served one after the other. Addresses and sizes
/// are bytes.
pub trait Memory {
    /// Reserves, commits, or both. Answers the range, rounded to granule and page.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::allocate`]; nothing has changed.
    fn allocate(&self, request: &Allocate) -> Result<PageRange>;

    /// Decommits or releases. Answers the range, rounded to pages.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::free`]; nothing has changed.
    fn free(&self, request: &Free) -> Result<PageRange>;

    /// Changes protection. Answers what the first page had.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::protect`]; nothing has changed.
    fn protect(&self, request: &Protect) -> Result<Protection>;

    /// Wires pages into memory, or lets them go. Answers the range, rounded to pages.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::lock`].
    fn lock(&self, request: &Lock) -> Result<PageRange>;

    /// Shows the pages of one range in a second place, too: a store through either is seen
    /// through both. Answers the range of the new view.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::alias`]; no page shows anything else.
    fn alias(&self, request: &Alias) -> Result<PageRange>;

    /// Copies bytes from place to place, as if all were read before any is written;
    /// whole pages lazily where that pays. Answers how many.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::copy`]; everything is checked before
    /// anything is changed.
    fn copy(&self, request: &CopyRange) -> Result<u64>;

    /// Makes new pages of zeros, page by page and not by granule. Answers the range.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::map`].
    fn map(&self, request: &Map) -> Result<PageRange>;

    /// Releases every page of ours in a range, whichever allocations they belong to.
    /// Answers the range, rounded to pages.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::unmap`].
    fn unmap(&self, request: &Unmap) -> Result<PageRange>;

    /// Changes what may be done with pages now, or ever, in any number of allocations.
    /// Answers the range, rounded to pages.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::restrict`]; nothing has changed.
    fn restrict(&self, request: &Restrict) -> Result<PageRange>;

    /// Changes an attribute of pages, in any number of allocations. Answers the range,
    /// rounded to pages.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::attribute`]; nothing has changed.
    fn attribute(&self, request: &AttributeRange) -> Result<PageRange>;

    /// Wires pages once more, or lets them go once. Answers the range, rounded to pages.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::wire_range`]; nothing has changed.
    fn wire_range(&self, request: &WireRange) -> Result<PageRange>;

    /// Maps pages a second time. Answers the new range, and the rights that all of it has
    /// and may have.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::remap`].
    fn remap(&self, request: &Remap) -> Result<(PageRange, Rights, Rights)>;

    /// Which pages of a watched range were stored to, as runs in ascending order.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::written`]; nothing has changed.
    fn written(&self, request: &Written) -> Result<Vec<PageRange>>;

    /// Notes stores to watched memory that no processor made, or forgets all.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::mark`]; nothing has changed.
    fn mark(&self, request: &Mark) -> Result<()>;

    /// Lets the system have content that can be made again, or takes it back; answers
    /// whether all of it is there.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::recycle`]; nothing has changed.
    fn recycle(&self, request: &Recycle) -> Result<Survival>;

    /// Takes, maps, unmaps or gives back frames of physical memory; answers which were
    /// taken or given back.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::frames`]; nothing has changed.
    fn frames(&self, call: FrameCall<'_>) -> Result<Vec<u64>>;

    /// What stands at `at`, or else the next thing above it, as far as it is alike.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::survey`].
    fn survey(&self, at: u64) -> Result<Surveyed>;

    /// What stands at `at`, from its page to the last one that is alike.
    ///
    /// # Errors
    /// See [`pagewright_core::AddressSpace::query`].
    fn query(&self, at: u64) -> Result<Info>;

    /// Copies bytes out, up to the first one that cannot be loaded, and answers
    /// how many: fewer than asked means that the next byte is inaccessible.
    ///
    /// # Errors
    /// When the process has ended or may not be read at all.
    fn read(&self, at: u64, into: &mut [u8]) -> Result<usize>;

    /// Copies bytes in, up to the first one that cannot be stored, and answers how
    /// many. Protection is respected.
    ///
    /// # Errors
    /// When the process has ended or may not be written at all.
    fn write(&self, at: u64, from: &[u8]) -> Result<usize>;

    /// Copies bytes into pages that are mapped but not writable, as a debugger
    /// does, without changing their protection. Answers how many.
    ///
    /// # Errors
    /// When the process has ended or may not be written at all.
    fn poke(&self, at: u64, from: &[u8]) -> Result<usize>;

    /// The highest user address.
    fn highest(&self) -> u64;
}
