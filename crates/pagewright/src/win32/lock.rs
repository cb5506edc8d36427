//! `VirtualLock`, `VirtualUnlock`.

use pagewright_core::{Lock, Wiring};

use super::failure::Failure;
use crate::memory::Memory;

/// What `VirtualLock` does (VL01 to VL09).
///
/// # Errors
/// Those of the VL rows. Nothing is locked that was not before; a guard that was
/// met is disarmed (GP06).
pub fn virtual_lock<M: Memory + ?Sized>(memory: &M, address: u64, size: u64) -> Result<(), Failure> {
    wire(memory, address, size, Wiring::Wired)
}

/// What `VirtualUnlock` does (VL10 to VL13).
///
/// # Errors
/// 158 when a page of the range is not locked; nothing is unlocked.
pub fn virtual_unlock<M: Memory + ?Sized>(memory: &M, address: u64, size: u64) -> Result<(), Failure> {
    wire(memory, address, size, Wiring::Pageable)
}

fn wire<M: Memory + ?Sized>(memory: &M, at: u64, size: u64, wiring: Wiring) -> Result<(), Failure> {
    memory.lock(&Lock { at, size, wiring, quota: None })?;
    Ok(())
}
