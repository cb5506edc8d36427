//! `VirtualFree`, `VirtualFreeEx`.

use pagewright_core::{Disposal, Free, Verb};

use super::constants::{MEM_DECOMMIT, MEM_RELEASE};
use super::failure::Failure;
use super::range;
use super::status::NtStatus;
use crate::memory::Memory;

/// Free flags of placeholders: `MEM_COALESCE_PLACEHOLDERS` and
/// `MEM_PRESERVE_PLACEHOLDER`.
const PLACEHOLDERS: u32 = 3;

/// What `VirtualFree` does.
///
/// # Errors
/// Those of the VF rows. Nothing has changed.
pub fn virtual_free<M: Memory + ?Sized>(
    memory: &M,
    address: u64,
    size: u64,
    kind: u32,
) -> Result<(), Failure> {
    perform(memory, &decode(address, size, kind, memory.highest())?)
}

/// Checks everything that can be checked before the process is known, in the order
/// of the facts: type, the rule of the Win32 layer, address, sum.
pub(super) fn decode(address: u64, size: u64, kind: u32, highest: u64) -> Result<Free, Failure> {
    let refuse = |status, fix| Err(Failure::argument(status, "free type", u64::from(kind), fix));
    let disposal = match kind {
        MEM_DECOMMIT => Disposal::Decommit,
        MEM_RELEASE => Disposal::Release,
        _ if kind & !PLACEHOLDERS == MEM_RELEASE => {
            let fix = "placeholders are not supported by this version; give MEM_RELEASE alone";
            return refuse(NtStatus::INVALID_PARAMETER, fix);
        }
        // VF01 to VF04.
        _ => return refuse(NtStatus::INVALID_PARAMETER_4, "give MEM_DECOMMIT or MEM_RELEASE"),
    };
    if disposal == Disposal::Release && size != 0 {
        // VF14: refused before the kernel is asked, which would split.
        let fix = "MEM_RELEASE releases the whole allocation; give size 0";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER, "size", size, fix));
    }
    // Size 0 means the whole allocation here.
    range::check(Verb::Free, address, size.max(1), highest)?;
    Ok(Free { at: address, size, disposal })
}

pub(super) fn perform<M: Memory + ?Sized>(memory: &M, request: &Free) -> Result<(), Failure> {
    memory.free(request)?;
    Ok(())
}
