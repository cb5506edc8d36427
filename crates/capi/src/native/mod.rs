//! The native API, `pagewright.h`: the face of the Rust crate for programs in C.
//!
//! ```text
//!   handle    numbers that look like pointers    ──► Process
//!   pointer   what callers give, checked once    ──► values, places for answers
//!   code      why a call was refused             ──► pw_code
//!   report    pw_error, and the end of panics
//! ```
//!
//! Each function reads: look at every argument, make one call of the crate, put the answer
//! down. Answers have places before the call is made, so that nothing is lost.

mod allocate;
mod code;
mod frames;
mod guard;
mod handle;
mod memory;
mod pointer;
mod process;
mod region;
mod report;
mod settings;
mod share;
mod watch;
mod words;
