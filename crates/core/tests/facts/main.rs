//! The rows of the facts (`reference/win32.md`, `wince.md`, `mach.md`) that can be said
//! with core's verbs, at the level of the NT calls; what the wrappers add is tested with
//! them.
//!
//! Every assertion names its row.

mod alias;
mod copy;
mod frames;
mod gp;
mod lab;
mod large;
mod lazy;
mod recycle;
mod section;
mod share;
mod untrusted;
mod va;
mod vf;
mod vl;
mod vp;
mod vq;
