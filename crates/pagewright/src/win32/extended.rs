//! The extended parameters of `VirtualAlloc2`.

use super::alloc::Requirements;
use super::constants::{
    MemExtendedParameterAddressRequirements, MemExtendedParameterAttributeFlags,
    MemExtendedParameterInvalidType, MemExtendedParameterMax,
};
use super::failure::Failure;
use super::status::NtStatus;
use super::types::{MEM_ADDRESS_REQUIREMENTS, MEM_EXTENDED_PARAMETER, MEM_EXTENDED_PARAMETER_TYPE};

/// Reads the parameters (AR03 to AR09).
///
/// # Errors
/// 87 for a type that does not exist, is given twice, or is not supported yet.
///
/// # Safety
/// `first` is NULL or points to `count` parameters; the pointers in them are valid.
pub(super) unsafe fn decode(
    first: *const MEM_EXTENDED_PARAMETER,
    count: u32,
) -> Result<Requirements, Failure> {
    if count == 0 {
        return Ok(Requirements::default()); // AR01
    }
    if first.is_null() {
        return Err(refused("number of parameters", u64::from(count), "give 0, or parameters")); // AR03
    }
    if i64::from(count) >= i64::from(MemExtendedParameterMax) {
        let fix = "no type may be given twice"; // AR06: more of them cannot differ
        return Err(refused("number of parameters", u64::from(count), fix));
    }
    let mut requirements = Requirements::default();
    let mut seen = 0u32;
    for index in 0..count as usize {
        // SAFETY: the caller vouches for `count` of them.
        let parameter = unsafe { *first.add(index) };
        let kind = (parameter.Anonymous1._bitfield & 0xff) as MEM_EXTENDED_PARAMETER_TYPE;
        if kind == MemExtendedParameterInvalidType || kind >= MemExtendedParameterMax {
            let fix = "give one of the types of MEM_EXTENDED_PARAMETER_TYPE"; // AR04, AR05
            return Err(refused("parameter type", kind as u64, fix));
        }
        if seen & (1 << kind) != 0 {
            return Err(refused("parameter type", kind as u64, "give it once")); // AR06, AR08
        }
        seen |= 1 << kind;
        // SAFETY: as above.
        unsafe { take(kind, &parameter, &mut requirements) }?;
    }
    Ok(requirements)
}

/// # Safety
/// The pointer in the parameter is valid, if its type has one.
unsafe fn take(
    kind: MEM_EXTENDED_PARAMETER_TYPE,
    parameter: &MEM_EXTENDED_PARAMETER,
    requirements: &mut Requirements,
) -> Result<(), Failure> {
    if kind == MemExtendedParameterAttributeFlags {
        // AR07, AR09.
        let fix = "this version supports none; give 0";
        // SAFETY: for this type the union holds a number of 64 bits.
        let value = unsafe { parameter.Anonymous2.ULong64 };
        return if value == 0 { Ok(()) } else { Err(refused("attribute flags", value, fix)) };
    }
    if kind != MemExtendedParameterAddressRequirements {
        let fix = "this version supports address requirements and attribute flags only; remove it";
        return Err(refused("parameter type", kind as u64, fix));
    }
    // SAFETY: for this type the union holds a pointer.
    let pointer = unsafe { parameter.Anonymous2.Pointer }.cast::<MEM_ADDRESS_REQUIREMENTS>();
    if pointer.is_null() {
        return Err(refused("pointer to the requirements", 0, "give the address of one"));
    }
    // SAFETY: the caller vouches for the pointer.
    *requirements = unsafe { pointer.read_unaligned() }.into();
    Ok(())
}

impl From<MEM_ADDRESS_REQUIREMENTS> for Requirements {
    fn from(raw: MEM_ADDRESS_REQUIREMENTS) -> Self {
        Self {
            lowest: raw.LowestStartingAddress.addr() as u64,
            highest: raw.HighestEndingAddress.addr() as u64,
            alignment: raw.Alignment as u64,
        }
    }
}

fn refused(what: &'static str, value: u64, fix: &'static str) -> Failure {
    Failure::argument(NtStatus::INVALID_PARAMETER, what, value, fix)
}
