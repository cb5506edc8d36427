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
//! old and new Windows differ the newest. What comes with later versions
//! (`MEM_RESET`, `MEM_WRITE_WATCH`, `MEM_PHYSICAL`, placeholders) is refused with
//! `ERROR_INVALID_PARAMETER`; large pages with `ERROR_PRIVILEGE_NOT_HELD`.
//!
//! [`virtual_query`] on this process, and so [`VirtualQuery`], takes no memory and
//! no locks, and may be called in a signal handler.

mod alloc;
mod calls;
mod constants;
mod copy;
mod extended;
mod failure;
mod free;
pub(crate) mod handles;
mod last_error;
pub(crate) mod local;
mod lock;
mod protect;
mod protection;
mod query;
mod range;
mod status;
mod types;

pub use alloc::{Requirements, virtual_alloc, virtual_alloc2};
pub use calls::*;
pub use constants::*;
pub use copy::{read_memory, write_memory};
pub use failure::Failure;
pub use free::virtual_free;
pub use lock::{virtual_lock, virtual_unlock};
pub use protect::virtual_protect;
pub use protection::{decode_protection, encode_protection};
pub use query::{encode_query, virtual_query};
pub use status::NtStatus;
pub use types::*;

/// Keeps other threads from what outlives a call, for a fork.
pub(crate) fn hold_locks() -> [Option<crate::own::Held>; 1] {
    [handles::hold()]
}
