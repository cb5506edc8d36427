//! `VirtualFree`, `VirtualFreeEx`.

use pagewright_core::{Disposal, Free, Kind, PageRange, Verb};

use super::constants::{MEM_COALESCE_PLACEHOLDERS, MEM_DECOMMIT, MEM_PRESERVE_PLACEHOLDER, MEM_RELEASE};
use super::failure::Failure;
use super::range;
use super::status::NtStatus;
use crate::memory::Memory;

const PRESERVE: u32 = MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER;
const COALESCE: u32 = MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS;

/// What `VirtualFree` does.
///
/// # Errors
/// Those of the VF and PH rows. Nothing has changed.
pub fn virtual_free<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    kind: u32,
) -> Result<(), Failure> {
    perform(memory, &decode(address, size, kind, memory.highest())?).map(drop)
}

/// Checks everything that can be checked before the process is known, in the order
/// of the facts: type, the rule of the Win32 layer, address, sum.
pub(super) fn decode(address: u64, size: u64, kind: u32, highest: u64) -> Result<Free, Failure> {
    let disposal = disposal(kind)?;
    if size != 0 && disposal == Disposal::Release {
        // VF14: refused before the kernel is asked, which would split.
        let fix = "MEM_RELEASE releases the whole allocation; give size 0";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER, "size", size, fix));
    }
    request(disposal, address, size, highest)
}

/// What is to become of memory, from the type of a call.
pub(super) fn disposal(kind: u32) -> Result<Disposal, Failure> {
    match kind {
        MEM_DECOMMIT => Ok(Disposal::Decommit),
        MEM_RELEASE => Ok(Disposal::Release),
        PRESERVE => Ok(Disposal::Hold),
        COALESCE => Ok(Disposal::Join),
        // VF01 to VF04, PH23.
        _ => {
            let fix = "give MEM_DECOMMIT or MEM_RELEASE";
            let status = NtStatus::INVALID_PARAMETER_4;
            Err(Failure::argument(status, "free type", u64::from(kind), fix))
        }
    }
}

/// Adds the range, and checks it.
pub(super) fn request(disposal: Disposal, at: u64, size: u64, highest: u64) -> Result<Free, Failure> {
    if size == 0 && matches!(disposal, Disposal::Hold | Disposal::Join) {
        let fix = "say how much is to be one placeholder"; // PH17, PH27
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_3, "size", size, fix));
    }
    // Size 0 means the whole allocation otherwise.
    range::check(Verb::Free, at, size.max(1), highest)?;
    Ok(Free { at, size, disposal })
}

/// Does it. The answer is what was freed.
pub(super) fn perform<M: Memory + ?Sized>(memory: &M, request: &Free) -> Result<PageRange, Failure> {
    memory.free(request).map_err(|error| match (request.disposal, error.kind()) {
        (Disposal::Hold | Disposal::Join, Kind::ForeignView) => {
            let fix = "it is a view; give it to UnmapViewOfFile2"; // PH37, PH42
            Failure::argument(NtStatus::INVALID_PARAMETER, "address", request.at, fix)
        }
        _ => error.into(),
    })
}
