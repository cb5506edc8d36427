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
pub mod error;
mod inject;
pub mod mach;
pub mod memory;
mod own;
pub mod process;
mod remote;
pub mod share;
pub mod soft;
mod target;
pub mod win32;
pub mod wince;

pub use error::{Error, Result};
pub use memory::Memory;
pub use pagewright_core as core;
pub use pagewright_core::{
    Access, Action, After, Alias, Allocate, Attribute, AttributeRange, Attributes, Backing, Birth, Caching,
    Consent, CopyRange, Disposal, Fate, FrameCall, Free, Geometry, Guard, Info, Inheritance, Kind, Limit,
    Lock, Map, MapPlace, Mark, Onto, Order, Overwrite, Owner, PageKind, PageRange, Place, Protect,
    Protection, Recycle, Remap, RemapCopy, Remapped, Restrict, Rights, Sharing, State, Stores, Surveyed,
    Survival, Traits, Unmap, Verb, Watch, Window, WireRange, Wiring, Written,
};
pub use process::{Attached, Leftovers, Process, Status};
pub use share::{Edges, Receipt, Share};

/// The examples of the README are compiled and run with the other tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
