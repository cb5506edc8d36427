//! Views: from an access and an offset to pages in a process.

use pagewright_core::{
    Error as CoreError, Kind, MapView, Onto, Order, Place, Protection, Rights, Verb, Window,
};

use super::super::constants::{MEM_RESERVE, MEM_TOP_DOWN};
use super::super::failure::Failure;
use super::super::status::NtStatus;
use super::constants::{
    FILE_MAP_COPY, FILE_MAP_EXECUTE, FILE_MAP_READ, FILE_MAP_WRITE, SECTION_MAP_EXECUTE, SECTION_MAP_READ,
    SECTION_MAP_WRITE,
};
use super::object::{Body, Section};
use crate::error::Error;
use crate::memory::Memory;
use crate::own;
use crate::process::{Process, Which};

const PAGE: u64 = 0x1000;
const GRANULE: u64 = 0x1_0000;

/// What is asked of a view.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Where; 0 for anywhere.
    pub(super) base: u64,
    /// Which byte of the section comes first.
    pub(super) offset: u64,
    /// How many bytes; 0 for all that follow.
    pub(super) size: u64,
    pub(super) protection: Protection,
    /// `MEM_…`.
    pub(super) kind: u32,
}

/// The protection that an access asks for (MV01 to MV10).
pub(super) const fn protection_of(access: u32) -> Protection {
    let plain = access & !FILE_MAP_EXECUTE & 0xf_001f;
    let execute = access & FILE_MAP_EXECUTE != 0;
    match (plain == FILE_MAP_COPY, plain & FILE_MAP_WRITE != 0, plain & FILE_MAP_READ != 0) {
        (true, ..) if execute => Protection::READ_COPY_EXECUTE,
        (true, ..) => Protection::READ_COPY,
        (false, true, _) if execute => Protection::READ_WRITE_EXECUTE,
        (false, true, _) => Protection::READ_WRITE,
        (false, false, true) if execute => Protection::READ_EXECUTE,
        (false, false, true) => Protection::READ,
        (false, false, false) => Protection::NONE,
    }
}

/// The rights that a handle needs for a view (HR23 to HR27).
pub(super) const fn needed(protection: Protection) -> u32 {
    let rights = protection.rights;
    let execute = if rights.contains(Rights::EXECUTE) { SECTION_MAP_EXECUTE } else { 0 };
    execute | if rights.contains(Rights::WRITE) { SECTION_MAP_WRITE } else { SECTION_MAP_READ }
}

/// Maps a view. Answers where it is, and its bytes.
///
/// # Errors
/// The codes of the rows MV16 to MV52; nothing was mapped.
pub(super) fn map(section: &Section, process: &Process, wanted: &Wanted) -> Result<(u64, u64), Failure> {
    let place = place(process, wanted)?;
    let size = size(section, wanted)?;
    kind(section, wanted.kind)?;
    let rights = |protection: Protection| protection.rights.intersection(Rights::USUAL);
    if !rights(section.protection).contains(rights(wanted.protection)) {
        let fix = "the section does not permit it; ask for less access"; // MV41 to MV43
        return Err(Failure::argument(NtStatus::SECTION_PROTECTION, "protection", 0, fix));
    }
    let protection = match wanted.protection {
        // Nothing that is never accessed is cached either.
        Protection::NONE => Protection::NONE,
        asked => asked.cached(section.protection.caching), // SR07
    };
    let first = wanted.offset / PAGE;
    let range = match &process.which {
        Which::Own => own::map_view(&MapView { object: section.object, first, size, place, protection }),
        Which::Other(remote) => {
            if section.body == Body::OnDemand {
                let error = CoreError::new(Verb::Allocate, Kind::Unsupported, wanted.base, size);
                return Err(Error::of(error, process.pid()).into());
            }
            let leases = own::lend_section(section.object, first, size.div_ceil(PAGE))?;
            remote.import(&leases, Onto::View(place), protection)
        }
    }
    .map_err(refused)?;
    Ok((range.start().get(), range.bytes()))
}

/// A refusal in the words of views, whichever verb it comes from.
fn refused(error: Error) -> Failure {
    let status = NtStatus::of(Verb::Allocate, error.kind());
    let mut failure = Failure::from(error);
    failure.status = status;
    failure
}

/// Where a view goes (MV27 to MV29, MV35).
fn place(process: &Process, wanted: &Wanted) -> Result<Place, Failure> {
    let Wanted { base, offset, .. } = *wanted;
    if base > process.highest() {
        let fix = "it is outside of the user range; give NULL";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_3, "address", base, fix));
    }
    if base % GRANULE != 0 || offset % GRANULE != 0 {
        let (what, value) = if base % GRANULE != 0 { ("address", base) } else { ("offset", offset) };
        let fix = "give a multiple of 0x10000";
        return Err(Failure::argument(NtStatus::MAPPED_ALIGNMENT, what, value, fix));
    }
    let order = if wanted.kind & MEM_TOP_DOWN != 0 { Order::TopDown } else { Order::BottomUp };
    Ok(match base {
        0 => Place::Window(Window { order, ..Window::ANYWHERE }),
        base => Place::At(base),
    })
}

/// The bytes of a view (MV12, MV16, MV17).
fn size(section: &Section, wanted: &Wanted) -> Result<u64, Failure> {
    let left = section.size.checked_sub(wanted.offset).filter(|left| *left > 0);
    let size =
        if wanted.size == 0 { left } else { left.filter(|left| wanted.size <= *left).map(|_| wanted.size) };
    size.ok_or_else(|| {
        let fix = "the view goes beyond the end of the section; map less";
        Failure::argument(NtStatus::INVALID_VIEW_SIZE, "size", wanted.size, fix)
    })
}

/// The allocation type of a view (MV36 to MV40): reserving is for files that can grow, and
/// has no effect, since all of them are mapped as they are.
fn kind(section: &Section, kind: u32) -> Result<(), Failure> {
    let grows = section.body == Body::File && section.protection.rights.contains(Rights::WRITE);
    let permitted = MEM_TOP_DOWN | if grows { MEM_RESERVE } else { 0 };
    if kind & !permitted == 0 {
        return Ok(());
    }
    let fix = "give 0 or MEM_TOP_DOWN";
    Err(Failure::argument(NtStatus::INVALID_PARAMETER_9, "allocation type", u64::from(kind), fix))
}

/// Unmaps the view that holds an address (MV13, MV14).
///
/// # Errors
/// 487 where no view of a section is; nothing has changed.
pub(super) fn unmap(process: &Process, address: u64) -> Result<(), Failure> {
    let freed = process.free(&pagewright_core::Free::unmap(address));
    freed.map(drop).map_err(|error| match error.kind() {
        Kind::NotAllocated | Kind::ForeignView | Kind::BadAddress => {
            let fix = "no view of a section is there; give an address in one";
            Failure::argument(NtStatus::NOT_MAPPED_VIEW, "address", address, fix)
        }
        _other => error.into(),
    })
}
