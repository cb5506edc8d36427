//! The verbs that work page by page, row by row of `mach.md`, on a strict machine whose
//! every call is made to fail once.

mod bench;
mod fork;
mod map;
mod protect;
mod region;
mod remap;
mod wire;
