//! `VirtualLock`, `VirtualUnlock`.

use pagewright_core::{Lock, Wiring};

use super::failure::Failure;
use super::limits::WorkingSet;
use crate::memory::Memory;

/// What `VirtualLock` does (VL01 to VL09) in a process whose working set has the limits that
/// every process begins with: 42 pages can be locked.
///
/// # Errors
/// Those of the VL rows: 998, 87, 1453. Nothing is locked that was not before; a guard that
/// was met is disarmed (GP06).
pub fn virtual_lock<M: Memory + ?Sized>(memory: &M, address: u64, size: u64) -> Result<(), Failure> {
    virtual_lock_within(memory, address, size, &WorkingSet::default())
}

/// The same with other limits (VL17 to VL19).
///
/// # Errors
/// As [`virtual_lock`].
pub fn virtual_lock_within<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    limits: &WorkingSet,
) -> Result<(), Failure> {
    memory.lock(&Lock { at: address, size, wiring: Wiring::Wired, quota: Some(limits.lockable()) })?;
    Ok(())
}

/// What `VirtualUnlock` does (VL10 to VL13).
///
/// # Errors
/// 158 when a page of the range is not locked; nothing is unlocked.
pub fn virtual_unlock<M: Memory + ?Sized>(memory: &M, address: u64, size: u64) -> Result<(), Failure> {
    memory.lock(&Lock { at: address, size, wiring: Wiring::Pageable, quota: None })?;
    Ok(())
}
