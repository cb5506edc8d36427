//! Modules: how sources reach calls that the system may not have.
//!
//! All modules of the system that have such calls are this library, so their handles are alike;
//! NULL is the program. A module is never unloaded: its handle is valid for good.

use std::ffi::CStr;
use std::ptr;

use super::super::calls::{answer, require_pointer};
use super::super::failure::Failure;
use super::super::guarded::caught;
use super::super::last_error;
use super::super::query::mapped_file;
use super::super::section::{narrow, wide};
use super::super::status::NtStatus;
use super::super::types::{BOOL, HANDLE};
use super::image::Image;
use super::types::{
    FARPROC, GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN,
    GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT, HMODULE, LOAD_LIBRARY_FLAGS, LOAD_WITH_ALTERED_SEARCH_PATH,
};
use crate::process::Process;

/// The modules of the system that have calls of this library, without `.dll`.
const SYSTEM: [&str; 5] = ["kernel32", "kernelbase", "ntdll", "psapi", "advapi32"];
/// How the names begin under which newer sources know parts of them.
const SYSTEM_SETS: [&str; 1] = ["api-ms-win-core-memory-"];

/// Flags that `LoadLibraryEx` knows: all say where to look or what not to do there, so all are
/// heard and none has an effect.
const LOAD_FLAGS: LOAD_LIBRARY_FLAGS = 0xfffb;
/// Those that say where to look.
const LOAD_SEARCH: LOAD_LIBRARY_FLAGS = 0x1f00;

/// The handle of a module that is loaded; of the program for NULL. NULL and a last error on
/// failure: 126 for others than those of the system.
///
/// # Safety
/// `lpmodulename` is NULL or ends with a zero.
pub unsafe extern "system" fn GetModuleHandleA(lpmodulename: *const u8) -> HMODULE {
    // SAFETY: the caller vouches for the name.
    handle(|| module(unsafe { narrow(lpmodulename) }))
}

/// [`GetModuleHandleA`] for a name of 16-bit units.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn GetModuleHandleW(lpmodulename: *const u16) -> HMODULE {
    // SAFETY: the caller vouches for the name.
    handle(|| module(unsafe { wide(lpmodulename) }))
}

/// [`GetModuleHandleA`]; with `GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS` whatever program or library
/// has an address, which the name is then. The other two flags are about counting uses, which
/// nobody does. FALSE and a last error on failure, and a handle that is NULL: 87 also for both of
/// them and for other flags.
///
/// # Safety
/// The name is NULL, an address, or ends with a zero; `phmodule` is NULL or valid.
pub unsafe extern "system" fn GetModuleHandleExA(
    dwflags: u32,
    lpmodulename: *const u8,
    phmodule: *mut HMODULE,
) -> BOOL {
    // SAFETY: the caller vouches for both.
    unsafe { handle_by(dwflags, lpmodulename.addr(), || narrow(lpmodulename), phmodule) }
}

/// [`GetModuleHandleExA`] for a name of 16-bit units.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn GetModuleHandleExW(
    dwflags: u32,
    lpmodulename: *const u16,
    phmodule: *mut HMODULE,
) -> BOOL {
    // SAFETY: the caller vouches for both.
    unsafe { handle_by(dwflags, lpmodulename.addr(), || wide(lpmodulename), phmodule) }
}

/// The handle of a module of the system, which is loaded already. NULL and a last error on failure:
/// 126 for others.
///
/// # Safety
/// `lplibfilename` is NULL or ends with a zero.
pub unsafe extern "system" fn LoadLibraryA(lplibfilename: *const u8) -> HMODULE {
    // SAFETY: the caller vouches for the same.
    unsafe { LoadLibraryExA(lplibfilename, ptr::null_mut(), 0) }
}

/// [`LoadLibraryA`] for a name of 16-bit units; 87 for NULL.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn LoadLibraryW(lplibfilename: *const u16) -> HMODULE {
    // SAFETY: the caller vouches for the same.
    unsafe { LoadLibraryExW(lplibfilename, ptr::null_mut(), 0) }
}

/// [`LoadLibraryA`] with flags, none of which has an effect. 87 for a file, for flags that nobody
/// knows, and for two ways to search.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn LoadLibraryExA(
    lplibfilename: *const u8,
    hfile: HANDLE,
    dwflags: LOAD_LIBRARY_FLAGS,
) -> HMODULE {
    handle(|| {
        check_load(hfile, dwflags)?;
        // SAFETY: the caller vouches for the name.
        module(Some(unsafe { narrow(lplibfilename) }.unwrap_or_default()))
    })
}

/// [`LoadLibraryExA`] for a name of 16-bit units; 87 for NULL.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn LoadLibraryExW(
    lplibfilename: *const u16,
    hfile: HANDLE,
    dwflags: LOAD_LIBRARY_FLAGS,
) -> HMODULE {
    handle(|| {
        check_load(hfile, dwflags)?;
        // SAFETY: the caller vouches for the name.
        let name = unsafe { wide(lplibfilename) };
        let none = || Failure::argument(NtStatus::INVALID_PARAMETER, "name", 0, "name a module");
        module(Some(name.ok_or_else(none)?))
    })
}

/// Lets go of a module, which stays. FALSE and a last error on failure: 6 for NULL, 126 for what is
/// no module.
///
/// # Safety
/// None: any handle is answered.
pub unsafe extern "system" fn FreeLibrary(hlibmodule: HMODULE) -> BOOL {
    answer(caught(|| {
        if hlibmodule.is_null() {
            return Err(Failure::argument(NtStatus::INVALID_HANDLE, "module", 0, "give one that was loaded"));
        }
        image(hlibmodule).map(|_| ())
    }))
}

/// Asks that a module not be told of threads; none is. FALSE and a last error on failure: 126 for
/// NULL and for what is no module.
///
/// # Safety
/// None: any handle is answered.
pub unsafe extern "system" fn DisableThreadLibraryCalls(hlibmodule: HMODULE) -> BOOL {
    answer(caught(|| {
        if hlibmodule.is_null() {
            return Err(no_module(hlibmodule));
        }
        image(hlibmodule).map(|_| ())
    }))
}

/// Copies the path of a module, of the program for NULL, in UTF-8 with its zero; cut off where the
/// buffer ends, and then the last error is 122, else 0. Answers how many bytes without the zero,
/// with it if they were cut off; 0 and a last error on failure.
///
/// # Safety
/// `lpfilename` has room for `nsize` bytes.
pub unsafe extern "system" fn GetModuleFileNameA(hmodule: HMODULE, lpfilename: *mut u8, nsize: u32) -> u32 {
    let text = |path: Vec<u16>| String::from_utf16_lossy(&path).into_bytes();
    let path = caught(|| path(hmodule).map(text));
    // SAFETY: the caller vouches for the room.
    unsafe { put(path, lpfilename, nsize, 0) }
}

/// [`GetModuleFileNameA`] in 16-bit units.
///
/// # Safety
/// As there.
pub unsafe extern "system" fn GetModuleFileNameW(hmodule: HMODULE, lpfilename: *mut u16, nsize: u32) -> u32 {
    let path = caught(|| path(hmodule));
    // SAFETY: the caller vouches for the room.
    unsafe { put(path, lpfilename, nsize, 0) }
}

/// `GetProcAddress` over the names that `find` knows: which those are only who exports them can
/// say. NULL and a last error on failure: 126 for what is no module; 127 for one without that name,
/// and for a number instead of a name.
///
/// # Safety
/// `lpprocname` is below 65,536 or ends with a zero.
pub unsafe fn proc_address(
    hmodule: HMODULE,
    lpprocname: *const u8,
    find: impl FnOnce(&[u8]) -> FARPROC,
) -> FARPROC {
    let found = caught(|| {
        let none = || {
            let (value, fix) = (lpprocname.addr() as u64, "nothing of that name is there; do without it");
            Failure::argument(NtStatus::ENTRYPOINT_NOT_FOUND, "name", value, fix)
        };
        let image = image(hmodule)?;
        if lpprocname.addr() <= usize::from(u16::MAX) || Some(image) != Image::library() {
            return Err(none());
        }
        // SAFETY: it is no number, so the caller vouches for it.
        let name = unsafe { CStr::from_ptr(lpprocname.cast()) };
        find(name.to_bytes()).map(Some).ok_or_else(none)
    });
    last_error::note(found).flatten()
}

fn handle(find: impl FnOnce() -> Result<Image, Failure>) -> HMODULE {
    last_error::note(caught(find)).map_or(ptr::null_mut(), to_handle)
}

fn to_handle(image: Image) -> HMODULE {
    ptr::with_exposed_provenance_mut(image.base)
}

/// # Safety
/// `phmodule` is NULL or valid, and `name` may be called if `flags` does not say that it is an address.
unsafe fn handle_by(
    flags: u32,
    address: usize,
    name: impl FnOnce() -> Option<Vec<u16>>,
    phmodule: *mut HMODULE,
) -> BOOL {
    answer(caught(|| {
        let null = || Failure::argument(NtStatus::INVALID_PARAMETER, "pointer", 0, "give one for the handle");
        require_pointer(phmodule.is_null(), "pointer for the handle").map_err(|_| null())?;
        let found = check_flags(flags).and_then(|()| {
            if flags & GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS == 0 || address == 0 {
                return module(name());
            }
            Image::around(address).ok_or_else(|| no_module(ptr::without_provenance_mut(address)))
        });
        // SAFETY: it is not NULL, so the caller vouches for it.
        unsafe {
            phmodule.write_unaligned(found.as_ref().map_or(ptr::null_mut(), |image| to_handle(*image)))
        };
        found.map(|_| ())
    }))
}

fn check_flags(flags: u32) -> Result<(), Failure> {
    let counting = GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    if flags & !(counting | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS) == 0 && flags & counting != counting {
        return Ok(());
    }
    let fix = "give one of the flags for counting at most, and no unknown one";
    Err(Failure::argument(NtStatus::INVALID_PARAMETER, "flags", flags.into(), fix))
}

fn check_load(file: HANDLE, flags: LOAD_LIBRARY_FLAGS) -> Result<(), Failure> {
    let searches_twice = flags & LOAD_WITH_ALTERED_SEARCH_PATH != 0 && flags & LOAD_SEARCH != 0;
    if file.is_null() && flags & !LOAD_FLAGS == 0 && !searches_twice {
        return Ok(());
    }
    let fix = "give no file, no unknown flag, and one way to search";
    Err(Failure::argument(NtStatus::INVALID_PARAMETER, "flags", flags.into(), fix))
}

/// The module with this name; the program without one.
fn module(name: Option<Vec<u16>>) -> Result<Image, Failure> {
    let image = match name {
        None => Image::program(),
        Some(name) if is_of_the_system(&name) => Image::library(),
        Some(_) => None,
    };
    let fix = "only the program and modules of the system that this library stands for are there";
    image.ok_or_else(|| Failure::argument(NtStatus::DLL_NOT_FOUND, "name", 0, fix))
}

/// With or without `.dll`, in any case. A dot at the end says that there is nothing behind it.
fn is_of_the_system(name: &[u16]) -> bool {
    let name = String::from_utf16_lossy(name).to_lowercase();
    let name = name.strip_suffix('.').map_or_else(
        || name.strip_suffix(".dll").unwrap_or(&name),
        |name| name.strip_suffix(".dll").unwrap_or(""),
    );
    SYSTEM.contains(&name)
        || SYSTEM_SETS.iter().any(|set| name.starts_with(set) && !name.contains(['/', '\\']))
}

/// What a handle stands for.
fn image(module: HMODULE) -> Result<Image, Failure> {
    let image = if module.is_null() { Image::program() } else { Image::at(module.addr()) };
    image.ok_or_else(|| no_module(module))
}

fn no_module(module: HMODULE) -> Failure {
    Failure::argument(NtStatus::DLL_NOT_FOUND, "module", module.addr() as u64, "nothing is loaded there")
}

fn path(module: HMODULE) -> Result<Vec<u16>, Failure> {
    mapped_file(&Process::current(), image(module)?.base as u64)
}

/// # Safety
/// `into` has room for `room` units.
unsafe fn put<T: Copy>(path: Result<Vec<T>, Failure>, into: *mut T, room: u32, zero: T) -> u32 {
    let Some(path) = last_error::note(path) else { return 0 };
    let is_whole = path.len() < room as usize;
    last_error::set(if is_whole { 0 } else { NtStatus::BUFFER_TOO_SMALL.to_win32() });
    let Some(most) = (room as usize).checked_sub(1).filter(|_| !into.is_null()) else { return 0 };
    let units = path.iter().take(most).chain([&zero]);
    for (index, unit) in units.enumerate() {
        // SAFETY: the caller vouches for the room, which this stays in.
        unsafe { into.add(index).write_unaligned(*unit) };
    }
    if is_whole { path.len() as u32 } else { room }
}

#[cfg(test)]
mod tests {
    use super::is_of_the_system;

    #[test]
    fn names_of_the_system() {
        let is = |name: &str| is_of_the_system(&name.encode_utf16().collect::<Vec<_>>());
        for name in ["kernel32", "KernelBase.DLL", "NTDLL.dll", "psapi", "advapi32.dll", "kernel32.dll."] {
            assert!(is(name), "{name}");
        }
        assert!(is("api-ms-win-core-memory-l1-1-6.dll") && is("API-MS-Win-Core-Memory-l1-1-0"));
        for name in ["", ".dll", "kernel", "kernel32.exe", "kernel32.", "user32.dll", "./kernel32.dll"] {
            assert!(!is(name), "{name}");
        }
    }
}
