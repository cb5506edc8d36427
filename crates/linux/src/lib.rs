//! Pagewright on Linux: the system calls, the mailbox of the resident thread, and the machine that maps real memory.
//!
//! The crate runs in two places: inside the library, in a normal process, and inside the *resident*, a thread without
//! libc in somebody else's process. So it uses no `std`, no libc, no thread-local storage and no vDSO; every call to the
//! kernel is in [`sys`].
//!
//! - [`sys`]: every system call, one thin typed function each.
//! - [`machine`]: the mappings of this process, as a machine of the core.
//! - [`ring`]: the shared-memory mailbox between callers and a resident.
//! - [`orphan`]: what a forked child has of its parent's resident.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod courier;
pub mod lease;
pub mod machine;
pub mod orphan;
pub mod ring;
pub mod sys;
