//! A software MMU: the machine for guests that no kernel maps, that is for
//! emulators and for tests.
//!
//! ```text
//!   load::<u32>(at)          store(at, word)          fetch(at, bytes)
//!         |                       |                        |
//!         v                       v                        v
//!   TLB   [256 loads]             [256 stores]             [256 fetches]
//!         | hit: the place of the bytes      | miss
//!         |                                  v
//!   table |              512 -> 512 -> .. -> 512 pages    one entry of a directory can
//!         |                                  |            say "all alike, untouched"
//!         v                                  v
//!   frames  | zeros | frame 1 | frame 2 | ...             one arena of bytes
//!                                  ^
//!   objects       page n of object 7                      bytes that several places show
//! ```
//!
//! Three arrays, because the three accesses differ in what they may hit. A page
//! that was never written has no frame: loads and fetches see one shared frame of
//! zeros, and only the first store takes a frame. So a page may be in the load
//! array and must not be in the store array, and no hit asks for rights or frames.
//! The same rule makes lazy copies: a page that shows a snapshot of an object is loaded
//! from the object's frame, and its first store takes a frame of its own. Pages that
//! share an object's page name no frame at all; a miss looks up the one of the object.
//!
//! [`Mmu`] is a [`pagewright_core::Machine`]: put it under
//! [`pagewright_core::Managed`] and a guest has reserve, commit, protect, decommit
//! and release, while the emulator makes its accesses through the machine:
//!
//! ```
//! use pagewright_core::{Action, Allocate, Geometry, Managed, Place, Protection, Traits, Window};
//! use pagewright_soft::{FaultKind, Mmu, Reason};
//!
//! let mut guest = Managed::new(Mmu::new(Geometry::X86_64), 1 << 30);
//! let range = guest.allocate(&Allocate {
//!     place: Place::Window(Window::ANYWHERE),
//!     size: 0x2000,
//!     action: Action::ReserveCommit,
//!     protection: Protection::READ_WRITE,
//!     traits: Traits::PLAIN,
//! })?;
//! let at = range.start().get();
//!
//! let mmu = guest.machine_mut();
//! mmu.store(at + 0xfff, 0x1234_5678_u32)?; // crosses into the second page
//! assert_eq!(mmu.load::<u32>(at + 0xfff)?, 0x1234_5678);
//!
//! let fault = mmu.load::<u64>(at + 0x1ffc).expect_err("the last four bytes are nobody's");
//! assert_eq!(fault.at, at + 0x2000);
//! assert_eq!((fault.kind, fault.reason), (FaultKind::Load, Reason::Unmapped));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate needs only `alloc`, has no `unsafe`, and takes no locks: loads of the
//! guest need `&mut Mmu` because they fill the TLB. Like every safe Rust code it
//! ends the program when the host has no memory for *tables*; a host or a limit
//! without memory for *frames* is a fault with [`Reason::OutOfMemory`].

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod fault;
mod frame;
mod mmu;
mod object;
mod table;
mod tlb;
mod word;

pub use fault::{Fault, FaultKind, Reason};
pub use mmu::Mmu;
pub use word::Word;
