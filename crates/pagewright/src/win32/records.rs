//! The structures of the calls about working sets, field by field as `windows-sys` declares them.
#![allow(non_camel_case_types, non_snake_case, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::fmt;
use std::ptr;

/// A range of addresses for `PrefetchVirtualMemory`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WIN32_MEMORY_RANGE_ENTRY {
    /// Where it begins.
    pub VirtualAddress: *mut c_void,
    /// How many bytes it has.
    pub NumberOfBytes: usize,
}

impl Default for WIN32_MEMORY_RANGE_ENTRY {
    fn default() -> Self {
        Self { VirtualAddress: ptr::null_mut(), NumberOfBytes: 0 }
    }
}

/// A page that `QueryWorkingSetEx` is asked about, and what it answers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PSAPI_WORKING_SET_EX_INFORMATION {
    /// An address in the page.
    pub VirtualAddress: *mut c_void,
    /// The answer.
    pub VirtualAttributes: PSAPI_WORKING_SET_EX_BLOCK,
}

impl Default for PSAPI_WORKING_SET_EX_INFORMATION {
    fn default() -> Self {
        Self { VirtualAddress: ptr::null_mut(), VirtualAttributes: PSAPI_WORKING_SET_EX_BLOCK::default() }
    }
}

/// What `QueryWorkingSetEx` answers about a page: bit 0 valid; if so, 1 to 3 how many share it,
/// 4 to 14 the protection, 15 shared, 16 to 21 the node, 22 locked, 23 large. If it is not valid,
/// bit 15 says whether it would be shared.
#[repr(C)]
#[derive(Clone, Copy)]
pub union PSAPI_WORKING_SET_EX_BLOCK {
    /// All bits.
    pub Flags: usize,
    /// The same by parts.
    pub Anonymous: PSAPI_WORKING_SET_EX_BLOCK_0,
}

impl Default for PSAPI_WORKING_SET_EX_BLOCK {
    fn default() -> Self {
        Self { Flags: 0 }
    }
}

impl fmt::Debug for PSAPI_WORKING_SET_EX_BLOCK {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: every pattern of bits is a number.
        write!(f, "{:#x}", unsafe { self.Flags })
    }
}

/// The bits of a valid page, or of one that is not.
#[repr(C)]
#[derive(Clone, Copy)]
pub union PSAPI_WORKING_SET_EX_BLOCK_0 {
    /// A valid page.
    pub Anonymous: PSAPI_WORKING_SET_EX_BLOCK_0_0,
    /// Another.
    pub Invalid: PSAPI_WORKING_SET_EX_BLOCK_0_1,
}

impl Default for PSAPI_WORKING_SET_EX_BLOCK_0 {
    fn default() -> Self {
        Self { Anonymous: PSAPI_WORKING_SET_EX_BLOCK_0_0::default() }
    }
}

impl fmt::Debug for PSAPI_WORKING_SET_EX_BLOCK_0 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PSAPI_WORKING_SET_EX_BLOCK_0")
    }
}

/// The bits of a valid page.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PSAPI_WORKING_SET_EX_BLOCK_0_0 {
    /// See [`PSAPI_WORKING_SET_EX_BLOCK`].
    pub _bitfield: usize,
}

/// The bits of a page that is not valid.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PSAPI_WORKING_SET_EX_BLOCK_0_1 {
    /// See [`PSAPI_WORKING_SET_EX_BLOCK`].
    pub _bitfield: usize,
}

/// A page that came into the working set.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PSAPI_WS_WATCH_INFORMATION {
    /// What brought it there. Linux does not tell, so it is never more than "not NULL"; NULL ends
    /// a list.
    pub FaultingPc: *mut c_void,
    /// The page.
    pub FaultingVa: *mut c_void,
}

impl Default for PSAPI_WS_WATCH_INFORMATION {
    fn default() -> Self {
        Self { FaultingPc: ptr::null_mut(), FaultingVa: ptr::null_mut() }
    }
}

/// How many pages a process has in memory, and the first of them; the others lie behind it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct PSAPI_WORKING_SET_INFORMATION {
    /// How many there are.
    pub NumberOfEntries: usize,
    /// The first.
    pub WorkingSetInfo: [PSAPI_WORKING_SET_BLOCK; 1],
}

/// A page in memory: bits 0 to 4 the protection, by a number of its own; 5 to 7 how many share it,
/// 8 shared, 12 to 63 the number of the page.
#[repr(C)]
#[derive(Clone, Copy)]
pub union PSAPI_WORKING_SET_BLOCK {
    /// All bits.
    pub Flags: usize,
    /// The same by parts.
    pub Anonymous: PSAPI_WORKING_SET_BLOCK_0,
}

impl Default for PSAPI_WORKING_SET_BLOCK {
    fn default() -> Self {
        Self { Flags: 0 }
    }
}

impl fmt::Debug for PSAPI_WORKING_SET_BLOCK {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: every pattern of bits is a number.
        write!(f, "{:#x}", unsafe { self.Flags })
    }
}

/// The bits of a page in memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PSAPI_WORKING_SET_BLOCK_0 {
    /// See [`PSAPI_WORKING_SET_BLOCK`].
    pub _bitfield: usize,
}

/// How much memory a process uses, in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PROCESS_MEMORY_COUNTERS {
    /// Bytes of the record.
    pub cb: u32,
    /// Faults so far.
    pub PageFaultCount: u32,
    /// The most that was in main memory.
    pub PeakWorkingSetSize: usize,
    /// What is in main memory.
    pub WorkingSetSize: usize,
    /// Always 0.
    pub QuotaPeakPagedPoolUsage: usize,
    /// Always 0.
    pub QuotaPagedPoolUsage: usize,
    /// As much as now.
    pub QuotaPeakNonPagedPoolUsage: usize,
    /// Page tables.
    pub QuotaNonPagedPoolUsage: usize,
    /// Private memory that is promised.
    pub PagefileUsage: usize,
    /// As much as now.
    pub PeakPagefileUsage: usize,
}

/// [`PROCESS_MEMORY_COUNTERS`] and more.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PROCESS_MEMORY_COUNTERS_EX {
    /// Bytes of the record.
    pub cb: u32,
    /// Faults so far.
    pub PageFaultCount: u32,
    /// The most that was in main memory.
    pub PeakWorkingSetSize: usize,
    /// What is in main memory.
    pub WorkingSetSize: usize,
    /// Always 0.
    pub QuotaPeakPagedPoolUsage: usize,
    /// Always 0.
    pub QuotaPagedPoolUsage: usize,
    /// As much as now.
    pub QuotaPeakNonPagedPoolUsage: usize,
    /// Page tables.
    pub QuotaNonPagedPoolUsage: usize,
    /// Private memory that is promised.
    pub PagefileUsage: usize,
    /// As much as now.
    pub PeakPagefileUsage: usize,
    /// Private memory that is promised.
    pub PrivateUsage: usize,
}

/// [`PROCESS_MEMORY_COUNTERS_EX`] and more.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PROCESS_MEMORY_COUNTERS_EX2 {
    /// Bytes of the record.
    pub cb: u32,
    /// Faults so far.
    pub PageFaultCount: u32,
    /// The most that was in main memory.
    pub PeakWorkingSetSize: usize,
    /// What is in main memory.
    pub WorkingSetSize: usize,
    /// Always 0.
    pub QuotaPeakPagedPoolUsage: usize,
    /// Always 0.
    pub QuotaPagedPoolUsage: usize,
    /// As much as now.
    pub QuotaPeakNonPagedPoolUsage: usize,
    /// Page tables.
    pub QuotaNonPagedPoolUsage: usize,
    /// Private memory that is promised.
    pub PagefileUsage: usize,
    /// As much as now.
    pub PeakPagefileUsage: usize,
    /// Private memory that is promised.
    pub PrivateUsage: usize,
    /// What of main memory is private.
    pub PrivateWorkingSetSize: usize,
    /// Shared memory without a file that is in main memory.
    pub SharedCommitUsage: u64,
}
