//! The types of the NT calls, field by field as `windows-sys` declares them.
#![allow(non_camel_case_types, non_snake_case, reason = "these are the names that existing code uses")]
#![allow(non_upper_case_globals, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::ptr;

use super::super::UNICODE_STRING;
use super::super::records::WIN32_MEMORY_RANGE_ENTRY;
use super::super::types::HANDLE;

/// A range of addresses for [`NtSetInformationVirtualMemory`](super::NtSetInformationVirtualMemory).
pub type MEMORY_RANGE_ENTRY = WIN32_MEMORY_RANGE_ENTRY;
/// What [`NtSetInformationVirtualMemory`](super::NtSetInformationVirtualMemory) is told.
pub type VIRTUAL_MEMORY_INFORMATION_CLASS = i32;

/// The ranges will be used soon.
pub const VmPrefetchInformation: VIRTUAL_MEMORY_INFORMATION_CLASS = 0;

/// Children get the handle; has no effect.
pub const OBJ_INHERIT: u32 = 2;
/// Case does not count in the name; names of sections are as they are all the same (SC48).
pub const OBJ_CASE_INSENSITIVE: u32 = 0x40;
/// An object that has the name already is opened.
pub const OBJ_OPENIF: u32 = 0x80;

/// Which process is meant.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CLIENT_ID {
    /// The id of the process, as if it were a handle.
    pub UniqueProcess: HANDLE,
    /// The id of a thread of it, or NULL.
    pub UniqueThread: HANDLE,
}

impl Default for CLIENT_ID {
    fn default() -> Self {
        Self { UniqueProcess: ptr::null_mut(), UniqueThread: ptr::null_mut() }
    }
}

/// The name of an object, and how it is to be opened.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct OBJECT_ATTRIBUTES {
    /// Bytes of the record.
    pub Length: u32,
    /// A directory that the name is relative to; there are none.
    pub RootDirectory: HANDLE,
    /// The name, or NULL.
    pub ObjectName: *const UNICODE_STRING,
    /// `OBJ_…`.
    pub Attributes: u32,
    /// A descriptor of rights; nobody reads it here.
    pub SecurityDescriptor: *const c_void,
    /// How far a server may act for its client; nobody reads it here.
    pub SecurityQualityOfService: *const c_void,
}

impl Default for OBJECT_ATTRIBUTES {
    fn default() -> Self {
        Self {
            Length: 0,
            RootDirectory: ptr::null_mut(),
            ObjectName: ptr::null(),
            Attributes: 0,
            SecurityDescriptor: ptr::null(),
            SecurityQualityOfService: ptr::null(),
        }
    }
}
