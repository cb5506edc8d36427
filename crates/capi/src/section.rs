//! Sections and their views.

use std::ffi::{c_int, c_void};

use rust::win32::{
    BOOL, DUPLICATE_HANDLE_OPTIONS, FILE_MAP, HANDLE, MEM_EXTENDED_PARAMETER, MEMORY_MAPPED_VIEW_ADDRESS,
    PAGE_PROTECTION_FLAGS, SECURITY_ATTRIBUTES, UNMAP_VIEW_OF_FILE_FLAGS, VIRTUAL_ALLOCATION_TYPE,
};

export! {
    listed mod rust::win32 {
        fn CreateFileMappingW(
            hfile: HANDLE,
            lpfilemappingattributes: *const SECURITY_ATTRIBUTES,
            flprotect: PAGE_PROTECTION_FLAGS,
            dwmaximumsizehigh: u32,
            dwmaximumsizelow: u32,
            lpname: *const u16,
        ) -> HANDLE;
        fn CreateFileMappingA(
            hfile: HANDLE,
            lpfilemappingattributes: *const SECURITY_ATTRIBUTES,
            flprotect: PAGE_PROTECTION_FLAGS,
            dwmaximumsizehigh: u32,
            dwmaximumsizelow: u32,
            lpname: *const u8,
        ) -> HANDLE;
        fn CreateFileMappingFromApp(
            hfile: HANDLE,
            securityattributes: *const SECURITY_ATTRIBUTES,
            pageprotection: PAGE_PROTECTION_FLAGS,
            maximumsize: u64,
            name: *const u16,
        ) -> HANDLE;
        fn OpenFileMappingW(dwdesiredaccess: u32, binherithandle: BOOL, lpname: *const u16) -> HANDLE;
        fn OpenFileMappingA(dwdesiredaccess: u32, binherithandle: BOOL, lpname: *const u8) -> HANDLE;
        fn OpenFileMappingFromApp(desiredaccess: u32, inherithandle: BOOL, name: *const u16) -> HANDLE;
        fn MapViewOfFile(
            hfilemappingobject: HANDLE,
            dwdesiredaccess: FILE_MAP,
            dwfileoffsethigh: u32,
            dwfileoffsetlow: u32,
            dwnumberofbytestomap: usize,
        ) -> MEMORY_MAPPED_VIEW_ADDRESS;
        fn MapViewOfFileEx(
            hfilemappingobject: HANDLE,
            dwdesiredaccess: FILE_MAP,
            dwfileoffsethigh: u32,
            dwfileoffsetlow: u32,
            dwnumberofbytestomap: usize,
            lpbaseaddress: *const c_void,
        ) -> MEMORY_MAPPED_VIEW_ADDRESS;
        fn MapViewOfFileFromApp(
            hfilemappingobject: HANDLE,
            desiredaccess: FILE_MAP,
            fileoffset: u64,
            numberofbytestomap: usize,
        ) -> MEMORY_MAPPED_VIEW_ADDRESS;
        fn MapViewOfFile3(
            filemapping: HANDLE,
            process: HANDLE,
            baseaddress: *const c_void,
            offset: u64,
            viewsize: usize,
            allocationtype: VIRTUAL_ALLOCATION_TYPE,
            pageprotection: u32,
            extendedparameters: *mut MEM_EXTENDED_PARAMETER,
            parametercount: u32,
        ) -> MEMORY_MAPPED_VIEW_ADDRESS;
        fn MapViewOfFileNuma2(
            filemappinghandle: HANDLE,
            processhandle: HANDLE,
            offset: u64,
            baseaddress: *const c_void,
            viewsize: usize,
            allocationtype: u32,
            pageprotection: u32,
            preferrednode: u32,
        ) -> MEMORY_MAPPED_VIEW_ADDRESS;
        fn UnmapViewOfFile(lpbaseaddress: MEMORY_MAPPED_VIEW_ADDRESS) -> BOOL;
        fn UnmapViewOfFileEx(
            baseaddress: MEMORY_MAPPED_VIEW_ADDRESS,
            unmapflags: UNMAP_VIEW_OF_FILE_FLAGS,
        ) -> BOOL;
        fn UnmapViewOfFile2(
            process: HANDLE,
            baseaddress: MEMORY_MAPPED_VIEW_ADDRESS,
            unmapflags: UNMAP_VIEW_OF_FILE_FLAGS,
        ) -> BOOL;
        fn DuplicateHandle(
            hsourceprocesshandle: HANDLE,
            hsourcehandle: HANDLE,
            htargetprocesshandle: HANDLE,
            lptargethandle: *mut HANDLE,
            dwdesiredaccess: u32,
            binherithandle: BOOL,
            dwoptions: DUPLICATE_HANDLE_OPTIONS,
        ) -> BOOL;
        fn PwFileHandle(descriptor: c_int) -> HANDLE;
    }
}
