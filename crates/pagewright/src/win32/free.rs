//! `VirtualFree`, `VirtualFreeEx`.

use pagewright_core::{Backing, Disposal, Free, Kind, State, Verb};

use super::constants::{MEM_COALESCE_PLACEHOLDERS, MEM_DECOMMIT, MEM_PRESERVE_PLACEHOLDER, MEM_RELEASE};
use super::failure::Failure;
use super::range;
use super::status::NtStatus;
use crate::memory::Memory;

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

/// A request whose arguments are in order.
#[derive(Debug)]
pub(super) enum Plan {
    /// To free.
    Free(Free),
    /// To split or join placeholders, at this address.
    Placeholders(u64),
}

/// Checks everything that can be checked before the process is known, in the order
/// of the facts: type, the rule of the Win32 layer, address, sum.
pub(super) fn decode(address: u64, size: u64, kind: u32, highest: u64) -> Result<Plan, Failure> {
    let disposal = match kind {
        MEM_DECOMMIT => Disposal::Decommit,
        MEM_RELEASE => Disposal::Release,
        PRESERVE | COALESCE => return placeholders(address, size, highest),
        // VF01 to VF04, PH23.
        _ => {
            let fix = "give MEM_DECOMMIT or MEM_RELEASE";
            let status = NtStatus::INVALID_PARAMETER_4;
            return Err(Failure::argument(status, "free type", u64::from(kind), fix));
        }
    };
    if disposal == Disposal::Release && size != 0 {
        // VF14: refused before the kernel is asked, which would split.
        let fix = "MEM_RELEASE releases the whole allocation; give size 0";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER, "size", size, fix));
    }
    // Size 0 means the whole allocation here.
    range::check(Verb::Free, address, size.max(1), highest)?;
    Ok(Plan::Free(Free { at: address, size, disposal }))
}

const PRESERVE: u32 = MEM_RELEASE | MEM_PRESERVE_PLACEHOLDER;
const COALESCE: u32 = MEM_RELEASE | MEM_COALESCE_PLACEHOLDERS;

/// Nothing is a placeholder here, but the checks before that are made (PH17, PH27).
fn placeholders(address: u64, size: u64, highest: u64) -> Result<Plan, Failure> {
    if size == 0 {
        let fix = "say how much is to be one placeholder";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_3, "size", size, fix));
    }
    range::check(Verb::Free, address, size, highest)?;
    Ok(Plan::Placeholders(address))
}

pub(super) fn perform<M: Memory + ?Sized>(memory: &M, plan: &Plan) -> Result<(), Failure> {
    match plan {
        Plan::Free(request) => {
            memory.free(request)?;
            Ok(())
        }
        Plan::Placeholders(at) => Err(no_placeholder(memory, *at)?),
    }
}

/// What to say of memory that should be a placeholder (PH15, PH16, PH37).
fn no_placeholder<M: Memory + ?Sized>(memory: &M, at: u64) -> Result<Failure, Failure> {
    let backing = match memory.query(at)?.state {
        State::Free => return Ok(Failure::core(Verb::Free, Kind::NotAllocated, at, 0)),
        State::Reserved { backing, .. } | State::Committed { backing, .. } => backing,
    };
    let status = match backing {
        Backing::Private => NtStatus::CONFLICTING_ADDRESSES,
        Backing::View | Backing::Image => NtStatus::INVALID_PARAMETER,
    };
    Ok(Failure::argument(status, "address", at, "it is no placeholder; give MEM_RELEASE alone"))
}
