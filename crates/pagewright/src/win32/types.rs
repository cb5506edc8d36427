//! The types of the Win32 calls, field by field as `windows-sys` declares them.
#![allow(non_camel_case_types, non_snake_case, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::fmt;
use std::ptr;

/// What stands for an open process.
pub type HANDLE = *mut c_void;
/// 0 for a call that failed, anything else for one that succeeded.
pub type BOOL = i32;
/// What `GetLastError` answers.
pub type WIN32_ERROR = u32;
/// `MEM_COMMIT`, `MEM_RESERVE` and their modifiers; also the states of a query.
pub type VIRTUAL_ALLOCATION_TYPE = u32;
/// `MEM_DECOMMIT` or `MEM_RELEASE`.
pub type VIRTUAL_FREE_TYPE = u32;
/// `PAGE_…`: one access and its modifiers.
pub type PAGE_PROTECTION_FLAGS = u32;
/// `MEM_PRIVATE`, `MEM_MAPPED` or `MEM_IMAGE`.
pub type PAGE_TYPE = u32;
/// Flags of the calls that unmap views; the placeholder flag is one of them.
pub type UNMAP_VIEW_OF_FILE_FLAGS = u32;
/// `PROCESS_…`: what a handle may be used for.
pub type PROCESS_ACCESS_RIGHTS = u32;
/// What an extended parameter of `VirtualAlloc2` says.
pub type MEM_EXTENDED_PARAMETER_TYPE = i32;
/// `VmOfferPriority…`.
pub type OFFER_PRIORITY = i32;
/// `QUOTA_LIMITS_HARDWS_…`.
pub type SETPROCESSWORKINGSETSIZEEX_FLAGS = u32;
/// `PROCESSOR_ARCHITECTURE_…`.
pub type PROCESSOR_ARCHITECTURE = u16;

/// What `VirtualQuery` answers about a run of pages.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MEMORY_BASIC_INFORMATION {
    /// The asked address, rounded down to a page.
    pub BaseAddress: *mut c_void,
    /// The base of the allocation; NULL for free memory.
    pub AllocationBase: *mut c_void,
    /// The protection that the allocation began with; 0 for free memory.
    pub AllocationProtect: PAGE_PROTECTION_FLAGS,
    /// Always 0: there is one partition.
    pub PartitionId: u16,
    /// Bytes from `BaseAddress` to the last page that is alike.
    pub RegionSize: usize,
    /// `MEM_COMMIT`, `MEM_RESERVE` or `MEM_FREE`.
    pub State: VIRTUAL_ALLOCATION_TYPE,
    /// The protection now; 0 for reserved memory.
    pub Protect: PAGE_PROTECTION_FLAGS,
    /// `MEM_PRIVATE`, `MEM_MAPPED` or `MEM_IMAGE`; 0 for free memory.
    pub Type: PAGE_TYPE,
}

impl Default for MEMORY_BASIC_INFORMATION {
    fn default() -> Self {
        Self {
            BaseAddress: ptr::null_mut(),
            AllocationBase: ptr::null_mut(),
            AllocationProtect: 0,
            PartitionId: 0,
            RegionSize: 0,
            State: 0,
            Protect: 0,
            Type: 0,
        }
    }
}

/// Where `VirtualAlloc2` may allocate; 0 means no requirement.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MEM_ADDRESS_REQUIREMENTS {
    /// The lowest address, a multiple of 64 KiB.
    pub LowestStartingAddress: *mut c_void,
    /// The address of the last byte, the last one of a page.
    pub HighestEndingAddress: *mut c_void,
    /// A power of two, at least 64 KiB.
    pub Alignment: usize,
}

impl Default for MEM_ADDRESS_REQUIREMENTS {
    fn default() -> Self {
        Self { LowestStartingAddress: ptr::null_mut(), HighestEndingAddress: ptr::null_mut(), Alignment: 0 }
    }
}

/// One extended parameter of `VirtualAlloc2`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MEM_EXTENDED_PARAMETER {
    /// Which parameter it is.
    pub Anonymous1: MEM_EXTENDED_PARAMETER_0,
    /// Its value.
    pub Anonymous2: MEM_EXTENDED_PARAMETER_1,
}

/// The type of an extended parameter, in the low 8 bits.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MEM_EXTENDED_PARAMETER_0 {
    /// Type in bits 0 to 7, the rest reserved.
    pub _bitfield: u64,
}

/// The value of an extended parameter.
#[repr(C)]
#[derive(Clone, Copy)]
pub union MEM_EXTENDED_PARAMETER_1 {
    /// As a number.
    pub ULong64: u64,
    /// As a pointer to a structure.
    pub Pointer: *mut c_void,
    /// As a size.
    pub Size: usize,
    /// As a handle.
    pub Handle: HANDLE,
    /// As a short number.
    pub ULong: u32,
}

impl Default for MEM_EXTENDED_PARAMETER_1 {
    fn default() -> Self {
        Self { ULong64: 0 }
    }
}

impl fmt::Debug for MEM_EXTENDED_PARAMETER_1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Which field was written last is known only beside the type.
        f.write_str("MEM_EXTENDED_PARAMETER_1")
    }
}

/// What `GetSystemInfo` answers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SYSTEM_INFO {
    /// The architecture.
    pub Anonymous: SYSTEM_INFO_0,
    /// Unit of commit and protection.
    pub dwPageSize: u32,
    /// The lowest address of an allocation.
    pub lpMinimumApplicationAddress: *mut c_void,
    /// The highest user address.
    pub lpMaximumApplicationAddress: *mut c_void,
    /// A bit for each processor.
    pub dwActiveProcessorMask: usize,
    /// How many processors there are.
    pub dwNumberOfProcessors: u32,
    /// An older name of the architecture.
    pub dwProcessorType: u32,
    /// Unit of placement.
    pub dwAllocationGranularity: u32,
    /// The family of the processor.
    pub wProcessorLevel: u16,
    /// Its model and stepping.
    pub wProcessorRevision: u16,
}

impl Default for SYSTEM_INFO {
    fn default() -> Self {
        Self {
            Anonymous: SYSTEM_INFO_0::default(),
            dwPageSize: 0,
            lpMinimumApplicationAddress: ptr::null_mut(),
            lpMaximumApplicationAddress: ptr::null_mut(),
            dwActiveProcessorMask: 0,
            dwNumberOfProcessors: 0,
            dwProcessorType: 0,
            dwAllocationGranularity: 0,
            wProcessorLevel: 0,
            wProcessorRevision: 0,
        }
    }
}

/// The architecture, under its new and its obsolete name.
#[repr(C)]
#[derive(Clone, Copy)]
pub union SYSTEM_INFO_0 {
    /// Obsolete.
    pub dwOemId: u32,
    /// The architecture.
    pub Anonymous: SYSTEM_INFO_0_0,
}

impl Default for SYSTEM_INFO_0 {
    fn default() -> Self {
        Self { dwOemId: 0 }
    }
}

impl fmt::Debug for SYSTEM_INFO_0 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SYSTEM_INFO_0")
    }
}

/// The architecture.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SYSTEM_INFO_0_0 {
    /// `PROCESSOR_ARCHITECTURE_AMD64`.
    pub wProcessorArchitecture: PROCESSOR_ARCHITECTURE,
    /// 0.
    pub wReserved: u16,
}
