//! Views: from an access and an offset to pages in a process.

use pagewright_core::{
    Error as CoreError, Free, Kind, MapView, Onto, Order, Place, Protection, Rights, Verb, Window,
};

use super::super::constants::{MEM_REPLACE_PLACEHOLDER, MEM_RESERVE, MEM_TOP_DOWN};
use super::super::failure::Failure;
use super::super::kind::Words;
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
    /// Whether the call knows placeholders.
    pub(super) words: Words,
    /// Where the place is chosen; the kind says from which end.
    pub(super) within: Window,
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
    let size = size(section, wanted, process.highest())?;
    kind(section, wanted)?;
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
    // MV27, PH34 to PH36.
    let (unit, fix) = if wanted.replaces() {
        (PAGE, "give a multiple of 0x1000")
    } else {
        (GRANULE, "give a multiple of 0x10000")
    };
    if base % unit != 0 || offset % unit != 0 {
        let (what, value) = if base % unit != 0 { ("address", base) } else { ("offset", offset) };
        return Err(Failure::argument(NtStatus::MAPPED_ALIGNMENT, what, value, fix));
    }
    let order = if wanted.kind & MEM_TOP_DOWN != 0 { Order::TopDown } else { Order::BottomUp };
    match base {
        0 if wanted.replaces() => {
            let fix = "give the address of the placeholder";
            Err(Failure::argument(NtStatus::INVALID_PARAMETER, "address", 0, fix))
        }
        0 => Ok(Place::Window(Window { order, ..wanted.within })),
        base if wanted.replaces() => Ok(Place::Placeholder(base)),
        base => Ok(Place::At(base)),
    }
}

impl Wanted {
    /// Whether the view takes the place of a placeholder.
    const fn replaces(&self) -> bool {
        self.kind & MEM_REPLACE_PLACEHOLDER != 0
    }
}

/// The bytes of a view (MV12, MV16, MV17, MV20).
fn size(section: &Section, wanted: &Wanted, highest: u64) -> Result<u64, Failure> {
    let left = section.size.checked_sub(wanted.offset).filter(|left| *left > 0);
    if wanted.size > highest {
        let fix = "give the number of bytes"; // MV20
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_3, "size", wanted.size, fix));
    }
    let size =
        if wanted.size == 0 { left } else { left.filter(|left| wanted.size <= *left).map(|_| wanted.size) };
    size.ok_or_else(|| {
        let fix = "the view goes beyond the end of the section; map less";
        Failure::argument(NtStatus::INVALID_VIEW_SIZE, "size", wanted.size, fix)
    })
}

/// The allocation type of a view (MV36 to MV40): reserving is for files that can grow, and
/// has no effect, since all of them are mapped as they are.
fn kind(section: &Section, wanted: &Wanted) -> Result<(), Failure> {
    let kind = wanted.kind;
    let grows = section.body == Body::File && section.protection.rights.contains(Rights::WRITE);
    let replaces = match wanted.words {
        Words::Plain => 0,
        Words::Extended => MEM_REPLACE_PLACEHOLDER,
    };
    let permitted = MEM_TOP_DOWN | replaces | if grows { MEM_RESERVE } else { 0 };
    if kind & !permitted == 0 {
        return Ok(());
    }
    let fix = "give 0 or MEM_TOP_DOWN";
    Err(Failure::argument(NtStatus::INVALID_PARAMETER_9, "allocation type", u64::from(kind), fix))
}

/// What stays where a view was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// Nothing.
    Nothing,
    /// The placeholder whose place it took.
    Placeholder,
}

/// Unmaps the view that holds an address (MV13, MV14, PH38 to PH46).
///
/// # Errors
/// 487 where no view of a section is; nothing has changed.
pub(super) fn unmap(process: &Process, address: u64, leave: Leave) -> Result<(), Failure> {
    let freed = process.free(&match leave {
        Leave::Nothing => Free::unmap(address),
        Leave::Placeholder => Free::unmap_and_hold(address),
    });
    freed.map(drop).map_err(|error| match error.kind() {
        Kind::NotPlaceholder => {
            let fix = "the view took no placeholder's place; give 0 as flags"; // PH38
            Failure::argument(NtStatus::CONFLICTING_ADDRESSES, "address", address, fix)
        }
        Kind::NotAllocated | Kind::ForeignView | Kind::BadAddress => {
            let fix = "no view of a section is there; give an address in one";
            Failure::argument(NtStatus::NOT_MAPPED_VIEW, "address", address, fix)
        }
        _other => error.into(),
    })
}
