//! Physical pages and windows onto them (AWE): `AllocateUserPhysicalPages` and its kin.

use pagewright_core::{FrameCall, Kind, Verb};

use super::alloc::decode_node;
use super::failure::Failure;
use super::range::{self, PAGE};
use super::status::NtStatus;
use crate::memory::Memory;
use crate::privilege;

/// What `AllocateUserPhysicalPages` and its Numa form do: takes at most `count` pages of
/// physical memory, near `node` if that has some; perhaps fewer come (LP25). They belong to
/// the process until they are freed.
///
/// # Errors
/// 1314 without the privilege to lock memory (LP24), 87 when there is no such node.
pub fn allocate_user_physical_pages<M: Memory + ?Sized>(
    memory: &M,
    count: u64,
    node: u32,
) -> Result<Vec<u64>, Failure> {
    let node = decode_node(node)?;
    if !privilege::may_lock_pages() {
        return Err(Failure::core(Verb::Frames, Kind::Privilege, 0, count.saturating_mul(PAGE)));
    }
    if count == 0 {
        return Ok(Vec::new());
    }
    Ok(memory.frames(FrameCall::Allocate { count, node })?)
}

/// What `FreeUserPhysicalPages` does: gives pages back, and unmaps them wherever they are
/// mapped (LP29). All or none.
///
/// # Errors
/// 87 when one of them is not the process's.
pub fn free_user_physical_pages<M: Memory + ?Sized>(memory: &M, frames: &[u64]) -> Result<u64, Failure> {
    if frames.is_empty() {
        return Ok(0);
    }
    Ok(memory.frames(FrameCall::Free(frames))?.len() as u64)
}

/// What `MapUserPhysicalPages` does: maps one page after the other from `address` on,
/// instead of what is mapped there (LP30); without pages it unmaps `count` of them (LP27).
/// All or none.
///
/// # Errors
/// 87 when the range does not lie in one window, or a page is not the process's or mapped
/// elsewhere (LP26, LP28). Nothing has changed.
pub fn map_user_physical_pages<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    count: u64,
    frames: Option<&[u64]>,
) -> Result<(), Failure> {
    let at = address & !(PAGE - 1);
    range::check(Verb::Frames, at, count.saturating_mul(PAGE), memory.highest())?;
    let call = match frames {
        Some(frames) => FrameCall::Map { at, frames },
        None => FrameCall::Unmap { at, count },
    };
    memory.frames(call).map(drop).map_err(|error| in_one_code(error.into()))
}

/// What `MapUserPhysicalPagesScatter` does: the same for single addresses. Without
/// pages, all of them are unmapped; a page of 0 unmaps one. All or none.
///
/// # Errors
/// As [`map_user_physical_pages`]. Nothing has changed.
pub fn map_user_physical_pages_scatter<M: Memory + ?Sized>(
    memory: &M,
    addresses: &[u64],
    frames: Option<&[u64]>,
) -> Result<(), Failure> {
    let frame = |index: usize| Some(*frames?.get(index)?).filter(|frame| *frame != 0);
    let pair = |(index, at): (usize, &u64)| (at & !(PAGE - 1), frame(index));
    let pairs: Vec<_> = addresses.iter().enumerate().map(pair).collect();
    for (at, _) in &pairs {
        range::check(Verb::Frames, *at, PAGE, memory.highest())?;
    }
    if pairs.is_empty() {
        let fix = "give the number of addresses";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER, "number of pages", 0, fix));
    }
    memory.frames(FrameCall::Scatter(&pairs)).map(drop).map_err(|error| in_one_code(error.into()))
}

/// These calls say 87 of whatever is no window (LP26, LP28).
fn in_one_code(failure: Failure) -> Failure {
    match failure.status {
        NtStatus::CONFLICTING_ADDRESSES | NtStatus::MEMORY_NOT_ALLOCATED | NtStatus::NOT_COMMITTED => {
            failure.called(NtStatus::INVALID_PARAMETER)
        }
        _ => failure,
    }
}
