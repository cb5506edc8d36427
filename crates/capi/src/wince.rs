//! The Windows CE calls: under their own names those that CE alone has, and as `PwCe…` those
//! whose name Win32 has too, with another contract. Sources compiled for CE call the latter
//! by their usual name, which a header sees to.

use std::ffi::c_void;

use rust::win32::{BOOL, HANDLE, MEMORY_BASIC_INFORMATION};

mod mode;
mod receipt;
mod settings;
mod windows;

export! {
    mod rust::wince {
        fn VirtualCopy(
            lpvdest: *mut c_void,
            lpvsrc: *mut c_void,
            cbsize: u32,
            fdwprotect: u32,
        ) -> BOOL;
        fn VirtualCopyEx(
            hdstproc: HANDLE,
            lpvdest: *mut c_void,
            hsrcproc: HANDLE,
            lpvsrc: *mut c_void,
            cbsize: u32,
            fdwprotect: u32,
        ) -> BOOL;
        fn VirtualAllocCopyEx(
            hsrcproc: HANDLE,
            hdstproc: HANDLE,
            lpvsrc: *mut c_void,
            cbsize: u32,
            fdwprotect: u32,
        ) -> *mut c_void;
        fn VirtualSetAttributes(
            lpvaddress: *mut c_void,
            cbsize: u32,
            dwnewflags: u32,
            dwmask: u32,
            lpdwoldflags: *mut u32,
        ) -> BOOL;
        fn VirtualSetAttributesEx(
            hprocess: HANDLE,
            lpvaddress: *mut c_void,
            cbsize: u32,
            dwnewflags: u32,
            dwmask: u32,
            lpdwoldflags: *mut u32,
        ) -> BOOL;
        fn VirtualSetPageFlags(
            lpvaddress: *mut c_void,
            cbsize: u32,
            dwflags: u32,
            lpdwoldflags: *mut u32,
        ) -> BOOL;
        fn CeSetMemoryAttributes(
            pvirtualaddr: *mut c_void,
            pshiftedphysaddr: *mut c_void,
            cbsize: u32,
            dwattributes: u32,
        ) -> BOOL;
        fn LockPages(lpvaddress: *mut c_void, cbsize: u32, ppfns: *mut u32, foptions: u32) -> BOOL;
        fn LockPagesEx(
            hprocess: HANDLE,
            lpvaddress: *mut c_void,
            cbsize: u32,
            ppfns: *mut u32,
            foptions: u32,
        ) -> BOOL;
        fn UnlockPages(lpvaddress: *mut c_void, cbsize: u32) -> BOOL;
        fn UnlockPagesEx(hprocess: HANDLE, lpvaddress: *mut c_void, cbsize: u32) -> BOOL;
        fn AllocPhysMem(
            cbsize: u32,
            fdwprotect: u32,
            dwalignmentmask: u32,
            dwflags: u32,
            pphysicaladdress: *mut u32,
        ) -> *mut c_void;
        fn FreePhysMem(lpvaddress: *mut c_void) -> BOOL;
        fn MmMapIoSpace(physicaladdress: i64, numberofbytes: u32, cacheenable: u8) -> *mut c_void;
        fn MmUnmapIoSpace(baseaddress: *mut c_void, numberofbytes: u32);
        fn CreateStaticMapping(dwphysbase: u32, dwsize: u32) -> *mut c_void;
    }
}

/// The Rust crate's names, with the prefix.
mod prefixed {
    pub(super) use rust::wince::{
        OpenProcess as PwCeOpenProcess, ReadProcessMemory as PwCeReadProcessMemory,
        VirtualAlloc as PwCeVirtualAlloc, VirtualAllocEx as PwCeVirtualAllocEx,
        VirtualFree as PwCeVirtualFree, VirtualFreeEx as PwCeVirtualFreeEx,
        VirtualProtect as PwCeVirtualProtect, VirtualProtectEx as PwCeVirtualProtectEx,
        VirtualQuery as PwCeVirtualQuery, VirtualQueryEx as PwCeVirtualQueryEx,
        WriteProcessMemory as PwCeWriteProcessMemory,
    };
}

export! {
    mod prefixed {
        fn PwCeVirtualAlloc(
            lpaddress: *mut c_void,
            dwsize: u32,
            flallocationtype: u32,
            flprotect: u32,
        ) -> *mut c_void;
        fn PwCeVirtualAllocEx(
            hprocess: HANDLE,
            lpaddress: *mut c_void,
            dwsize: u32,
            flallocationtype: u32,
            flprotect: u32,
        ) -> *mut c_void;
        fn PwCeVirtualFree(lpaddress: *mut c_void, dwsize: u32, dwfreetype: u32) -> BOOL;
        fn PwCeVirtualFreeEx(
            hprocess: HANDLE,
            lpaddress: *mut c_void,
            dwsize: u32,
            dwfreetype: u32,
        ) -> BOOL;
        fn PwCeVirtualProtect(
            lpaddress: *mut c_void,
            dwsize: u32,
            flnewprotect: u32,
            lpfloldprotect: *mut u32,
        ) -> BOOL;
        fn PwCeVirtualProtectEx(
            hprocess: HANDLE,
            lpaddress: *mut c_void,
            dwsize: u32,
            flnewprotect: u32,
            lpfloldprotect: *mut u32,
        ) -> BOOL;
        fn PwCeVirtualQuery(
            lpaddress: *const c_void,
            lpbuffer: *mut MEMORY_BASIC_INFORMATION,
            dwlength: u32,
        ) -> u32;
        fn PwCeVirtualQueryEx(
            hprocess: HANDLE,
            lpaddress: *const c_void,
            lpbuffer: *mut MEMORY_BASIC_INFORMATION,
            dwlength: u32,
        ) -> u32;
        fn PwCeOpenProcess(fdwaccess: u32, finherit: BOOL, idprocess: u32) -> HANDLE;
        fn PwCeReadProcessMemory(
            hprocess: HANDLE,
            lpbaseaddress: *const c_void,
            lpbuffer: *mut c_void,
            nsize: u32,
            lpnumberofbytesread: *mut u32,
        ) -> BOOL;
        fn PwCeWriteProcessMemory(
            hprocess: HANDLE,
            lpbaseaddress: *mut c_void,
            lpbuffer: *const c_void,
            nsize: u32,
            lpnumberofbyteswritten: *mut u32,
        ) -> BOOL;
    }
}

/// TRUE, or FALSE and a last error.
fn answer(result: Result<(), rust::wince::Failure>) -> BOOL {
    match result {
        Ok(()) => rust::win32::TRUE,
        Err(failure) => refuse(failure.code()),
    }
}

/// FALSE, and this code as the last error.
fn refuse(code: u32) -> BOOL {
    // SAFETY: no conditions.
    unsafe { rust::win32::SetLastError(code) };
    rust::win32::FALSE
}
