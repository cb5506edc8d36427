//! The memory contract of Win32, Windows CE and Mach for any Linux process.
//!
//! Reserve, commit, protect, query, read and write: in your own process, in any live
//! process that you may trace, and in an emulated guest; with one vocabulary.
//!
//! ```
//! use pagewright::{Allocate, Free, Memory, Process, Protect, Protection};
//!
//! # fn main() -> Result<(), pagewright::Error> {
//! let me = Process::current();
//! // A gigabyte of address space costs nothing until it is committed …
//! let base = me.allocate(&Allocate::new(1 << 30).reserve())?.start().get();
//! // … page by page.
//! me.allocate(&Allocate::new(4096).commit().at(base))?;
//! me.write(base, b"hello")?;
//! let old = me.protect(&Protect { at: base, size: 5, protection: Protection::READ })?;
//! assert_eq!(old, Protection::READ_WRITE);
//! me.free(&Free::release(base))?;
//! # Ok(())
//! # }
//! ```
//!
//! Memory can be watched, yielded and locked:
//!
//! ```
//! use pagewright::{After, Allocate, Free, Lock, Memory, Process, Wiring, Written};
//!
//! # fn main() -> Result<(), pagewright::Error> {
//! let me = Process::current();
//! let base = me.allocate(&Allocate::new(1 << 20).watched())?.start().get();
//! me.write(base + 5 * 4096, b"hello")?;
//! let question = Written { at: base, size: 1 << 20, limit: 256, after: After::Forget };
//! let written = me.written(&question)?;
//! assert_eq!(written[0].start().get(), base + 5 * 4096);
//! assert!(me.written(&question)?.is_empty(), "they were forgotten when they were reported");
//!
//! me.lock(&Lock { at: base, size: 4096, wiring: Wiring::Wired, quota: None })?;
//! me.free(&Free::release(base))?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Process`] and [`Memory`]: the idiomatic face. Errors are values that name the
//!   process, the range, the reason and what to change.
//! - [`win32`]: the functions under the names, types and constants of `windows-sys`.
//! - [`wince`]: the calls of Windows CE 6, VirtualCopy and its kin.
//! - [`soft`]: the same contract on a software MMU, for emulators and tests.
//! - [`doctor`]: what this kernel offers, and what degrades without it.
//!
//! Whatever is in [`core`] is the model behind all of them.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod copy;
pub mod doctor;
mod environment;
pub mod error;
pub mod guard;
mod guarded;
mod inject;
pub mod mach;
pub mod memory;
mod own;
pub mod privilege;
pub mod process;
mod remote;
pub mod share;
pub mod signals;
pub mod soft;
mod target;
mod thread_word;
pub mod win32;
pub mod wince;

pub use error::{Error, Result};
pub use memory::Memory;
pub use pagewright_core as core;
pub use pagewright_core::wire::{GuardAccess, GuardDelivery, GuardHit};
pub use pagewright_core::{
    Access, Action, After, Alias, Allocate, Attribute, AttributeRange, Attributes, Backing, Birth, Caching,
    Consent, CopyRange, Disposal, Fate, FrameCall, Free, Geometry, Guard, Info, Inheritance, Kind, Limit,
    Lock, Map, MapPlace, MapView, Mark, NewSection, ObjectId, Onto, Order, Overwrite, Owner, PageKind,
    PageRange, Place, Protect, Protection, Recycle, Remap, RemapCopy, Remapped, Restrict, Rights, Sharing,
    State, Stores, Supply, Surveyed, Survival, Traits, Unmap, Verb, Watch, Window, WireRange, Wiring,
    Written,
};
pub use process::{Attached, Leftovers, Process, Status};
pub use remote::GuardHits;
pub use share::{Edges, Receipt, Share};

/// The examples of the README are compiled and run with the other tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// And the recipes.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guards.md")]
#[doc = include_str!("../../../docs/watch.md")]
struct Recipes;
