//! The rows of the facts (`reference/win32.md`) that can be said with core's verbs,
//! at the level of the NT calls; what the Win32 wrappers add is tested with them.
//!
//! Every assertion names its row.

mod lab;
mod va;
mod vf;
mod vl;
mod vp;
mod vq;
