//! The extended parameters of `VirtualAlloc2`.
#![allow(non_upper_case_globals, reason = "these are the names that existing code uses")]

use std::ffi::c_void;

use pagewright_core::{Geometry, PageKind, Window};

use super::alloc::{self, Plan, Requirements};
use super::constants::{
    MEM_EXTENDED_PARAMETER_NONPAGED_HUGE, MEM_EXTENDED_PARAMETER_NONPAGED_LARGE,
    MemExtendedParameterAddressRequirements, MemExtendedParameterAttributeFlags,
    MemExtendedParameterInvalidType, MemExtendedParameterMax, MemExtendedParameterNumaNode,
};
use super::failure::Failure;
use super::numa;
use super::status::NtStatus;
use super::types::{MEM_ADDRESS_REQUIREMENTS, MEM_EXTENDED_PARAMETER, MEM_EXTENDED_PARAMETER_TYPE};

/// What the parameters say beside the arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Extended {
    requirements: Requirements,
    node: Option<u16>,
    pages: Option<PageKind>,
}

impl Extended {
    /// `plan` with all of it.
    pub(super) fn refine(&self, plan: Plan, highest: u64) -> Result<Plan, Failure> {
        let plan = plan.require(self.requirements, highest)?.prefer(self.node);
        match self.pages {
            Some(pages) => plan.of_pages(pages),
            None => Ok(plan),
        }
    }
}

/// Reads the parameters of a call that maps a view: where it may be (AR30, AR31). A node is a
/// wish that is not heard.
///
/// # Errors
/// 87 as [`decode`]; for an alignment, for attributes, and for requirements beside an address.
///
/// # Safety
/// As [`decode`].
pub(super) unsafe fn view_window(
    first: *const MEM_EXTENDED_PARAMETER,
    count: u32,
    base: *const c_void,
) -> Result<Window, Failure> {
    // SAFETY: the caller vouches for the same.
    let Extended { requirements, pages, node: _ } = unsafe { decode(first, count) }?;
    if requirements.alignment != 0 {
        return Err(refused("alignment", requirements.alignment, "views have none to choose; give 0"));
    }
    if let Some(pages) = pages {
        return Err(refused(
            "attribute flags",
            pages.unit(),
            "views have the pages of their section; give 0",
        ));
    }
    if requirements != Requirements::default() && !base.is_null() {
        return Err(alloc::named_twice(base.addr() as u64)); // AR12
    }
    alloc::narrowed(Window::ANYWHERE, requirements, Geometry::X86_64.highest)
}

/// Reads the parameters (AR03 to AR09).
///
/// # Errors
/// 87 for a type that does not exist, is given twice, or is not supported.
///
/// # Safety
/// `first` is NULL or points to `count` parameters; the pointers in them are valid.
pub(super) unsafe fn decode(first: *const MEM_EXTENDED_PARAMETER, count: u32) -> Result<Extended, Failure> {
    if count == 0 {
        return Ok(Extended::default()); // AR01
    }
    if first.is_null() {
        return Err(refused("number of parameters", u64::from(count), "give 0, or parameters")); // AR03
    }
    if i64::from(count) >= i64::from(MemExtendedParameterMax) {
        let fix = "no type may be given twice"; // AR06: more of them cannot differ
        return Err(refused("number of parameters", u64::from(count), fix));
    }
    let mut extended = Extended::default();
    let mut seen = 0u32;
    for index in 0..count as usize {
        // SAFETY: the caller vouches for `count` of them.
        let parameter = unsafe { first.add(index).read_unaligned() };
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
        unsafe { take(kind, &parameter, &mut extended) }?;
    }
    Ok(extended)
}

/// # Safety
/// The pointer in the parameter is valid, if its type has one.
unsafe fn take(
    kind: MEM_EXTENDED_PARAMETER_TYPE,
    parameter: &MEM_EXTENDED_PARAMETER,
    into: &mut Extended,
) -> Result<(), Failure> {
    match kind {
        MemExtendedParameterAttributeFlags => {
            // SAFETY: for this type the union holds a number of 64 bits.
            into.pages = attributes(unsafe { parameter.Anonymous2.ULong64 })?;
        }
        MemExtendedParameterNumaNode => {
            // SAFETY: for this type the union holds a number of 32 bits.
            let node = unsafe { parameter.Anonymous2.ULong };
            numa::check(node)?; // LP36
            into.node = alloc::decode_node(node)?;
        }
        MemExtendedParameterAddressRequirements => {
            // SAFETY: for this type the union holds a pointer.
            let pointer = unsafe { parameter.Anonymous2.Pointer }.cast::<MEM_ADDRESS_REQUIREMENTS>();
            if pointer.is_null() {
                return Err(refused("pointer to the requirements", 0, "give the address of one"));
            }
            // SAFETY: the caller vouches for the pointer.
            into.requirements = unsafe { pointer.read_unaligned() }.into();
        }
        _ => {
            let fix = "address requirements, attribute flags and a node are supported; remove it";
            return Err(refused("parameter type", kind as u64, fix));
        }
    }
    Ok(())
}

/// Which pages the attributes mean, if they say it (AR07, AR09).
fn attributes(flags: u64) -> Result<Option<PageKind>, Failure> {
    const LARGE: u64 = MEM_EXTENDED_PARAMETER_NONPAGED_LARGE as u64;
    const HUGE: u64 = MEM_EXTENDED_PARAMETER_NONPAGED_HUGE as u64;
    match flags {
        0 => Ok(None),
        LARGE => Ok(Some(PageKind::Large)),
        HUGE => Ok(Some(PageKind::Huge)),
        other => Err(refused(
            "attribute flags",
            other,
            "give 0, or MEM_EXTENDED_PARAMETER_NONPAGED_LARGE or _HUGE",
        )),
    }
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
