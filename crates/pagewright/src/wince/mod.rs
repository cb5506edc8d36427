//! The memory calls of Windows CE 6, for this process and for any other one.
//!
//! ```text
//!   calls      VirtualCopyEx …     words and pointers in, last error out
//!     │ handle or process id → Process,  thread → user or kernel mode
//!   typed      virtual_copy_ex …   values in, a receipt out; &KernelMode where it is needed
//!     │
//!   Process    this one or another one; physical windows that were granted
//! ```
//!
//! `VirtualCopy` and its kin show the same pages in a second place. The calls under their C
//! names do what their pages say: every page touched is shared as a whole, and so are the
//! bytes around the range ([`last_receipt`] says how many). The typed forms make the
//! caller choose with [`crate::Edges`].
//!
//! Kernel mode ([`KernelMode`]) is needed to alias between processes. Physical memory
//! (`PAGE_PHYSICAL`) is what was granted by [`grant_physical_window`], and nothing else.
//! Memory that a program mapped itself is a source only after [`allow_foreign_sources`].
//!
//! Differences to Win32 ([`crate::win32`]): a process may be named by its id, handles have
//! no rights, bad arguments are 87 throughout (reference section 8), and the last error is
//! the same one.

mod alias;
mod alloc;
mod attributes;
mod calls;
mod constants;
mod copy;
mod failure;
mod free;
mod handles;
mod lock;
mod mode;
mod phys_mem;
mod physical;
mod policy;
mod protect;
mod protection;
mod query;

pub use alias::{Source, View, last_receipt, virtual_alloc_copy_ex, virtual_copy, virtual_copy_ex};
pub use alloc::virtual_alloc;
pub use attributes::virtual_set_attributes;
pub use calls::*;
pub use constants::*;
pub use copy::{read_memory, write_memory};
pub use failure::Failure;
pub use free::virtual_free;
pub use lock::{Locking, Purpose, lock_pages, unlock_pages};
pub use mode::{KernelMode, enter_kernel_mode, forbid_kernel_mode, in_kernel_mode, leave_kernel_mode};
pub use phys_mem::{PhysicalMemory, alloc_phys_mem, free_phys_mem};
pub use physical::{
    Permit, PhysicalWindow, WindowId, grant_physical_window, physical_windows, revoke_physical_window,
};
pub use policy::{Diagnostics, ForeignSources, allow_foreign_sources, set_diagnostics};
pub use protect::virtual_protect;
pub use protection::decode_memory;
pub use query::virtual_query;

/// Keeps other threads from what outlives a call, for a fork.
pub(crate) fn hold_locks() -> [Option<crate::own::Held>; 3] {
    [phys_mem::hold(), physical::hold(), lock::hold()]
}
