//! The C library: what the Rust crate offers, under the names that C sources use.
//!
//! ```text
//!   include/compat   windows.h winternl.h pkfuncs.h mach/mach.h     include/pagewright.h
//!        │                                                               │
//!      win32 · nt · exception · wince · mach                          native
//!        └───────────────── the crate `pagewright` ──────────────────────┘
//! ```
//!
//! Nothing is decided here: a symbol hands its arguments on. Documentation is in the headers.
//! Panics end inside of the Rust crate, whose calls answer an internal error then.
#![allow(non_snake_case, non_upper_case_globals, reason = "these are the names that existing sources use")]

#[macro_use]
mod export;
mod around;
mod exception;
mod mach;
mod native;
mod nt;
mod procedure;
mod section;
mod win32;
mod wince;
