//! The constants of the Windows CE calls, by their usual names, where they are not
//! those of Win32.

use std::ptr;

use crate::win32::{HANDLE, PAGE_PROTECTION_FLAGS};

/// In the calls that alias: the source is a physical address, shifted right by 8.
///
/// Everywhere else the same bit means [`crate::win32::PAGE_WRITECOMBINE`]. So there
/// are two decoders, and behind them no value in which the two could be mixed up.
pub const PAGE_PHYSICAL: PAGE_PROTECTION_FLAGS = 0x400;

/// What `GetCurrentProcess` answers: the calling process, whichever it is.
pub const CURRENT_PROCESS: HANDLE = ptr::without_provenance_mut(0x42);

/// `LockPages`: the pages must be writable.
pub const LOCKFLAG_WRITE: u32 = 1;
/// `LockPages`: look, and lock nothing.
pub const LOCKFLAG_QUERY_ONLY: u32 = 2;
/// `LockPages`: the pages must be readable.
pub const LOCKFLAG_READ: u32 = 4;

/// `CeSetMemoryAttributes`: the caller does not know the physical address.
pub const PHYSICAL_ADDRESS_UNKNOWN: usize = usize::MAX;

/// Synthetic attribute word: the page has memory that can be accessed.
pub const ATTRIBUTE_PRESENT: u32 = 1;
/// Synthetic attribute word: stores are allowed.
pub const ATTRIBUTE_WRITABLE: u32 = 1 << 1;
/// Synthetic attribute word: it is a program's, not the kernel's. Always set.
pub const ATTRIBUTE_USER: u32 = 1 << 2;
/// Synthetic attribute word: stores are combined.
pub const ATTRIBUTE_WRITE_COMBINE: u32 = 1 << 3;
/// Synthetic attribute word: not cached.
pub const ATTRIBUTE_NO_CACHE: u32 = 1 << 4;
/// Synthetic attribute word: a guard is armed.
pub const ATTRIBUTE_GUARD: u32 = 1 << 5;
/// Synthetic attribute word: instruction fetch is allowed.
pub const ATTRIBUTE_EXECUTABLE: u32 = 1 << 6;
