//! `VirtualAlloc`, `VirtualAllocEx`.

use pagewright_core::{Action, Allocate, Kind, Order, Place, Traits, Verb, Window};

use super::failure::Failure;
use super::protection::decode_memory;
use crate::memory::Memory;
use crate::win32::{MEM_COMMIT, MEM_RESERVE, MEM_TOP_DOWN};

/// Unit of placement.
const GRANULE: u64 = 0x1_0000;

/// What `VirtualAlloc` does; the answer is the base: rounded down to 64 KiB when it
/// reserves, to a page when it only commits.
///
/// # Errors
/// 87 for the arguments, for a range in use and for a commit outside of one reservation;
/// 8 when there is no room. Nothing has changed.
pub fn virtual_alloc<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    kind: u32,
    protect: u32,
) -> Result<u64, Failure> {
    perform(memory, &decode(address, size, kind, protect)?)
}

pub(super) fn decode(address: u64, size: u64, kind: u32, protect: u32) -> Result<Allocate, Failure> {
    if size == 0 {
        return Err(Failure::core(Verb::Allocate, Kind::ZeroSize, address, 0));
    }
    if (1..GRANULE).contains(&address) {
        return Err(Failure::argument("address", address, "give NULL or at least 0x10000"));
    }
    let refused = |fix| Err(Failure::argument("allocation type", u64::from(kind), fix));
    if kind & !(MEM_COMMIT | MEM_RESERVE | MEM_TOP_DOWN) != 0 {
        return refused("Windows CE knows MEM_COMMIT, MEM_RESERVE and MEM_TOP_DOWN; remove the rest");
    }
    let action = match (kind & MEM_RESERVE != 0, kind & MEM_COMMIT != 0) {
        (true, true) => Action::ReserveCommit,
        (true, false) => Action::Reserve,
        // Callers rely on it: without an address a commit reserves as well.
        (false, true) if address == 0 => Action::ReserveCommit,
        (false, true) => Action::Commit,
        (false, false) => return refused("add MEM_RESERVE, MEM_COMMIT or both"),
    };
    let order = if kind & MEM_TOP_DOWN != 0 { Order::TopDown } else { Order::BottomUp };
    let anywhere = Place::Window(Window { order, ..Window::ANYWHERE });
    let place = if address == 0 { anywhere } else { Place::At(address) };
    Ok(Allocate { place, size, action, protection: decode_memory(protect)?, traits: Traits::PLAIN })
}

pub(super) fn perform<M: Memory + ?Sized>(memory: &M, request: &Allocate) -> Result<u64, Failure> {
    Ok(memory.allocate(request)?.start().get())
}
