//! The resident: a thread in somebody else's process that keeps the map of its memory.
//!
//! It runs the same core on the same Linux machine as the library does, without libc,
//! without thread-local storage, with a stack, a heap and a descriptor table of its
//! own, and with every signal blocked. It is placed by `pagewright`, which builds and
//! embeds it; this crate is not meant to be used by itself.
//!
//! ```text
//!   injected region            made by the resident
//!   [ image | stack ]          [ ring: shared with callers ]  [ heap arenas … ]
//! ```
//!
//! A fork copies all of it but the thread and the ring. Then a thread that is placed on
//! the copy goes on with the map that it finds there ([`legacy`]).
//!
//! It must never harm the process it lives in: whatever goes wrong ends this thread,
//! and nothing else.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod guard;
pub mod heap;
pub mod legacy;
pub mod list;
pub mod pump;
pub mod run;
pub mod share;
pub mod space;
pub mod special;
pub mod stores;

/// Where the source of this crate is, for the build script that builds the program.
pub const MANIFEST_DIR: &str = env!("CARGO_MANIFEST_DIR");
