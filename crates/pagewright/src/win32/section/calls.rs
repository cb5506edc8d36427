//! The Win32 calls about sections, handles and views.
#![allow(non_snake_case, reason = "these are the names that existing code uses")]

use std::ffi::c_void;
use std::ptr;

use pagewright_core::Window;

use super::super::constants::{
    ERROR_ALREADY_EXISTS, ERROR_SUCCESS, FALSE, INVALID_HANDLE_VALUE, MEM_PRESERVE_PLACEHOLDER,
    MEM_UNMAP_WITH_TRANSIENT_BOOST, TRUE,
};
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::handles::{self, Need};
use super::super::kind::Words;
use super::super::status::NtStatus;
use super::super::types::{
    BOOL, HANDLE, MEM_EXTENDED_PARAMETER, PAGE_PROTECTION_FLAGS, UNMAP_VIEW_OF_FILE_FLAGS,
    VIRTUAL_ALLOCATION_TYPE,
};
use super::super::{extended, last_error, protection};
use super::constants::{
    DUPLICATE_CLOSE_SOURCE, DUPLICATE_SAME_ACCESS, FILE_MAP_EXECUTE, SECTION_MAP_EXECUTE,
    SECTION_MAP_EXECUTE_EXPLICIT,
};
use super::create::{self, Found};
use super::map::{self, Leave};
use super::types::{DUPLICATE_HANDLE_OPTIONS, FILE_MAP, MEMORY_MAPPED_VIEW_ADDRESS, SECURITY_ATTRIBUTES};
use crate::process::Process;

/// Makes a section of memory ([`INVALID_HANDLE_VALUE`]) or of a file
/// ([`super::file_handle`]), or opens the one that has this name: then the last error is
/// 183, else 0. NULL and a last error on failure.
///
/// # Safety
/// `lpname` is NULL or ends with a zero.
pub unsafe extern "system" fn CreateFileMappingW(
    hfile: HANDLE,
    _lpfilemappingattributes: *const SECURITY_ATTRIBUTES,
    flprotect: PAGE_PROTECTION_FLAGS,
    dwmaximumsizehigh: u32,
    dwmaximumsizelow: u32,
    lpname: *const u16,
) -> HANDLE {
    let size = u64::from(dwmaximumsizehigh) << 32 | u64::from(dwmaximumsizelow);
    // SAFETY: the caller vouches for the name.
    let name = unsafe { wide(lpname) };
    created(create::Wanted::of_word(hfile, flprotect, size, name))
}

/// As [`CreateFileMappingW`], with a name of bytes.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn CreateFileMappingA(
    hfile: HANDLE,
    _lpfilemappingattributes: *const SECURITY_ATTRIBUTES,
    flprotect: PAGE_PROTECTION_FLAGS,
    dwmaximumsizehigh: u32,
    dwmaximumsizelow: u32,
    lpname: *const u8,
) -> HANDLE {
    let size = u64::from(dwmaximumsizehigh) << 32 | u64::from(dwmaximumsizelow);
    // SAFETY: the caller vouches for the name.
    let name = unsafe { narrow(lpname) };
    created(create::Wanted::of_word(hfile, flprotect, size, name))
}

/// As [`CreateFileMappingW`], with the size in one word.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn CreateFileMappingFromApp(
    hfile: HANDLE,
    _securityattributes: *const SECURITY_ATTRIBUTES,
    pageprotection: PAGE_PROTECTION_FLAGS,
    maximumsize: u64,
    name: *const u16,
) -> HANDLE {
    // SAFETY: the caller vouches for the name.
    let name = unsafe { wide(name) };
    created(create::Wanted::of_word(hfile, pageprotection, maximumsize, name))
}

/// Opens a section of this process by its name, for `FILE_MAP_…` or `SECTION_…` rights.
/// NULL and a last error on failure.
///
/// # Safety
/// `lpname` is NULL or ends with a zero.
pub unsafe extern "system" fn OpenFileMappingW(
    dwdesiredaccess: u32,
    _binherithandle: BOOL,
    lpname: *const u16,
) -> HANDLE {
    // SAFETY: the caller vouches for the name.
    opened(unsafe { wide(lpname) }, dwdesiredaccess)
}

/// As [`OpenFileMappingW`], with a name of bytes.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn OpenFileMappingA(
    dwdesiredaccess: u32,
    _binherithandle: BOOL,
    lpname: *const u8,
) -> HANDLE {
    // SAFETY: the caller vouches for the name.
    opened(unsafe { narrow(lpname) }, dwdesiredaccess)
}

/// As [`OpenFileMappingW`]; [`FILE_MAP_EXECUTE`] asks for [`SECTION_MAP_EXECUTE`] (HR28,
/// HR29).
///
/// # Safety
/// As there.
pub unsafe extern "system" fn OpenFileMappingFromApp(
    desiredaccess: u32,
    _inherithandle: BOOL,
    name: *const u16,
) -> HANDLE {
    // SAFETY: the caller vouches for the name.
    opened(unsafe { wide(name) }, desiredaccess)
}

/// Maps a view of a section in this process. NULL and a last error on failure.
///
/// # Safety
/// None: nothing that is mapped is replaced.
pub unsafe extern "system" fn MapViewOfFile(
    hfilemappingobject: HANDLE,
    dwdesiredaccess: FILE_MAP,
    dwfileoffsethigh: u32,
    dwfileoffsetlow: u32,
    dwnumberofbytestomap: usize,
) -> MEMORY_MAPPED_VIEW_ADDRESS {
    let offset = u64::from(dwfileoffsethigh) << 32 | u64::from(dwfileoffsetlow);
    mapped_here(hfilemappingobject, dwdesiredaccess, offset, dwnumberofbytestomap, ptr::null())
}

/// As [`MapViewOfFile`], at an address unless it is NULL.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn MapViewOfFileEx(
    hfilemappingobject: HANDLE,
    dwdesiredaccess: FILE_MAP,
    dwfileoffsethigh: u32,
    dwfileoffsetlow: u32,
    dwnumberofbytestomap: usize,
    lpbaseaddress: *const c_void,
) -> MEMORY_MAPPED_VIEW_ADDRESS {
    let offset = u64::from(dwfileoffsethigh) << 32 | u64::from(dwfileoffsetlow);
    mapped_here(hfilemappingobject, dwdesiredaccess, offset, dwnumberofbytestomap, lpbaseaddress)
}

/// As [`MapViewOfFile`], with the offset in one word.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn MapViewOfFileFromApp(
    hfilemappingobject: HANDLE,
    desiredaccess: FILE_MAP,
    fileoffset: u64,
    numberofbytestomap: usize,
) -> MEMORY_MAPPED_VIEW_ADDRESS {
    mapped_here(hfilemappingobject, desiredaccess, fileoffset, numberofbytestomap, ptr::null())
}

/// Maps a view of a section in a process; NULL means this one (MV61). Extended parameters may
/// say where it may be; a node is a wish that is not heard. NULL and a last error on failure.
///
/// # Safety
/// `extendedparameters` points to `parametercount` of them, and the pointers in them are valid.
pub unsafe extern "system" fn MapViewOfFile3(
    filemapping: HANDLE,
    process: HANDLE,
    baseaddress: *const c_void,
    offset: u64,
    viewsize: usize,
    allocationtype: VIRTUAL_ALLOCATION_TYPE,
    pageprotection: u32,
    extendedparameters: *mut MEM_EXTENDED_PARAMETER,
    parametercount: u32,
) -> MEMORY_MAPPED_VIEW_ADDRESS {
    let process = if process.is_null() { INVALID_HANDLE_VALUE } else { process };
    // SAFETY: the caller vouches for the parameters.
    let within = unsafe { extended::view_window(extendedparameters, parametercount, baseaddress) };
    let view = within.and_then(|within| {
        let protection = protection::decode_protection(pageprotection)?;
        let (base, size) = (baseaddress.addr() as u64, viewsize as u64);
        let wanted = map::Wanted {
            base,
            offset,
            size,
            protection,
            kind: allocationtype,
            words: Words::Extended,
            within,
        };
        mapped(filemapping, process, &wanted)
    });
    answer(view)
}

/// Maps a view of a section in a process. The node is a wish that is not heard. NULL and a
/// last error on failure.
///
/// # Safety
/// None: nothing that is mapped is replaced.
pub unsafe extern "system" fn MapViewOfFileNuma2(
    filemappinghandle: HANDLE,
    processhandle: HANDLE,
    offset: u64,
    baseaddress: *const c_void,
    viewsize: usize,
    allocationtype: u32,
    pageprotection: u32,
    _preferrednode: u32,
) -> MEMORY_MAPPED_VIEW_ADDRESS {
    let view = protection::decode_protection(pageprotection).and_then(|protection| {
        let (base, size) = (baseaddress.addr() as u64, viewsize as u64);
        let within = Window::ANYWHERE;
        let wanted =
            map::Wanted { base, offset, size, protection, kind: allocationtype, words: Words::Plain, within };
        mapped(filemappinghandle, processhandle, &wanted)
    });
    answer(view)
}

/// Unmaps the view of this process that holds an address. FALSE and a last error on
/// failure.
///
/// # Safety
/// Nobody may rely on the view.
pub unsafe extern "system" fn UnmapViewOfFile(lpbaseaddress: MEMORY_MAPPED_VIEW_ADDRESS) -> BOOL {
    let at = lpbaseaddress.Value.addr() as u64;
    done(caught(|| map::unmap(&Process::current(), at, Leave::Nothing)))
}

/// As [`UnmapViewOfFile`]; with [`MEM_PRESERVE_PLACEHOLDER`] the placeholder stays whose place the view
/// took.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn UnmapViewOfFileEx(
    baseaddress: MEMORY_MAPPED_VIEW_ADDRESS,
    unmapflags: UNMAP_VIEW_OF_FILE_FLAGS,
) -> BOOL {
    // SAFETY: the caller vouches for the same.
    unsafe { UnmapViewOfFile2(INVALID_HANDLE_VALUE, baseaddress, unmapflags) }
}

/// As [`UnmapViewOfFileEx`], in a process.
///
/// # Safety
/// As there, for that process.
pub unsafe extern "system" fn UnmapViewOfFile2(
    process: HANDLE,
    baseaddress: MEMORY_MAPPED_VIEW_ADDRESS,
    unmapflags: UNMAP_VIEW_OF_FILE_FLAGS,
) -> BOOL {
    done(unmap(process, baseaddress.Value, unmapflags))
}

/// Unmaps the view of a process that holds an address.
///
/// # Errors
/// 87 for flags, 487 where no view is.
pub(super) fn unmap(
    process: HANDLE,
    at: *const c_void,
    flags: UNMAP_VIEW_OF_FILE_FLAGS,
) -> Result<(), Failure> {
    handles::through(process, Need::Operate, |process| {
        let leave = leave(flags)?;
        map::unmap(process, at.addr() as u64, leave)
    })
}

/// What a call that unmaps is to leave behind (PH41, PH44).
fn leave(flags: UNMAP_VIEW_OF_FILE_FLAGS) -> Result<Leave, Failure> {
    match flags & !MEM_UNMAP_WITH_TRANSIENT_BOOST {
        0 => Ok(Leave::Nothing),
        MEM_PRESERVE_PLACEHOLDER => Ok(Leave::Placeholder),
        _ => {
            let fix = "give 0, MEM_PRESERVE_PLACEHOLDER, or MEM_UNMAP_WITH_TRANSIENT_BOOST";
            Err(Failure::argument(NtStatus::INVALID_PARAMETER, "flags", u64::from(flags), fix))
        }
    }
}

/// One more handle of this process for what a handle stands for, with the same rights or
/// with others. FALSE and a last error on failure.
///
/// # Safety
/// `lptargethandle` is NULL or valid.
pub unsafe extern "system" fn DuplicateHandle(
    hsourceprocesshandle: HANDLE,
    hsourcehandle: HANDLE,
    htargetprocesshandle: HANDLE,
    lptargethandle: *mut HANDLE,
    dwdesiredaccess: u32,
    _binherithandle: BOOL,
    dwoptions: DUPLICATE_HANDLE_OPTIONS,
) -> BOOL {
    let duplicated =
        duplicate(hsourceprocesshandle, hsourcehandle, htargetprocesshandle, dwdesiredaccess, dwoptions);
    let Some(handle) = last_error::note(duplicated) else { return FALSE };
    if !lptargethandle.is_null() {
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe { lptargethandle.write_unaligned(handle) };
    }
    TRUE
}

/// One more handle for what a handle stands for.
///
/// # Errors
/// 6 for no handle, 50 for a process that is not this one.
pub(super) fn duplicate(
    source_process: HANDLE,
    source: HANDLE,
    target_process: HANDLE,
    access: u32,
    options: DUPLICATE_HANDLE_OPTIONS,
) -> Result<HANDLE, Failure> {
    only_here(source_process)?;
    only_here(target_process)?;
    let (thing, same) = handles::thing(source)?;
    let access = if options & DUPLICATE_SAME_ACCESS != 0 { same } else { access };
    let handle = handles::insert(thing, access);
    if options & DUPLICATE_CLOSE_SOURCE != 0 {
        // It was open a moment ago; whoever closed it since has done it.
        let _ = handles::close(source);
    }
    Ok(handle)
}

/// Handles are those of this process: others have none.
fn only_here(process: HANDLE) -> Result<(), Failure> {
    handles::through(process, Need::Handle, |process| {
        if process.is_current() {
            return Ok(());
        }
        let fix = "only the handles of this process can be duplicated, and only for it";
        Err(Failure::argument(NtStatus::NOT_SUPPORTED, "process", u64::from(process.pid()), fix))
    })
}

/// The handle of a section; the last error says whether it was there (SC46, SC47).
fn created(wanted: Result<create::Wanted, Failure>) -> HANDLE {
    match last_error::note(wanted.and_then(|wanted| create::create(&wanted))) {
        Some((handle, found)) => {
            last_error::set(match found {
                Found::New => ERROR_SUCCESS,
                Found::Known => ERROR_ALREADY_EXISTS,
            });
            handle
        }
        None => ptr::null_mut(),
    }
}

fn opened(name: Option<Vec<u16>>, access: u32) -> HANDLE {
    // The bit of FILE_MAP_EXECUTE is another one in the rights of a handle.
    let execute = if access & FILE_MAP_EXECUTE != 0 { SECTION_MAP_EXECUTE } else { 0 };
    let access = access & !SECTION_MAP_EXECUTE_EXPLICIT | execute;
    let handle = name
        .ok_or_else(|| Failure::argument(NtStatus::INVALID_PARAMETER, "name", 0, "give a name"))
        .and_then(|name| create::open(&name, access));
    last_error::note(handle).unwrap_or(ptr::null_mut())
}

fn mapped_here(
    section: HANDLE,
    access: u32,
    offset: u64,
    size: usize,
    base: *const c_void,
) -> MEMORY_MAPPED_VIEW_ADDRESS {
    let protection = map::protection_of(access);
    let (base, size) = (base.addr() as u64, size as u64);
    let wanted = map::Wanted {
        base,
        offset,
        size,
        protection,
        kind: 0,
        words: Words::Plain,
        within: Window::ANYWHERE,
    };
    answer(mapped(section, INVALID_HANDLE_VALUE, &wanted))
}

/// The handles come first, whatever else is wrong (MV26).
fn mapped(section: HANDLE, process: HANDLE, wanted: &map::Wanted) -> Result<(u64, u64), Failure> {
    let section = handles::section(section, map::needed(wanted.protection))?;
    handles::through(process, Need::Operate, |process| map::map(&section, process, wanted))
}

fn answer(view: Result<(u64, u64), Failure>) -> MEMORY_MAPPED_VIEW_ADDRESS {
    match last_error::note(view) {
        Some((base, _)) => {
            MEMORY_MAPPED_VIEW_ADDRESS { Value: ptr::with_exposed_provenance_mut(base as usize) }
        }
        None => MEMORY_MAPPED_VIEW_ADDRESS::default(),
    }
}

fn done(result: Result<(), Failure>) -> BOOL {
    match last_error::note(result) {
        Some(()) => TRUE,
        None => FALSE,
    }
}

/// A name of 16-bit units.
///
/// # Safety
/// It is NULL or ends with a zero.
pub(in crate::win32) unsafe fn wide(name: *const u16) -> Option<Vec<u16>> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the name goes on until its zero, which is where this stops.
    let units = (0..).map(|at| unsafe { name.add(at).read_unaligned() });
    Some(units.take_while(|unit| *unit != 0).collect())
}

/// A name of bytes, each of which is a character.
///
/// # Safety
/// It is NULL or ends with a zero.
pub(in crate::win32) unsafe fn narrow(name: *const u8) -> Option<Vec<u16>> {
    if name.is_null() {
        return None;
    }
    // SAFETY: the name goes on until its zero, which is where this stops.
    let bytes = (0..).map(|at| unsafe { name.add(at).read() });
    Some(bytes.take_while(|byte| *byte != 0).map(u16::from).collect())
}
