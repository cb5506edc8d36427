//! `VirtualFree`, `VirtualFreeEx`.

use pagewright_core::{Disposal, Free, Kind, PageRange, Verb};

use super::failure::Failure;
use crate::memory::Memory;
use crate::win32::{MEM_DECOMMIT, MEM_RELEASE};

const PAGE: u64 = 0x1000;

/// What `VirtualFree` does. An alias goes like other memory; the bytes stay as long as
/// anybody shows them.
///
/// # Errors
/// 87, and nothing has changed: not exactly one of `MEM_DECOMMIT` and `MEM_RELEASE`; a
/// release with a size, or of anything but the base of a reservation; a decommit of no
/// bytes, or of a range that is not in one reservation.
pub fn virtual_free<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    kind: u32,
) -> Result<(), Failure> {
    perform(memory, &decode(address, size, kind)?).map(drop)
}

pub(super) fn decode(address: u64, size: u64, kind: u32) -> Result<Free, Failure> {
    let disposal = match kind {
        MEM_DECOMMIT => Disposal::Decommit,
        MEM_RELEASE => Disposal::Release,
        _ => {
            let fix = "give MEM_DECOMMIT or MEM_RELEASE, and only one of them";
            return Err(Failure::argument("free type", u64::from(kind), fix));
        }
    };
    match disposal {
        Disposal::Decommit if size == 0 => Err(Failure::core(Verb::Free, Kind::ZeroSize, address, 0)),
        Disposal::Release if size != 0 => {
            let fix = "MEM_RELEASE releases the whole reservation; give size 0";
            Err(Failure::argument("size", size, fix))
        }
        Disposal::Release if !address.is_multiple_of(PAGE) => {
            let fix = "MEM_RELEASE needs the base that the reservation has";
            Err(Failure::argument("address", address, fix))
        }
        Disposal::Decommit
        | Disposal::Release
        | Disposal::Unmap
        | Disposal::Hold
        | Disposal::Join
        | Disposal::UnmapAndHold => Ok(Free { at: address, size, disposal }),
    }
}

/// Answers what was freed.
pub(super) fn perform<M: Memory + ?Sized>(memory: &M, request: &Free) -> Result<PageRange, Failure> {
    Ok(memory.free(request)?)
}
