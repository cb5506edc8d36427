//! The types of the calls about sections.
#![allow(non_camel_case_types, non_snake_case, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::ptr;

/// `FILE_MAP_…`: what a view is for.
pub type FILE_MAP = u32;
/// `SECTION_…`: what a handle of a section may be used for.
pub type SECTION_FLAGS = u32;
/// `DUPLICATE_…`.
pub type DUPLICATE_HANDLE_OPTIONS = u32;
/// What an NT call answers: negative for a refusal.
pub type NTSTATUS = i32;
/// Whether a child that is created gets the view; has no effect here.
pub type SECTION_INHERIT = i32;
/// What is asked about a section: 0 for the record below.
pub type SECTION_INFORMATION_CLASS = i32;
/// What is asked about an object: 0 for the record below.
pub type OBJECT_INFORMATION_CLASS = i32;

/// Where a view is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MEMORY_MAPPED_VIEW_ADDRESS {
    /// The address; NULL for none.
    pub Value: *mut c_void,
}

impl Default for MEMORY_MAPPED_VIEW_ADDRESS {
    fn default() -> Self {
        Self { Value: ptr::null_mut() }
    }
}

/// Who may open an object; nobody reads it here.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SECURITY_ATTRIBUTES {
    /// Bytes of the record.
    pub nLength: u32,
    /// A descriptor of rights.
    pub lpSecurityDescriptor: *mut c_void,
    /// Whether children get the handle.
    pub bInheritHandle: i32,
}

/// What `NtQuerySection` answers about a section.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SECTION_BASIC_INFORMATION {
    /// NULL: no section has a fixed address.
    pub BaseAddress: *mut c_void,
    /// `SEC_…`.
    pub AllocationAttributes: u32,
    /// Bytes: whole pages of memory, or the exact size of a file's part.
    pub MaximumSize: i64,
}

/// What `NtQueryObject` answers about a handle.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PUBLIC_OBJECT_BASIC_INFORMATION {
    /// Always 0.
    pub Attributes: u32,
    /// The rights that the handle has.
    pub GrantedAccess: u32,
    /// Always 1.
    pub HandleCount: u32,
    /// Always 1.
    pub PointerCount: u32,
    /// Zeros.
    pub Reserved: [u32; 10],
}
