//! The Mach VM calls, for this process and for any other one.
//!
//! Names, argument lists and constants are those of Mach's own headers for 64-bit
//! programs, in one flat module.
//!
//! ```text
//!   calls      vm_allocate …   words and pointers in, kern_return_t out
//!     │ port name → Process, memory entry
//!   Task       allocate …      words in, values out, over any `Memory`
//!     │ sanitize: which ranges are refused, call by call
//!   Memory     this process, another one, an emulated one
//! ```
//!
//! Behaviour follows the fact rows that comments cite (`C18`, `M11`, …). Where the
//! specification page, GNU Mach and XNU differ it is that of the page, and where that says
//! nothing what is safest: copies are to the byte and overlap like `memmove`, everything is
//! checked before anything is changed. [`set_profile`] chooses the two deviations that
//! programs may rely on. A refused call leaves what its pointers point to as it was.
//!
//! What is not as in Mach:
//! - Memory that the program or its libraries mapped without these calls (heap, data,
//!   stacks) is there, can be read, written, copied and protected, and is shown by
//!   [`vm_region`]. It is never deallocated (`KERN_INVALID_ADDRESS`) nor replaced
//!   (`KERN_NO_SPACE`), its maximum cannot be lowered (`KERN_FAILURE`), and [`vm_remap`] and
//!   memory entries share it only with consent ([`set_consent`]), else they are a
//!   `KERN_PROTECTION_FAILURE`.
//! - Names are of tasks, memory entries and this machine only; there are no messages.
//! - Nothing is purgeable or tagged, and only the own task has permanent mappings: beyond
//!   that those flags are taken and mean nothing.
//!
//! The first call on the own task also makes faults what Mach programs expect; see
//! [`set_fault_signals`].

mod calls;
mod code;
mod constants;
mod cross;
mod entry;
mod footprint;
mod permanent;
mod ports;
mod profile;
mod sanitize;
mod signals;
mod task;
mod types;
mod words;

pub use calls::*;
pub use code::*;
pub use constants::*;
pub use profile::{Profile, profile, set_consent, set_profile};
pub use signals::{FaultSignals, set_fault_signals};
pub use task::{Mapping, Region, Remapping, Task};
pub use types::*;

/// Keeps other threads from what outlives a call, for a fork.
pub(crate) fn hold_locks() -> [Option<crate::own::Held>; 3] {
    [crate::signals::hold(), ports::hold(), permanent::hold()]
}
