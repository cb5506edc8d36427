//! The records that the classes of a query answer, laid out as on 64-bit Windows.
#![allow(non_camel_case_types, non_snake_case, reason = "these are the names that existing code uses")]
#![allow(non_upper_case_globals, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::fmt;
use std::ptr;

/// What `NtQueryVirtualMemory` is asked.
pub type MEMORY_INFORMATION_CLASS = i32;
/// What `QueryVirtualMemoryInformation` is asked.
pub type WIN32_MEMORY_INFORMATION_CLASS = i32;

/// A run of pages: a [`super::super::MEMORY_BASIC_INFORMATION`].
pub const MemoryBasicInformation: MEMORY_INFORMATION_CLASS = 0;
/// The name of the file that is mapped: a [`UNICODE_STRING`] and the text behind it.
pub const MemoryMappedFilenameInformation: MEMORY_INFORMATION_CLASS = 2;
/// An allocation: a [`MEMORY_REGION_INFORMATION`].
pub const MemoryRegionInformation: MEMORY_INFORMATION_CLASS = 3;
/// An image: a [`MEMORY_IMAGE_INFORMATION`].
pub const MemoryImageInformation: MEMORY_INFORMATION_CLASS = 6;

/// An allocation: a [`WIN32_MEMORY_REGION_INFORMATION`].
pub const MemoryRegionInfo: WIN32_MEMORY_INFORMATION_CLASS = 0;

/// What is known of an allocation.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MEMORY_REGION_INFORMATION {
    /// Its base.
    pub AllocationBase: *mut c_void,
    /// The protection that it began with.
    pub AllocationProtect: u32,
    /// Always 0.
    pub RegionType: u32,
    /// Bytes of all of it.
    pub RegionSize: usize,
    /// Bytes of it that are charged: of a view of a section, only those that stores copy.
    pub CommitSize: usize,
    /// Always 0: there is one partition.
    pub PartitionId: usize,
    /// Always 0.
    pub NodePreference: usize,
}

impl Default for MEMORY_REGION_INFORMATION {
    fn default() -> Self {
        Self {
            AllocationBase: ptr::null_mut(),
            AllocationProtect: 0,
            RegionType: 0,
            RegionSize: 0,
            CommitSize: 0,
            PartitionId: 0,
            NodePreference: 0,
        }
    }
}

/// What is known of an allocation.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct WIN32_MEMORY_REGION_INFORMATION {
    /// Its base.
    pub AllocationBase: *mut c_void,
    /// The protection that it began with.
    pub AllocationProtect: u32,
    /// Zeros.
    pub Anonymous: WIN32_MEMORY_REGION_INFORMATION_0,
    /// Bytes of all of it.
    pub RegionSize: usize,
    /// Bytes of it that are charged.
    pub CommitSize: usize,
}

/// The kind of an allocation, which is 0 always.
#[repr(C)]
#[derive(Clone, Copy)]
pub union WIN32_MEMORY_REGION_INFORMATION_0 {
    /// As a word.
    pub Flags: u32,
    /// As bits.
    pub Anonymous: WIN32_MEMORY_REGION_INFORMATION_0_0,
}

impl fmt::Debug for WIN32_MEMORY_REGION_INFORMATION_0 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: every pattern of bits is a number.
        write!(f, "{:#x}", unsafe { self.Flags })
    }
}

/// The bits of that word.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WIN32_MEMORY_REGION_INFORMATION_0_0 {
    /// All of them.
    pub _bitfield: u32,
}

impl Default for WIN32_MEMORY_REGION_INFORMATION {
    fn default() -> Self {
        Self {
            AllocationBase: ptr::null_mut(),
            AllocationProtect: 0,
            Anonymous: WIN32_MEMORY_REGION_INFORMATION_0 { Flags: 0 },
            RegionSize: 0,
            CommitSize: 0,
        }
    }
}

/// What is known of a program or library; zeros for other memory.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MEMORY_IMAGE_INFORMATION {
    /// The address of its header.
    pub ImageBase: *mut c_void,
    /// Bytes that its header asks for.
    pub SizeOfImage: usize,
    /// Bit 0: not all of it is mapped.
    pub ImageFlags: u32,
}

impl Default for MEMORY_IMAGE_INFORMATION {
    fn default() -> Self {
        Self { ImageBase: ptr::null_mut(), SizeOfImage: 0, ImageFlags: 0 }
    }
}

/// A text of 16-bit units.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UNICODE_STRING {
    /// Bytes of the text.
    pub Length: u16,
    /// Bytes that there is room for.
    pub MaximumLength: u16,
    /// The text.
    pub Buffer: *mut u16,
}

impl Default for UNICODE_STRING {
    fn default() -> Self {
        Self { Length: 0, MaximumLength: 0, Buffer: ptr::null_mut() }
    }
}
