//! The Win32 memory calls, for this process and for any other one.
//!
//! Names, argument types and constants are those of the `windows-sys` crate, in one
//! flat module: a crate switches with one `use` line.
//!
//! ```text
//!   calls      VirtualAllocEx …   words and pointers in, last error out
//!     │ handle → Process
//!   decode     virtual_alloc …    words in, values out, over any `Memory`
//!     │
//!   Memory     this process, another one, an emulated one
//! ```
//!
//! Behaviour follows the fact rows that comments cite (`VA32`, `RW13`, …), where
//! old and new Windows differ the newest. Placeholders are refused with
//! `ERROR_INVALID_PARAMETER`. Large pages and physical ones need the privilege of
//! [`crate::privilege`], else it is `ERROR_PRIVILEGE_NOT_HELD`.
//!
//! All calls may be made from any thread. A pointer need not be aligned. The last error
//! is set by calls that fail, and left alone by those that succeed (VA76).
//!
//! [`virtual_query`] on this process, and so [`VirtualQuery`], takes no memory and
//! no locks, and may be called in a signal handler.

pub(crate) mod advice;
mod alloc;
mod around;
mod calls;
mod constants;
mod copy;
pub(crate) mod exception;
mod extended;
mod failure;
mod frames;
mod free;
mod guarded;
pub(crate) mod handles;
mod kind;
mod last_error;
mod limits;
pub(crate) mod local;
mod lock;
mod nt;
mod numa;
mod protect;
mod protection;
mod query;
mod range;
mod records;
mod recycle;
mod residency;
mod section;
mod status;
mod transfer;
mod types;
mod watch;
mod working_set;

pub use alloc::{Requirements, virtual_alloc, virtual_alloc_numa, virtual_alloc2};
pub use around::*;
pub use calls::*;
pub use constants::*;
pub use copy::{read_memory, write_memory};
pub use exception::*;
pub use failure::Failure;
pub use frames::{
    allocate_user_physical_pages, free_user_physical_pages, map_user_physical_pages,
    map_user_physical_pages_scatter,
};
pub use free::virtual_free;
pub use limits::WorkingSet;
pub use lock::{virtual_lock, virtual_lock_within, virtual_unlock};
pub use nt::*;
pub use protect::virtual_protect;
pub use protection::{decode_protection, encode_protection};
pub use query::*;
pub use records::*;
pub use recycle::{discard_virtual_memory, offer_virtual_memory, reclaim_virtual_memory};
pub use section::*;
pub use status::NtStatus;
pub use types::*;
pub use watch::{get_write_watch, note_write_watch, reset_write_watch};

/// Keeps other threads from what outlives a call, for a fork.
pub(crate) fn hold_locks() -> [Option<crate::own::Held>; 6] {
    [
        section::hold(),
        handles::hold(),
        working_set::hold(),
        limits::hold(),
        around::heap::hold(),
        around::hold(),
    ]
}
