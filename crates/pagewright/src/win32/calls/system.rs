//! The last error, and what the system is like.

use std::arch::x86_64::__cpuid;
use std::ptr;

use pagewright_core::Geometry;
use pagewright_linux::sys;

use super::super::constants::PROCESSOR_ARCHITECTURE_AMD64;
use super::super::last_error;
use super::super::types::{BOOL, SYSTEM_INFO, SYSTEM_INFO_0, SYSTEM_INFO_0_0, WIN32_ERROR};
use super::answer;
use super::memory::require_pointer;
use crate::privilege::highest_node;

/// Why the last call of this thread failed. Calls that succeed leave it alone.
///
/// # Safety
/// None.
pub unsafe extern "system" fn GetLastError() -> WIN32_ERROR {
    last_error::get()
}

/// Sets what [`GetLastError`] answers in this thread.
///
/// # Safety
/// None.
pub unsafe extern "system" fn SetLastError(dwerrcode: WIN32_ERROR) {
    last_error::set(dwerrcode);
}

/// The size of a large page: 2 MiB on x86-64 (LP01).
///
/// # Safety
/// None.
pub const unsafe extern "system" fn GetLargePageMinimum() -> usize {
    2 << 20
}

/// The highest number of a node of the machine; 0 on a machine that has one. FALSE and a
/// last error on failure.
///
/// # Safety
/// `highestnodenumber` is NULL or valid.
pub unsafe extern "system" fn GetNumaHighestNodeNumber(highestnodenumber: *mut u32) -> BOOL {
    let asked = require_pointer(highestnodenumber.is_null(), "pointer for the node");
    if asked.is_ok() {
        // SAFETY: it is not NULL, and the caller vouches for it then.
        unsafe { highestnodenumber.write_unaligned(u32::from(highest_node())) };
    }
    answer(asked)
}

/// Says what the system is like: page and granule, user range, processors.
///
/// # Safety
/// `lpsysteminfo` is NULL, and nothing is said, or valid.
pub unsafe extern "system" fn GetSystemInfo(lpsysteminfo: *mut SYSTEM_INFO) {
    let geometry = Geometry::X86_64;
    let processors = sys::processors().max(1);
    let (level, revision) = processor();
    let Anonymous = SYSTEM_INFO_0 {
        Anonymous: SYSTEM_INFO_0_0 { wProcessorArchitecture: PROCESSOR_ARCHITECTURE_AMD64, wReserved: 0 },
    };
    let info = SYSTEM_INFO {
        Anonymous,
        dwPageSize: geometry.page as u32,
        lpMinimumApplicationAddress: ptr::without_provenance_mut(geometry.lowest as usize),
        lpMaximumApplicationAddress: ptr::without_provenance_mut(geometry.highest as usize),
        dwActiveProcessorMask: usize::MAX >> (usize::BITS - processors.min(usize::BITS)),
        dwNumberOfProcessors: processors,
        dwProcessorType: AMD_X8664,
        dwAllocationGranularity: geometry.granule as u32,
        wProcessorLevel: level,
        wProcessorRevision: revision,
    };
    if !lpsysteminfo.is_null() {
        // SAFETY: it is not NULL, and the caller vouches for it then.
        unsafe { lpsysteminfo.write_unaligned(info) };
    }
}

/// `PROCESSOR_AMD_X8664`.
const AMD_X8664: u32 = 8664;

/// Family, and model with stepping, as the processor tells them.
fn processor() -> (u16, u16) {
    let signature = __cpuid(1).eax;
    let field = |shift: u32, bits: u32| (signature >> shift) & ((1 << bits) - 1);
    let (stepping, family) = (field(0, 4), field(8, 4));
    let model = field(4, 4) | (field(16, 4) << 4);
    let level = if family == 15 { family + field(20, 8) } else { family };
    (level as u16, ((model << 8) | stepping) as u16)
}
