//! `AllocPhysMem`: memory with a physical address, as far as this process is concerned.
//!
//! The address is a token: no device knows it, and no other process. In this one it names
//! the memory as a granted window does, so that what drivers do next works:
//! `VirtualCopy(…, address >> 8, …, PAGE_PHYSICAL)`.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use pagewright_core::{Free, Geometry, Kind, Onto, PageRange, Place, Protection, Verb, Window};
use rustix::fs::{MemfdFlags, SealFlags};

use super::alias::{Source, View};
use super::failure::Failure;
use super::mode::KernelMode;
use super::physical::{self, WindowId};
use crate::memory::Memory;
use crate::own;
use crate::process::Process;
use crate::share::Edges;

/// Where tokens are: addresses that 32 bits can name, as the call answers them.
const TOKENS: (u64, u64) = (0x1000_0000, 0xf000_0000);
/// What results are aligned to.
const GRANULE: u64 = 0x1_0000;

/// The window behind each address that was answered.
static ALLOCATED: Mutex<Option<HashMap<u64, WindowId>>> = Mutex::new(None);

/// Memory that [`alloc_phys_mem`] made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhysicalMemory {
    /// Where it is in this process.
    pub address: u64,
    /// The token that stands for its physical address.
    pub physical: u64,
}

/// Allocates memory with a physical address: whole pages of zeros, aligned to 64 KiB here
/// and there, and to `alignment_mask` plus one there.
///
/// # Errors
/// 87 for a size of 0, a protection that is none, or a mask that is not one less than a
/// power of two; 8 when memory, descriptors or tokens run out. Nothing is allocated.
pub fn alloc_phys_mem(
    _: &KernelMode,
    size: u64,
    protection: Protection,
    alignment_mask: u64,
) -> Result<PhysicalMemory, Failure> {
    let length = Geometry::X86_64.round_size(size).filter(|length| *length > 0);
    let length = length.ok_or(Failure::core(Verb::Allocate, Kind::ZeroSize, 0, size))?;
    let alignment = alignment_mask.checked_add(1).filter(|unit| unit.is_power_of_two());
    let fix = "give one less than a power of two";
    let alignment = alignment.ok_or(Failure::argument("alignment mask", alignment_mask, fix))?.max(GRANULE);
    let within = PageRange::between(TOKENS.0, TOKENS.1).ok_or(no_token())?;
    let (window, physical) =
        physical::grant_somewhere(within, length, alignment, file(length)?).ok_or(no_token())?;
    let view = View { source: Source::Physical(physical), size: length, protection, edges: Edges::Strict };
    let onto = Onto::Fresh(Place::Window(Window::ANYWHERE));
    match physical::show(&Process::current(), onto, physical, &view) {
        Ok(receipt) => {
            let mut allocated = ALLOCATED.lock().unwrap_or_else(PoisonError::into_inner);
            allocated.get_or_insert_default().insert(receipt.base, window);
            Ok(PhysicalMemory { address: receipt.base, physical })
        }
        Err(failure) => {
            physical::revoke(window);
            Err(failure)
        }
    }
}

/// Frees memory of [`alloc_phys_mem`] by its address here. Its physical address names
/// nothing from now on; views of it keep the bytes until they are freed.
///
/// # Errors
/// 87 for any other address, and nothing has changed.
pub fn free_phys_mem(_: &KernelMode, address: u64) -> Result<(), Failure> {
    let mut allocated = ALLOCATED.lock().unwrap_or_else(PoisonError::into_inner);
    let window = allocated.as_ref().and_then(|map| map.get(&address)).copied();
    let fix = "give an address that AllocPhysMem answered";
    let window = window.ok_or(Failure::argument("address", address, fix))?;
    Process::current().free(&Free::release(address))?;
    physical::revoke(window);
    if let Some(map) = allocated.as_mut() {
        map.remove(&address);
    }
    Ok(())
}

/// A file in memory that keeps its size.
fn file(length: u64) -> Result<OwnedFd, Failure> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let made = rustix::fs::memfd_create(c"pagewright-physical", flags).and_then(|file| {
        rustix::fs::ftruncate(&file, length)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW)?;
        Ok(file)
    });
    made.map_err(|_| Failure::exhausted("there is no descriptor or no memory left; close some files"))
}

const fn no_token() -> Failure {
    Failure::exhausted("no physical addresses are left to name the memory; free some")
}

/// Keeps everybody else from the list, for a fork.
pub(super) fn hold() -> Option<own::Held> {
    own::hold_mutex(&ALLOCATED)
}
