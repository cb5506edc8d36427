//! The nodes of the machine.

use pagewright_core::{Kind, Verb};

use super::constants::NUMA_NO_PREFERRED_NODE;
use super::failure::Failure;
use crate::privilege::highest_node;

/// LP36: a node must be one of the machine, whatever the call does with it.
pub(super) fn check(node: u32) -> Result<(), Failure> {
    if node == NUMA_NO_PREFERRED_NODE || node <= u32::from(highest_node()) {
        return Ok(());
    }
    Err(Failure::core(Verb::Allocate, Kind::NoNode, 0, 0))
}
