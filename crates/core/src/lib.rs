//! The address-space model of Pagewright.
//!
//! ```text
//!   promise   AddressSpace -> Region      what was asked for: range, identity, state, protection
//!   plan      op/<verb>                   decode -> ask the machine -> an Edit
//!   cache     Machine (contract)          what a kernel or an MMU was told: can be re-derived
//! ```
//!
//! The address space is the truth. A [`Machine`] (host mappings of Linux, a
//! software page table) is a cache of it: a verb first decides, then tells the
//! machine, and only then changes the truth, by an [`Edit`] that cannot fail. If
//! the machine fails half-way, the truth is unchanged and the machine is told to
//! re-derive the range from it. So a failed call has changed nothing.
//!
//! A verb takes `&AddressSpace` and returns a [`Done`]: its answer, and the edit
//! that the owner applies. An owner that keeps two copies for lock-free readers
//! applies the same edit to both.
//!
//! This crate knows no personality (Win32, Windows CE, Mach) and no kernel, has
//! no `unsafe`, and needs only `alloc`. It takes no locks: the owner of an
//! address space serialises its writers.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod access;
pub mod charge;
pub mod check;
mod content;
pub mod contract;
pub mod error;
mod frame;
pub mod geometry;
pub mod guards;
pub mod interval;
pub mod managed;
pub mod object;
pub mod op;
pub mod pages;
pub mod region;
pub mod space;
pub mod traits;
pub mod wire;
mod wires;

pub use access::{
    Access, Attributes, Caching, Guard, Inheritance, Latch, Offer, Protection, Rights, Slot, Wiring,
};
pub use contract::{
    After, Backing, Followers, ForeignRun, Machine, Refusal, Showing, Standing, Survival, Truth,
};
pub use error::{Error, Kind, Verb};
pub use frame::FrameChange;
pub use geometry::{BadRange, Geometry, PageRange, Va};
pub use managed::Managed;
pub use object::{Content, Extent, MemoryObject, ObjectId, Promise, Reach, Supply, View};
pub use op::{
    Action, Alias, Allocate, AttributeRange, Birth, Consent, CopyRange, Disposal, Export, Fate, Fork,
    FrameCall, Free, Import, Info, Limit, Lock, Map, MapPlace, MapView, Mark, Meeting, NewSection, Onto,
    Opening, Order, Overwrite, Owner, Place, Protect, Receiver, Recycle, Remap, RemapCopy, Remapped,
    Restrict, Sharing, State, Step, Stores, Surveyed, Tripped, Unmap, Window, WireRange, Written,
};
pub use region::{Form, Ground, Origin};
pub use space::{AddressSpace, Attribute, Change, Done, Edit, SectionChange};
pub use traits::{PageKind, Traits, Watch};
