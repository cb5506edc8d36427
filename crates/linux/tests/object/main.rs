//! Objects on the kernel: what is moved into them while threads store to it, what is
//! shown of them, and what happens when the program takes something away.

mod measure;
mod model;
mod promote;
mod refuse;
mod show;
mod transfer;
mod windows;
mod world;
