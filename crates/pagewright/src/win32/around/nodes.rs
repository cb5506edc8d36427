//! The NUMA nodes of the machine: their processors and their memory.

use std::fs;

use pagewright_linux::sys;

use super::super::calls::{answer, require_pointer};
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::status::NtStatus;
use super::super::types::BOOL;
use super::text::{figure, mask};
use super::types::GROUP_AFFINITY;
use crate::privilege::highest_node;

/// A bit for each processor of a node, of the first 64. FALSE and a last error on failure: 87 for
/// no node.
///
/// # Safety
/// `processormask` is NULL or valid.
pub unsafe extern "system" fn GetNumaNodeProcessorMask(node: u8, processormask: *mut u64) -> BOOL {
    // SAFETY: the caller vouches for the pointer.
    unsafe { told(processormask, || processors(node.into())) }
}

/// [`GetNumaNodeProcessorMask`] with the group of the processors.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn GetNumaNodeProcessorMaskEx(
    node: u16,
    processormask: *mut GROUP_AFFINITY,
) -> BOOL {
    let affinity = || Ok(GROUP_AFFINITY { Mask: processors(node)? as usize, ..Default::default() });
    // SAFETY: the caller vouches for the pointer.
    unsafe { told(processormask, affinity) }
}

/// Bytes of a node's memory that can be had. FALSE and a last error on failure: 87 for no node.
///
/// # Safety
/// `availablebytes` is NULL or valid.
pub unsafe extern "system" fn GetNumaAvailableMemoryNode(node: u8, availablebytes: *mut u64) -> BOOL {
    // SAFETY: the caller vouches for the pointer.
    unsafe { told(availablebytes, || available(node.into())) }
}

/// [`GetNumaAvailableMemoryNode`] for any number of nodes.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn GetNumaAvailableMemoryNodeEx(node: u16, availablebytes: *mut u64) -> BOOL {
    // SAFETY: the caller vouches for the pointer.
    unsafe { told(availablebytes, || available(node)) }
}

/// The node of a processor. FALSE and a last error on failure: 87 for no processor.
///
/// # Safety
/// `nodenumber` is NULL or valid.
pub unsafe extern "system" fn GetNumaProcessorNode(processor: u8, nodenumber: *mut u8) -> BOOL {
    let node = || {
        let has = |node: &u16| {
            processors(*node).is_ok_and(|mask| mask.checked_shr(processor.into()).unwrap_or(0) & 1 != 0)
        };
        let node = (0..=highest_node()).find(has).and_then(|node| u8::try_from(node).ok());
        node.ok_or_else(|| no_such("processor", processor.into()))
    };
    // SAFETY: the caller vouches for the pointer.
    unsafe { told(nodenumber, node) }
}

/// The node of a proximity domain: Linux numbers both alike. FALSE and a last error on failure.
///
/// # Safety
/// `nodenumber` is NULL or valid.
pub unsafe extern "system" fn GetNumaProximityNode(proximityid: u32, nodenumber: *mut u8) -> BOOL {
    let node = || {
        let known = u8::try_from(proximityid).ok().filter(|node| u16::from(*node) <= highest_node());
        known.ok_or_else(|| no_such("proximity domain", proximityid.into()))
    };
    // SAFETY: the caller vouches for the pointer.
    unsafe { told(nodenumber, node) }
}

/// # Safety
/// `into` is NULL or valid.
unsafe fn told<T>(into: *mut T, find: impl FnOnce() -> Result<T, Failure>) -> BOOL {
    answer(caught(|| {
        require_pointer(into.is_null(), "pointer for the answer")?;
        let found = find()?;
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { into.write_unaligned(found) };
        Ok(())
    }))
}

/// Kernels that know no nodes have one, with all processors.
fn processors(node: u16) -> Result<u64, Failure> {
    check(node)?;
    let list = fs::read_to_string(format!("/sys/devices/system/node/node{node}/cpulist")).ok();
    let all = || u64::MAX >> (u64::BITS - sys::processors().clamp(1, u64::BITS));
    Ok(list.and_then(|list| mask(&list)).unwrap_or_else(all))
}

fn available(node: u16) -> Result<u64, Failure> {
    check(node)?;
    let of_node = fs::read_to_string(format!("/sys/devices/system/node/node{node}/meminfo"));
    let free = of_node.ok().and_then(|text| figure(&text, "MemFree:"));
    let of_all = || figure(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:");
    free.or_else(of_all).ok_or_else(|| no_such("node", node.into()))
}

fn check(node: u16) -> Result<(), Failure> {
    if node <= highest_node() { Ok(()) } else { Err(no_such("node", node.into())) }
}

fn no_such(what: &'static str, value: u64) -> Failure {
    Failure::argument(NtStatus::INVALID_PARAMETER, what, value, "the machine has none with this number")
}
