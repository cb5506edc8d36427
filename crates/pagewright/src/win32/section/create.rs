//! `CreateFileMapping`: from flags to a section, with a name or without.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use pagewright_core::{Caching, Geometry, NewSection, Protection, Rights, Supply};

use super::super::constants::{INVALID_HANDLE_VALUE, PAGE_EXECUTE, PAGE_NOACCESS};
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::handles::{self, Thing};
use super::super::protection::decode_protection;
use super::super::status::NtStatus;
use super::super::types::HANDLE;
use super::constants::{
    SEC_COMMIT, SEC_FILE, SEC_IMAGE, SEC_LARGE_PAGES, SEC_NOCACHE, SEC_RESERVE, SEC_WRITECOMBINE,
    SECTION_MAP_EXECUTE, SECTION_MAP_READ, SECTION_MAP_WRITE, SECTION_QUERY,
};
use super::object::{Body, Section};
use crate::own;

/// The named sections, by name; case counts (SC48). An entry whose section is gone is none.
static NAMES: Mutex<BTreeMap<Vec<u16>, Weak<Section>>> = Mutex::new(BTreeMap::new());

const PAGE: u64 = 0x1000;
/// Where the attributes of a section are in the word of its protection.
pub(in crate::win32) const ATTRIBUTES: u32 = 0xff80_0000;
/// The rights that every handle of a new section has: those of the owner, and to ask.
const STANDARD: u32 = 0x000f_0000 | SECTION_QUERY;
/// As a file: `GENERIC_READ | GENERIC_WRITE`.
const FILE_ACCESS: u32 = 0xc000_0000;

/// Whether a section was made, or was there under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::win32) enum Found {
    New,
    Known,
}

/// What is asked of a new section.
#[derive(Clone, Debug)]
pub(in crate::win32) struct Wanted {
    /// The file; -1 or NULL for memory (SC51).
    pub(in crate::win32) file: HANDLE,
    /// The most that a view may be given.
    pub(in crate::win32) protection: Protection,
    /// `SEC_…`.
    pub(in crate::win32) attributes: u32,
    /// The rights of the handle.
    pub(in crate::win32) access: u32,
    /// Bytes; 0 for the whole file.
    pub(in crate::win32) size: u64,
    /// UTF-16, without the zero.
    pub(in crate::win32) name: Option<Vec<u16>>,
}

impl Wanted {
    /// What `CreateFileMapping` is asked: `PAGE_…` and `SEC_…` are in one word, and the rights
    /// follow from it.
    ///
    /// # Errors
    /// 87 for a protection that no section has (SC02).
    pub(super) fn of_word(
        file: HANDLE,
        word: u32,
        size: u64,
        name: Option<Vec<u16>>,
    ) -> Result<Self, Failure> {
        let protection = protection(word)?;
        let access = STANDARD | view_rights(protection);
        Ok(Self { file, protection, attributes: word & ATTRIBUTES, access, size, name })
    }
}

/// A handle of a file that this program opened, for [`super::CreateFileMappingW`]. The
/// handle owns the file, and [`super::super::CloseHandle`] closes it.
pub fn file_handle(file: File) -> HANDLE {
    handles::insert(Thing::File(Arc::new(file)), FILE_ACCESS)
}

/// Keeps everybody else from the names, for a fork.
pub(in crate::win32) fn hold() -> Option<own::Held> {
    own::hold_mutex(&NAMES)
}

/// Makes a section, or finds it by its name.
///
/// # Errors
/// The codes of the rows SC01 to SC41; nothing was made.
pub(in crate::win32) fn create(wanted: &Wanted) -> Result<(HANDLE, Found), Failure> {
    caught(|| find_or_make(wanted))
}

fn find_or_make(wanted: &Wanted) -> Result<(HANDLE, Found), Failure> {
    let Wanted { protection, access, .. } = *wanted;
    let file = backing(wanted.file)?;
    let attributes = attributes(wanted.attributes, file.is_some(), wanted.size)?;
    let Some(name) = &wanted.name else {
        let section = make(wanted.size, protection, attributes, file)?;
        return Ok((handles::insert(Thing::Section(Arc::new(section)), access), Found::New));
    };
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let (section, found) = match names.get(name).and_then(Weak::upgrade) {
        Some(section) => (section, Found::Known),
        None => {
            let section = Arc::new(make(wanted.size, protection, attributes, file)?);
            names.retain(|_, section| section.strong_count() > 0);
            names.insert(name.clone(), Arc::downgrade(&section));
            (section, Found::New)
        }
    };
    Ok((handles::insert(Thing::Section(section), access), found))
}

/// A handle of a section that has this name, with these rights.
///
/// # Errors
/// 2 when there is none (SC48, SC49).
pub(in crate::win32) fn open(name: &[u16], access: u32) -> Result<HANDLE, Failure> {
    let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    match names.get(name).and_then(Weak::upgrade) {
        Some(section) => Ok(handles::insert(Thing::Section(section), access)),
        None => {
            let fix = "no section of this process has this name; create it first";
            Err(Failure::argument(NtStatus::OBJECT_NAME_NOT_FOUND, "name", 0, fix))
        }
    }
}

/// What views of a section may be given (SC01, SC02, GP18).
fn protection(word: u32) -> Result<Protection, Failure> {
    let word = word & !ATTRIBUTES;
    let refuse = || {
        let fix = "give one of PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY and their kinds with EXECUTE";
        Failure::argument(NtStatus::INVALID_PARAMETER, "protection", u64::from(word), fix)
    };
    if matches!(word, PAGE_NOACCESS | PAGE_EXECUTE) || word & !0xff != 0 {
        return Err(refuse());
    }
    decode_protection(word).map_err(|_| refuse())
}

/// The rights of a handle that its section's protection gives (HR30).
fn view_rights(protection: Protection) -> u32 {
    let write = if protection.rights.contains(Rights::WRITE) { SECTION_MAP_WRITE } else { 0 };
    let execute = if protection.rights.contains(Rights::EXECUTE) { SECTION_MAP_EXECUTE } else { 0 };
    SECTION_MAP_READ | write | execute
}

/// The file of a section; `None` for memory.
fn backing(handle: HANDLE) -> Result<Option<Arc<File>>, Failure> {
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return Ok(None);
    }
    match handles::thing(handle)?.0 {
        Thing::File(file) => Ok(Some(file)),
        Thing::Process(_) | Thing::Section(_) | Thing::Token => {
            let fix = "it is not the handle of a file; give INVALID_HANDLE_VALUE for memory";
            Err(Failure::argument(NtStatus::OBJECT_TYPE_MISMATCH, "file", handle.addr() as u64, fix))
        }
    }
}

/// The attributes that a section has (SC09 to SC23, LP10 to LP13).
fn attributes(asked: u32, of_file: bool, size: u64) -> Result<u32, Failure> {
    let refuse = |status, fix| Err(Failure::argument(status, "attributes", u64::from(asked), fix));
    let has = |bit| asked & bit != 0;
    let supply = asked & (SEC_COMMIT | SEC_RESERVE);
    let caching = asked & (SEC_NOCACHE | SEC_WRITECOMBINE);
    if has(!(SEC_COMMIT | SEC_RESERVE | SEC_NOCACHE | SEC_WRITECOMBINE | SEC_LARGE_PAGES | SEC_IMAGE)) {
        return refuse(NtStatus::INVALID_PARAMETER_6, "remove the bits that are no attribute"); // SC17
    }
    if has(SEC_IMAGE) {
        return match (asked & !SEC_NOCACHE, of_file) {
            (SEC_IMAGE, false) => refuse(NtStatus::INVALID_FILE_FOR_SECTION, "memory is no image"), // SC15
            (SEC_IMAGE, true) => refuse(
                NtStatus::INVALID_FILE_FOR_SECTION,
                "images are those that the program loader maps; remove SEC_IMAGE",
            ), // SC21
            _ => refuse(NtStatus::INVALID_PARAMETER_6, "SEC_IMAGE stands alone"), // SC16, SC23
        };
    }
    if supply == SEC_COMMIT | SEC_RESERVE || supply == 0 && asked != 0 {
        // SC11, SC13, SC20, LP10
        return refuse(NtStatus::INVALID_PARAMETER_6, "give one of SEC_COMMIT and SEC_RESERVE");
    }
    if has(SEC_LARGE_PAGES) {
        return large(asked, of_file, size);
    }
    Ok(match (of_file, supply) {
        (true, _) => SEC_FILE | caching, // SC18, SC19
        (false, 0) => SEC_COMMIT,        // SC10
        (false, supply) => supply | caching,
    })
}

/// Large pages are for memory that is committed, and for whoever holds the privilege, which
/// nobody does for sections: their memory is a file in memory of ordinary pages.
fn large(asked: u32, of_file: bool, size: u64) -> Result<u32, Failure> {
    const LARGE: u64 = 2 << 20;
    let refuse = |status, fix| Err(Failure::argument(status, "attributes", u64::from(asked), fix));
    if of_file || asked & SEC_RESERVE != 0 {
        return refuse(NtStatus::INVALID_PARAMETER_6, "remove SEC_LARGE_PAGES"); // LP10, LP13
    }
    if !size.is_multiple_of(LARGE) {
        let fix = "give a multiple of GetLargePageMinimum()";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_4, "size", size, fix)); // LP11
    }
    let fix = "sections have ordinary pages here; remove SEC_LARGE_PAGES, or use VirtualAlloc";
    refuse(NtStatus::PRIVILEGE_NOT_HELD, fix)
}

fn make(
    size: u64,
    protection: Protection,
    attributes: u32,
    file: Option<Arc<File>>,
) -> Result<Section, Failure> {
    let protection = protection.cached(caching(attributes));
    match file {
        None => of_memory(size, protection, attributes),
        Some(file) => of_file(size, protection, attributes, &file),
    }
}

fn caching(attributes: u32) -> Caching {
    if attributes & SEC_NOCACHE != 0 {
        Caching::NoCache
    } else if attributes & SEC_WRITECOMBINE != 0 {
        Caching::WriteCombine
    } else {
        Caching::Normal
    }
}

fn too_big(size: u64) -> Failure {
    Failure::argument(NtStatus::SECTION_TOO_BIG, "size", size, "give a smaller size") // SC28
}

fn of_memory(size: u64, protection: Protection, attributes: u32) -> Result<Section, Failure> {
    if size == 0 {
        let fix = "give the number of bytes";
        return Err(Failure::argument(NtStatus::INVALID_PARAMETER_4, "size", 0, fix)); // SC27
    }
    if size > Geometry::X86_64.highest {
        return Err(too_big(size));
    }
    let (supply, body) = if attributes & SEC_RESERVE != 0 {
        (Supply::OnDemand(Default::default()), Body::OnDemand)
    } else {
        (Supply::Whole, Body::Committed)
    };
    let object = own::create_section(&NewSection { size, supply, ceiling: Rights::USUAL })?;
    let size = size.next_multiple_of(PAGE); // SC33, SC34
    Ok(Section { object, size, protection, attributes, body })
}

fn of_file(size: u64, protection: Protection, attributes: u32, file: &File) -> Result<Section, Failure> {
    let stores = protection.rights.contains(Rights::WRITE);
    let known = file.metadata().ok().filter(std::fs::Metadata::is_file);
    let Some(known) = known else {
        let fix = "it is no regular file";
        return Err(Failure::argument(NtStatus::INVALID_FILE_FOR_SECTION, "file", 0, fix)); // SC52
    };
    if stores && file.write_at(&[], 0).is_err() {
        let fix = "it is not open for writing; ask for PAGE_READONLY or PAGE_WRITECOPY";
        return Err(Failure::argument(NtStatus::ACCESS_DENIED, "file", 0, fix)); // SC05
    }
    let length = known.len();
    let size = if size == 0 { length } else { size };
    if size == 0 {
        let fix = "the file is empty; give a size";
        return Err(Failure::argument(NtStatus::MAPPED_FILE_SIZE_ZERO, "size", 0, fix)); // SC40
    }
    if size > i64::MAX as u64 || size > length && !stores {
        return Err(too_big(size)); // SC37
    }
    if size > length && file.set_len(size).is_err() {
        return Err(Failure::argument(NtStatus::NO_MEMORY, "size", size, "there is no room for it")); // SC39
    }
    let copy = file.try_clone().map_err(|_| {
        Failure::argument(NtStatus::NO_MEMORY, "file", 0, "no descriptor is left; close some files")
    })?;
    let mut ceiling = Rights::READ | Rights::EXECUTE;
    ceiling.set(Rights::WRITE, stores);
    let object = own::file_section(OwnedFd::from(copy), size, ceiling)?;
    Ok(Section { object, size, protection, attributes, body: Body::File })
}
