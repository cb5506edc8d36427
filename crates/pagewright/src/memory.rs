//! The verbs that every address space understands: the own process, another one,
//! and an emulated guest.

use pagewright_core::{Allocate, Free, Info, Lock, PageRange, Protect, Protection};

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
