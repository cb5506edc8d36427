//! Frames of physical memory, and windows onto them (AWE).

use alloc::vec::Vec;

use crate::contract::Machine;
use crate::error::{Error, Kind, Verb};
use crate::space::{AddressSpace, Done};

/// A call about frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameCall<'a> {
    /// Takes that many, near this node if there is a wish; perhaps fewer come.
    Allocate {
        /// How many.
        count: u64,
        /// The node.
        node: Option<u16>,
    },
    /// Gives these back; those that are mapped are unmapped first.
    Free(&'a [u64]),
    /// Maps these, one per page from this address on, instead of what is there.
    Map {
        /// The first page, in a window.
        at: u64,
        /// The frames.
        frames: &'a [u64],
    },
    /// Unmaps that many pages.
    Unmap {
        /// The first page, in a window.
        at: u64,
        /// How many.
        count: u64,
    },
    /// Maps or unmaps single pages: address, and frame or none.
    Scatter(&'a [(u64, Option<u64>)]),
}

impl AddressSpace {
    /// Takes, maps, unmaps and gives back frames; all or nothing. The answer is the
    /// frames that were taken or given back (facts LP14 to LP33).
    ///
    /// # Errors
    /// Nothing has changed.
    pub fn frames<M: Machine>(&self, machine: &mut M, call: FrameCall<'_>) -> Result<Done<Vec<u64>>, Error> {
        let _ = (machine, call);
        Err(Error::new(Verb::Frames, Kind::Unsupported, 0, 0))
    }
}
