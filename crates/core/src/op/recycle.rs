//! Letting the system have content that can be made again, and taking it back.

use crate::contract::{Machine, Survival};
use crate::error::{Error, Kind, Verb};
use crate::space::{AddressSpace, Done};

/// A request to let content go, or to take it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recycle {
    /// Where.
    pub at: u64,
    /// How many bytes; every page touched is meant.
    pub size: u64,
    /// What becomes of the content.
    pub fate: Fate,
}

/// What becomes of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It may be dropped, until it is stored to (`MEM_RESET`).
    Reset,
    /// It may not be dropped any more (`MEM_RESET_UNDO`).
    UndoReset,
    /// It may be dropped, and nobody can access it (`OfferVirtualMemory`).
    Offer,
    /// It may not be dropped any more, and can be accessed (`ReclaimVirtualMemory`).
    Reclaim,
    /// It is not wanted (`DiscardVirtualMemory`).
    Discard,
}

impl AddressSpace {
    /// Lets content go, or takes it back; the answer is whether all of it is there
    /// (facts RS01 to RS18, PF13 to PF17).
    ///
    /// # Errors
    /// Nothing has changed.
    pub fn recycle<M: Machine>(&self, machine: &mut M, request: &Recycle) -> Result<Done<Survival>, Error> {
        let _ = machine;
        Err(Error::new(Verb::Recycle, Kind::Unsupported, request.at, request.size))
    }
}
