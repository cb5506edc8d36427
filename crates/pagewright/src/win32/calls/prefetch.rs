//! What will be used soon, and stores that others are to see now.

use std::sync::OnceLock;

use pagewright_core::{Geometry, Kind, Verb};
use rustix::thread::{MembarrierCommand, MembarrierQuery, membarrier, membarrier_query};

use super::super::advice::{self, Advice, Span};
use super::super::failure::Failure;
use super::super::handles::{self, Need};
use super::super::records::WIN32_MEMORY_RANGE_ENTRY;
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE};
use super::answer;
use super::memory::require_pointer;

/// Says that ranges of a process will be used soon: they are brought in together, in one call
/// of the kernel for each thousand. Purely advisory: what is not there is passed over. FALSE and a
/// last error for bad arguments.
///
/// # Safety
/// `virtualaddresses` is NULL or has `numberofentries` of them.
pub unsafe extern "system" fn PrefetchVirtualMemory(
    hprocess: HANDLE,
    numberofentries: usize,
    virtualaddresses: *const WIN32_MEMORY_RANGE_ENTRY,
    flags: u32,
) -> BOOL {
    // SAFETY: the caller vouches for the array.
    answer(unsafe { prefetch(hprocess, numberofentries, virtualaddresses, flags) })
}

/// Says that ranges of a process will be used soon.
///
/// # Errors
/// Those of the rows PF01 to PF11, and of the handle.
///
/// # Safety
/// `first` is NULL or points to `entries` ranges.
pub(in crate::win32) unsafe fn prefetch(
    process: HANDLE,
    entries: usize,
    first: *const WIN32_MEMORY_RANGE_ENTRY,
    flags: u32,
) -> Result<(), Failure> {
    check(entries, flags)?;
    require_pointer(first.is_null(), "array of the ranges")?; // PF10
    // SAFETY: the caller vouches for that many.
    let entry = |index| unsafe { first.add(index).read_unaligned() };
    let spans = (0..entries).map(|index| span(entry(index))).collect::<Result<Vec<_>, _>>()?;
    let spans: Vec<_> = spans.into_iter().flatten().collect();
    handles::through(process, Need::Recount, |process| {
        if process.has_ended() {
            return Err(Failure::core(Verb::Query, Kind::Gone, 0, 0));
        }
        advice::give(process, &spans, Advice::WillNeed);
        Ok(())
    })
}

fn check(entries: usize, flags: u32) -> Result<(), Failure> {
    let refuse = |status, what, value, fix| Err(Failure::argument(status, what, value, fix));
    if flags != 0 {
        return refuse(NtStatus::INVALID_PARAMETER_5, "flags", flags.into(), "give 0"); // PF08
    }
    if entries == 0 || entries > isize::MAX as usize / size_of::<WIN32_MEMORY_RANGE_ENTRY>() {
        let fix = "give the number of ranges"; // PF01, PF09
        return refuse(NtStatus::INVALID_PARAMETER_3, "number of entries", entries as u64, fix);
    }
    Ok(())
}

/// The pages of an entry; `None` if there are none such (PF04). PF11: not of 0 bytes.
fn span(entry: WIN32_MEMORY_RANGE_ENTRY) -> Result<Option<Span>, Failure> {
    if entry.NumberOfBytes == 0 {
        let fix = "give the number of bytes of the range";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_4, "number of bytes", 0, fix));
    }
    let (at, size) = (entry.VirtualAddress.addr() as u64, entry.NumberOfBytes as u64);
    Ok(Span::touching(at, size, Geometry::X86_64.highest))
}

/// Makes every store of this process's other threads that was made before visible to this one,
/// and those of this one to them (PF20).
///
/// # Safety
/// None.
pub unsafe extern "system" fn FlushProcessWriteBuffers() {
    static BARRIER: OnceLock<MembarrierCommand> = OnceLock::new();
    // Both forms are there in every kernel that this crate serves, unless a filter forbids the
    // call; then there is nothing that would reach the other processors.
    let _ = membarrier(*BARRIER.get_or_init(barrier));
}

/// The fast form, if the kernel lets this process ask for it, else the one that waits for all processors.
fn barrier() -> MembarrierCommand {
    if membarrier_query().contains(MembarrierQuery::PRIVATE_EXPEDITED)
        && membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
    {
        return MembarrierCommand::PrivateExpedited;
    }
    MembarrierCommand::Global
}
