//! Types and constants of the small calls, as `windows-sys` declares them.
#![allow(non_camel_case_types, non_snake_case, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::fmt;
use std::ptr;

/// `HANDLE_FLAG_…`.
pub type HANDLE_FLAGS = u32;
/// `HEAP_…`.
pub type HEAP_FLAGS = u32;
/// `LMEM_…`.
pub type LOCAL_ALLOC_FLAGS = u32;
/// `GMEM_…`.
pub type GLOBAL_ALLOC_FLAGS = u32;
/// Memory of `LocalAlloc`: its address.
pub type HLOCAL = *mut c_void;
/// Memory of `GlobalAlloc`: its address.
pub type HGLOBAL = *mut c_void;
/// A function of any kind.
pub type FARPROC = Option<unsafe extern "system" fn() -> isize>;
/// A program or library that is loaded: where it begins.
pub type HMODULE = *mut c_void;
/// How to load one: `LOAD_…`.
pub type LOAD_LIBRARY_FLAGS = u32;
/// `TOKEN_…`: what the handle of a token may be used for.
pub type TOKEN_ACCESS_MASK = u32;
/// `SE_PRIVILEGE_…`.
pub type TOKEN_PRIVILEGES_ATTRIBUTES = u32;
/// `FORMAT_MESSAGE_…`.
pub type FORMAT_MESSAGE_OPTIONS = u32;

macro_rules! constants {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $value:literal;)*) => {
        $($(#[$doc])* pub const $name: $type = $value;)*
    };
}

constants! {
    /// Children get the handle; noted only.
    HANDLE_FLAG_INHERIT: HANDLE_FLAGS = 1;
    /// `CloseHandle` is refused.
    HANDLE_FLAG_PROTECT_FROM_CLOSE: HANDLE_FLAGS = 2;

    /// What a process that runs has for an exit code.
    STILL_ACTIVE: i32 = 0x103;
    /// A wait without end.
    INFINITE: u32 = 0xffff_ffff;

    /// Nothing special.
    HEAP_NONE: HEAP_FLAGS = 0;
    /// One thread at a time, says the caller; has no effect.
    HEAP_NO_SERIALIZE: HEAP_FLAGS = 1;
    /// The heap grows; it does without a maximum size.
    HEAP_GROWABLE: HEAP_FLAGS = 2;
    /// Raise an exception instead of NULL; it is NULL all the same.
    HEAP_GENERATE_EXCEPTIONS: HEAP_FLAGS = 4;
    /// New bytes are zero.
    HEAP_ZERO_MEMORY: HEAP_FLAGS = 8;
    /// The block may not move.
    HEAP_REALLOC_IN_PLACE_ONLY: HEAP_FLAGS = 0x10;

    /// Memory with an address.
    LMEM_FIXED: LOCAL_ALLOC_FLAGS = 0;
    /// Memory that may move; none does.
    LMEM_MOVEABLE: LOCAL_ALLOC_FLAGS = 2;
    /// New bytes are zero.
    LMEM_ZEROINIT: LOCAL_ALLOC_FLAGS = 0x40;
    /// Fixed and zero.
    LPTR: LOCAL_ALLOC_FLAGS = 0x40;
    /// Memory with an address.
    GMEM_FIXED: GLOBAL_ALLOC_FLAGS = 0;
    /// Memory that may move; none does.
    GMEM_MOVEABLE: GLOBAL_ALLOC_FLAGS = 2;
    /// New bytes are zero.
    GMEM_ZEROINIT: GLOBAL_ALLOC_FLAGS = 0x40;
    /// Fixed and zero.
    GPTR: GLOBAL_ALLOC_FLAGS = 0x40;

    /// A module stays for good; all do.
    GET_MODULE_HANDLE_EX_FLAG_PIN: u32 = 1;
    /// Its uses are not counted; none are.
    GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT: u32 = 2;
    /// The name is an address in it.
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS: u32 = 4;
    /// Search in another way; has no effect.
    LOAD_WITH_ALTERED_SEARCH_PATH: LOAD_LIBRARY_FLAGS = 8;
    /// Search among those of the system only; has no effect.
    LOAD_LIBRARY_SEARCH_SYSTEM32: LOAD_LIBRARY_FLAGS = 0x800;

    /// Ask about a token.
    TOKEN_QUERY: TOKEN_ACCESS_MASK = 8;
    /// Enable and disable its privileges.
    TOKEN_ADJUST_PRIVILEGES: TOKEN_ACCESS_MASK = 0x20;
    /// Everything.
    TOKEN_ALL_ACCESS: TOKEN_ACCESS_MASK = 0xf_01ff;

    /// The privilege is enabled from the start.
    SE_PRIVILEGE_ENABLED_BY_DEFAULT: TOKEN_PRIVILEGES_ATTRIBUTES = 1;
    /// The privilege is enabled.
    SE_PRIVILEGE_ENABLED: TOKEN_PRIVILEGES_ATTRIBUTES = 2;
    /// The privilege is given up.
    SE_PRIVILEGE_REMOVED: TOKEN_PRIVILEGES_ATTRIBUTES = 4;

    /// The call takes memory for the text, which `LocalFree` gives back.
    FORMAT_MESSAGE_ALLOCATE_BUFFER: FORMAT_MESSAGE_OPTIONS = 0x100;
    /// `%1` and the like stay as they are.
    FORMAT_MESSAGE_IGNORE_INSERTS: FORMAT_MESSAGE_OPTIONS = 0x200;
    /// The text is given; not supported.
    FORMAT_MESSAGE_FROM_STRING: FORMAT_MESSAGE_OPTIONS = 0x400;
    /// The text is in a program; not supported.
    FORMAT_MESSAGE_FROM_HMODULE: FORMAT_MESSAGE_OPTIONS = 0x800;
    /// The text is that of a code.
    FORMAT_MESSAGE_FROM_SYSTEM: FORMAT_MESSAGE_OPTIONS = 0x1000;
    /// The arguments are an array; there are none.
    FORMAT_MESSAGE_ARGUMENT_ARRAY: FORMAT_MESSAGE_OPTIONS = 0x2000;
    /// How wide lines may be: all bits for no line breaks at all.
    FORMAT_MESSAGE_MAX_WIDTH_MASK: FORMAT_MESSAGE_OPTIONS = 0xff;
}

/// A time: units of 100 ns since 1601.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FILETIME {
    /// Its low half.
    pub dwLowDateTime: u32,
    /// Its high half.
    pub dwHighDateTime: u32,
}

/// How much memory there is, in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MEMORYSTATUSEX {
    /// Bytes of the record; set by the caller.
    pub dwLength: u32,
    /// How much of main memory is in use, in percent.
    pub dwMemoryLoad: u32,
    /// Main memory.
    pub ullTotalPhys: u64,
    /// Main memory that programs can have without swapping.
    pub ullAvailPhys: u64,
    /// Main memory and swap.
    pub ullTotalPageFile: u64,
    /// What of both programs can have.
    pub ullAvailPageFile: u64,
    /// The user range.
    pub ullTotalVirtual: u64,
    /// What of it this process has not mapped.
    pub ullAvailVirtual: u64,
    /// Always 0.
    pub ullAvailExtendedVirtual: u64,
}

/// Processors of one group; there is one group, of the first 64.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GROUP_AFFINITY {
    /// A bit for each processor.
    pub Mask: usize,
    /// Always 0.
    pub Group: u16,
    /// Zeros.
    pub Reserved: [u16; 3],
}

/// The number of a privilege.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LUID {
    /// Its low half.
    pub LowPart: u32,
    /// Its high half.
    pub HighPart: i32,
}

/// A privilege, and what is to become of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LUID_AND_ATTRIBUTES {
    /// Which one.
    pub Luid: LUID,
    /// `SE_PRIVILEGE_…`; 0 to disable it.
    pub Attributes: TOKEN_PRIVILEGES_ATTRIBUTES,
}

/// Privileges: the first of as many as the count says.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TOKEN_PRIVILEGES {
    /// How many there are.
    pub PrivilegeCount: u32,
    /// The first; the others lie behind it.
    pub Privileges: [LUID_AND_ATTRIBUTES; 1],
}

/// How an operation on a file ended.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct IO_STATUS_BLOCK {
    /// The status.
    pub Anonymous: IO_STATUS_BLOCK_0,
    /// A number that belongs to it.
    pub Information: usize,
}

impl Default for IO_STATUS_BLOCK {
    fn default() -> Self {
        Self { Anonymous: IO_STATUS_BLOCK_0 { Pointer: ptr::null_mut() }, Information: 0 }
    }
}

/// A status, as wide as a pointer.
#[repr(C)]
#[derive(Clone, Copy)]
pub union IO_STATUS_BLOCK_0 {
    /// The status.
    pub Status: i32,
    /// For the system.
    pub Pointer: *mut c_void,
}

impl fmt::Debug for IO_STATUS_BLOCK_0 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IO_STATUS_BLOCK_0")
    }
}
